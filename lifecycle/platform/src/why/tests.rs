use std::sync::Arc;
use std::time::SystemTime;

use oci::Store;

use super::*;
use crate::{Caller, Payload, Silent, State, Stop};

fn parts(settings: &[(&str, &str)], source: &[(&str, &str)]) -> Parts {
    let map = |of: &[(&str, &str)]| {
        of.iter()
            .map(|(name, digits)| ((*name).to_owned(), (*digits).to_owned()))
            .collect()
    };
    Parts {
        settings: map(settings),
        source: map(source),
    }
}

fn told(reasons: &[Reason]) -> Vec<String> {
    reasons.iter().map(Reason::to_string).collect()
}

#[test]
fn what_differs_is_named_settings_first() {
    let before = parts(
        &[
            ("the run image", "1"),
            ("variable A", "1"),
            ("variable B", "1"),
        ],
        &[("app.py", "1"), ("kept.py", "1"), ("old.py", "1")],
    );
    let now = parts(
        &[
            ("the run image", "2"),
            ("variable A", "1"),
            ("variable C", "1"),
        ],
        &[("app.py", "2"), ("kept.py", "1"), ("new.py", "1")],
    );
    let reasons = now.since(&before);
    assert_eq!(
        told(&reasons),
        [
            "the run image changed",
            "variable B is gone",
            "variable C is new",
            "app.py changed",
            "new.py is new",
            "old.py is gone",
        ]
    );
    assert_eq!(
        serde_json::to_value(&reasons[3]).unwrap(),
        serde_json::json!({"what": "file", "name": "app.py", "change": "changed"})
    );
    assert_eq!(now.since(&now), []);
}

#[test]
fn a_file_is_known_by_contents_and_kind() {
    let digits = |kind, more: &[u8]| {
        let mut parts = SourceParts::default();
        parts.put(Path::new("a/b"), kind, more);
        parts.0["a/b"].clone()
    };
    assert_eq!(digits("file", b"x"), digits("file", b"x"));
    assert_ne!(digits("file", b"x"), digits("program", b"x"));
    assert_ne!(digits("file", b"x"), digits("file", b"y"));
    assert_eq!(digits("file", b"x").len(), FILE_DIGITS);
}

struct World {
    _dir: tempfile::TempDir,
    state: State,
    caller: Caller,
    stop: Stop,
}

impl World {
    fn new() -> World {
        let dir = tempfile::tempdir().unwrap();
        let state = State::home(dir.path());
        state.create().unwrap();
        World {
            _dir: dir,
            state,
            caller: Caller::new([]),
            stop: Stop::default(),
        }
    }

    fn host(&self) -> Host<'_> {
        Host {
            state: &self.state,
            payload: Payload {
                lifecycle: b"",
                launcher: b"",
            },
            caller: &self.caller,
            now: SystemTime::now(),
            cache_bytes: u64::MAX,
            stop: &self.stop,
            events: &Silent,
        }
    }

    /// Notes a build of `shop` and gives what was told at its begin.
    fn built(&self, parts: Parts, before: Before, image: &Image) -> Vec<String> {
        let question = Question::ask(&self.host(), &name(), parts, before);
        let reasons = question.reasons();
        question.answer(&self.host(), &name(), image).unwrap();
        reasons
    }
}

fn name() -> Reference {
    Reference::parse("shop").unwrap()
}

fn image(layers: usize) -> Image {
    let into: Arc<dyn Store> = oci::Memory::new();
    oci::testing::image(1, layers, &into)
}

const RECORDED: Before = Before {
    recorded: true,
    clear_cache: false,
};

#[test]
fn the_next_build_knows_what_differed_and_which_layers_are_the_same() {
    let world = World::new();
    let (first, second) = (parts(&[], &[("a", "1")]), parts(&[], &[("a", "2")]));
    let none: Vec<String> = Vec::new();
    assert_eq!(world.built(first, RECORDED, &image(1)), none);
    assert_eq!(
        world.built(second.clone(), RECORDED, &image(2)),
        ["a changed"]
    );
    let kept = read(&world.host(), &name()).unwrap().why;
    assert_eq!(told(&kept.reasons), ["a changed"]);
    let reused: Vec<bool> = kept.layers.iter().map(|layer| layer.reused).collect();
    assert_eq!(reused, [true, false]);

    let gone = world.built(second.clone(), RECORDED, &image(2));
    assert_eq!(gone, ["the last image is not in the store as it was"]);
    let cleared = Before {
        clear_cache: true,
        ..RECORDED
    };
    let asked = world.built(second, cleared, &image(2));
    assert_eq!(asked, ["--clear-cache was asked for"]);
}

#[test]
fn a_record_that_makes_no_sense_is_none() {
    let world = World::new();
    world.built(parts(&[], &[("a", "1")]), RECORDED, &image(1));
    let path = world.state.last_builds().join(file_name(&name()));
    let sound = std::fs::read_to_string(&path).unwrap();
    for broken in [
        String::new(),
        sound.split_at(sound.len() / 2).0.to_owned(),
        sound.replacen("\"version\":1", "\"version\":9", 1),
        sound.replacen("\"parts\"", "\"part\"", 1),
    ] {
        assert_ne!(broken, sound);
        std::fs::write(&path, &broken).unwrap();
        assert!(read(&world.host(), &name()).is_none(), "{broken}");
    }
}
