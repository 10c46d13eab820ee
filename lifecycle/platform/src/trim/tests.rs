use super::*;

const START: u64 = 1_000_000;

struct World {
    home: tempfile::TempDir,
    state: State,
}

impl World {
    fn new() -> World {
        let home = tempfile::tempdir().unwrap();
        let state = State::home(home.path());
        state.create().unwrap();
        World { home, state }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// A folder of 100 bytes with its lock, used so many seconds after the start.
    fn folder(&self, name: &str, used: u64) {
        let path = self.path(name);
        fs::create_dir_all(path.join("below")).unwrap();
        fs::write(path.join("below/file"), [0; 100]).unwrap();
        self.used(&format!("{name}.lock"), used);
    }

    /// A file of 100 bytes.
    fn file(&self, name: &str, used: u64) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, [0; 100]).unwrap();
        self.used(name, used);
    }

    fn used(&self, name: &str, at: u64) {
        let file = fs::File::options()
            .create(true)
            .append(true)
            .open(self.path(name))
            .unwrap();
        file.set_modified(time(at)).unwrap();
    }

    fn filled() -> World {
        let world = World::new();
        world.folder("layers/a", 3);
        world.folder("layers/b", 1);
        world.folder("reuse/c", 4);
        world.file("downloads/debs/d.deb", 2);
        world
    }

    /// Names of what is left of a filled world.
    fn left(&self) -> String {
        let all = ["layers/b", "downloads/debs/d.deb", "layers/a", "reuse/c"];
        let left = all.iter().filter(|name| self.path(name).exists());
        left.map(|name| name.trim_end_matches(".deb").chars().last().unwrap())
            .collect()
    }
}

fn time(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(START + seconds)
}

fn keep(bytes: u64) -> Keep {
    Keep {
        bytes,
        used_since: None,
    }
}

#[test]
fn what_was_used_longest_ago_goes_first_whatever_it_is() {
    let check = |bytes: u64, left: &str| {
        let world = World::filled();
        trim(&world.state, keep(bytes)).unwrap();
        assert_eq!(world.left(), left, "{bytes}");
    };
    check(400, "bdac");
    check(399, "dac");
    check(300, "dac");
    check(250, "ac");
    check(1, "");
    check(0, "");
}

#[test]
fn what_was_not_used_for_a_time_goes() {
    let world = World::filled();
    let since = Keep {
        bytes: u64::MAX,
        used_since: Some(time(3)),
    };
    trim(&world.state, since).unwrap();
    assert_eq!(world.left(), "ac");
}

#[test]
fn what_somebody_has_stays_and_something_else_goes_in_its_place() {
    let world = World::filled();
    let held = Lock::shared(&world.path("layers/b.lock"), Duration::ZERO).unwrap();
    trim(&world.state, keep(300)).unwrap();
    assert_eq!(world.left(), "bac");
    let making = Lock::exclusive(&world.state.base_lock(), Duration::ZERO).unwrap();
    world.file("downloads/debs/d.deb", 2);
    trim(&world.state, Keep::NOTHING).unwrap();
    assert_eq!(world.left(), "bd");
    drop((held, making));
    trim(&world.state, Keep::NOTHING).unwrap();
    assert_eq!(world.left(), "");
}

#[test]
fn what_a_killed_program_left_half_removed_goes_too() {
    let world = World::filled();
    world.folder("layers/.new-e", 0);
    trim(&world.state, keep(400)).unwrap();
    assert_eq!(world.left(), "bdac");
    assert!(!world.path("layers/.new-e").exists());
}

#[test]
fn what_is_not_on_a_shelf_stays() {
    let world = World::filled();
    let others = [
        "downloads/locks/x",
        "downloads/seen/x",
        "tools/x",
        "store/x",
    ];
    for name in others {
        world.file(name, 0);
    }
    trim(&world.state, Keep::NOTHING).unwrap();
    assert!(others.iter().all(|name| world.path(name).exists()));
}

#[test]
fn it_is_due_once_an_hour_or_with_another_bound() {
    let world = World::new();
    let now = SystemTime::now();
    let due = |bound, later: u64| is_due(&world.state, bound, now + Duration::from_secs(later));
    assert!(due(7, 0));
    fs::write(world.state.trimmed(), "7").unwrap();
    let noted = fs::File::options().append(true).open(world.state.trimmed());
    noted.unwrap().set_modified(now).unwrap();
    assert!(!due(7, 0) && !due(7, 3599));
    assert!(due(7, 3600) && due(8, 0));
    assert!(is_due(&world.state, 7, now - Duration::from_secs(1)));
}

#[test]
fn a_wheel_has_the_time_of_its_list_and_stays_while_a_build_sees_the_store() {
    let world = World::new();
    for (wheel, used) in [("old", 1), ("new", 2)] {
        let entry = format!("wheels/image/context/{wheel}");
        world.file(&format!("{entry}/files/a"), 9);
        world.file(&format!("{entry}/list"), used);
    }
    let left = || {
        ["old", "new"].map(|wheel| {
            world
                .path(&format!("wheels/image/context/{wheel}"))
                .exists()
        })
    };
    let keep = |bytes| Keep {
        bytes,
        used_since: None,
    };
    let build = Lock::shared(&world.state.wheels_lock(), Duration::ZERO).unwrap();
    trim(&world.state, keep(200)).unwrap();
    assert_eq!(left(), [true, true]);
    drop(build);
    trim(&world.state, keep(200)).unwrap();
    assert_eq!(left(), [false, true]);
}
