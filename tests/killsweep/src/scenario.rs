//! The table of commands that are disturbed. One more line is one more command.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::home::{self, Home};
use crate::work::Work;
use crate::world::{Images, World};

/// Stands for the folder of the world in an argument.
pub(crate) const WORLD: &str = "{world}";

/// A command that changes a world. Run twice it leaves the same as run once.
pub struct Scenario {
    pub name: &'static str,
    program: PathBuf,
    args: Vec<String>,
    /// Given to the same program after the command was done again: what makes it tidy up although nothing has changed.
    thorough: Option<Vec<String>>,
    pub(crate) world: Box<dyn World>,
    /// Somebody reads an image meanwhile that has lost its name.
    pub reader: bool,
}

impl Scenario {
    pub(crate) fn command(&self, world: &Path) -> Command {
        self.with(&self.args, world)
    }

    pub(crate) fn thorough(&self, world: &Path) -> Option<Command> {
        let args = self.thorough.as_ref()?;
        Some(self.with(args, world))
    }

    fn with(&self, args: &[String], world: &Path) -> Command {
        let mut command = home::slipway(&self.program, world);
        let folder = world.to_str().expect("a temporary folder in UTF-8");
        command.args(args.iter().map(|arg| arg.replace(WORLD, folder)));
        command
    }
}

/// `program` is this rig's own.
pub fn all(program: &Path) -> Vec<Scenario> {
    vec![
        of(program, Work::Publish, false),
        of(program, Work::Import, false),
        of(program, Work::Export, false),
        of(program, Work::Tag, false),
        of(program, Work::Collect, true),
    ]
}

/// What the rig must see.
pub fn seeded_bugs(program: &Path) -> Vec<Scenario> {
    [Work::NameFirst, Work::Swallow, Work::SyncTwice]
        .map(|work| of(program, work, false))
        .into()
}

fn of(program: &Path, work: Work, reader: bool) -> Scenario {
    Scenario {
        name: work.name(),
        program: program.to_owned(),
        args: ["work", work.name(), WORLD].map(str::to_owned).into(),
        thorough: None,
        world: Box::new(Images),
        reader,
    }
}

/// A whole `slipway build` on a state folder that has its base images: a new image in place of an older one, in the store, in a
/// layout and as a file. `state` is a state folder with base images that nobody is using, so that nothing is downloaded.
pub fn build(slipway: &Path, state: &Path) -> Scenario {
    let args: Vec<String> = home::BUILD.map(str::to_owned).into();
    let thorough = [&args[..], &["--clear-cache".to_owned()]].concat();
    Scenario {
        name: "build",
        program: slipway.to_owned(),
        args,
        thorough: Some(thorough),
        world: Box::new(Home::new(slipway, state)),
        reader: false,
    }
}
