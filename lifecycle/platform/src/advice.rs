//! The nearest fix when no buildpack fits: misspelled files, files in a subfolder, what to add.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use files::{Dir, Kind};
use phases::detect::{DetectFailure, ElementTrial, Verdict};

/// Files that make a buildpack fit.
const KNOWN: [&str; 2] = ["requirements.txt", "Procfile"];
/// Names that people use for requirements.txt, further away than a typing mistake.
const REQUIREMENTS: [&str; 4] = [
    "requirements.text",
    "requirements.txt.txt",
    "requirements",
    "reqs.txt",
];
/// How buildpacks begin a line of help.
const HELP: &str = "help:";
/// Edits between a name and the one that was meant.
const TYPO: usize = 2;
/// Folders of the source that are looked into.
const FOLDERS: usize = 200;

/// What the user can do so that a group fits, the most promising first; never empty.
pub fn after_detection(failure: &DetectFailure, source: &Path) -> Vec<String> {
    let mut advice = Dir::open(source)
        .map(|dir| of_names(&dir, source))
        .unwrap_or_default();
    let is_misspelled = !advice.is_empty();
    advice.extend(broken(failure));
    // Their command that renames a file knows nothing of the folder we were called in.
    advice.extend(
        of_buildpacks(failure)
            .into_iter()
            .filter(|help| !is_misspelled || !help.contains("  mv ")),
    );
    if advice.is_empty() {
        advice.push("for a Python application add requirements.txt with what it needs, one package per line; it may be empty".to_owned());
        advice.push("for anything else add a Procfile that says how it starts, such as `web: ./server`, or give your own --buildpack FOLDER".to_owned());
    }
    advice
}

/// What the names in the source suggest.
fn of_names(dir: &Dir, source: &Path) -> Vec<String> {
    let entries = dir.entries().unwrap_or_default().into_iter();
    let names: Vec<(OsString, Kind)> = entries.map(|entry| (entry.name, entry.kind)).collect();
    let misspelled = misspelled(&names, source);
    if misspelled.is_empty() {
        in_subfolder(dir, &names, source).into_iter().collect()
    } else {
        misspelled
    }
}

/// What the buildpacks that stand in the way of the closest group say themselves, in lines that begin with `help:`.
fn of_buildpacks(failure: &DetectFailure) -> Vec<String> {
    let Some(closest) = failure.groups.iter().min_by_key(|group| group.distance()) else {
        return Vec::new();
    };
    let blockers = closest.elements.iter().filter(|trial| trial.blocks());
    let outputs = blockers.map(|trial| output_of(failure, trial));
    outputs
        .flat_map(str::lines)
        .filter_map(|line| line.trim().strip_prefix(HELP))
        .map(|help| help.trim().to_owned())
        .collect()
}

/// What a buildpack wrote; only the first group that tried it has it.
pub fn output_of<'a>(failure: &'a DetectFailure, trial: &ElementTrial) -> &'a str {
    let trials = failure.groups.iter().flat_map(|group| &group.elements);
    let same =
        trials.filter(|other| other.element == trial.element && other.verdict == trial.verdict);
    same.map(|other| other.output.as_str())
        .find(|output| !output.is_empty())
        .unwrap_or_default()
}

/// The last line that says something and is no help.
pub fn reason(output: &str) -> Option<&str> {
    output
        .lines()
        .map(str::trim)
        .rfind(|line| !line.is_empty() && !line.starts_with(HELP))
}

fn misspelled(names: &[(OsString, Kind)], source: &Path) -> Vec<String> {
    let is_there = |known: &str| names.iter().any(|(name, _)| name == known);
    let files = names.iter().filter(|(_, kind)| *kind == Kind::File);
    let meant = files.filter_map(|(name, _)| Some((name, meant(name.to_str()?)?)));
    meant
        .filter(|(_, known)| !is_there(known))
        .map(|(name, known)| {
            let (from, to) = (source.join(name), source.join(known));
            let name = name.to_string_lossy();
            format!(
                "`{name}` looks like a misspelling of `{known}`: mv {} {}",
                quoted(&from),
                quoted(&to)
            )
        })
        .collect()
}

