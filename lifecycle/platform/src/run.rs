//! Starts an image as a container on this machine: its own files, the machine's network, the caller's terminal.

use std::ffi::OsString;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use files::Dir;
use oci::{Image, Images, Reference};
use sandbox::{Command, Exit, Io, Limits, Network, Root, Sandbox, Stage};

use crate::error::{Doing, Error, ErrorKind, Result};
use crate::event::Event;
use crate::host::Host;
use crate::rootfs::Rootfs;
use crate::workdir::Workdir;
use crate::{detect, processes, rootfs};

/// Starts processes in images.
const LAUNCHER: &str = "/cnb/lifecycle/launcher";
/// Where web processes listen unless somebody says otherwise.
const PORT: u16 = 8080;
/// So many ports after [`PORT`] are tried.
const PORTS: u16 = 100;
/// A list of users is far smaller.
const PASSWD_BYTES: u64 = 1 << 20;
const KILL: i32 = 9;
/// Whoever presses Ctrl-C so often means it.
const PATIENCE: usize = 2;

/// What to start and how.
#[derive(Debug, Clone)]
pub struct Request {
    pub name: Reference,
    /// Variables for the process, over those of the image.
    pub env: Vec<(String, OsString)>,
    /// The process type; the image's default without.
    pub process: Option<String>,
    /// Arguments for the process type when one is given, else a command to run in the image.
    pub command: Vec<OsString>,
}

/// Runs the image until its process ends; gives its exit status as a shell would.
pub fn run(host: &Host<'_>, request: &Request) -> Result<i32> {
    let store = host.images()?;
    host.sweep()?;
    let image = store
        .find(&request.name)
        .doing(format!("looking for {}", request.name.as_typed()))?;
    let image = image.ok_or_else(|| no_image(&request.name))?;
    let start = Start::of(&image, request)?;
    let mut env = environment(host, &image, request, start.listens)?;

    let id = host.id()?;
    host.events.tell(Event::Working {
        what: "unpacking the image".to_owned(),
    });
    let rootfs = rootfs::unpack(&image, &host.state.layers(), id)?;
    host.events.tell(Event::Worked);
    let workdir = Workdir::create(&host.state.runs(), host.stop)?;
    let (upper, work) = (workdir.path().join("upper"), workdir.path().join("work"));
    for dir in [&upper, &work] {
        std::fs::create_dir(dir).doing("making the scratch folder of the container")?;
    }
    id.give(workdir.path())
        .doing("giving the scratch folder to the user of the sandbox")?;

    let (uid, gid) = detect::user_of(&image).unwrap_or((0, 0));
    let sandbox = Sandbox {
        root: Root::Scratch {
            lower: rootfs.layers.clone(),
            upper,
            work,
        },
        mounts: Vec::new(),
        network: Network::Host,
        uid,
        gid,
        hostname: hostname(&request.name),
        limits: Limits::default(),
        stage: Stage::Payload,
    };
    if !env.iter().any(|(name, _)| name == "HOME") {
        env.push(("HOME".into(), home(&rootfs, uid).into()));
    }
    let command = Command {
        program: start.program,
        args: start.args,
        env,
        dir: working_dir(&image),
    };
    host.stop.check()?;
    let running = sandbox
        .start(&id, &command, Io::Inherit)
        .doing(format!("starting {}", request.name.as_typed()))?;
    let pass_on = |signal, number| {
        let _ = running.signal(if number > PATIENCE { KILL } else { signal });
    };
    let exit = host
        .stop
        .during(pass_on, || running.wait(None))
        .doing("waiting for the container")?;
    Ok(match exit {
        Exit::Code(code) => code,
        Exit::Signal(signal) => 128 + signal,
    })
}

pub(crate) fn no_image(name: &Reference) -> Error {
    Error::new(
        ErrorKind::NoImage,
        format!("there is no image {}", name.as_typed()),
    )
    .help(format!(
        "build it: slipway build SOURCE -t {}",
        name.as_typed()
    ))
    .help("see what is there: slipway image ls")
}

/// What is executed in the image.
struct Start {
    program: PathBuf,
    args: Vec<OsString>,
    /// It is expected to listen on `$PORT`.
    listens: bool,
}

impl Start {
    fn of(image: &Image, request: &Request) -> Result<Start> {
        if let Some(wanted) = &request.process {
            let types = processes::types(image);
            if !types.contains(wanted) {
                let error = Error::new(
                    ErrorKind::NoProcess,
                    format!("{} has no process {wanted}", request.name.as_typed()),
                );
                return Err(error.help(format!("its processes: {}", types.join(", "))));
            }
            let program = processes::link(wanted).into();
            return Ok(Start {
                program,
                args: request.command.clone(),
                listens: wanted == "web",
            });
        }
        if !request.command.is_empty() {
            return Ok(Start {
                program: LAUNCHER.into(),
                args: request.command.clone(),
                listens: false,
            });
        }
        Start::default_of(image, request)
    }

