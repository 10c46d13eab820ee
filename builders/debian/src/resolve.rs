//! From the packages an image shall have to all packages it needs.
//!
//! One version per name is on offer, so there is nothing to search: each relation takes the first of its alternatives that
//! can be had, unless one of them is there already. Recommended packages are not taken.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::error::{Error, ErrorKind, Result};
use crate::packages::{Package, Packages};
use crate::relation::Relation;

/// What is wanted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted<'a> {
    pub(crate) packages: Vec<&'a str>,
    /// Names that count as satisfied but are not taken.
    pub(crate) omit: BTreeSet<&'a str>,
    /// Also everything marked `Essential: yes`.
    pub(crate) essential: bool,
}

/// Everything that is needed, by name. Depends on nothing but its arguments.
pub(crate) fn resolve<'a>(
    packages: &'a Packages,
    wanted: &Wanted<'_>,
) -> Result<BTreeMap<String, &'a Package>> {
    let mut chosen: BTreeMap<String, &'a Package> = BTreeMap::new();
    let mut open: VecDeque<&'a Package> = VecDeque::new();
    for name in &wanted.packages {
        let package = packages
            .get(name)
            .ok_or_else(|| unsatisfiable(format!("the archive has no package {name}")))?;
        take(package, &mut chosen, &mut open);
    }
    let essential = packages.essential().filter(|_| wanted.essential);
    for package in essential.filter(|package| !wanted.omit.contains(package.name.as_str())) {
        take(package, &mut chosen, &mut open);
    }
    while let Some(package) = open.pop_front() {
        for alternatives in package.needs()? {
            if alternatives
                .iter()
                .any(|relation| is_satisfied(relation, packages, &chosen, wanted))
            {
                continue;
            }
            let found = alternatives
                .iter()
                .find_map(|relation| packages.satisfying(relation).next())
                .ok_or_else(|| {
                    let names: Vec<String> = alternatives.iter().map(ToString::to_string).collect();
                    unsatisfiable(format!(
                        "{} {} needs {}",
                        package.name,
                        package.version,
                        names.join(" | ")
                    ))
                })?;
            take(found, &mut chosen, &mut open);
        }
    }
    refuse_conflicts(&chosen)?;
    Ok(chosen)
}

fn take<'a>(
    package: &'a Package,
    chosen: &mut BTreeMap<String, &'a Package>,
    open: &mut VecDeque<&'a Package>,
) {
    if chosen.contains_key(&package.name) {
        return;
    }
    chosen.insert(package.name.clone(), package);
    open.push_back(package);
}

fn is_satisfied(
    relation: &Relation,
    packages: &Packages,
    chosen: &BTreeMap<String, &Package>,
    wanted: &Wanted<'_>,
) -> bool {
    wanted.omit.contains(relation.name.as_str())
        || packages
            .satisfying(relation)
            .any(|package| chosen.contains_key(&package.name))
}

/// Two packages that exclude each other cannot be in one image; what a package itself provides does not count.
fn refuse_conflicts(chosen: &BTreeMap<String, &Package>) -> Result<()> {
    for package in chosen.values() {
        for relation in package.excludes()?.into_iter().flatten() {
            if let Some(other) = chosen.get(&relation.name)
                && other.name != package.name
                && relation.accepts(&other.version)
            {
                return Err(unsatisfiable(format!(
                    "{} {} cannot be together with {} {}",
                    package.name, package.version, other.name, other.version
                )));
            }
        }
    }
    Ok(())
}

fn unsatisfiable(what: String) -> Error {
    Error::new(ErrorKind::Unsatisfiable, what)
}

#[cfg(test)]
mod tests {
    use super::{Wanted, resolve};
    use crate::packages::Packages;

