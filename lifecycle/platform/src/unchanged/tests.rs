use std::fs;
use std::time::{Duration, SystemTime};

use oci::Platform;

use super::*;
use crate::Payload;
use crate::base::Base;
use crate::caller::Caller;
use crate::event::Silent;
use crate::outputs::Output;
use crate::state::State;
use crate::stop::Stop;

/// Values that a key is made from, each of which a test may change.
#[derive(Clone)]
struct Given {
    request: Request,
    owner: u32,
    name: Reference,
    program: Digest,
    run: (&'static str, &'static str),
    build: (&'static str, &'static str),
    seen: Seen,
}

fn name(text: &str) -> Reference {
    Reference::parse(text).unwrap()
}

fn given() -> Given {
    Given {
        request: Request {
            inputs: Inputs {
                env: vec![("A".to_owned(), "b".into())],
                ..Inputs::default()
            },
            names: vec![name("shop")],
            outputs: vec![Output::Store],
            created: 7,
            clear_cache: false,
        },
        owner: 1000,
        name: name("shop"),
        program: Digest::of(b"program"),
        run: ("run:1", "r"),
        build: ("build:1", "b"),
        seen: Seen {
            source: Digest::of(b"source"),
            buildpacks: vec![Buildpack::Named("slipway/pip".to_owned())],
            brought: Some(Digest::of(b"brought")),
        },
    }
}

impl Given {
    fn key(&self) -> Option<Digest> {
        let bases = Bases {
            run: base(self.run),
            build: base(self.build),
        };
        let ingredients = Ingredients {
            request: &self.request,
            owner: self.owner,
            name: &self.name,
            program: self.program,
            bases: &bases,
            seen: &self.seen,
        };
        ingredients.key()
    }
}

fn base((called, label): (&str, &str)) -> Base {
    let mut image = Image::empty(&Platform::host());
    image.config_mut().set_label("which", label);
    Base {
        name: name(called),
        image,
    }
}

#[test]
fn every_ingredient_makes_another_key() {
    let changes: Vec<fn(&mut Given)> = vec![
        |_| {},
        |given| given.owner = 1001,
        |given| given.name = name("shop:2"),
        |given| given.program = Digest::of(b"newer"),
        |given| given.run.0 = "run:2",
        |given| given.run.1 = "newer",
        |given| given.build.0 = "build:2",
        |given| given.build.1 = "newer",
        |given| given.seen.source = Digest::of(b"edited"),
        |given| given.seen.buildpacks = Vec::new(),
        |given| given.seen.buildpacks[0] = Buildpack::Folder(Digest::of(b"one")),
        |given| given.seen.buildpacks[0] = Buildpack::Folder(Digest::of(b"other")),
        |given| given.seen.brought = Some(Digest::of(b"other settings")),
        |given| given.request.inputs.env.clear(),
        |given| given.request.inputs.env[0].1 = "c".into(),
        |given| given.request.inputs.env[0] = ("Ab".to_owned(), "".into()),
        |given| given.request.inputs.fetching.offline = true,
        |given| given.request.inputs.fetching.locked = true,
        |given| given.request.created = 8,
    ];
    let keys: Vec<Digest> = changes
        .into_iter()
        .map(|change| {
            let mut given = given();
            change(&mut given);
            given.key().unwrap()
        })
        .collect();
    for (number, key) in keys.iter().enumerate() {
        assert!(!keys[..number].contains(key), "change {number}");
    }
}

#[test]
fn where_an_image_goes_makes_no_other_image() {
    let mut other = given();
    other.request.names.push(name("shop:latest-too"));
    other.request.outputs = vec![Output::Oci("out".into())];
    other.request.inputs.source = "./elsewhere".into();
    assert_eq!(other.key(), given().key());
}

#[test]
fn what_changes_at_this_moment_has_no_key() {
    let mut given = given();
    given.seen.brought = None;
    assert_eq!(given.key(), None);
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
            cache_bytes: u64::MAX,
            now: SystemTime::now() + Duration::from_secs(10),
            stop: &self.stop,
            events: &Silent,
        }
    }

    fn record(&self) -> PathBuf {
        self.state.last_builds().join(file_name(&name("shop")))
    }
}

/// A store with one image of one layer, which is called `shop`.
fn stored(world: &World) -> (Arc<Local>, Image) {
    let store = world.host().images().unwrap();
    let into: Arc<dyn Store> = store.clone();
    let image = oci::testing::image(1, 2, &into);
    store.publish(&image, &[name("shop")]).unwrap();
    let image = store.find(&name("shop")).unwrap().unwrap();
    (store, image)
}

const KEY: &[u8] = b"key";

#[test]
fn the_image_of_the_same_key_is_found_and_no_other() {
    let world = World::new();
    let (store, image) = stored(&world);
    let key = Digest::of(KEY);
    LastBuild::of(&world.host(), &name("shop"))
        .keep(key, &image)
        .unwrap();
    let last = LastBuild::of(&world.host(), &name("shop"));
    let found = last.image(&name("shop"), key, &store).unwrap();
    assert_eq!(found.digest(), image.digest());
    assert!(
        last.image(&name("shop"), Digest::of(b"other"), &store)
            .is_none()
    );
    let other = LastBuild::of(&world.host(), &name("shop:2"));
    assert!(other.image(&name("shop:2"), key, &store).is_none());
}

#[test]
fn an_image_without_one_of_its_blobs_is_built_again() {
    let world = World::new();
    let (store, image) = stored(&world);
    let key = Digest::of(KEY);
    LastBuild::of(&world.host(), &name("shop"))
        .keep(key, &image)
        .unwrap();
    store.remove(&name("shop")).unwrap();
    drop((store, image));
    // Whoever collects next removes the blobs, as nobody counts on them any more.
    world.host().images().unwrap().collect().unwrap();
    let last = LastBuild::of(&world.host(), &name("shop"));
    let store = world.host().images().unwrap();
    assert!(last.image(&name("shop"), key, &store).is_none());
}

#[test]
fn a_record_that_makes_no_sense_is_none() {
    let world = World::new();
    let (_store, image) = stored(&world);
    LastBuild::of(&world.host(), &name("shop"))
        .keep(Digest::of(KEY), &image)
        .unwrap();
    let sound = fs::read_to_string(world.record()).unwrap();
    assert!(LastBuild::of(&world.host(), &name("shop")).made_something());
    let half = sound.len() / 2;
    for broken in [
        String::new(),
        sound.split_at(half).0.to_owned(),
        sound.replace("\"version\":2", "\"version\":1"),
        sound.replace("\"key\":\"", "\"key\":\"x"),
        sound.replace("\"files\":{}", "\"files\":{\"a\":[[1],\"\"]}"),
        sound.replace("\"files\":", "\"more\":1,\"files\":"),
    ] {
        assert_ne!(broken, sound);
        fs::write(world.record(), &broken).unwrap();
        let last = LastBuild::of(&world.host(), &name("shop"));
        assert!(!last.made_something(), "{broken}");
    }
}

#[test]
fn records_go_with_the_names_of_their_images() {
    let world = World::new();
    let (_store, image) = stored(&world);
    LastBuild::of(&world.host(), &name("shop"))
        .keep(Digest::of(KEY), &image)
        .unwrap();
    collect(&world.host(), &[name("shop")]).unwrap();
    assert!(world.record().is_file());
    collect(&world.host(), &[name("shop:2")]).unwrap();
    assert!(!world.record().exists());
}
