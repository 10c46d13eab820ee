//! `slipway inspect`: what an image is.

use platform::inspect::{Inspected, inspect};
use platform::name;

use super::Outcome;
use crate::exit;
use crate::session::Session;
use crate::ui::table::table;
use crate::ui::{stdout, units};

/// Show what an image is made of and what it starts
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Image to look at
    #[arg(value_name = "NAME")]
    name: String,
    /// Print everything as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

const EXAMPLES: &str = "\
Examples:
  slipway inspect shop
  slipway inspect shop --json | jq -r .digest";

pub(crate) fn run(session: &Session, args: &Args) -> Outcome {
    let inspected = inspect(&session.told(), &name::parse(&args.name)?)?;
    if args.json {
        stdout::json(&inspected)?;
    } else {
        stdout::print(&text(&inspected))?;
    }
    Ok(exit::DONE)
}

fn text(image: &Inspected) -> String {
    let mut rows = Vec::new();
    let mut add = |word: &str, what: String| rows.push(vec![format!("  {word}"), what]);
    add("platform", image.platform.clone());
    add(
        "created",
        image
            .created
            .clone()
            .unwrap_or_else(|| "unknown".to_owned()),
    );
    let percent = (image.efficiency.score * 1000.0).floor() / 10.0;
    let layers = count(image.layers.len(), "layer");
    add(
        "size",
        format!(
            "{} in {layers}, efficiency {percent} %",
            units::bytes(image.bytes)
        ),
    );
    if let Some(base) = &image.run_image {
        add(
            "run image",
            format!(
                "{}  {} in {}",
                base.name,
                units::bytes(base.bytes),
                count(base.layers, "layer")
            ),
        );
    }
    if let Some(user) = &image.user {
        add("user", user.clone());
    }
    for buildpack in &image.buildpacks {
        add(
            "buildpack",
            format!("{} {}", buildpack.id, buildpack.version),
        );
    }
    for process in &image.processes {
        let star = if process.default { "*" } else { "" };
        add(
            "process",
            format!("{}{star}  {}", process.name, process.command),
        );
    }
    format!(
        "{}@{}\n{}{}",
        image.name,
        image.digest,
        table(&rows),
        layers_of(image)
    )
}

fn layers_of(image: &Inspected) -> String {
    let rows: Vec<Vec<String>> = image
        .layers
        .iter()
        .map(|layer| {
            vec![
                "  layer    ".to_owned(),
                units::bytes(layer.bytes),
                layer.holds.clone(),
            ]
        })
        .collect();
    table(&rows)
}

fn count(number: usize, what: &str) -> String {
    units::count(u64::try_from(number).unwrap_or(u64::MAX), what)
}
