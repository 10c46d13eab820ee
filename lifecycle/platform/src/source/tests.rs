use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

struct Trees {
    _top: tempfile::TempDir,
    from: PathBuf,
    to: PathBuf,
}

fn trees() -> Trees {
    let top = tempfile::tempdir().unwrap();
    let (from, to) = (top.path().join("from"), top.path().join("to"));
    fs::create_dir(&from).unwrap();
    fs::create_dir(&to).unwrap();
    Trees {
        _top: top,
        from,
        to,
    }
}

fn memory() -> Memory {
    Memory::new(crate::memory::Facts::new(), std::time::SystemTime::now())
}

/// Copies, after asserting that a look without copying finds the same.
fn copy(from: &Path, to: &Path, without: &[&Path]) -> Result<Found> {
    let copied = super::copy(from, to, without, &mut memory());
    let looked = look(from, without, &mut memory());
    match (&copied, looked) {
        (Ok(copied), Ok(looked)) => {
            let parts = SourceParts::default();
            let same = Found {
                parts,
                ..copied.clone()
            };
            assert_eq!(same, looked);
        }
        (Err(error), Err(other)) => assert_eq!(error.to_string(), other.to_string()),
        (copied, looked) => panic!("{copied:?} {looked:?}"),
    }
    copied
}

fn write(path: &Path, mode: u32) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, "x\n").unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn modes_and_times_of_the_checkout_do_not_show() {
    let trees = trees();
    write(&trees.from.join("app.py"), 0o600);
    write(&trees.from.join("bin/run"), 0o4711);
    let copied = copy(&trees.from, &trees.to, &[]).unwrap();
    assert_eq!((copied.files, copied.bytes), (2, 4));
    assert_eq!(mode(&trees.to.join("app.py")), 0o644);
    assert_eq!(mode(&trees.to.join("bin/run")), 0o755);
    assert_eq!(mode(&trees.to.join("bin")), 0o755);
    let modified = fs::metadata(trees.to.join("bin"))
        .unwrap()
        .modified()
        .unwrap();
    assert_eq!(
        modified
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_secs(),
        315_532_801
    );
}

#[test]
fn leftovers_of_tools_stay_out_and_are_told() {
    let trees = trees();
    for left in [
        ".git/config",
        ".venv/pyvenv.cfg",
        "venv/pyvenv.cfg",
        "web/node_modules/a.js",
        "a/__pycache__/a.pyc",
    ] {
        write(&trees.from.join(left), 0o644);
    }
    write(&trees.from.join("a/old.pyc"), 0o644);
    write(&trees.from.join("a/b.py"), 0o644);
    let copied = copy(&trees.from, &trees.to, &[]).unwrap();
    let left: Vec<_> = copied
        .left_out
        .iter()
        .map(|path| path.to_str().unwrap())
        .collect();
    assert_eq!(
        left,
        [
            ".git",
            ".venv",
            "a/__pycache__",
            "a/old.pyc",
            "venv",
            "web/node_modules"
        ]
    );
    assert_eq!(copied.files, 1);
    assert!(!trees.to.join(".git").exists());
}

#[test]
fn a_package_that_is_called_venv_is_source() {
    let trees = trees();
    write(&trees.from.join("venv/__init__.py"), 0o644);
    assert_eq!(copy(&trees.from, &trees.to, &[]).unwrap().files, 1);
}

#[test]
fn links_stay_links_and_nothing_outside_is_read() {
    let trees = trees();
    symlink("/etc/passwd", trees.from.join("passwd")).unwrap();
    symlink("/etc", trees.from.join("etc")).unwrap();
    let copied = copy(&trees.from, &trees.to, &[]).unwrap();
    assert_eq!(copied.files, 0);
    assert_eq!(
        fs::read_link(trees.to.join("passwd")).unwrap(),
        Path::new("/etc/passwd")
    );
    assert_eq!(
        fs::read_link(trees.to.join("etc")).unwrap(),
        Path::new("/etc")
    );
}

#[test]
fn the_state_folder_inside_the_source_is_left_out() {
    let trees = trees();
    write(&trees.from.join("state/images/blob"), 0o644);
    write(&trees.from.join("app.py"), 0o644);
    let copied = copy(&trees.from, &trees.to, &[&trees.from.join("state")]).unwrap();
    assert_eq!(copied.left_out, [Path::new("state")]);
    assert_eq!(copied.files, 1);
}

#[test]
fn a_source_that_does_not_exist_is_named() {
    let trees = trees();
    let error = copy(&trees.from.join("nothing"), &trees.to, &[]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Source);
    assert!(
        error.to_string().ends_with("nothing does not exist"),
        "{error}"
    );
}

#[test]
fn a_file_as_source_is_refused() {
    let trees = trees();
    write(&trees.from.join("app.py"), 0o644);
    let error = copy(&trees.from.join("app.py"), &trees.to, &[]).unwrap_err();
    assert!(
        error.to_string().ends_with("app.py is not a folder"),
        "{error}"
    );
}

#[test]
fn what_a_build_sees_makes_the_digest_and_nothing_else() {
    let digest = |make: &dyn Fn(&Path)| {
        let trees = trees();
        write(&trees.from.join("a/b.py"), 0o644);
        symlink("b.py", trees.from.join("a/link")).unwrap();
        make(&trees.from);
        copy(&trees.from, &trees.to, &[]).unwrap().digest
    };
    let plain = digest(&|_| {});
    let same: [&dyn Fn(&Path); 3] = [
        &|from| {
            fs::set_permissions(from.join("a/b.py"), fs::Permissions::from_mode(0o600)).unwrap();
        },
        &|from| write(&from.join(".git/HEAD"), 0o644),
        &|from| write(&from.join("a/b.py"), 0o644),
    ];
    for (number, make) in same.into_iter().enumerate() {
        assert_eq!(digest(make), plain, "{number}");
    }
    let other: [&dyn Fn(&Path); 6] = [
        &|from| {
            fs::set_permissions(from.join("a/b.py"), fs::Permissions::from_mode(0o744)).unwrap();
        },
        &|from| fs::write(from.join("a/b.py"), "y\n").unwrap(),
        &|from| fs::rename(from.join("a/b.py"), from.join("b.py")).unwrap(),
        &|from| fs::create_dir(from.join("empty")).unwrap(),
        &|from| {
            fs::remove_file(from.join("a/link")).unwrap();
            symlink("c.py", from.join("a/link")).unwrap();
        },
        &|from| {
            fs::remove_file(from.join("a/link")).unwrap();
            fs::write(from.join("a/link"), "b.py").unwrap();
        },
    ];
    for (number, make) in other.into_iter().enumerate() {
        assert_ne!(digest(make), plain, "{number}");
    }
}
