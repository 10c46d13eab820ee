//! Many programs at one store.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use crashrec::{images, judge};
use oci::{Digest, Images, Local, Memory, Reference, Store};

use crate::{Result, text, world};

const WRITERS: usize = 16;
const CHURNING: usize = 2;
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
