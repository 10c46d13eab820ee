//! `slipway image`: the images in the store.

use std::io::{BufWriter, IsTerminal, Write};
use std::path::PathBuf;

use platform::images::{self, Listed};
use platform::{Archive, Error, ErrorKind, name};
use serde_json::json;

use super::Outcome;
use crate::exit;
use crate::session::Session;
use crate::ui::table::table;
use crate::ui::{stdout, units};

/// List, remove and save images
#[derive(clap::Subcommand)]
#[command(after_help = EXAMPLES)]
pub(crate) enum Command {
    Ls(Ls),
    Rm(Rm),
    Save(Save),
}

const EXAMPLES: &str = "\
Examples:
  slipway image ls
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

const SAVE_EXAMPLES: &str = "\
Examples:
  slipway image save shop | docker load
  slipway image save shop --format oci-archive -o shop.tar
  skopeo copy oci-archive:shop.tar docker://registry.example/shop";

impl Command {
    pub(super) fn wants_json(&self) -> bool {
        match self {
            Command::Ls(args) => args.json,
            Command::Rm(args) => args.json,
            Command::Save(_) => false,
        }
    }
}

pub(crate) fn run(session: &Session, command: &Command) -> Outcome {
    match command {
        Command::Ls(args) => ls(session, args)?,
        Command::Rm(args) => rm(session, args)?,
        Command::Save(args) => save(session, args)?,
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
