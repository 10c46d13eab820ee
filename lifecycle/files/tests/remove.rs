//! Whole trees go, and nothing else.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use files::{Dir, remove_tree};

#[test]
fn a_tree_goes_with_closed_folders_and_what_links_point_to_stays() {
    let world = tempfile::tempdir().unwrap();
    let tree = world.path().join("tree");
    fs::create_dir_all(tree.join("closed/inner")).unwrap();
    fs::create_dir_all(tree.join("read-only")).unwrap();
    fs::write(tree.join("closed/inner/file"), "x").unwrap();
    fs::write(tree.join("read-only/file"), "x").unwrap();
    fs::write(world.path().join("outside"), "canary").unwrap();
    symlink("../outside", tree.join("link")).unwrap();
    symlink(world.path(), tree.join("up")).unwrap();
    for (path, mode) in [
        ("closed/inner", 0o000),
        ("closed", 0o000),
        ("read-only", 0o555),
    ] {
        fs::set_permissions(tree.join(path), fs::Permissions::from_mode(mode)).unwrap();
    }
    remove_tree(&tree).unwrap();
    let left: Vec<_> = fs::read_dir(world.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["outside"]);
}

#[test]
fn what_is_absent_is_gone_already() {
    let world = tempfile::tempdir().unwrap();
    remove_tree(&world.path().join("missing")).unwrap();
    remove_tree(&world.path().join("missing/below")).unwrap();
    Dir::open(world.path())
        .unwrap()
        .remove_tree(Path::new("missing/below"))
        .unwrap();
}

#[test]
fn files_and_links_go_too() {
    let world = tempfile::tempdir().unwrap();
    fs::write(world.path().join("file"), "x").unwrap();
    symlink("file", world.path().join("link")).unwrap();
    remove_tree(&world.path().join("link")).unwrap();
    assert!(world.path().join("file").exists());
    remove_tree(&world.path().join("file")).unwrap();
    assert_eq!(fs::read_dir(world.path()).unwrap().count(), 0);
}

#[test]
fn a_tree_deeper_than_any_path_and_than_the_number_of_open_files_goes() {
    let world = tempfile::tempdir().unwrap();
    let mut dir = Dir::open(world.path())
        .unwrap()
        .create_dir(Path::new("tree"), 0o755)
        .unwrap();
    for level in 0..1200 {
        dir.create_file(Path::new("file"), 0o644).unwrap();
        if level % 500 == 0 {
            dir.create_dir(Path::new("closed"), 0o000).unwrap();
        }
        dir = dir.create_dir(Path::new("deeper"), 0o755).unwrap();
    }
    drop(dir);
    remove_tree(&world.path().join("tree")).unwrap();
    assert_eq!(fs::read_dir(world.path()).unwrap().count(), 0);
}
