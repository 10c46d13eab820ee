//! Many programs at one store, and many builds at one state folder.

use std::fmt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crashrec::{images, judge};
use oci::{Digest, Images, Local, Memory, Reference, Store};

use crate::home::{self, Home};
use crate::patience::finish;
use crate::world::World;
use crate::{Result, text, world};

const WRITERS: usize = 16;
const CHURNING: usize = 2;
/// Of many builds, at least; else four times as long as they take one after the other.
const PATIENCE: Duration = Duration::from_mins(2);
/// Between two collections: who waits for the store's lock asks less often the longer it waits, and would hardly ever get it.
const PAUSE: Duration = Duration::from_millis(10);

/// Sixteen programs publish sixteen images under sixteen names, and all of them also under one, at once.
/// Returns how many names lead to their image; the shared one must lead to one of them.
pub fn sixteen(program: &Path) -> Result<usize> {
    let scratch = world::scratch()?;
    let writers: Vec<Child> = (0..WRITERS)
        .map(|writer| spawn(program, "publish-as", scratch.path(), writer))
        .collect::<Result<_>>()?;
    wait(writers)?;
    let store = Local::open(scratch.path())?;
    let digests: Vec<Digest> = (0..WRITERS)
        .map(|writer| digest(writer as u64))
        .collect::<Result<_>>()?;
    let leads_to = |name: &Reference| -> Option<Digest> {
        let image = store.find(name).ok()??;
        images::verify(&image).ok()?;
        Some(image.digest())
    };
    let shared = leads_to(&shared());
    if !shared.is_some_and(|digest| digests.contains(&digest)) {
        return Err(format!("the shared name leads to {shared:?}").into());
    }
    let survive = (0..WRITERS)
        .filter(|writer| leads_to(&images::reference(*writer, 0)) == Some(digests[*writer]));
    Ok(survive.count())
}

fn digest(seed: u64) -> Result<Digest> {
    let memory: Arc<dyn Store> = Memory::new();
    Ok(images::image(seed, &memory)?.digest())
}

fn shared() -> Reference {
    images::reference(WRITERS, 0)
}

/// What each of the sixteen does.
pub fn publish_as(store: &Path, writer: usize) -> Result<()> {
    let store = Local::open(store)?;
    let as_store: Arc<dyn Store> = store.clone();
    let image = images::image(writer as u64, &as_store)?;
    store.publish(&image, &[images::reference(writer, 0), shared()])?;
    Ok(())
}

/// What came of many builds at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Builds {
    pub builds: usize,
    /// What was wrong, in words.
    pub flaws: Vec<String>,
    /// In seconds, of the whole crowd and of its slowest build.
    pub wall: f64,
    pub slowest: f64,
    /// Of one build alone.
    pub alone: f64,
}

impl fmt::Display for Builds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.builds;
        let each = self.wall / f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        write!(
            f,
            "{count} builds at once in {:.1} s, the slowest {:.1} s; {each:.2} s each beside {:.2} s alone: {} flawed",
            self.wall,
            self.slowest,
            self.alone,
            self.flaws.len()
        )
    }
}

/// So many builds start at once in one state folder: of three applications, each with a name of its own or one that all builds of
/// that application have. All must succeed, in time, and equal sources make equal images.
pub fn builds(slipway: &Path, state: &Path, count: usize) -> Result<Builds> {
    let scratch = world::scratch()?;
    let world = scratch.path().join("world");
    let home = Home::new(slipway, state);
    home.prepare(&world)?;
    let begin = Instant::now();
    let alone = timed(&mut home.named_build(&world, "one", "alone"))?;
    let expected = home::SOURCES
        .map(|source| digest_of(&timed(&mut home.named_build(&world, source, source))?.1));
    let expected: Vec<String> = expected.into_iter().collect::<Result<_>>()?;
    let patience = PATIENCE.max(begin.elapsed() * u32::try_from(count)?);
    let begin = Instant::now();
    let members: Vec<_> = (0..count)
        .map(|member| {
            let source = home::SOURCES[member % home::SOURCES.len()];
            let name = match member % 2 {
                0 => format!("own-{member}"),
                _ => format!("shared-{source}"),
            };
            let mut command = home.named_build(&world, source, &name);
            let expected = expected[member % expected.len()].clone();
            std::thread::spawn(move || -> Result<f64> {
                let (took, stdout) = timed(&mut command)?;
                let digest = digest_of(&stdout)?;
                if digest != expected {
                    return Err(format!("{name} is {digest}, not {expected}").into());
                }
                Ok(took)
            })
        })
        .collect();
    let (mut flaws, mut slowest) = (Vec::new(), 0.0_f64);
    for member in members {
        match member.join().map_err(|_| "a thread panicked")? {
            Ok(took) => slowest = slowest.max(took),
            Err(error) => flaws.push(error.to_string()),
        }
    }
    let wall = begin.elapsed();
    if wall > patience {
        flaws.push(format!("it took longer than {} s", patience.as_secs()));
    }
    flaws.extend(home.state(&world).1);
    flaws.extend(home::orphans(&world));
    let verified = Local::open(&world.join(home::HOME).join("store"))?.verify()?;
    if !verified.is_none() {
        flaws.push(format!("the store: {verified:?}"));
    }
    Ok(Builds {
        builds: count,
        flaws,
        wall: wall.as_secs_f64(),
        slowest,
        alone: alone.0,
    })
}

