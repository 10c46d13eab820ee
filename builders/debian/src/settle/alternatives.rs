//! Links of the alternatives system, from the commands that stand literally in maintainer scripts.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::tree::Tree;

/// One offer for a name.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Choice {
    link: String,
    path: String,
    priority: i32,
    slaves: Vec<Slave>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Slave {
    link: String,
    name: String,
    path: String,
}

/// Slaves that xz-utils lists with a loop: name → what it is.
const LZMA: [(&str, &str); 9] = [
    ("unlzma", "unxz"),
    ("lzcat", "xzcat"),
    ("lzmore", "xzmore"),
    ("lzless", "xzless"),
    ("lzdiff", "xzdiff"),
    ("lzcmp", "xzcmp"),
    ("lzgrep", "xzgrep"),
    ("lzegrep", "xzegrep"),
    ("lzfgrep", "xzfgrep"),
];

/// Links every name to the offer with the highest priority, and writes the database that dpkg keeps.
pub(super) fn link(tree: &mut Tree) -> Result<()> {
    let mut names: BTreeMap<String, Vec<Choice>> = BTreeMap::new();
    for package in &tree.packages {
        let script = package
            .scripts
            .get("postinst")
            .map(Vec::as_slice)
            .unwrap_or_default();
        for (name, mut choice) in choices(&String::from_utf8_lossy(script)) {
            if name == "lzma" && package.name == "xz-utils" {
                choice.slaves.extend(LZMA.map(|(name, of)| Slave {
                    link: format!("/usr/bin/{name}"),
                    name: name.to_owned(),
                    path: format!("/usr/bin/{of}"),
                }));
            }
            choice.slaves.retain(|slave| is_there(tree, &slave.path));
            if is_there(tree, &choice.path) {
                names.entry(name).or_default().push(choice);
            }
        }
    }
    for (name, mut choices) in names {
        choices.sort_by(|one, other| (other.priority, &one.path).cmp(&(one.priority, &other.path)));
        let Some(best) = choices.first() else {
            continue;
        };
        links(tree, &best.link, &name, &best.path)?;
        for slave in &best.slaves {
            links(tree, &slave.link, &slave.name, &slave.path)?;
        }
        let file = format!("var/lib/dpkg/alternatives/{name}");
        tree.add_file(&file, database(&choices).as_bytes(), 0o644)?;
    }
    Ok(())
}

fn links(tree: &mut Tree, link: &str, name: &str, path: &str) -> Result<()> {
    tree.add_link(&format!("etc/alternatives/{name}"), path)?;
    tree.add_link(&merged(link), &format!("/etc/alternatives/{name}"))
}

/// A path as it is in a merged `/usr`, relative.
fn merged(path: &str) -> String {
    let path = path.trim_start_matches('/');
    match path.split('/').next() {
        Some("bin" | "lib" | "sbin") => format!("usr/{path}"),
        _ => path.to_owned(),
    }
}

fn is_there(tree: &Tree, path: &str) -> bool {
    tree.has(&merged(path))
}

/// The `update-alternatives --install` commands of a script.
fn choices(script: &str) -> Vec<(String, Choice)> {
    let joined = script.replace("\\\n", " ");
    joined
        .lines()
        .filter_map(|line| {
            let (_, command) = line.split_once("update-alternatives --install")?;
            let words = command.split_whitespace();
            choice(words.take_while(|word| !word.starts_with(['$', '|', ';', '>'])))
        })
        .collect()
}

fn choice<'a>(mut words: impl Iterator<Item = &'a str>) -> Option<(String, Choice)> {
    let mut word = || words.next().map(str::to_owned);
    let (link, name, path) = (word()?, word()?, word()?);
    let priority = word()?.parse().ok()?;
    let mut slaves = Vec::new();
    while word().as_deref() == Some("--slave") {
        let (link, name, path) = (word()?, word()?, word()?);
        slaves.push(Slave { link, name, path });
    }
    let choice = Choice {
        link,
        path,
        priority,
        slaves,
    };
    Some((name, choice))
}

/// The file of one name: mode, link, slaves, then every choice with its priority and the paths of its slaves.
fn database(choices: &[Choice]) -> String {
    let Some(best) = choices.first() else {
        return String::new();
    };
    let mut text = format!("auto\n{}\n", best.link);
    for slave in &best.slaves {
        text += &format!("{}\n{}\n", slave.name, slave.link);
    }
    text.push('\n');
    for choice in choices {
        text += &format!("{}\n{}\n", choice.path, choice.priority);
        for slave in &best.slaves {
            let own = choice.slaves.iter().find(|own| own.name == slave.name);
            text += &format!("{}\n", own.map_or("", |own| own.path.as_str()));
        }
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::{choices, database};

    #[test]
    fn commands_are_found_in_scripts_over_several_lines() {
        let script = "set -e\n\tupdate-alternatives --install /usr/bin/awk awk /usr/bin/mawk 5 \\\n   --slave /usr/bin/nawk nawk \\\n\t/usr/bin/mawk\nupdate-alternatives --install /usr/bin/lzma lzma /usr/bin/xz 20 $(\n";
        let found = choices(script);
        assert_eq!(found.len(), 2);
        let (name, awk) = &found[0];
        assert_eq!(
            (name.as_str(), awk.priority, awk.slaves.len()),
            ("awk", 5, 1)
        );
        assert_eq!(awk.slaves[0].path, "/usr/bin/mawk");
        assert!(found[1].1.slaves.is_empty());
        assert_eq!(
            database(std::slice::from_ref(awk)),
            "auto\n/usr/bin/awk\nnawk\n/usr/bin/nawk\n\n/usr/bin/mawk\n5\n/usr/bin/mawk\n\n"
        );
    }

    #[test]
    fn commands_with_variables_are_left_alone() {
        assert!(choices("update-alternatives --install $link $name $path 10").is_empty());
        assert!(choices("update-alternatives --remove awk /usr/bin/mawk").is_empty());
    }
}
