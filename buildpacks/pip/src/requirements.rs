//! The requirements files: everything that `-r` and `-c` lead to, line by line.
//!
//! uv reads the files itself; here they are read to know what the layer depends on, to name file and line when
//! something is wrong, and to say it before anything is downloaded.
//!
//! Spec: <https://pip.pypa.io/en/stable/reference/requirements-file-format/>

mod line;
mod lines;
mod options;

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Component, Path, PathBuf};

use toolkit::{Failure, Result, read_bytes};

pub(crate) use line::{Package, What, normalized};

/// Files that include each other further than this are a mistake.
const MOST_FILES: usize = 200;

/// Where a line stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// Below the application's folder.
    pub(crate) file: PathBuf,
    /// Counted from 1.
    pub(crate) line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

/// One line that says something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) place: Place,
    /// As written, continuation lines joined, comments removed.
    pub(crate) text: String,
    pub(crate) what: What,
    /// From a constraints file.
    pub(crate) constraint: bool,
}

impl Line {
    /// `requirements.txt:7  psycopg2==2.9.9`, without hashes.
    pub(crate) fn shown(&self) -> String {
        let text = self.text.split(" --hash").next().unwrap_or_default();
        format!(
            "{}  {}",
            self.place,
            toolkit::without_user_info(text.trim_end())
        )
    }
}

/// A file as it is on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct File {
    /// Below the application's folder, without `.` and `..`.
    pub(crate) path: PathBuf,
    pub(crate) bytes: Vec<u8>,
}

/// All requirements of an application.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Requirements {
    /// In the order in which they are reached.
    pub(crate) files: Vec<File>,
    pub(crate) lines: Vec<Line>,
}

impl Requirements {
    /// Reads `roots` and what they include; paths are below `app`.
    pub(crate) fn read(app: &Path, roots: &[PathBuf]) -> Result<Requirements> {
        let mut reader = Reader {
            app,
            seen: BTreeSet::new(),
            found: Requirements::default(),
        };
        for root in roots {
            reader.file(root, false, None)?;
        }
        Ok(reader.found)
    }

    /// Requirements that name a distribution on an index, constraints left out.
    pub(crate) fn packages(&self) -> impl Iterator<Item = (&Line, &Package)> {
        self.lines
            .iter()
            .filter(|line| !line.constraint)
            .filter_map(|line| match &line.what {
                What::Package(package) => Some((line, package)),
                _ => None,
            })
    }

    /// The line that asks for a distribution, by its normalised name; constraints only if nothing else does.
    pub(crate) fn line_of(&self, name: &str) -> Option<&Line> {
        let name = normalized(name);
        let mut named = self
            .lines
            .iter()
            .filter(|line| line.what.name().is_some_and(|own| normalized(own) == name));
        let first = named.next()?;
        if !first.constraint {
            return Some(first);
        }
        named.find(|line| !line.constraint).or(Some(first))
    }

    /// Is any line given with a hash?
    pub(crate) fn has_hashes(&self) -> bool {
        self.lines.iter().any(|line| match &line.what {
            What::Package(package) => package.hashed,
            What::Url { hashed, .. } => *hashed,
            _ => false,
        })
    }

    pub(crate) fn options(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.lines.iter().filter_map(|line| match &line.what {
            What::Option { name, value } => Some((name.as_str(), value.as_deref())),
            _ => None,
        })
    }
}

struct Reader<'a> {
    app: &'a Path,
    seen: BTreeSet<(PathBuf, bool)>,
    found: Requirements,
}

impl Reader<'_> {
    fn file(&mut self, path: &Path, constraint: bool, from: Option<&Line>) -> Result<()> {
        let path = beneath(path).ok_or_else(|| outside(path, from))?;
        if !self.seen.insert((path.clone(), constraint)) {
            return Ok(());
        }
        if self.seen.len() > MOST_FILES {
            return Err(Failure::new(
                "SLP-PYT-123",
                format!("more than {MOST_FILES} requirements files include each other"),
            ));
        }
        let bytes = read_bytes(&self.app.join(&path))?.ok_or_else(|| missing(&path, from))?;
        let text = text(&path, &bytes)?;
        let lines = lines::logical(&text)
            .into_iter()
            .map(|(number, text)| {
                let place = Place {
                    file: path.clone(),
                    line: number,
                };
                let what = line::parse(&text, &place)?;
                Ok(Line {
                    place,
                    text,
                    what,
                    constraint,
                })
            })
            .collect::<Result<Vec<Line>>>()?;
        if !self.found.files.iter().any(|file| file.path == path) {
            self.found.files.push(File {
                path: path.clone(),
                bytes,
            });
        }
        for line in lines {
            self.include(&path, &line)?;
            self.found.lines.push(line);
        }
        Ok(())
    }

    fn include(&mut self, from: &Path, line: &Line) -> Result<()> {
        let (file, constraint) = match &line.what {
            What::Requirements(file) => (file, line.constraint),
            What::Constraints(file) => (file, true),
            _ => return Ok(()),
        };
        if file.contains("://") {
            return Ok(());
        }
        let folder = from.parent().unwrap_or(Path::new(""));
        self.file(&folder.join(file), constraint, Some(line))
    }
}

/// A path without `.` and `..`; `None` when it leads out.
pub(crate) fn beneath(path: &Path) -> Option<PathBuf> {
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::Normal(name) => clean.push(name),
            Component::ParentDir => {
                if !clean.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(clean)
}

fn outside(path: &Path, from: Option<&Line>) -> Failure {
    let failure = Failure::new(
        "SLP-PYT-115",
        format!("{} lies outside of the application's folder", path.display()),
    )
    .help("only the source folder is in the build: move the file into it, or build from the folder above");
    at(failure, from)
}

fn missing(path: &Path, from: Option<&Line>) -> Failure {
    let failure = Failure::new(
        "SLP-PYT-100",
        format!("requirements file not found at: '{}'", path.display()),
    );
    match from {
        Some(_) => at(failure, from).help("add the file, or remove the line that includes it"),
        None => failure.help("add the file, or name another one with BP_PIP_REQUIREMENT"),
    }
}

fn at(failure: Failure, line: Option<&Line>) -> Failure {
    match line {
        Some(line) => failure.at(line.shown()),
        None => failure,
    }
}

/// PowerShell's `pip freeze > requirements.txt` writes UTF-16, which pip reads and uv does not.
fn text(path: &Path, bytes: &[u8]) -> Result<String> {
    let name = path.display();
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(Failure::new("SLP-PYT-117", format!("{name} is UTF-16, not UTF-8"))
            .at(name.to_string())
            .help(format!(
                "PowerShell writes that; write it again with: pip freeze | Out-File -Encoding ascii {name}"
            )));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let line = valid.split(|byte| *byte == b'\n').count();
        Failure::new("SLP-PYT-117", format!("{name} is not UTF-8"))
            .at(format!("{name}:{line}"))
            .help("save the file as UTF-8")
    })?;
    Ok(text.trim_start_matches('\u{feff}').to_owned())
}

#[cfg(test)]
mod tests;
