//! Relations between packages: `a (>= 1) | b, c:any`. Source: Debian policy 7.1.

use std::fmt;

use crate::version::Version;

/// One possibility: a package, perhaps of certain versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Relation {
    pub(crate) name: String,
    pub(crate) versions: Option<(Operator, Version)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Earlier,
    AtMost,
    Exactly,
    AtLeast,
    Later,
}

/// Possibilities of which one is enough, preferred first.
pub(crate) type Alternatives = Vec<Relation>;

/// Reads the value of a field such as `Depends`; what cannot be understood is an error naming it.
pub(crate) fn parse(field: &str) -> Result<Vec<Alternatives>, String> {
    field
        .split(',')
        .map(str::trim)
        .filter(|clause| !clause.is_empty())
        .map(|clause| clause.split('|').map(parse_one).collect())
        .collect()
}

fn parse_one(text: &str) -> Result<Relation, String> {
    let text = text.trim();
    let (name, versions) = match text.split_once('(') {
        Some((name, rest)) => (name, Some(parse_versions(rest).ok_or(text)?)),
        None => (text, None),
    };
    // Architecture qualifiers (`python3:any`) do not matter where there is one architecture.
    let name = name.trim().split(':').next().unwrap_or_default();
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_name) {
        return Err(text.to_owned());
    }
    Ok(Relation {
        name: name.to_owned(),
        versions,
    })
}

fn parse_versions(text: &str) -> Option<(Operator, Version)> {
    let text = text.trim().strip_suffix(')')?.trim();
    let end = text.find(|char| !"<>=".contains(char))?;
    let (operator, version) = text.split_at(end);
    let operator = match operator {
        "<<" => Operator::Earlier,
        "<=" | "<" => Operator::AtMost,
        "=" => Operator::Exactly,
        ">=" | ">" => Operator::AtLeast,
        ">>" => Operator::Later,
        _ => return None,
    };
    Some((operator, Version::new(version)))
}

impl Relation {
    /// Whether a package or a versioned `Provides` of this name and version is meant.
    pub(crate) fn accepts(&self, version: &Version) -> bool {
        match &self.versions {
            None => true,
            Some((Operator::Earlier, wanted)) => version < wanted,
            Some((Operator::AtMost, wanted)) => version <= wanted,
            Some((Operator::Exactly, wanted)) => version == wanted,
            Some((Operator::AtLeast, wanted)) => version >= wanted,
            Some((Operator::Later, wanted)) => version > wanted,
        }
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        let Some((operator, version)) = &self.versions else {
            return Ok(());
        };
        let operator = match operator {
            Operator::Earlier => "<<",
            Operator::AtMost => "<=",
            Operator::Exactly => "=",
            Operator::AtLeast => ">=",
            Operator::Later => ">>",
        };
        write!(f, " ({operator} {version})")
    }
}

#[cfg(test)]
mod tests {
    use super::parse;
    use crate::version::Version;

    fn check(field: &str, expected: &str) {
        let shown = parse(field).map(|clauses| {
            let clauses = clauses.iter().map(|alternatives| {
                let names: Vec<String> = alternatives.iter().map(ToString::to_string).collect();
                names.join(" | ")
            });
            clauses.collect::<Vec<_>>().join(", ")
        });
        assert_eq!(
            shown.unwrap_or_else(|text| format!("cannot read {text}")),
            expected
        );
    }

    #[test]
    fn relations_are_read_with_their_alternatives_and_versions() {
        check("", "");
        check(
            "libc6 (>= 2.41), zlib1g(>=1:1.1.4)",
            "libc6 (>= 2.41), zlib1g (>= 1:1.1.4)",
        );
        check("a | b (<< 2) | c,\n d:any", "a | b (<< 2) | c, d");
        check("perl:any (> 5)", "perl (>= 5)");
        check("a (2)", "cannot read a (2)");
        check("a b", "cannot read a b");
        check("a |", "cannot read ");
    }

    #[test]
    fn versions_in_relations_include_or_exclude_the_named_one() {
        let accepts = |relation: &str, version: &str| {
            parse(relation).unwrap()[0][0].accepts(&Version::new(version))
        };
        for (operator, older, same, newer) in [
            ("<<", true, false, false),
            ("<=", true, true, false),
            ("=", false, true, false),
            (">=", false, true, true),
            (">>", false, false, true),
        ] {
            let relation = format!("x ({operator} 2)");
            assert_eq!(accepts(&relation, "1"), older, "{relation}");
            assert_eq!(accepts(&relation, "2"), same, "{relation}");
            assert_eq!(accepts(&relation, "3"), newer, "{relation}");
        }
    }
}
