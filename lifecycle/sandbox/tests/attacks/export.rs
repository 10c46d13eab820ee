//! Attacks 17 and 18: what a build leaves behind must not lead an exporter to files of the host.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use files::Dir;
use oci::{Layer, Memory, Owners, Stamp, Store};
use sandbox::{Exit, Io};

use crate::suite::{Line, Run};
use crate::world::{World, payload};

const LIMIT: u64 = 1 << 20;
const READS: u32 = 100_000;

pub(crate) fn lines(world: &World) -> Vec<Line> {
    let canary = world.folder("hidden").join("canary");
    std::fs::write(&canary, "canary of the exporter").unwrap();
    let mut lines = traps(world, &canary);
    lines.push(race(world, &canary));
    lines
}

fn traps(world: &World, canary: &Path) -> Vec<Line> {
    let sandbox = world.sandbox_with("layers");
    let fact = format!("canary={}", canary.display());
    let outcome = world.run(&sandbox, &["traps", "layers=/layers", &fact]);
    assert_eq!(
        outcome.exit,
        Exit::Code(0),
        "{}{}",
        outcome.stdout,
        outcome.stderr
    );
    let layers = world.path("layers");
    let dir = Dir::open(&layers).unwrap();
    let safely = |name: &str| {
        taken(
            dir.read(Path::new(name), LIMIT)
                .map(Option::unwrap_or_default),
        )
    };
    let naively = |name: &str| taken(std::fs::read(layers.join(name)));
    let line = |what: &str, hardened, control| Line {
        number: 17,
        what: what.to_owned(),
        hardened,
        control: Ok(control),
    };
    vec![
        line(
            "metadata file is a link",
            safely("layer.toml"),
            naively("layer.toml"),
        ),
        line(
            "file behind a linked folder",
            safely("folder/canary"),
            naively("folder/canary"),
        ),
        line(
            "metadata file of 10 GiB",
            too_much(&dir),
            too_much_naively(&layers),
        ),
        line(
            "metadata file is a pipe",
            waits(&layers, safe_read),
            waits(&layers, naive_read),
        ),
        line(
            "layer with a link",
            packed(&layers.join("layer")),
            naively("layer/link"),
        ),
    ]
}

/// What a reader got: the canary, or a reason why not.
fn taken<E: std::fmt::Display>(read: Result<Vec<u8>, E>) -> Run {
    match read {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            Run {
                gained: text.contains("canary"),
                said: format!("read {} bytes", bytes.len()),
            }
        }
        Err(error) => Run {
            gained: false,
            said: last_words(&error),
        },
    }
}

fn last_words(error: &impl std::fmt::Display) -> String {
    let text = error.to_string();
    text.rsplit('/').next().unwrap_or_default().to_owned()
}

fn too_much(dir: &Dir) -> Run {
    match dir.read(Path::new("big.toml"), LIMIT) {
        Err(error) if error.kind() == files::ErrorKind::TooLarge => Run {
            gained: false,
            said: "refused, too large".to_owned(),
        },
        other => panic!("{other:?}"),
    }
}

fn too_much_naively(layers: &Path) -> Run {
    let length = std::fs::metadata(layers.join("big.toml")).unwrap().len();
    Run {
        gained: length > LIMIT,
        said: format!("would read {length} bytes"),
    }
}

fn safe_read(path: PathBuf) -> String {
    let dir = Dir::open(path.parent().unwrap()).unwrap();
    let read = dir.read(Path::new(path.file_name().unwrap()), LIMIT);
    read.map_or_else(|error| last_words(&error), |_| "read it".to_owned())
}

fn naive_read(path: PathBuf) -> String {
    std::fs::read(path).map_or_else(|error| error.to_string(), |_| "read it".to_owned())
}

/// Whether a reader hangs on a pipe that nobody writes to.
fn waits(layers: &Path, read: fn(PathBuf) -> String) -> Run {
    let pipe = layers.join("fifo.toml");
    let (tell, told) = channel();
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || tell.send(read(pipe)).unwrap()
    });
    let run = match told.recv_timeout(Duration::from_millis(500)) {
        Ok(said) => Run {
            gained: false,
            said,
        },
        Err(_) => Run {
            gained: true,
            said: "hangs".to_owned(),
        },
    };
    if run.gained {
        // Someone who writes, and ends it.
        drop(std::fs::File::options().write(true).open(&pipe).unwrap());
    }
    reader.join().unwrap();
    run
}

fn packed(layer: &Path) -> Run {
    let store = Memory::new();
    let store: Arc<dyn Store> = store;
    let stamp = Stamp {
        mtime: 0,
        owners: Owners::Written {
            uid: 1001,
            gid: 1000,
        },
    };
    let packed = Layer::pack(layer, Path::new("/layers/bp/layer"), &stamp, &store).unwrap();
    let mut tar = Vec::new();
    oci::decompress(
        &packed.blob.descriptor.media_type,
        packed.blob.open().unwrap(),
        LIMIT,
    )
    .unwrap()
    .read_to_end(&mut tar)
    .unwrap();
    let holds = |text: &str| {
        tar.windows(text.len())
            .any(|window| window == text.as_bytes())
    };
    assert!(holds("mine"), "the layer's own file is in the blob");
    let gained = holds("canary of the exporter");
    Run {
        gained,
        said: "the link is in the blob as a link".to_owned(),
    }
}

/// A buildpack that still runs swaps a folder for a link while the exporter reads through it.
fn race(world: &World, canary: &Path) -> Line {
    let sandbox = world.sandbox_with("racing");
    let facts = [
        "race",
        "layers=/racing",
        &format!("canary={}", canary.display()),
    ];
    let mut running = sandbox
        .start(&world.host, &payload(&facts), Io::Pipes)
        .unwrap();
    let mut racer = BufReader::new(running.stdout.take().unwrap());
    let mut ready = String::new();
    racer.read_line(&mut ready).unwrap();
    assert_eq!(ready, "racing\n");
    let folder = world.path("racing");
    let dir = Dir::open(&folder).unwrap();
    let hardened = many_reads(|| dir.read(Path::new("swap/canary"), LIMIT).ok().flatten());
    let control = many_reads(|| std::fs::read(folder.join("swap/canary")).ok());
    std::fs::write(folder.join("stop"), "").unwrap();
    let mut swaps = String::new();
    racer.read_to_string(&mut swaps).unwrap();
    assert_eq!(running.wait(None).unwrap(), Exit::Code(0), "{swaps}");
    let what = format!("swap folder and link, {READS} reads");
    Line {
        number: 18,
        what,
        hardened,
        control: Ok(control),
    }
}

fn many_reads(read: impl Fn() -> Option<Vec<u8>>) -> Run {
    let (mut canaries, mut harmless) = (0, 0);
    for _ in 0..READS {
        let bytes = read().unwrap_or_default();
        canaries += u32::from(bytes.starts_with(b"canary"));
        harmless += u32::from(bytes.starts_with(b"harmless"));
    }
    assert!(harmless > 0, "some reads hit the real folder");
    Run {
        gained: canaries > 0,
        said: format!("{canaries} canaries, {harmless} harmless"),
    }
}
