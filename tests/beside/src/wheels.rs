//! The wheels that both sides install from, and uv.

use std::process::Command;

use harness::{repository, run};

use crate::scenario::SAMPLES;
use crate::world::World;

/// The uv that our own buildpack has.
const UV: &str = "uv==0.13.8";
/// What a wheel may be made for: the Python and the C library of our base.
const FOR: &[&str] = &[
    "--python-version=3.13",
    "--platform=manylinux_2_28_x86_64",
    "--platform=manylinux_2_27_x86_64",
    "--platform=manylinux_2_17_x86_64",
    "--platform=manylinux2014_x86_64",
];

/// Fetches what is not there yet below the folder of downloads: `wheels/*.whl` and `uv`.
pub(crate) fn fetch(world: &World) {
    let wheels = world.downloads().join("wheels");
    let download = |what: &[&std::ffi::OsStr]| {
        let mut pip = Command::new("pip");
        pip.args(["download", "-q", "--only-binary=:all:"])
            .args(FOR)
            .arg("--find-links")
            .arg(&wheels)
            .arg("-d")
            .arg(&wheels)
            .args(what);
        run(&mut pip).success();
    };
    std::fs::create_dir_all(&wheels).expect("a folder for wheels");
    download(&[UV.as_ref()]);
    for sample in SAMPLES {
        let file = repository()
            .join("samples")
            .join(sample.folder)
            .join("requirements.txt");
        if file.is_file() {
            download(&["-r".as_ref(), file.as_ref()]);
        }
    }
    let line = "cd \"$0\" && unzip -qoj wheels/uv-*.whl '*/scripts/uv' && chmod 755 uv";
    run(Command::new("sh").args(["-c", line]).arg(world.downloads())).success();
}
