//! Progress as lines that are only ever appended: for logs, pipes and, so far, terminals too.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use phases::{Element, Exit, LayerAction, Level, Phase};
use platform::{Event, Events};

use super::pulse::Pulse;
use super::style::{Style, harmless};
use super::units;

/// A download that goes on tells so this often.
const PROGRESS: Duration = Duration::from_secs(5);
/// More names than these are counted, not listed.
const LISTED: usize = 6;
/// More reasons than these are counted.
const REASONS: usize = 4;
/// Bytes per second of a line of 100 Mbit/s, for the estimate before a download.
const LINE: u64 = 12_500_000;

/// Writes events to stderr.
pub(crate) struct Plain {
    style: Style,
    verbose: bool,
    start: Instant,
    seen: Mutex<Seen>,
    pulse: Pulse,
}

/// What has been told but not written yet.
#[derive(Default)]
struct Seen {
    /// The last line that each buildpack wrote while it looked at the source.
    reasons: BTreeMap<String, String>,
    /// Buildpacks that were tried, in order.
    tried: Vec<(Element, Option<Exit>)>,
    group: Vec<Element>,
    added: (u64, u64),
    reused: u64,
    beat: Option<Instant>,
}

impl Plain {
    pub(crate) fn new(style: Style, verbose: bool) -> Plain {
        Plain {
            style,
            verbose,
            start: Instant::now(),
            seen: Mutex::default(),
            pulse: Pulse::default(),
        }
    }

    /// One line with its word on the left, such as `Finished`.
    pub(crate) fn line(&self, word: &str, text: &str) {
        let padded = format!("{word:>9}");
        self.write(&format!("{}  {text}", self.style.green(&padded)));
    }

    pub(crate) fn warn(&self, text: &str) {
        self.write(&format!(
            "{}: {}",
            self.style.yellow("warning"),
            harmless(text)
        ));
    }

    fn note(&self, text: &str) {
        self.write(&format!("{}: {}", self.style.bold("note"), harmless(text)));
    }

    fn more(&self, text: &str) {
        self.write(&format!("             {text}"));
    }

    /// Says what is being waited for, if nothing was said for a while. To be called now and then.
    pub(crate) fn beat(&self) {
        if let Some((what, took)) = self.pulse.due() {
            self.more(&format!("… {what} ({})", units::duration(took)));
        }
    }

