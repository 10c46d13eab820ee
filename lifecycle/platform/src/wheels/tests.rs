use std::fmt::Write;
use std::os::unix::fs::symlink;

use super::*;

const CONTEXT: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const WHEEL: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const OTHER: &str = "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc";

/// A store and a build that has filled the layer `venv`.
struct World {
    top: tempfile::TempDir,
    shelf: Shelf,
}

impl World {
    fn new() -> World {
        let top = tempfile::tempdir().unwrap();
        let shelf = Shelf {
            known: top.path().join("wheels/image"),
            made: top.path().join("made"),
            now: at(1_000_000),
            _held: Lock::shared(&top.path().join("lock"), Duration::ZERO).unwrap(),
        };
        let world = World { top, shelf };
        for folder in ["wheels/image", "made", "layers/slipway_pip/venv"] {
            fs::create_dir_all(world.path(folder)).unwrap();
        }
        world
    }

    fn path(&self, below: &str) -> PathBuf {
        self.top.path().join(below)
    }

    fn write(&self, below: &str, text: &str) {
        let path = self.path(below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Says that a wheel has become these files of the venv, and makes them.
    fn made(&self, wheel: &str, files: &[(&str, &str)]) {
        for (path, text) in files {
            self.write(&format!("layers/slipway_pip/venv/{path}"), text);
        }
        self.write(&format!("made/{CONTEXT}/{wheel}"), &list(files));
    }

    fn take_in(&self, needed: &[&str]) -> Result<()> {
        let needed = needed.iter().map(PathBuf::from).collect();
        self.shelf.take_in(&self.path("layers"), &needed)
    }

    fn kept(&self, wheel: &str, below: &str) -> Option<String> {
        fs::read_to_string(self.shelf.known.join(CONTEXT).join(wheel).join(below)).ok()
    }
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn list(files: &[(&str, &str)]) -> String {
    let bytes: usize = files.iter().map(|(_, text)| text.len()).sum();
    let mut list = format!("wheel 1 {bytes} venv\n");
    for (path, text) in files {
        let digest = Digest::of(text.as_bytes()).hex();
        writeln!(list, "{digest} - {} {path}", text.len()).unwrap();
    }
    sealed(&list)
}

fn sealed(list: &str) -> String {
    format!("{list}end {}\n", Digest::of(list.as_bytes()).hex())
}

#[test]
fn what_a_build_has_made_is_kept_moved_or_copied() {
    for (needed, stays) in [(&[][..], false), (&["slipway_pip/venv"], true)] {
        let world = World::new();
        let files = [("bin/a", "program"), ("lib/a.py", "x = 1")];
        world.made(WHEEL, &files);
        world.take_in(needed).unwrap();
        assert_eq!(world.kept(WHEEL, "list"), Some(list(&files)));
        assert_eq!(
            world.kept(WHEEL, "files/lib/a.py").as_deref(),
            Some("x = 1")
        );
        assert_eq!(
            world.path("layers/slipway_pip/venv/lib/a.py").exists(),
            stays
        );
    }
}

#[test]
fn an_entry_takes_the_place_of_an_older_one_and_a_use_is_noted() {
    let mut world = World::new();
    world.made(WHEEL, &[("a", "1"), ("b", "2")]);
    world.take_in(&[]).unwrap();
    world.made(WHEEL, &[("a", "3")]);
    world.take_in(&[]).unwrap();
    assert_eq!(world.kept(WHEEL, "files/a").as_deref(), Some("3"));
    assert_eq!(world.kept(WHEEL, "files/b"), None);

    fs::remove_file(world.path("made").join(CONTEXT).join(WHEEL)).unwrap();
    let used = format!("{WHEEL}\n{OTHER}\n../../x\n");
    world.write(&format!("made/{CONTEXT}/used-venv"), &used);
    world.shelf.now = at(2_000_000);
    world.take_in(&[]).unwrap();
    let list = world.shelf.known.join(CONTEXT).join(WHEEL).join("list");
    assert_eq!(
        fs::metadata(list).unwrap().modified().unwrap(),
        at(2_000_000)
    );
}

#[test]
fn nothing_is_kept_of_what_is_not_as_listed() {
    let wrong = |change: &dyn Fn(&World)| {
        let world = World::new();
        world.made(WHEEL, &[("lib/a.py", "x = 1"), ("lib/b.py", "x = 2")]);
        change(&world);
        world.take_in(&[]).unwrap_err();
        assert_eq!(world.kept(WHEEL, "list"), None);
    };
    let file = "layers/slipway_pip/venv/lib/b.py";
    wrong(&|world| world.write(file, "x = 3"));
    wrong(&|world| world.write(file, "x = 2 "));
    wrong(&|world| fs::remove_file(world.path(file)).unwrap());
    wrong(&|world| {
        world.write("outside", "x = 2");
        fs::remove_file(world.path(file)).unwrap();
        symlink(world.path("outside"), world.path(file)).unwrap();
    });
    wrong(&|world| {
        let lib = world.path("layers/slipway_pip/venv/lib");
        fs::rename(&lib, world.path("elsewhere")).unwrap();
        symlink(world.path("elsewhere"), lib).unwrap();
    });
    for target in ["../../../outside", "../other/../../../outside", "."] {
        wrong(&|world| {
            let lib = world.path("layers/slipway_pip/venv/lib");
            fs::rename(&lib, world.path("outside")).unwrap();
            symlink(target, lib).unwrap();
        });
    }
    let list_of = |text: &str| {
        let text = text.to_owned();
        wrong(&|world| world.write(&format!("made/{CONTEXT}/{WHEEL}"), &text));
    };
    let digest = Digest::of(b"x = 1").hex();
    list_of("");
    list_of(&list(&[("lib/a.py", "x = 1")]).replace("end ", "end 0"));
    list_of(&sealed(&format!("wheel 1 5 env\n{digest} - 5 lib/a.py\n")));
    list_of(&sealed(&format!("wheel 1 6 venv\n{digest} - 5 lib/a.py\n")));
    list_of(&sealed(&format!("wheel 1 5 venv\n{digest} s 5 lib/a.py\n")));
    list_of(&sealed(&format!(
        "wheel 1 5 venv\n{digest} - 5 ../venv/lib/a.py\n"
    )));
    list_of(&sealed(&format!(
        "wheel 1 5 venv\n{digest} - 5 /etc/passwd\n"
    )));
    list_of(&sealed(&format!(
        "wheel 1 10 venv\n{digest} - 5 lib/a.py\n{digest} - 5 lib/a.py\n"
    )));
}

#[test]
fn names_that_are_no_digests_are_refused() {
    for name in [format!("made/{CONTEXT}/x"), format!("made/x/{WHEEL}")] {
        let world = World::new();
        world.write(&name, &list(&[]));
        world.take_in(&[]).unwrap_err();
    }
}

#[test]
fn a_package_with_a_layer_of_its_own_is_found_there_and_copied_when_that_is_needed() {
    for (needed, stays) in [(&[][..], false), (&["slipway_pip/package-a"], true)] {
        let world = World::new();
        let files = [("lib/a/sub/x.py", "x = 1"), ("lib/b.py", "x = 2")];
        world.made(WHEEL, &files);
        let layers = world.path("layers/slipway_pip");
        fs::create_dir_all(layers.join("package-a/site")).unwrap();
        fs::rename(layers.join("venv/lib/a"), layers.join("package-a/site/a")).unwrap();
        symlink("../../package-a/site/a", layers.join("venv/lib/a")).unwrap();
        world.take_in(needed).unwrap();
        let kept = world.kept(WHEEL, "files/lib/a/sub/x.py");
        assert_eq!(kept.as_deref(), Some("x = 1"));
        let file = layers.join("package-a/site/a/sub/x.py");
        assert_eq!(file.exists(), stays);
        assert!(!layers.join("venv/lib/b.py").exists());
    }
}