/// Seconds and standard output of a command that succeeds.
fn timed(command: &mut Command) -> Result<(f64, String)> {
    let begin = Instant::now();
    let output = finish(command)?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        return Err(format!("a build: {}: {}", output.status, text.trim()).into());
    }
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok((begin.elapsed().as_secs_f64(), stdout))
}

/// Of the line `NAME@DIGEST`.
fn digest_of(stdout: &str) -> Result<String> {
    let (_, digest) = stdout.trim().rsplit_once('@').ok_or("no image was named")?;
    Ok(digest.to_owned())
}

/// What came of collecting garbage while others write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Churn {
    pub rounds: usize,
    /// Collections that ran meanwhile.
    pub collections: usize,
    /// Rounds whose image could not be read whole afterwards.
    pub broken: usize,
}

/// Two programs publish, move and remove names for so many rounds in all, while a third one collects again and again.
pub fn churn(program: &Path, rounds: usize) -> Result<Churn> {
    let scratch = world::scratch()?;
    drop(Local::open(scratch.path())?);
    let end = scratch.path().join("end");
    let collector = spawn(program, "collect-until", scratch.path(), 0)?;
    let writers: Vec<Child> = (0..CHURNING)
        .map(|writer| spawn_with(program, "churn", scratch.path(), writer, rounds / CHURNING))
        .collect::<Result<_>>()?;
    let broken = wait(writers);
    std::fs::write(&end, "")?;
    let collections = wait(vec![collector])?;
    let number = |texts: Vec<String>| -> Result<usize> {
        let numbers = texts.iter().map(|text| text.trim().parse::<usize>());
        Ok(numbers.sum::<std::result::Result<usize, _>>()?)
    };
    let store = Local::open(scratch.path())?;
    let broken_names = judge::broken_names(&store);
    for name in &broken_names {
        eprintln!("{name}");
    }
    Ok(Churn {
        rounds: rounds / CHURNING * CHURNING,
        collections: number(collections)?,
        broken: number(broken?)? + broken_names.len(),
    })
}

/// Writes one image after the other under three names and reads each as another program would; says how many were broken.
pub fn churn_as(store: &Path, writer: usize, rounds: usize) -> Result<()> {
    let mut broken = 0;
    for round in 0..rounds {
        let name = images::reference(writer, round % 3);
        if let Err(error) = churn_once(store, &name, (1000 * writer + round) as u64) {
            eprintln!("writer {writer}, round {round}: {}", text(&*error));
            broken += 1;
        }
    }
    println!("{broken}");
    Ok(())
}

fn churn_once(path: &Path, name: &Reference, seed: u64) -> Result<()> {
    let store = Local::open(path)?;
    let as_store: Arc<dyn Store> = store.clone();
    let image = images::image(seed, &as_store)?;
    store.publish(&image, std::slice::from_ref(name))?;
    drop((store, as_store));
    let store = Local::open(path)?;
    let found = store.find(name)?.ok_or("the name is gone")?;
    // What was found stays readable although its name goes away and collections run.
    store.remove(name)?;
    images::verify(&found)?;
    store.publish(&found, std::slice::from_ref(name))?;
    Ok(())
}

/// Collects again and again until somebody says so; says how often.
pub fn collect_until_told(path: &Path) -> Result<()> {
    let mut collections = 0;
    while !path.join("end").exists() {
        Local::open(path)?.collect()?;
        collections += 1;
        std::thread::sleep(PAUSE);
    }
    println!("{collections}");
    Ok(())
}

fn spawn(program: &Path, what: &str, store: &Path, writer: usize) -> Result<Child> {
    spawn_with(program, what, store, writer, 0)
}

fn spawn_with(
    program: &Path,
    what: &str,
    store: &Path,
    writer: usize,
    rounds: usize,
) -> Result<Child> {
    let mut command = Command::new(program);
    command.arg("member").arg(what).arg(store);
    command.arg(writer.to_string()).arg(rounds.to_string());
    Ok(command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?)
}

/// What each of them said; all of them have ended.
fn wait(children: Vec<Child>) -> Result<Vec<String>> {
    let outputs: Vec<_> = children.into_iter().map(Child::wait_with_output).collect();
    let mut texts = Vec::new();
    for output in outputs {
        let output = output?;
        if !output.status.success() {
            return Err(format!("a program of the crowd: {}", output.status).into());
        }
        texts.push(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Ok(texts)
}
