//! Recordings of workers at work, cut at random moments, judged and healed; what came of it is counted.

use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::ScopedJoinHandle;

use oci::{Digest, Local};

use crate::judge::{self, Flaws};
use crate::plan::{self, Step};
use crate::toy::{self, Omit};
use crate::{Cut, FileSystem, Mounted, Random, Recorder, Recording, Result, text, worker};

/// Moments tried per recording: the next ones come from another recording with other work.
const PER_RECORDING: usize = 40;
/// Of each writer in a recording.
const STEPS: usize = 10;

/// Whose work is cut.
pub trait Subject {
    /// The program of each writer, which works in `dir`.
    fn commands(&self, dir: &Path) -> Vec<Command>;
    /// What is wrong in `dir`; `done` says how many steps of each writer were acknowledged.
    fn judge(&self, dir: &Path, done: &[usize]) -> Flaws;
    /// What is wrong in `dir` after everybody did all of the work again.
    fn judge_healed(&self, dir: &Path) -> Flaws;
    /// What the writers were at.
    fn moment(&self, done: &[usize]) -> String;
}

/// Writers of the image store; `seed` chooses their steps.
pub struct StoreWriters {
    program: PathBuf,
    seed: u64,
    steps: Vec<Vec<Step>>,
    digests: Vec<Digest>,
    syncs: bool,
}

impl StoreWriters {
    /// `program` is this rig's own.
    pub fn new(program: &Path, seed: u64, writers: usize, steps: usize) -> Result<StoreWriters> {
        let steps = (0..writers).map(|writer| plan::steps(seed, writer, steps));
        Ok(StoreWriters {
            program: program.to_owned(),
            seed,
            steps: steps.collect(),
            digests: plan::digests()?,
            syncs: true,
        })
    }

    /// The same writers, whose syncs do nothing: strace answers them.
    pub fn without_syncs(self) -> StoreWriters {
        StoreWriters {
            syncs: false,
            ..self
        }
    }

    fn command(&self, dir: &Path, writer: usize) -> Command {
        let mut command = if self.syncs {
            Command::new(&self.program)
        } else {
            let mut strace = Command::new("strace");
            strace.args(["-f", "-qq", "-o", "/dev/null"]);
            strace.args(["-e", "trace=fsync,fdatasync"]);
            strace.args(["-e", "inject=fsync,fdatasync:retval=0"]);
            strace.arg(&self.program);
            strace
        };
        command.arg("worker").arg(dir);
        for number in [self.seed, writer as u64, self.steps[writer].len() as u64] {
            command.arg(number.to_string());
        }
        command
    }
}

impl Subject for StoreWriters {
    fn commands(&self, dir: &Path) -> Vec<Command> {
        (0..self.steps.len())
            .map(|writer| self.command(dir, writer))
            .collect()
    }

    fn judge(&self, dir: &Path, done: &[usize]) -> Flaws {
        judge::judge(dir, &self.steps, done, &self.digests)
    }

    fn judge_healed(&self, dir: &Path) -> Flaws {
        let done: Vec<usize> = self.steps.iter().map(Vec::len).collect();
        let mut flaws = self.judge(dir, &done);
        flaws.broken.extend(residue(&worker::store_dir(dir)));
        flaws
    }

    fn moment(&self, done: &[usize]) -> String {
        let moments = self.steps.iter().zip(done).map(|(steps, done)| {
            let (past, next) = steps.split_at(*done);
            format!("done {past:?}, at work on {:?}", next.first())
        });
        moments.collect::<Vec<_>>().join("; ")
    }
}

/// What a store still has to complain about or to tidy after a collection.
fn residue(store: &Path) -> Vec<String> {
    let checked = Local::open(store).and_then(|store| {
        store.collect()?;
        store.check()
    });
    let mut residue = match checked {
        Ok(damage) if damage.is_none() => Vec::new(),
        Ok(damage) => vec![format!("the check found {damage:?}")],
        Err(error) => vec![text(&error)],
    };
    match judge::leftovers(store) {
        Ok(paths) => residue.extend(paths.iter().map(|path| format!("{path} is left"))),
        Err(error) => residue.push(format!("looking for leftovers: {error}")),
    }
    residue
}

/// The store of the seeded bugs.
pub struct Toy {
    pub program: PathBuf,
    pub omit: Omit,
}

impl Subject for Toy {
    fn commands(&self, dir: &Path) -> Vec<Command> {
        let mut command = Command::new(&self.program);
        command.arg("toy").arg(dir).arg(self.omit.name());
        vec![command]
    }

    fn judge(&self, dir: &Path, done: &[usize]) -> Flaws {
        toy::judge(dir, done[0])
    }

    fn judge_healed(&self, dir: &Path) -> Flaws {
        toy::judge(dir, toy::COMMITS)
    }

    fn moment(&self, done: &[usize]) -> String {
        format!("{} commits done", done[0])
    }
}

/// What came of the points of one file system.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Counts {
    pub recordings: usize,
    pub writes: usize,
    pub flushes: usize,
    pub acknowledged: usize,
    pub points: usize,
    /// Points at which something acknowledged was lost.
    pub lost: usize,
    /// Points at which something visible was broken.
    pub broken: usize,
    /// Points after which doing the same again left everything in order.
    pub healed: usize,
    /// Points after which it did not.
    pub unhealed: usize,
}

impl Counts {
    fn add(&mut self, flaws: &Flaws, unhealed: &[String]) {
        self.points += 1;
        self.lost += usize::from(!flaws.lost.is_empty());
        self.broken += usize::from(!flaws.broken.is_empty());
        self.healed += usize::from(unhealed.is_empty());
        self.unhealed += usize::from(!unhealed.is_empty());
    }

