//! What is timed: rebuilds of every sample, first builds of the scientific one.

use std::process::Command;

use harness::{Table, run};

use crate::docker::Docker;
use crate::hyperfine::{Timed, medians};
use crate::world::World;

/// Milliseconds.
const UNCHANGED: f64 = 50.0;
const EDITED: f64 = 150.0;
/// A rebuild is short, a first build is not.
const REBUILDS: usize = 21;
const FIRST_BUILDS: usize = 5;
const NOTHING: &str = "true";
/// A file that changed so recently is read again.
const SETTLED: std::time::Duration = std::time::Duration::from_secs(3);

/// A sample, and how docker builds it.
#[derive(Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) folder: &'static str,
    dockerfile: &'static str,
    /// The file in which a line is changed.
    edited: &'static str,
}

const SCIENTIFIC: Sample = Sample {
    folder: "python-scientific",
    dockerfile: "packages.Dockerfile",
    edited: "app.py",
};

pub(crate) const SAMPLES: &[Sample] = &[
    Sample {
        folder: "python-requirements",
        dockerfile: "packages.Dockerfile",
        edited: "app.py",
    },
    Sample {
        folder: "procfile-web-worker",
        dockerfile: "plain.Dockerfile",
        edited: "server.py",
    },
    SCIENTIFIC,
];

/// A rebuild of what has not changed, and one after another line in a file.
pub(crate) fn rebuilds(sample: &Sample, world: &World, docker: &Docker, table: &mut Table) {
    let app = world.sample(sample.folder);
    let ours = format!(
        "{} build {} -t {}",
        world.slipway(),
        app.display(),
        sample.folder
    );
    let theirs = docker.build(sample.dockerfile, &app, sample.folder);
    for line in [&ours, &theirs] {
        shell(line);
    }
    std::thread::sleep(SETTLED);
    shell(&ours);
    let timed = |prepare: &str, command: &str| Timed {
        prepare: prepare.to_owned(),
        command: command.to_owned(),
    };
    let (we, they) = medians(
        &world.path(""),
        REBUILDS,
        &timed(NOTHING, &ours),
        &timed(NOTHING, &theirs),
    );
    let what = |text: &str| format!("{}: {text}", sample.folder);
    table.at_most(&what("nothing changed"), we, UNCHANGED, " ms");
    table.at_most(&what("nothing changed, docker = 1"), we / they, 1.0, "×");
    let edit = format!(
        "sh -c 'echo \"# one more\" >> {}'",
        app.join(sample.edited).display()
    );
    let (we, they) = medians(
        &world.path(""),
        REBUILDS,
        &timed(&edit, &ours),
        &timed(&edit, &theirs),
    );
    table.at_most(&what("one line changed"), we, EDITED, " ms");
    table.told(&what("one line changed, docker = 1"), we / they, "×");
}

/// The scientific sample as a new application: with its wheels only downloaded, and with wheels that the store knows.
pub(crate) fn first_builds(world: &World, docker: &Docker, table: &mut Table) {
    let app = world.sample(SCIENTIFIC.folder);
    let theirs = Timed {
        prepare: NOTHING.to_owned(),
        command: docker
            .build(SCIENTIFIC.dockerfile, &app, "new")
            .replace(" build ", " build --no-cache "),
    };
    let slipway = world.slipway();
    let command = format!("{slipway} build {} -t new", app.display());
    let (we, they) = medians(
        &world.path(""),
        FIRST_BUILDS,
        &Timed {
            prepare: world.forget(),
            command: command.clone(),
        },
        &theirs,
    );
    table.told("new scientific app, wheels downloaded", we / 1000.0, " s");
    table.told(
        "new scientific app, wheels downloaded, docker",
        they / 1000.0,
        " s",
    );
    table.at_most(
        "new scientific app, wheels downloaded, docker = 1",
        we / they,
        1.0,
        "×",
    );
    shell(&format!(
        "{slipway} build {} -t {}",
        app.display(),
        SCIENTIFIC.folder
    ));
    let (we, they) = medians(
        &world.path(""),
        FIRST_BUILDS,
        &Timed {
            prepare: format!("sh -c '{slipway} image rm new || true'"),
            command,
        },
        &theirs,
    );
    table.told("new scientific app, wheels known", we / 1000.0, " s");
    table.at_most(
        "new scientific app, wheels known, docker = 1",
        we / they,
        0.25,
        "×",
    );
}

fn shell(line: &str) {
    run(Command::new("sh").args(["-c", line])).success();
}
