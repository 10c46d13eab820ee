//! `slipway image`: the images in the store.

use std::ffi::OsString;
use std::io::{BufWriter, IsTerminal, Write};
use std::path::PathBuf;

use platform::images::{self, Listed};
use platform::inspect::{self, Entry, Step};
use platform::mount::mount as look;
use platform::{Archive, Error, ErrorKind, name};
use serde_json::json;

use super::Outcome;
use crate::exit;
use crate::session::Session;
use crate::ui::style::harmless;
use crate::ui::table::table;
use crate::ui::{stdout, units};

/// List, name, remove, save and look into images
#[derive(clap::Subcommand)]
#[command(after_help = EXAMPLES)]
pub(crate) enum Command {
    Ls(Ls),
    Tag(Tag),
    Rm(Rm),
    Save(Save),
    History(History),
    Tree(Tree),
    Mount(Mount),
}

const EXAMPLES: &str = "\
Examples:
  slipway image ls
  slipway image tag shop shop:1.0
  slipway image tree shop /workspace
  slipway image mount shop -- ls -l workspace
  slipway image save shop | docker load
  slipway image rm shop";

/// List the images
#[derive(clap::Args)]
pub(crate) struct Ls {
    /// Also the base images that builds stand on
    #[arg(long)]
    all: bool,
    /// Print the list as JSON
    #[arg(long)]
    json: bool,
}

/// Give an image further names
#[derive(clap::Args)]
pub(crate) struct Tag {
    /// Image to name
    #[arg(value_name = "NAME")]
    name: String,
    /// Further names; one that another image has moves to this one
    #[arg(required = true, value_name = "NEW")]
    names: Vec<String>,
    /// Print the new names as JSON
    #[arg(long)]
    json: bool,
}

/// Show the steps that made an image, the latest first
#[derive(clap::Args)]
pub(crate) struct History {
    #[arg(value_name = "NAME")]
    name: String,
    /// Print the steps as JSON, the oldest first
    #[arg(long)]
    json: bool,
}

/// Show the files of an image
#[derive(clap::Args)]
#[command(after_help = "Columns: kind and mode, owner, size, layer (lowest 0), path.")]
pub(crate) struct Tree {
    #[arg(value_name = "NAME")]
    name: String,
    /// File or folder to show
    #[arg(value_name = "PATH", default_value = "/")]
    below: String,
    /// Print the files as JSON
    #[arg(long)]
    json: bool,
}

/// Remove images, and what no other image needs
#[derive(clap::Args)]
pub(crate) struct Rm {
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    /// Print the removed names as JSON
    #[arg(long)]
    json: bool,
}

/// Write an image as a file for other programs
#[derive(clap::Args)]
#[command(after_help = SAVE_EXAMPLES)]
pub(crate) struct Save {
    /// Image to save
    #[arg(value_name = "NAME")]
    name: String,
    /// docker-archive (for docker and podman) or oci-archive
    #[arg(long, default_value = "docker-archive", value_name = "KIND")]
    format: String,
    /// File to write instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Look into an image with your own programs: its files as a folder, read-only
#[derive(clap::Args)]
#[command(after_help = MOUNT_EXAMPLES)]
pub(crate) struct Mount {
    /// Image to look into
    #[arg(value_name = "NAME")]
    name: String,
    /// Program of this machine to start in the image's top folder, with its arguments [default: your shell]
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "COMMAND"
    )]
    command: Vec<OsString>,
}

const MOUNT_EXAMPLES: &str = "\
Examples:
  slipway image mount shop                   a shell in its top folder; `exit` ends it
  slipway image mount shop -- ls -l workspace
  slipway image mount shop -- find . -name '*.so' -size +1M
  slipway image mount shop -- cp -r workspace /tmp/shop
  slipway image mount shop -- sh -c 'diff -r \"$SLIPWAY_MOUNT/workspace\" ~/shop'

The command sees this machine as it is, and the image in the folder where it starts, which
$SLIPWAY_MOUNT names too. Nobody else sees that folder, and it is gone when the command has ended.
No root is needed and nothing in the image runs; for that there is `slipway run`. An absolute link
in the image leads to this machine's own file. The exit code is that of the command.";

const SAVE_EXAMPLES: &str = "\
Examples:
  slipway image save shop | docker load
  slipway image save shop --format oci-archive -o shop.tar
  skopeo copy oci-archive:shop.tar docker://registry.example/shop";

impl Command {
    /// Whether a program runs that gets the signals.
    pub(super) fn runs_a_program(&self) -> bool {
        matches!(self, Command::Mount(_))
    }

    pub(super) fn wants_json(&self) -> bool {
        match self {
            Command::Ls(args) => args.json,
            Command::Tag(args) => args.json,
            Command::Rm(args) => args.json,
            Command::Save(_) | Command::Mount(_) => false,
            Command::History(args) => args.json,
            Command::Tree(args) => args.json,
        }
    }
}