    pub fn clean(&self) -> bool {
        self.points > 0 && self.lost == 0 && self.broken == 0 && self.unhealed == 0
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} points ({} recordings, {} writes, {} flushes, {} acknowledged): {} lost, {} visible-broken, {} healed, {} not healed",
            self.points,
            self.recordings,
            self.writes,
            self.flushes,
            self.acknowledged,
            self.lost,
            self.broken,
            self.healed,
            self.unhealed
        )
    }
}

/// Cuts the work of store writers at so many points. A disk that is not in order afterwards is kept in `keep`.
pub fn sweep(
    program: &Path,
    kind: FileSystem,
    points: usize,
    writers: usize,
    seed: u64,
    keep: Option<&Path>,
) -> Result<Counts> {
    let mut counts = Counts::default();
    let mut random = Random::new(seed);
    while counts.points < points {
        let subject = StoreWriters::new(program, random.number() >> 1, writers, STEPS)?;
        let recording = record(&subject, kind)?;
        counts.recordings += 1;
        counts.writes += recording.writes();
        counts.flushes += recording.flushes();
        counts.acknowledged += recording.acknowledged();
        let count = PER_RECORDING.min(points - counts.points);
        for cut in recording.cuts(count, &mut random) {
            let flaws = flaws_at(&subject, kind, &recording, &cut)?;
            let unhealed = unhealed_at(&subject, kind, &recording, &cut)?;
            let lines = [flaws.lines(), unhealed.clone()].concat();
            counts.add(&flaws, &unhealed);
            if !lines.is_empty() {
                let moment = subject.moment(&recording.done(&cut, writers));
                report(kind, counts.points, &cut, &moment, &lines);
                if let Some(keep) = keep {
                    let name = format!("{}-{}.img", kind.name(), counts.points);
                    recording.disk(&cut).save(&keep.join(name))?;
                }
            }
        }
    }
    Ok(counts)
}

fn report(kind: FileSystem, point: usize, cut: &Cut, moment: &str, lines: &[String]) {
    eprintln!("{} point {point}, {cut:?}:", kind.name());
    eprintln!("  {moment}");
    for line in lines {
        eprintln!("  {line}");
    }
}

/// At how many of so many points something was wrong, and how many flushes there were to cut at.
pub fn caught(
    subject: &dyn Subject,
    kind: FileSystem,
    points: usize,
    seed: u64,
) -> Result<(usize, usize)> {
    let mut caught = 0;
    let recording = record(subject, kind)?;
    for cut in recording.cuts(points, &mut Random::new(seed)) {
        caught += usize::from(!flaws_at(subject, kind, &recording, &cut)?.none());
    }
    Ok((caught, recording.flushes()))
}

/// Lets all writers do their work on a fresh file system.
fn record(subject: &dyn Subject, kind: FileSystem) -> Result<Recording> {
    let mounted = Mounted::fresh(kind)?;
    let base = mounted.recorder.record();
    let mut writers: Vec<Child> = Vec::new();
    for mut command in subject.commands(mounted.root()) {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        writers.push(command.spawn()?);
    }
    let heard: Vec<Result<()>> = std::thread::scope(|scope| {
        let recorder = &mounted.recorder;
        let listeners: Vec<_> = writers
            .iter_mut()
            .enumerate()
            .map(|(number, writer)| scope.spawn(move || listen(writer, number, recorder)))
            .collect();
        let joined = listeners.into_iter().map(ScopedJoinHandle::join);
        joined
            .map(|heard| heard.unwrap_or_else(|_| Err("a listener panicked".into())))
            .collect()
    });
    let events = mounted.recorder.stop();
    heard.into_iter().collect::<Result<()>>()?;
    Ok(Recording::new(base, events))
}

/// Notes each acknowledgement, then lets the writer go on.
fn listen(writer: &mut Child, number: usize, recorder: &Recorder) -> Result<()> {
    let lines = BufReader::new(writer.stdout.take().ok_or("no output")?).lines();
    let mut answers = writer.stdin.take().ok_or("no input")?;
    for line in lines {
        let line = line?;
        let step = line
            .strip_prefix("done ")
            .and_then(|rest| rest.split(' ').next()?.parse().ok())
            .ok_or_else(|| format!("a writer says {line:?}"))?;
        recorder.done(number, step);
        answers.write_all(b"go on\n")?;
    }
    let status = writer.wait()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("writer {number}: {status}").into())
    }
}

fn flaws_at(
    subject: &dyn Subject,
    kind: FileSystem,
    recording: &Recording,
    cut: &Cut,
) -> Result<Flaws> {
    let mounted = Mounted::recovered(recording.disk(cut), kind)?;
    let writers = subject.commands(mounted.root()).len();
    Ok(subject.judge(mounted.root(), &recording.done(cut, writers)))
}

/// Does all of the work again on the disk, without having looked at it before; what is wrong after that.
fn unhealed_at(
    subject: &dyn Subject,
    kind: FileSystem,
    recording: &Recording,
    cut: &Cut,
) -> Result<Vec<String>> {
    let mounted = Mounted::recovered(recording.disk(cut), kind)?;
    for mut command in subject.commands(mounted.root()) {
        let output = command.stdin(Stdio::null()).output()?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            return Ok(vec![format!(
                "not healed: {}: {}",
                output.status,
                text.trim()
            )]);
        }
    }
    let flaws = subject.judge_healed(mounted.root());
    let lines = flaws.lines().into_iter();
    Ok(lines.map(|line| format!("not healed: {line}")).collect())
}
