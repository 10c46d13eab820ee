//! Asking uv which wheels it would install, and letting it install some of them.
//!
//! uv resolves as ever; only that it can build nothing. Which wheel of a version it prefers for this interpreter it says in its log,
//! where to get each one and what digest it has in the lock file that it writes. What is not understood in either is no resolution.
//!
//! Spec: <https://packaging.python.org/en/latest/specifications/pylock-toml/>

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use toml::{Table, Value};
use toolkit::{BuildContext, Command, Result, read_text};

use super::{environment, same_name};
use crate::install::Install;

const LOCK: &str = "pylock.toml";
const LOG: &str = "uv_resolver::resolver=debug";
/// What a line of the log says before `name==version [kind] (file)`.
const SELECTING: &str = "Selecting: ";

/// Everything that a lock file may say of a package from an index.
const KEYS: [&str; 6] = [
    "index",
    "name",
    "sdist",
    "version",
    "wheels",
    "requires-python",
];

/// A Python that cannot find its modules ends before it has read anything else: sources of packages stay unbuilt. uv's own questions to
/// the interpreter (`-I`) are not touched by it.
const NO_BUILDS: (&str, &str) = ("PYTHONHOME", "/nonexistent");

/// A wheel that uv would install.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wheel {
    pub(super) name: String,
    pub(super) sha256: String,
    /// What the lock file says of the package, with this wheel only.
    package: Table,
}

/// `None` when it takes more than wheels, or when uv cannot resolve it: the ordinary way says why.
pub(super) fn resolve(cx: &BuildContext<'_>, install: &Install<'_>) -> Result<Option<Vec<Wheel>>> {
    let lock = install.cache.join(LOCK);
    let selected = Mutex::new(Vec::new());
    let ended = resolving(cx, install, &lock).run(&|line| {
        if let Some((_, text)) = line.split_once(SELECTING) {
            let mut selected = selected.lock().unwrap_or_else(PoisonError::into_inner);
            selected.push(text.to_owned());
        }
    })?;
    let text = read_text(&lock)?.filter(|_| ended.success());
    let selected = selected
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    Ok(text.and_then(|text| wheels(&text, &selected)))
}

fn resolving(cx: &BuildContext<'_>, install: &Install<'_>, lock: &Path) -> Command {
    let command = install.command(&cx.app, environment(cx), "compile");
    let command = install
        .choosing(command)
        .args([
            "--no-header",
            "--no-annotate",
            "--format",
            "pylock.toml",
            "--output-file",
        ])
        .arg(lock)
        .env(NO_BUILDS.0, NO_BUILDS.1)
        .env("RUST_LOG", LOG);
    install.files.iter().fold(command, Command::arg)
}

fn wheels(lock: &str, selected: &[String]) -> Option<Vec<Wheel>> {
    let lock: Table = lock.parse().ok()?;
    let files: BTreeMap<(&str, &str), &str> =
        selected.iter().filter_map(|text| selection(text)).collect();
    let packages = lock.get("packages")?.as_array()?;
    packages
        .iter()
        .map(|package| wheel(package.as_table()?, &files))
        .collect()
}

/// `(name, version)` and the file of `numpy==2.5.5 [compatible] (numpy-2.5.5-….whl)`.
fn selection(text: &str) -> Option<((&str, &str), &str)> {
    let (package, rest) = text.split_once(' ')?;
    let file = rest.rsplit_once('(')?.1.strip_suffix(')')?;
    Some((package.split_once("==")?, file))
}

fn wheel(package: &Table, files: &BTreeMap<(&str, &str), &str>) -> Option<Wheel> {
    if package.keys().any(|key| !KEYS.contains(&&**key)) {
        return None;
    }
    let text = |key: &str| package.get(key)?.as_str();
    let (name, version) = (text("name")?, text("version")?);
    let file = *files.get(&(name, version))?;
    if !is_wheel(file) {
        return None;
    }
    let wheels = package.get("wheels")?.as_array()?;
    let mut chosen = wheels
        .iter()
        .filter(|wheel| file_name(wheel).as_deref() == Some(file));
    let (wheel, None) = (chosen.next()?, chosen.next()) else {
        return None;
    };
    let sha256 = wheel.get("hashes")?.get("sha256")?.as_str()?.to_owned();
    let mut package = package.clone();
    package.remove("sdist");
    package.insert("wheels".to_owned(), Value::Array(vec![wheel.clone()]));
    Some(Wheel {
        name: name.to_owned(),
        sha256: is_sha256(&sha256).then_some(sha256)?,
        package,
    })
}

