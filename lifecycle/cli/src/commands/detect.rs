//! `slipway detect`: which buildpacks fit a folder, and why others do not.

use platform::detect::{Detected, detect};
use serde_json::json;

use super::{Outcome, inputs};
use crate::exit;
use crate::session::Session;
use crate::ui::stdout;

/// Show which buildpacks fit a folder, and why others do not
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    inputs: inputs::Common,
    /// Print the group and the plan as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

const EXAMPLES: &str = "\
Examples:
  slipway detect ./shop
  slipway detect ./shop --buildpack ./my-buildpack --json

Exit code 20 when no buildpack fits.";

pub(crate) fn run(session: &Session, args: &Args) -> Outcome {
    let inputs = args.inputs.inputs(&session.environment)?;
    let host = session.told();
    let detected = detect(&host, &inputs).map_err(|error| args.inputs.failed(error))?;
    if args.json {
        stdout::json(&as_json(&detected))?;
    } else {
        let group = detected.group.buildpacks.iter();
        stdout::lines(group.map(|element| format!("{}@{}", element.id.as_str(), element.version)))?;
    }
    Ok(exit::DONE)
}

fn as_json(detected: &Detected) -> serde_json::Value {
    let group: Vec<_> = detected
        .group
        .buildpacks
        .iter()
        .map(|element| json!({"id": element.id.as_str(), "version": element.version, "api": element.api}))
        .collect();
    json!({"group": group, "plan": detected.plan})
}
