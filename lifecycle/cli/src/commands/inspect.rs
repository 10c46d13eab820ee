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
    let created = image.created.as_deref().unwrap_or("unknown");
    let mut text = format!("{}@{}\n", image.name, image.digest);
    let mut add = |word: &str, what: String| text.push_str(&format!("  {word:<10} {what}\n"));
    add("platform", image.platform.clone());
    add("created", created.to_owned());
    let parts = (image.efficiency.score * 1000.0).floor() / 10.0;
    add(
        "size",
        format!(
            "{} in {}, efficiency {parts} %",
            units::bytes(image.bytes),
            count(image.layers.len(), "layer")
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
    text.push_str(&layers(image));
    text
}

fn layers(image: &Inspected) -> String {
    let rows: Vec<Vec<String>> = image
        .layers
        .iter()
        .map(|layer| {
            vec![
                "  layer     ".to_owned(),
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
