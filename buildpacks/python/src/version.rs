//! Versions of Python, and what may be asked of them.
//!
//! Spec: <https://packaging.python.org/en/latest/specifications/version-specifiers/>; `^` and `~` as in Poetry and npm,
//! a bare version as in pyenv.

use std::cmp::Ordering;
use std::fmt;

/// A released version: 3.13.5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version {
    pub(crate) major: u32,
    pub(crate) minor: u32,
    pub(crate) patch: u32,
}

impl Version {
    /// Reads `3.13.5`; what follows the third number (`rc1`, `+`) is left out.
    pub(crate) fn parse(text: &str) -> Option<Version> {
        let parts = numbers(text.trim())?;
        Some(Version {
            major: *parts.first()?,
            minor: *parts.get(1)?,
            patch: parts.get(2).copied().unwrap_or(0),
        })
    }

    fn parts(self) -> [u32; 3] {
        [self.major, self.minor, self.patch]
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// What an application accepts: any of several sets of clauses, all of which must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Accepted(Vec<Vec<Clause>>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Clause {
    relation: Relation,
    /// One to three numbers.
    version: Vec<u32>,
    /// `3.12.*`, or a bare version: the numbers that are given decide.
    prefix: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    /// `~=`: the last number may grow.
    Compatible,
    /// `^`: everything but the first number may grow.
    Caret,
    /// `~`: the third number may grow.
    Tilde,
}

/// Longest first, so that `==` is not read as `=`.
const RELATIONS: [(&str, Relation); 11] = [
    ("===", Relation::Equal),
    ("==", Relation::Equal),
    ("!=", Relation::NotEqual),
    ("<=", Relation::LessOrEqual),
    (">=", Relation::GreaterOrEqual),
    ("~=", Relation::Compatible),
    ("<", Relation::Less),
    (">", Relation::Greater),
    ("^", Relation::Caret),
    ("~", Relation::Tilde),
    ("=", Relation::Equal),
];

impl Accepted {
    /// Reads `3.12`, `>=3.9,<4`, `^3.10`, `~3.11 || ~3.12`; `*` and nothing accept everything.
    pub(crate) fn parse(text: &str) -> Option<Accepted> {
        let sets = text.split("||").flat_map(|part| part.split('|'));
        let sets: Option<Vec<_>> = sets
            .filter(|part| !part.trim().is_empty() || !text.contains('|'))
            .map(clauses)
            .collect();
        sets.map(Accepted)
    }

    pub(crate) fn holds_for(&self, version: Version) -> bool {
        self.0
            .iter()
            .any(|set| set.iter().all(|clause| clause.holds_for(version)))
    }

    /// The same with the third number of equations left out: patches come with the base image.
    pub(crate) fn without_patch(&self) -> Accepted {
        let relax = |clause: &Clause| {
            let mut clause = clause.clone();
            if clause.relation == Relation::Equal && clause.version.len() > 2 {
                clause.version.truncate(2);
                clause.prefix = true;
            }
            clause
        };
        Accepted(
            self.0
                .iter()
                .map(|set| set.iter().map(relax).collect())
                .collect(),
        )
    }
}

fn clauses(text: &str) -> Option<Vec<Clause>> {
    // `>= 3.9` is one clause, `>=3.9 <4` two: a blank separates only before another relation.
    let mut parts: Vec<String> = Vec::new();
    for piece in text
        .split([',', ' ', '\t'])
        .filter(|piece| !piece.is_empty())
    {
        match parts.last_mut() {
            Some(last) if RELATIONS.iter().any(|(sign, _)| sign == last) => last.push_str(piece),
            _ => parts.push(piece.to_owned()),
        }
    }
    parts
        .iter()
        .filter(|part| *part != "*")
        .map(|part| clause(part))
        .collect()
}

fn clause(text: &str) -> Option<Clause> {
    let sign = RELATIONS.iter().find(|(sign, _)| text.starts_with(sign));
    let (relation, rest) = match sign {
        Some((sign, relation)) => (*relation, text.strip_prefix(sign)?),
        None => (Relation::Equal, text),
    };
    let starred = rest.strip_suffix(".*").or_else(|| rest.strip_suffix(".x"));
    let version = numbers(starred.unwrap_or(rest))?;
    Some(Clause {
        relation,
        prefix: starred.is_some() || sign.is_none(),
        version,
    })
}

/// One to three numbers with dots between them; a suffix such as `rc1` or `-dev` counts as nothing.
fn numbers(text: &str) -> Option<Vec<u32>> {
    let text = text.trim().trim_start_matches('v');
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    let is_suffix = rest.is_empty() || rest.starts_with(['a', 'b', 'r', '-', '+', 't']);
    let parts: Option<Vec<u32>> = digits
        .trim_end_matches('.')
        .split('.')
        .map(|part| part.parse().ok())
        .collect();
    parts.filter(|parts| is_suffix && (1..=3).contains(&parts.len()))
}

impl Clause {
    fn holds_for(&self, version: Version) -> bool {
        let parts = version.parts();
        match self.relation {
            Relation::Equal if self.prefix => self.is_prefix_of(parts),
            Relation::NotEqual if self.prefix => !self.is_prefix_of(parts),
            Relation::Equal => self.order(parts) == Ordering::Equal,
            Relation::NotEqual => self.order(parts) != Ordering::Equal,
            Relation::Less => self.order(parts) == Ordering::Less,
            Relation::LessOrEqual => self.order(parts) != Ordering::Greater,
            Relation::Greater => self.order(parts) == Ordering::Greater,
            Relation::GreaterOrEqual => self.order(parts) != Ordering::Less,
            Relation::Compatible => self.grows(parts, self.version.len().saturating_sub(1)),
            Relation::Caret => self.grows(parts, 1),
            Relation::Tilde => self.grows(parts, self.version.len().min(2)),
        }
    }