pub(crate) fn run(session: &Session, command: &Command) -> Outcome {
    match command {
        Command::Ls(args) => ls(session, args)?,
        Command::Tag(args) => tag(session, args)?,
        Command::Rm(args) => rm(session, args)?,
        Command::Save(args) => save(session, args)?,
        Command::History(args) => history(session, args)?,
        Command::Tree(args) => tree(session, args)?,
        Command::Mount(args) => return mount(session, args),
    }
    Ok(exit::DONE)
}

fn ls(session: &Session, args: &Ls) -> Result<(), Error> {
    let mut listed = images::list(&session.told())?;
    listed.retain(|image| args.all || !image.base);
    if args.json {
        return stdout::json(&listed);
    }
    if listed.is_empty() {
        session.plain.line(
            "Images",
            "none yet; build one: slipway build SOURCE -t NAME",
        );
        return Ok(());
    }
    let head = ["NAME", "DIGEST", "SIZE", "CREATED"]
        .map(str::to_owned)
        .to_vec();
    let rows: Vec<Vec<String>> = std::iter::once(head)
        .chain(listed.iter().map(row))
        .collect();
    stdout::print(&table(&rows))
}

/// Twelve digits of a digest are enough for people.
fn row(image: &Listed) -> Vec<String> {
    let digest: String = image.digest.chars().take("sha256:".len() + 12).collect();
    let created = image.created.as_deref().unwrap_or_default();
    vec![
        image.name.clone(),
        digest,
        units::bytes(image.bytes),
        created.to_owned(),
    ]
}

fn rm(session: &Session, args: &Rm) -> Result<(), Error> {
    let names = args
        .names
        .iter()
        .map(|name| name::parse(name))
        .collect::<Result<Vec<_>, _>>()?;
    images::remove(&session.told(), &names)?;
    let removed: Vec<String> = names.iter().map(name::familiar).collect();
    if args.json {
        return stdout::json(&json!({"removed": removed}));
    }
    stdout::lines(removed.into_iter())
}

fn tag(session: &Session, args: &Tag) -> Result<(), Error> {
    let image = name::parse(&args.name)?;
    let names = args
        .names
        .iter()
        .map(|name| name::parse(name))
        .collect::<Result<Vec<_>, _>>()?;
    images::tag(&session.told(), &image, &names)?;
    let named: Vec<String> = names.iter().map(name::familiar).collect();
    if args.json {
        return stdout::json(&json!({"named": named}));
    }
    stdout::lines(named.into_iter())
}

fn history(session: &Session, args: &History) -> Result<(), Error> {
    let steps = inspect::history(&session.told(), &name::parse(&args.name)?)?;
    if args.json {
        return stdout::json(&steps);
    }
    let head = ["SIZE", "HOLDS", "CREATED BY"].map(str::to_owned).to_vec();
    let rows: Vec<Vec<String>> = std::iter::once(head)
        .chain(steps.iter().rev().map(step))
        .collect();
    stdout::print(&table(&rows))
}

fn step(step: &Step) -> Vec<String> {
    let layer = step.layer.as_ref();
    vec![
        layer.map_or_else(String::new, |layer| units::bytes(layer.bytes)),
        layer.map_or_else(String::new, |layer| harmless(&layer.holds)),
        harmless(step.created_by.as_deref().unwrap_or_default()),
    ]
}

fn tree(session: &Session, args: &Tree) -> Result<(), Error> {
    let files = inspect::files(&session.told(), &name::parse(&args.name)?, &args.below)?;
    if args.json {
        return stdout::json(&files);
    }
    let rows: Vec<Vec<String>> = files.iter().map(file).collect();
    stdout::print(&table(&rows))
}

fn file(entry: &Entry) -> Vec<String> {
    let link = entry.link.as_ref().map(|link| format!(" -> {link}"));
    vec![
        format!("{}{:04o}", entry.kind, entry.mode & 0o7777),
        format!("{}:{}", entry.uid, entry.gid),
        units::bytes(entry.bytes),
        entry.layer.to_string(),
        harmless(&format!("{}{}", entry.path, link.unwrap_or_default())),
    ]
}

fn mount(session: &Session, args: &Mount) -> Outcome {
    let code = look(&session.told(), &name::parse(&args.name)?, &args.command)?;
    Ok(u8::try_from(code).unwrap_or(exit::FAILED))
}

fn save(session: &Session, args: &Save) -> Result<(), Error> {
    let image = name::parse(&args.name)?;
    let archive: Archive = args.format.parse()?;
    let host = session.told();
    if let Some(file) = &args.output {
        return images::save(&host, &image, archive, Some(file), &mut std::io::sink());
    }
    if std::io::stdout().is_terminal() {
        let error = Error::new(ErrorKind::Usage, "an image does not go onto a terminal");
        return Err(error
            .help(format!(
                "hand it to docker: slipway image save {} | docker load",
                args.name
            ))
            .help("or write a file: -o FILE"));
    }
    let mut out = BufWriter::with_capacity(1 << 20, std::io::stdout().lock());
    images::save(&host, &image, archive, None, &mut out)?;
    out.flush()
        .map_err(|cause| Error::new(ErrorKind::Other, "writing to stdout").because(cause))
}
