//! Names of images: as typed, or from the source when nothing was typed.

use std::path::Path;

use files::Dir;
use oci::Reference;

use crate::error::{Error, ErrorKind, Result};

/// Names of assembled bases; they are resolved on this machine only.
pub(crate) const BASES: &str = "slipway.invalid/base/";

/// Project files are small; a larger one has no name for us.
const PROJECT_BYTES: u64 = 1 << 20;

/// Reads a name as the user typed it.
pub fn parse(text: &str) -> Result<Reference> {
    Reference::parse(text).map_err(|cause| {
        let error = Error::new(ErrorKind::Usage, format!("`{text}` is no name of an image"));
        let suggested = slug(text);
        let help = format!("names are lower case, such as `{suggested}`");
        error.because(cause).help(help)
    })
}

/// `localhost/<name of the project>`: from project.toml, else pyproject.toml, else the folder.
pub fn of_source(source: &Path) -> Result<Reference> {
    let name = project_name(source)
        .or_else(|| folder_name(source))
        .unwrap_or_default();
    let name = slug(&name);
    parse(&format!("localhost/{name}"))
}

/// A name as people write it: without the default registry, folder and tag.
pub fn familiar(name: &Reference) -> String {
    let full = name.to_string();
    if let Some(base) = full.strip_prefix(BASES) {
        return base.to_owned();
    }
    let short = full
        .strip_prefix("docker.io/library/")
        .or_else(|| full.strip_prefix("docker.io/"))
        .unwrap_or(&full);
    short.strip_suffix(":latest").unwrap_or(short).to_owned()
}

fn project_name(source: &Path) -> Option<String> {
    let dir = Dir::open(source).ok()?;
    name_in(&dir, "project.toml", "_").or_else(|| name_in(&dir, "pyproject.toml", "project"))
}

fn name_in(dir: &Dir, file: &str, table: &str) -> Option<String> {
    let bytes = dir.read(Path::new(file), PROJECT_BYTES).ok()??;
    let parsed: toml::Table = std::str::from_utf8(&bytes).ok()?.parse().ok()?;
    let name = parsed.get(table)?.get("name")?.as_str()?;
    (!name.trim().is_empty()).then(|| name.to_owned())
}

fn folder_name(source: &Path) -> Option<String> {
    let absolute = std::fs::canonicalize(source).ok()?;
    Some(absolute.file_name()?.to_string_lossy().into_owned())
}

/// The nearest valid path component: lower case, other characters as single dashes.
fn slug(text: &str) -> String {
    let mut slug = String::new();
    for char in text.chars().flat_map(char::to_lowercase) {
        if char.is_ascii_alphanumeric() {
            slug.push(char);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() {
        "app".to_owned()
    } else {
        slug.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(files: &[(&str, &str)], folder: &str) -> String {
        let top = tempfile::tempdir().unwrap();
        let source = top.path().join(folder);
        std::fs::create_dir(&source).unwrap();
        for (name, text) in files {
            std::fs::write(source.join(name), text).unwrap();
        }
        of_source(&source).unwrap().as_typed().to_owned()
    }

    #[test]
    fn without_a_name_it_is_that_of_the_project_or_folder() {
        assert_eq!(named(&[], "My Shop (2)"), "localhost/my-shop-2");
        assert_eq!(
            named(
                &[("pyproject.toml", "[project]\nname = \"The.Shop\"\n")],
                "x"
            ),
            "localhost/the-shop"
        );
        let both = [
            ("pyproject.toml", "[project]\nname = \"a\"\n"),
            ("project.toml", "[_]\nname = \"b\"\n"),
        ];
        assert_eq!(named(&both, "x"), "localhost/b");
        assert_eq!(
            named(&[("pyproject.toml", "no toml at all [")], "übung"),
            "localhost/bung"
        );
        assert_eq!(named(&[], "___"), "localhost/app");
    }

    #[test]
    fn names_are_shown_as_people_write_them() {
        let shown = |text| familiar(&parse(text).unwrap());
        assert_eq!(shown("hello"), "hello");
        assert_eq!(shown("docker.io/a/b:1"), "a/b:1");
        assert_eq!(shown("localhost/hello:latest"), "localhost/hello");
    }

    #[test]
    fn a_wrong_name_comes_with_the_nearest_right_one() {
        let error = parse("My App").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert_eq!(error.actions(), ["names are lower case, such as `my-app`"]);
    }
}