    /// An index out of lines `name version [Field=value;…]`.
    fn packages(lines: &[&str]) -> Packages {
        let mut index = String::new();
        for line in lines {
            let mut words = line.splitn(3, ' ');
            let (name, version) = (words.next().unwrap(), words.next().unwrap());
            let fields: Vec<String> = words
                .next()
                .unwrap_or_default()
                .split(';')
                .map(|field| field.replacen('=', ": ", 1))
                .collect();
            let fields = fields.join("\n");
            let sha256 = "0".repeat(64);
            index += &format!(
                "Package: {name}\nVersion: {version}\nArchitecture: amd64\nFilename: pool/{name}.deb\nSize: 1\nSHA256: {sha256}\n{fields}\n\n"
            );
        }
        let mut packages = Packages::default();
        packages.add(index.as_bytes(), "test", "amd64").unwrap();
        packages.index_provides().unwrap();
        packages
    }

    fn check(lines: &[&str], wanted: &str, omit: &[&'static str], expected: &str) {
        let packages = packages(lines);
        let wanted = Wanted {
            packages: wanted.split(' ').collect(),
            omit: omit.iter().copied().collect(),
            essential: false,
        };
        let found = match resolve(&packages, &wanted) {
            Ok(chosen) => chosen.keys().cloned().collect::<Vec<_>>().join(" "),
            Err(error) => error.to_string(),
        };
        assert_eq!(found, expected, "{lines:?}");
    }

    #[test]
    fn everything_needed_is_taken_once() {
        let lines = [
            "a 1 Depends=b, c",
            "b 1 Pre-Depends=c",
            "c 1 Depends=a",
            "d 1",
        ];
        check(&lines, "a", &[], "a b c");
        check(&lines, "a d", &[], "a b c d");
        check(&lines, "a", &["c"], "a b");
    }

    #[test]
    fn the_first_alternative_that_can_be_had_wins_unless_one_is_there() {
        let lines = [
            "a 1 Depends=x | b | c",
            "b 1",
            "c 1",
            "d 1 Depends=b (>= 2) | c",
        ];
        check(&lines, "a", &[], "a b");
        check(&lines, "a c", &[], "a c");
        check(&lines, "d", &[], "c d");
    }

    #[test]
    fn provides_satisfy_by_priority_then_name_and_by_version() {
        let lines = [
            "a 1 Depends=mail",
            "z-mail 1 Provides=mail;Priority=important",
            "b-mail 1 Provides=mail;Priority=optional",
            "v 1 Depends=api (>= 2)",
            "old 1 Provides=api (= 1)",
            "plain 1 Provides=api",
            "new 1 Provides=api (= 2.1)",
        ];
        check(&lines, "a", &[], "a z-mail");
        check(&lines, "a b-mail", &[], "a b-mail");
        check(&lines, "v", &[], "new v");
    }

    #[test]
    fn the_highest_version_over_all_suites_is_on_offer() {
        let lines = ["a 1 Depends=gone", "a 1+deb13u1", "a 1~rc1 Depends=gone"];
        check(&lines, "a", &[], "a");
    }

    #[test]
    fn what_cannot_be_had_is_named() {
        check(&["a 1"], "b", &[], "the archive has no package b");
        check(
            &["a 1 Depends=b (>= 2) | c", "b 1"],
            "a",
            &[],
            "a 1 needs b (>= 2) | c",
        );
        check(
            &["a 1 Conflicts=b (<< 2)", "b 1"],
            "a b",
            &[],
            "a 1 cannot be together with b 1",
        );
        check(&["a 1 Breaks=b (<< 2)", "b 2"], "a b", &[], "a b");
    }

    #[test]
    fn essential_packages_come_along_when_asked_for() {
        let packages = packages(&["a 1", "base 1 Essential=yes;Depends=libc", "libc 1"]);
        let wanted = Wanted {
            packages: vec!["a"],
            essential: true,
            ..Wanted::default()
        };
        let chosen = resolve(&packages, &wanted).unwrap();
        assert_eq!(chosen.keys().collect::<Vec<_>>(), ["a", "base", "libc"]);
    }
}
