//! The same source gives the same manifest digest, whoever builds it and wherever; with packages in layers of their own, too.

use std::path::Path;
use std::process::Command;

use harness::{World, repository, run};

use crate::shop::{everybody, fresh_world};

#[test]
fn folders_users_umask_zone_locale_and_threads_do_not_matter() {
    let mut digests = Vec::new();
    for (number, who) in everybody().into_iter().cycle().take(4).enumerate() {
        let world = fresh_world(who);
        let source = checkout(&world, number);
        run(&mut varied(
            &world,
            number,
            &[
                "build",
                &source,
                "-t",
                "same",
                "--env",
                "BP_PYTHON_SLICES=always",
            ],
        ))
        .success();
        digests.push((who, digest(&world, "same")));
    }
    assert!(
        digests.iter().all(|(_, digest)| *digest == digests[0].1),
        "{digests:#?}"
    );
}

/// A copy of the sample in a folder, with a umask and with times of its own.
fn checkout(world: &World, number: usize) -> String {
    let umask = ["022", "077", "002", "027"][number % 4];
    let target = world.path(&format!("checkout-{number}/deep/app"));
    let script = "umask $1; mkdir -p \"$3\" && cp -r --no-preserve=mode,timestamps \"$2\"/. \"$3\"/ && chmod -R u+rwX \"$3\"";
    let sample = repository().join("samples/python-requirements");
    run(Command::new("sh")
        .args(["-c", script, "sh", umask])
        .arg(sample)
        .arg(&target))
    .success();
    for folder in target
        .ancestors()
        .take_while(|folder| *folder != world.path(""))
    {
        if !folder.starts_with(world.path("")) {
            break;
        }
        give_all(world, folder);
    }
    target.to_str().expect("UTF-8").to_owned()
}

fn give_all(world: &World, folder: &Path) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        world.give(&entry.expect("an entry").path());
    }
    world.give(folder);
}

/// The command with a time zone, a locale, a umask and a number of cores of its own.
fn varied(world: &World, number: usize, args: &[&str]) -> Command {
    let zone = [
        "UTC",
        "Pacific/Kiritimati",
        "America/New_York",
        "Asia/Kolkata",
    ][number % 4];
    let locale = ["C", "C.UTF-8", "de_DE.UTF-8", "tr_TR.UTF-8"][number % 4];
    let umask = ["022", "077", "000", "027"][number % 4];
    let cores = if number.is_multiple_of(2) {
        "taskset -c 0"
    } else {
        ""
    };
    let mut command = world.slipway_by_shell(&format!("umask {umask}; exec {cores} \"$@\""), args);
    command
        .env("TZ", zone)
        .env("LANG", locale)
        .env("LC_ALL", locale);
    command
}

/// The digest of the manifest, as `slipway inspect` tells it.
fn digest(world: &World, name: &str) -> String {
    let told = world.run(&["inspect", name, "--json"]).success().stdout;
    let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    told["digest"].as_str().expect("a digest").to_owned()
}
