//! Requirement files, each line a package, its version and the digest of its wheel.

#[derive(Debug, PartialEq)]
pub(crate) struct Requirement<'a> {
    pub(crate) name: &'a str,
    pub(crate) version: &'a str,
    /// Of the one wheel that is meant, in hex.
    pub(crate) sha256: &'a str,
}

/// Reads a requirement file; the first line that is not `name==version --hash=sha256:hex` is the error.
pub(crate) fn parse(text: &str) -> Result<Vec<Requirement<'_>>, String> {
    text.lines()
        .map(|line| {
            requirement(line).ok_or_else(|| format!("not pinned by version and hash: {line}"))
        })
        .collect()
}

fn requirement(line: &str) -> Option<Requirement<'_>> {
    let (what, sha256) = line.split_once(" --hash=sha256:")?;
    let (name, version) = what.split_once("==")?;
    let is_hex = sha256.len() == 64 && sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
    (!name.is_empty() && !version.is_empty() && is_hex).then_some(Requirement {
        name,
        version,
        sha256,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_version_or_hash_is_refused() {
        let hash = "0".repeat(64);
        assert_eq!(
            parse(&format!("flask==3.1.2 --hash=sha256:{hash}")),
            Ok(vec![Requirement {
                name: "flask",
                version: "3.1.2",
                sha256: &hash
            }])
        );
        for line in [
            "flask==3.1.2".to_owned(),
            format!("flask --hash=sha256:{hash}"),
            format!("flask==3.1.2 --hash=sha256:{}", "0".repeat(63)),
            String::new(),
        ] {
            assert!(parse(&format!("{line}\n")).is_err(), "{line:?}");
        }
    }
}
