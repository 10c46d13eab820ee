//! The table of commands that are disturbed. One more line is one more command.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::work::Work;

/// A command that changes a world. Run twice it leaves the same as run once.
pub struct Scenario {
    pub name: &'static str,
    program: PathBuf,
    args: Vec<String>,
    /// Somebody reads an image meanwhile that has lost its name.
    pub reader: bool,
}

impl Scenario {
    pub fn command(&self, world: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args).arg(world);
        command
    }
}

/// `program` is this rig's own.
pub fn all(program: &Path) -> Vec<Scenario> {
    let of = |work: Work, reader| Scenario {
        name: work.name(),
        program: program.to_owned(),
        args: vec!["work".to_owned(), work.name().to_owned()],
        reader,
    };
    vec![
        of(Work::Publish, false),
        of(Work::Import, false),
        of(Work::Export, false),
        of(Work::Tag, false),
        of(Work::Collect, true),
    ]
}

/// What the rig must see.
pub fn seeded_bugs(program: &Path) -> Vec<Scenario> {
    let bugs = [Work::NameFirst, Work::Swallow];
    bugs.map(|work| Scenario {
        name: work.name(),
        program: program.to_owned(),
        args: vec!["work".to_owned(), work.name().to_owned()],
        reader: false,
    })
    .into()
}