fn is_wheel(file: &str) -> bool {
    Path::new(file).extension().is_some_and(|end| end == "whl")
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The name of a wheel's file: said, or the end of where it lies; there `+` and the like may be escaped.
fn file_name(wheel: &Value) -> Option<String> {
    let text = |key: &str| wheel.get(key).and_then(Value::as_str);
    let name = text("name").or_else(|| {
        let place = text("url").or_else(|| text("path"))?;
        let place = place.split(['#', '?']).next()?;
        place.rsplit('/').next()
    })?;
    Some(
        name.replace("%2B", "+")
            .replace("%2b", "+")
            .replace("%21", "!"),
    )
}

/// Lets uv install wheels, and nothing that it would have to build. False when it cannot: the ordinary way says why.
pub(super) fn install(
    cx: &BuildContext<'_>,
    install: &Install<'_>,
    wheels: &[&Wheel],
) -> Result<bool> {
    let packages = wheels
        .iter()
        .map(|wheel| Value::Table(wheel.package.clone()));
    let lock = Table::from_iter([
        ("lock-version".to_owned(), Value::String("1.0".to_owned())),
        ("created-by".to_owned(), Value::String("slipway".to_owned())),
        ("packages".to_owned(), Value::Array(packages.collect())),
    ]);
    let file: PathBuf = install.cache.join("pylock.unknown.toml");
    toolkit::write(&file, lock.to_string().as_bytes())?;
    let ended = install
        .command(&cx.app, environment(cx), "install")
        .args(["--no-deps", "--no-build", "--requirements"])
        .arg(&file)
        .env(NO_BUILDS.0, NO_BUILDS.1)
        .run(&|line| {
            if line.starts_with(" + ") {
                cx.log.detail(line);
            }
        })?;
    Ok(ended.success())
}

/// The digest of the wheel that a folder `name-version.dist-info` is of.
pub(super) fn of_dist_info<'a>(folder: &str, wheels: &[&'a Wheel]) -> Option<&'a Wheel> {
    let (name, _) = folder.strip_suffix(".dist-info")?.rsplit_once('-')?;
    wheels
        .iter()
        .find(|wheel| same_name(&wheel.name, name))
        .copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCKED: &str = r#"
lock-version = "1.0"
[[packages]]
name = "numpy"
version = "2.5.5"
sdist = { url = "https://f.example/numpy-2.5.5.tar.gz", hashes = { sha256 = "aa" } }
wheels = [
  { url = "https://f.example/numpy-2.5.5-cp313-a.whl", hashes = { sha256 = "AA" } },
  { url = "https://f.example/numpy-2.5.5%2Blocal-cp313-b.whl#x", hashes = { sha256 = "SHA" } },
]
"#;

    fn of(locked: &str, selected: &str) -> Option<Vec<Wheel>> {
        let locked = locked.replace("SHA", &"0".repeat(64));
        let noise = "pandas==1 [compatible] (pandas-1.tar.gz)".to_owned();
        wheels(&locked, &[noise, selected.to_owned()])
    }

    #[test]
    fn the_wheel_that_uv_selected_is_taken_alone() {
        let found = of(
            LOCKED,
            "numpy==2.5.5 [compatible] (numpy-2.5.5+local-cp313-b.whl)",
        )
        .unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].sha256, "0".repeat(64));
        let package = found[0].package.to_string();
        assert!(
            !package.contains("sdist") && !package.contains("cp313-a"),
            "{package}"
        );
        assert_eq!(
            of_dist_info("NumPy-2.5.5.dist-info", &[&found[0]]),
            Some(&found[0])
        );
    }

    #[test]
    fn what_is_not_understood_is_no_resolution() {
        let selected = "numpy==2.5.5 [compatible] (numpy-2.5.5+local-cp313-b.whl)";
        assert!(of(LOCKED, selected).is_some());
        for other in [
            "numpy==2.5.5 [compatible] (numpy-2.5.5.tar.gz)",
            "numpy==2.5.5 [compatible] (numpy-2.5.5-cp313-a.whl)",
            "numpy==2.5.4 [compatible] (numpy-2.5.5+local-cp313-b.whl)",
            "nothing",
        ] {
            assert_eq!(of(LOCKED, other), None, "{other}");
        }
        for (from, to) in [
            ("version = \"2.5.5\"", "version = \"2.5.5\"\nmarker = \"x\""),
            ("wheels =", "archive ="),
            ("sha256 = \"SHA\"", "sha512 = \"SHA\""),
            ("[[packages]]", "[[package]]"),
        ] {
            assert_eq!(of(&LOCKED.replace(from, to), selected), None, "{to}");
        }
    }
}