    fn default_of(image: &Image, request: &Request) -> Result<Start> {
        let mut words = image.config().entrypoint();
        words.extend(image.config().cmd());
        let (Some(program), args) = (words.first(), words.get(1..).unwrap_or_default()) else {
            return Err(nothing_to_start(image, request));
        };
        let default = processes::default_type(image);
        if default.is_none() && *program == LAUNCHER && args.is_empty() {
            return Err(nothing_to_start(image, request));
        }
        Ok(Start {
            program: program.into(),
            args: args.iter().map(OsString::from).collect(),
            listens: default == Some("web"),
        })
    }
}

fn nothing_to_start(image: &Image, request: &Request) -> Error {
    let name = request.name.as_typed();
    let types = processes::types(image);
    let error = Error::new(
        ErrorKind::NoProcess,
        format!("{name} has no default process"),
    );
    match types.first() {
        Some(first) => error.help(format!(
            "choose one of {}: slipway run {name} --process {first}",
            types.join(", ")
        )),
        None => error
            .help(format!(
                "give a command: slipway run {name} -- python3 app.py"
            ))
            .help("or say how the application starts in a Procfile: web: gunicorn app:app"),
    }
}

/// The image's variables, the user's over them, and a port that is free.
fn environment(
    host: &Host<'_>,
    image: &Image,
    request: &Request,
    listens: bool,
) -> Result<Vec<(OsString, OsString)>> {
    let mut env: Vec<(OsString, OsString)> = image
        .config()
        .env()
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    let mut set = |name: &str, value: OsString| {
        env.retain(|(known, _)| known != name);
        env.push((name.into(), value));
    };
    for (name, value) in &request.env {
        set(name, value.clone());
    }
    let chosen = request
        .env
        .iter()
        .find(|(name, _)| name == "PORT")
        .map(|(_, value)| value.clone());
    let port = if let Some(port) = chosen {
        port_of_user(&port)?
    } else {
        let port = free_port(host, listens);
        set("PORT", port.to_string().into());
        Some(port).filter(|_| listens)
    };
    if let Some(port) = port {
        let url = format!("http://localhost:{port}");
        host.events.tell(Event::Listening {
            name: request.name.as_typed().to_owned(),
            url,
        });
    }
    Ok(env)
}

/// The user's own port has to be free; something that is no number is the application's affair.
fn port_of_user(port: &OsString) -> Result<Option<u16>> {
    let Some(port) = port.to_str().and_then(|port| port.parse().ok()) else {
        return Ok(None);
    };
    if is_free(port) {
        return Ok(Some(port));
    }
    let error = Error::new(
        ErrorKind::Usage,
        format!("port {port} is taken by another program"),
    );
    Err(error
        .help("choose another one: -e PORT=NUMBER")
        .help(format!("see who has it: ss -ltnp 'sport = :{port}'")))
}

fn free_port(host: &Host<'_>, listens: bool) -> u16 {
    let free = (PORT..PORT + PORTS)
        .find(|port| is_free(*port))
        .unwrap_or(PORT);
    if free != PORT && listens {
        let text = format!(
            "port {PORT} is taken by another program; using {free} (choose with -e PORT=NUMBER)"
        );
        host.events.tell(Event::Note { text });
    }
    free
}

/// Whether somebody can listen there, on all addresses as servers in containers do.
fn is_free(port: u16) -> bool {
    TcpListener::bind(("0.0.0.0", port)).is_ok()
}

fn working_dir(image: &Image) -> PathBuf {
    match image.config().working_dir() {
        Some(dir) if dir.starts_with('/') => Path::new(dir).to_owned(),
        _ => PathBuf::from("/"),
    }
}

/// The home folder of a user as the image's own /etc/passwd has it, as docker does.
fn home(rootfs: &Rootfs, uid: u32) -> PathBuf {
    let passwd = |layer: &PathBuf| {
        Dir::open(layer)
            .ok()?
            .read(Path::new("etc/passwd"), PASSWD_BYTES)
            .ok()?
    };
    let text = rootfs.layers.iter().find_map(passwd).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let fields = |line: &str| -> Option<PathBuf> {
        let fields: Vec<&str> = line.split(':').collect();
        (fields.get(2)?.parse() == Ok(uid)).then(|| fields.get(5).map(PathBuf::from))?
    };
    text.lines()
        .find_map(fields)
        .unwrap_or_else(|| PathBuf::from("/"))
}

/// The last part of the image's name, as far as a host name may have it.
fn hostname(name: &Reference) -> String {
    let path = name.repository().path();
    let last = path.rsplit('/').next().unwrap_or(path);
    last.chars()
        .map(|char| {
            if char.is_ascii_alphanumeric() {
                char
            } else {
                '-'
            }
        })
        .take(63)
        .collect()
}

#[cfg(test)]
mod tests;
