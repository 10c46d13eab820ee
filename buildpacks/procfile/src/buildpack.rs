//! What the lifecycle calls: is there a Procfile, and which processes does it declare?

use std::path::{Path, PathBuf};

use toolkit::{
    BuildContext, BuildPlan, Built, Context, DetectContext, Detection, Failure, Launch, LayerTypes,
    Process, Result, Scope,
};

use crate::command::command;
use crate::procfile::{Entries, Entry, parse};

/// Names that are not `Procfile` but look as if they were meant.
const MISSPELLED: [&str; 6] = [
    "procfile",
    "ProcFile",
    "PROCFILE",
    "Procfile.txt",
    "procfile.txt",
    "Profile",
];

/// A process of this type gets a port, and is what the image starts.
const WEB: &str = "web";

/// Where a web process listens when nobody says so; `slipway run`, Cloud Run and Heroku do say so.
const PORT: &str = "8080";

/// The buildpack.
#[derive(Debug, Clone, Copy)]
pub struct Procfile;

impl toolkit::Buildpack for Procfile {
    fn descriptor(&self) -> &'static str {
        crate::DESCRIPTOR
    }

    fn detect(&self, cx: &DetectContext<'_>) -> Result<Detection> {
        if sources(cx)?.is_empty() {
            return Ok(absent(&cx.app));
        }
        Ok(Detection::Pass(BuildPlan::default()))
    }

    fn build(&self, cx: &BuildContext<'_>) -> Result<Built> {
        let direct = cx.flag("BP_DIRECT_PROCESS")?;
        let mut processes: Vec<Process> = Vec::new();
        let mut lines: Vec<Entry> = Vec::new();
        for source in sources(cx)? {
            let found = parse(&source.text, &source.name)?;
            warn_of_replaced(cx, &found, &source.name);
            for entry in found.entries {
                // Sources come in the order of their rank: the first one that names a type decides.
                if processes
                    .iter()
                    .all(|known| known.process_type != entry.name)
                {
                    processes.push(process(&entry, direct, &source.name)?);
                    lines.push(entry);
                }
            }
        }
        if processes.is_empty() {
            return Err(
                Failure::new("SLP-SRC-103", "Procfile declares no process type")
                    .help("add a line such as: web: gunicorn app:app"),
            );
        }
        choose_default(&mut processes);
        for (process, line) in processes.iter().zip(&lines) {
            let default = if process.default { " (default)" } else { "" };
            cx.log
                .line(&format!("{}{default}: {}", line.name, line.command));
        }
        if processes.iter().any(|process| process.process_type == WEB) {
            let layer = cx.new_layer(
                "port",
                LayerTypes {
                    launch: true,
                    ..LayerTypes::default()
                },
            )?;
            layer.set_default(Scope::Process(WEB), "PORT", PORT)?;
            layer.finish()?;
        }
        Ok(Built {
            launch: Launch {
                processes,
                ..Launch::default()
            },
            ..Built::default()
        })
    }
}

/// Text with process types in it, and what to call it in messages.
struct Source {
    name: String,
    text: String,
}

/// All there are, highest rank first: a service binding, the file, the variable (the order of Paketo's buildpack).
fn sources(cx: &Context<'_>) -> Result<Vec<Source>> {
    let mut found = Vec::new();
    for file in bindings(&cx.platform.join("bindings"))? {
        found.extend(source(&file, &file.display().to_string())?);
    }
    found.extend(source(&cx.app.join("Procfile"), "Procfile")?);
    if let Some(command) = cx.variable("BP_PROCFILE_DEFAULT_PROCESS")? {
        found.push(Source {
            name: "BP_PROCFILE_DEFAULT_PROCESS".to_owned(),
            text: format!("{WEB}: {command}"),
        });
    }
    Ok(found)
}

fn source(file: &Path, name: &str) -> Result<Option<Source>> {
    if !file.is_file() {
        return Ok(None);
    }
    Ok(toolkit::read_text(file)?.map(|text| Source {
        name: name.to_owned(),
        text,
    }))
}

/// Files called `Procfile` in the bindings whose type is that, too.
fn bindings(folder: &Path) -> Result<Vec<PathBuf>> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let kind = toolkit::read_text(&entry.path().join("type"))?;
        if kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("procfile")) {
            found.push(entry.path().join("Procfile"));
        }
    }
    found.sort();
    Ok(found)
}

fn absent(app: &Path) -> Detection {
    let near = MISSPELLED.iter().find(|name| app.join(name).is_file());
    match near {
        Some(name) => Detection::fail("Procfile not found").help(format!(
            "found {name}; did you mean Procfile?  mv {name} Procfile"
        )),
        None => Detection::fail("Procfile not found")
            .help("add a Procfile with a line such as: web: gunicorn app:app"),
    }
}

fn process(entry: &Entry, direct: bool, file: &str) -> Result<Process> {
    Ok(Process {
        process_type: entry.name.clone(),
        command: command(entry, direct, file)?,
        direct: true,
        ..Process::default()
    })
}

/// `web`, or the only one.
fn choose_default(processes: &mut [Process]) {
    let only = processes.len() == 1;
    for process in processes {
        process.default = only || process.process_type == WEB;
    }
}

fn warn_of_replaced(cx: &BuildContext<'_>, found: &Entries, file: &str) {
    for entry in &found.replaced {
        cx.log.warning(
            "SLP-SRC-106",
            &format!(
                "`{}` in line {} of {file} is replaced by a later line of that name",
                entry.name, entry.line
            ),
            &[],
        );
    }
}