    /// A stderr that nobody reads must not stop the work.
    fn write(&self, line: &str) {
        self.pulse.said();
        let _ = writeln!(std::io::stderr().lock(), "{line}");
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn phase(&self, event: phases::Event) {
        use phases::Event as Told;
        match event {
            Told::Running {
                phase: Phase::Build,
                element,
            } => {
                self.line("Build", &named(&element));
                self.pulse.begin(format!("building with {}", element.id));
            }
            Told::Ran {
                phase: Phase::Build,
                ..
            } => self.pulse.end(),
            Told::Ran {
                phase: Phase::Detect,
                element,
                exit,
                ..
            } => self.seen().tried.push((element, exit)),
            Told::Output {
                phase: Phase::Detect,
                element,
                line,
                ..
            } => self.considered(&element, &line),
            Told::Output {
                phase,
                element,
                line,
                ..
            } => {
                self.write(&format!("[{phase} {}] {}", element.id, harmless(&line)));
            }
            Told::Detected { group } => self.seen().group = group,
            Told::Layer { action, size, .. } => self.layer(action, size),
            Told::Started {
                phase: Phase::Export,
            } => self.pulse.begin("exporting the image".to_owned()),
            Told::Said {
                level: Level::Warning,
                text,
            } => self.warn(&text),
            Told::Said {
                level: Level::Info,
                text,
            } if self.verbose => self.more(&harmless(&text)),
            _ => {}
        }
    }

    /// Keeps the last thing that a buildpack said while it looked at the source.
    fn considered(&self, element: &Element, line: &str) {
        let line = harmless(line.trim());
        if !line.is_empty() && !line.starts_with("help:") {
            self.seen().reasons.insert(element.to_string(), line);
        }
    }

    fn layer(&self, action: LayerAction, bytes: u64) {
        let mut seen = self.seen();
        match action {
            LayerAction::Added => seen.added = (seen.added.0 + 1, seen.added.1 + bytes),
            LayerAction::Reused => seen.reused += 1,
        }
    }

    fn source(&self, path: &std::path::Path, files: u64, bytes: u64, left_out: &[PathBuf]) {
        let out = if left_out.is_empty() {
            String::new()
        } else {
            format!("  (left out: {})", gathered(left_out))
        };
        let counted = units::count(files, "file");
        self.line(
            "Source",
            &format!(
                "{}  {counted}, {}{out}",
                path.display(),
                units::bytes(bytes)
            ),
        );
    }

    fn rebuilding(&self, name: &str, reasons: &[String]) {
        let more = match reasons.len().saturating_sub(REASONS) {
            0 => String::new(),
            more => format!(", {more} more: slipway cache why {name}"),
        };
        let shown: Vec<&str> = reasons.iter().take(REASONS).map(String::as_str).collect();
        self.line("Rebuild", &format!("{}{more}", harmless(&shown.join(", "))));
    }

    fn detected(&self, took: Duration) {
        let mut seen = self.seen();
        let tried = std::mem::take(&mut seen.tried);
        let number = u64::try_from(tried.len()).unwrap_or_default();
        self.line(
            "Detect",
            &format!(
                "{} in {}",
                units::count(number, "buildpack"),
                units::duration(took)
            ),
        );
        for element in &seen.group {
            self.more(&format!(
                "{} {}{}",
                self.style.green("✓"),
                named(element),
                reason(&seen, element)
            ));
        }
        let mut shown: Vec<&Element> = seen.group.iter().collect();
        for (element, _) in &tried {
            if !shown.contains(&element) {
                self.more(&format!("– {}{}", named(element), reason(&seen, element)));
                shown.push(element);
            }
        }
    }

    fn exported(&self, took: Duration) {
        let seen = self.seen();
        let (added, bytes) = seen.added;
        let reused = if seen.reused > 0 {
            format!(", {} reused", seen.reused)
        } else {
            String::new()
        };
        let text = format!(
            "{}, {} new{reused}  in {}",
            units::count(added, "layer"),
            units::bytes(bytes),
            units::duration(took)
        );
        self.line("Export", &text);
    }

    fn downloaded(&self, bytes: u64, total: u64) {
        let mut seen = self.seen();
        let beat = seen.beat.get_or_insert(self.start);
        if beat.elapsed() >= PROGRESS {
            seen.beat = Some(Instant::now());
            self.more(&format!(
                "{} of {}",
                units::bytes(bytes),
                units::bytes(total)
            ));
        }
    }
}

impl Events for Plain {
    fn tell(&self, event: Event) {
        match event {
            Event::Source {
                path,
                files,
                bytes,
                left_out,
                special,
            } => {
                self.source(&path, files, bytes, &left_out);
                if !special.is_empty() {
                    self.warn(&format!(
                        "sockets and devices cannot be in an image: {}",
                        gathered(&special)
                    ));
                }
            }
            Event::Rebuilding { name, reasons } => self.rebuilding(&name, &reasons),
            Event::Downloading {
                what,
                bytes,
                packages,
            } => {
                let seconds = bytes / LINE + 1;
                let packages = units::count(u64::try_from(packages).unwrap_or_default(), "package");
                self.line(
                    "Download",
                    &format!("{} of {what} ({packages}), once per machine: about {seconds} s at 100 Mbit/s", units::bytes(bytes)),
                );
                self.seen().beat = Some(Instant::now());
            }
            Event::Downloaded { bytes, total } => self.downloaded(bytes, total),
            Event::Base { name, bytes } => {
                self.line("Base", &format!("{name}  {}", units::bytes(bytes)));
            }
            Event::Working { what } => self.pulse.begin(what),
            Event::Worked => self.pulse.end(),
            Event::Warning { text } => self.warn(&text),
            Event::Note { text } => self.note(&text),
            Event::Phase { told } => self.phase(told),
            Event::PhaseDone {
                phase: Phase::Detect,
                took,
            } => self.detected(took),
            Event::PhaseDone {
                phase: Phase::Export,
                took,
            } => self.exported(took),
            Event::Listening { name, url } => {
                self.line("Run", &format!("{name} on {url}  (Ctrl-C stops it)"));
            }
            Event::Image {
                names,
                bytes,
                layers,
                unchanged,
                ..
            } => {
                let layers = units::count(u64::try_from(layers).unwrap_or_default(), "layer");
                let took = units::duration(self.start.elapsed());
                self.line(
                    if unchanged { "Unchanged" } else { "Finished" },
                    &format!(
                        "{}  {} in {layers}  in {took}",
                        names.join(", "),
                        units::bytes(bytes)
                    ),
                );
            }
            _ => {}
        }
    }
}

fn named(element: &Element) -> String {
    harmless(&format!("{} {}", element.id, element.version))
}

fn reason(seen: &Seen, element: &Element) -> String {
    seen.reasons
        .get(&element.to_string())
        .map(|reason| format!("  {reason}"))
        .unwrap_or_default()
}

/// Names, those in several folders counted: `.git, 3 × __pycache__`.
fn gathered(paths: &[PathBuf]) -> String {
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for path in paths {
        let name = path.file_name().unwrap_or_default();
        let is_bytecode = path.extension().is_some_and(|extension| extension == "pyc");
        let name = if is_bytecode {
            "*.pyc".to_owned()
        } else {
            harmless(&name.to_string_lossy())
        };
        *counts.entry(name).or_default() += 1;
    }
    let more = counts.len().saturating_sub(LISTED);
    let mut shown: Vec<String> = counts
        .into_iter()
        .take(LISTED)
        .map(|(name, count)| {
            if count == 1 {
                name
            } else {
                format!("{count} × {name}")
            }
        })
        .collect();
    if more > 0 {
        shown.push(format!("{more} more"));
    }
    shown.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_of_one_name_are_counted() {
        let paths = [".git", "a/__pycache__", "b/__pycache__", "x.pyc", "y.pyc"].map(PathBuf::from);
        assert_eq!(gathered(&paths), "2 × *.pyc, .git, 2 × __pycache__");
    }
}