/// The known name that was meant by `name`, if it is not that name itself.
fn meant(name: &str) -> Option<&'static str> {
    if KNOWN.contains(&name) {
        return None;
    }
    if REQUIREMENTS.contains(&name.to_lowercase().as_str()) {
        return Some("requirements.txt");
    }
    KNOWN
        .into_iter()
        .find(|known| distance(&name.to_lowercase(), &known.to_lowercase()) <= TYPO)
}

fn in_subfolder(dir: &Dir, names: &[(OsString, Kind)], source: &Path) -> Option<String> {
    let folders = names
        .iter()
        .filter(|(_, kind)| *kind == Kind::Dir)
        .take(FOLDERS);
    for (folder, _) in folders {
        for known in KNOWN {
            let below = Path::new(folder).join(known);
            if matches!(dir.stat(&below), Ok(Some(_))) {
                let command = format!("slipway build {}", quoted(&source.join(folder)));
                return Some(format!(
                    "{} is in the folder {}: {command}",
                    known,
                    folder.to_string_lossy()
                ));
            }
        }
    }
    None
}

/// Buildpacks that did not say no but failed.
fn broken(failure: &DetectFailure) -> Vec<String> {
    let trials = failure.groups.iter().flat_map(|group| &group.elements);
    let mut ids: Vec<&str> = trials
        .filter(|trial| {
            matches!(
                trial.verdict,
                Verdict::Erred { .. } | Verdict::Broken { .. }
            )
        })
        .map(|trial| trial.element.id.as_str())
        .collect();
    ids.dedup();
    ids.into_iter()
        .map(|id| format!("bin/detect of {id} has to end with 0 (it fits) or 100 (it does not)"))
        .collect()
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = PathBuf::from(path).display().to_string();
    let plain = |char: char| char.is_ascii_alphanumeric() || "/._-+@%".contains(char);
    if text.chars().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// Edits from one text to the other: insertions, deletions, replacements, swaps of neighbours.
fn distance(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut rows = vec![(0..=to.len()).collect::<Vec<usize>>()];
    for (i, a) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in to.iter().enumerate() {
            let replaced = rows[i][j] + usize::from(a != b);
            let mut best = replaced.min(rows[i][j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == to[j - 1] && from[i - 1] == *b {
                best = best.min(rows[i - 1][j - 1] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[from.len()][to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advice(files: &[&str]) -> Vec<String> {
        let top = tempfile::tempdir().unwrap();
        for file in files {
            let path = top.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let failure = DetectFailure {
            groups: Vec::new(),
            truncated: false,
            erred: false,
        };
        let there = top.path().display().to_string();
        after_detection(&failure, top.path())
            .into_iter()
            .map(|text| text.replace(&there, "api"))
            .collect()
    }

    #[test]
    fn a_misspelled_file_is_named_with_the_command_that_renames_it() {
        for wrong in [
            "requirement.txt",
            "requeriments.txt",
            "Requirements.txt",
            "requirements.text",
            "requirements.txt.txt",
        ] {
            let expected = format!(
                "`{wrong}` looks like a misspelling of `requirements.txt`: mv api/{wrong} api/requirements.txt"
            );
            assert_eq!(advice(&[wrong, "app.py"]), [expected]);
        }
        assert_eq!(
            advice(&["procfile"]),
            ["`procfile` looks like a misspelling of `Procfile`: mv api/procfile api/Procfile"]
        );
    }

    #[test]
    fn a_file_in_a_subfolder_is_found() {
        assert_eq!(
            advice(&["readme.md", "my app/requirements.txt"]),
            ["requirements.txt is in the folder my app: slipway build 'api/my app'"]
        );
    }

    #[test]
    fn without_any_trace_both_ways_are_offered() {
        assert_eq!(advice(&["main.c"]).len(), 2);
    }

    #[test]
    fn swapped_neighbours_are_one_mistake() {
        assert_eq!(distance("proclfie", "procfile"), 2);
        assert_eq!(distance("porcfile", "procfile"), 1);
        assert_eq!(distance("", "abc"), 3);
    }
}
