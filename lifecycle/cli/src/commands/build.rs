//! `slipway build`: a folder becomes an image.

use platform::build::{Built, Request, build};
use platform::{Error, Output, name};
use serde_json::json;

use super::{Failed, Outcome, inputs};
use crate::exit;
use crate::session::Session;
use crate::ui::stdout;

/// Build an image from a folder
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    inputs: inputs::Common,
    /// Name of the image, also several; without one localhost/NAME of the project
    #[arg(short, long = "tag", value_name = "NAME")]
    tags: Vec<String>,
    /// Where the image goes, also several: store, oci:FOLDER, oci-archive:FILE, docker-archive:FILE [default: store]
    #[arg(short, long = "output", value_name = "WHERE")]
    outputs: Vec<String>,
    /// Build as if for the first time: reuse neither the last image nor cached layers
    #[arg(long)]
    clear_cache: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

const EXAMPLES: &str = "\
Examples:
  slipway build                                this folder, named after it
  slipway build ./shop -t shop -t shop:2
  slipway build . -t shop -e BP_PIP_REQUIREMENT=requirements/prod.txt
  slipway build . -t shop --buildpack ./my-buildpack
  slipway build . -t shop -o docker-archive:shop.tar

Prints NAME@DIGEST. Exit codes: 20 no buildpack fits, 51 a buildpack failed,
69 this machine allows no sandbox, 75 no network.";

pub(crate) fn run(session: &Session, args: &Args) -> Outcome {
    let request = args.request(session)?;
    let host = session.told();
    let built = build(&host, &request).map_err(|error| args.failed(error))?;
    next(session, &built, &request);
    result(&built, args.json)?;
    Ok(exit::DONE)
}

impl Args {
    fn request(&self, session: &Session) -> Result<Request, Error> {
        let names = match self.tags.as_slice() {
            [] => vec![name::of_source(&self.inputs.source)?],
            tags => tags
                .iter()
                .map(|tag| name::parse(tag))
                .collect::<Result<_, _>>()?,
        };
        let outputs = match self.outputs.as_slice() {
            [] => vec![Output::Store],
            outputs => outputs
                .iter()
                .map(|output| output.parse())
                .collect::<Result<_, _>>()?,
        };
        let inputs = self.inputs.inputs(&session.environment)?;
        Ok(Request {
            inputs,
            names,
            outputs,
            created: session.environment.created()?,
            clear_cache: self.clear_cache,
        })
    }

    fn failed(&self, error: Error) -> Failed {
        Failed {
            state: Some("no image was changed"),
            ..self.inputs.failed(error)
        }
    }
}

/// What can be done with the image now.
fn next(session: &Session, built: &Built, request: &Request) {
    let name = built.names.first().map(name::familiar).unwrap_or_default();
    for output in &request.outputs {
        match output {
            Output::Store => {
                session
                    .plain
                    .line("Run", &format!("slipway run {name}{}", processes(built)));
                session
                    .plain
                    .line("Load", &format!("slipway image save {name} | docker load"));
            }
            Output::Oci(dir) => session.plain.line(
                "Copy",
                &format!("skopeo copy oci:{} docker://{name}", dir.display()),
            ),
            Output::Archive(platform::Archive::Docker, file) => {
                session
                    .plain
                    .line("Load", &format!("docker load -i {}", file.display()));
            }
            Output::Archive(platform::Archive::Oci, file) => {
                session.plain.line(
                    "Copy",
                    &format!("skopeo copy oci-archive:{} docker://{name}", file.display()),
                );
            }
        }
    }
}

fn processes(built: &Built) -> String {
    match built.processes.as_slice() {
        [] => " -- COMMAND".to_owned(),
        types => format!("    ({})", types.join(", ")),
    }
}

fn result(built: &Built, json: bool) -> Result<(), Error> {
    let digest = built.image.digest();
    if json {
        let names: Vec<String> = built.names.iter().map(name::familiar).collect();
        return stdout::json(&json!({
            "names": names,
            "digest": digest.to_string(),
            "bytes": built.image.size(),
            "layers": built.image.layers().len(),
            "processes": built.processes,
        }));
    }
    stdout::lines(
        built
            .names
            .iter()
            .map(|name| format!("{}@{digest}", name::familiar(name))),
    )
}