    /// The version against the clause's, missing numbers counted as zero.
    fn order(&self, parts: [u32; 3]) -> Ordering {
        let mut own = self.version.clone();
        own.resize(3, 0);
        parts.as_slice().cmp(&own)
    }

    fn is_prefix_of(&self, parts: [u32; 3]) -> bool {
        parts.starts_with(&self.version)
    }

    /// At least the clause's version, with its first `fixed` numbers unchanged.
    fn grows(&self, parts: [u32; 3], fixed: usize) -> bool {
        self.order(parts) != Ordering::Less
            && self
                .version
                .iter()
                .take(fixed)
                .zip(parts)
                .all(|(own, other)| *own == other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(wanted: &str, version: &str, expected: bool) {
        let accepted = Accepted::parse(wanted).unwrap();
        let version = Version::parse(version).unwrap();
        assert_eq!(
            accepted.holds_for(version),
            expected,
            "{wanted} for {version}"
        );
    }

    #[test]
    fn specifiers_of_all_tools_are_understood() {
        for (wanted, yes, no) in [
            ("3.12", "3.12.9", "3.13.0"),
            ("3.12.4", "3.12.4", "3.12.5"),
            ("3", "3.13.5", "2.7.18"),
            ("3.12.*", "3.12.0", "3.1.2"),
            ("3.10.x", "3.10.2", "3.11.0"),
            (">=3.9", "3.13.5", "3.8.20"),
            (">= 3.9, < 3.13", "3.12.9", "3.13.0"),
            (">=3.9 <4", "3.13.1", "4.0.0"),
            ("~=3.10", "3.13.0", "4.0.0"),
            ("~=3.10.2", "3.10.9", "3.11.0"),
            ("^3.9", "3.13.0", "3.8.9"),
            ("~3.11", "3.11.4", "3.12.0"),
            ("!=3.12.*,>=3.11", "3.13.0", "3.12.5"),
            ("~3.11 || ~3.13", "3.13.5", "3.12.0"),
            ("==3.13", "3.13.0", "3.13.1"),
            (">3.8", "3.8.1", "3.8.0"),
        ] {
            check(wanted, yes, true);
            check(wanted, no, false);
        }
        check("", "3.13.5", true);
        check("*", "3.13.5", true);
    }

    #[test]
    fn other_implementations_and_nonsense_are_no_versions() {
        for text in ["pypy3.10-7.3.12", "latest", ">=", "3.1.2.3", "three"] {
            assert_eq!(Accepted::parse(text), None, "{text}");
        }
    }

    #[test]
    fn patches_may_differ_where_the_base_image_brings_them() {
        let accepted = Accepted::parse("3.12.4").unwrap().without_patch();
        assert!(accepted.holds_for(Version::parse("3.12.9").unwrap()));
        assert!(!accepted.holds_for(Version::parse("3.13.0").unwrap()));
    }
}
