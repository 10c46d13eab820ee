//! Runs the group's `bin/build` in order.

mod layer_dirs;
mod outputs;
mod processes;
mod run;
mod sbom;

use std::path::Path;

use cnb::{BomEntry, Environment, Group, GroupElement, Metadata, Plan};
use files::Dir;

use self::outputs::Outputs;
use self::processes::Processes;
use self::run::Bench;
use crate::detect::target;
use crate::inside::{Inside, failed};
use crate::modules::{Modules, verify_group};
use crate::scratch::Counter;
use crate::write::replace;
use crate::{Error, ErrorKind, Event, Level, Phase, Result, Workshop, messages};

pub(crate) use layer_dirs::{is_toml, layer_name};

/// What the buildpacks said about the application.
#[derive(Debug, Clone)]
pub struct Built {
    /// As it is in `<layers>/config/metadata.toml`.
    pub metadata: Metadata,
}

/// Builds: every buildpack of the group in order, each seeing the environment its predecessors made.
///
/// Writes `<layers>/config/metadata.toml` and `<layers>/sbom`.
///
/// Spec: platform.md, "builder"; buildpack.md, "Build".
pub fn build(cx: &Workshop<'_>, group: &Group, plan: &Plan) -> Result<Built> {
    cx.events.tell(Event::Started {
        phase: Phase::Build,
    });
    let built = run_group(cx, group, plan).map_err(|error| error.in_phase(Phase::Build))?;
    cx.events.tell(Event::Finished {
        phase: Phase::Build,
    });
    Ok(built)
}

fn run_group(cx: &Workshop<'_>, group: &Group, plan: &Plan) -> Result<Built> {
    verify_group(group)?;
    let inside = Inside::open(&cx.dirs.root)?;
    let mut modules = Modules::new(cx.dirs, &inside);
    let layers = &cx.dirs.layers;
    let absent = || {
        Error::new(
            ErrorKind::Io,
            format!("opening {}: it does not exist", layers.display()),
        )
    };
    let root = inside.folder(layers)?.ok_or_else(absent)?;
    root.remove_tree(Path::new("sbom"))
        .map_err(|cause| failed("removing", &layers.join("sbom"), cause))?;

    let target = target::complete(cx.target, &inside)?;
    let counter = Counter::default();
    let bench = Bench {
        cx,
        inside: &inside,
        layers: &root,
        target: &target,
        counter: &counter,
    };
    let mut env = Environment::for_build(cx.environ.clone());
    let mut left = plan.clone();
    let mut all = Collected::default();
    for element in &group.buildpacks {
        let module = modules.find(&element.id, &element.version, false)?;
        let wanted = left.part_of(&element.id, false);
        let outputs = run::run(&bench, &module, &wanted, &mut env)
            .map_err(|error| error.named(&module.element))?;
        left = left.without(&outputs.met);
        all.add(cx, element, outputs);
    }
    finish(cx, group, &root, all)
}

/// What all buildpacks said, in their order.
#[derive(Debug, Default)]
struct Collected {
    metadata: Metadata,
    processes: Processes,
    build_bom: Vec<BomEntry>,
    sboms: Vec<sbom::Sbom>,
}

impl Collected {
    fn add(&mut self, cx: &Workshop<'_>, element: &GroupElement, outputs: Outputs) {
        let warn = |text: String| {
            cx.events.tell(Event::Said {
                level: Level::Warning,
                text,
            });
        };
        for process in &outputs.launch.ignored_working_dirs {
            warn(messages::working_dir_ignored(process));
        }
        let whose = |mut entry: BomEntry| {
            entry.buildpack = GroupElement {
                id: element.id.clone(),
                version: element.version.clone(),
                ..GroupElement::default()
            };
            entry
        };
        self.metadata
            .bom
            .extend(outputs.launch.bom.into_iter().map(whose));
        self.build_bom.extend(outputs.bom.into_iter().map(whose));
        self.metadata.labels.extend(outputs.launch.labels);
        self.metadata.slices.extend(outputs.launch.slices);
        self.sboms.extend(outputs.sboms);
        if let Some(redefined) = self.processes.add(&element.id, outputs.launch.processes) {
            warn(messages::default_redefined(&redefined));
        }
    }
}

/// Writes what the exporter and the launcher read.
fn finish(cx: &Workshop<'_>, group: &Group, layers: &Dir, all: Collected) -> Result<Built> {
    if cx.api.has_sbom_layer() {
        sbom::copy(layers, &all.sboms)?;
    }
    let mut metadata = all.metadata;
    if !cx.api.has_bom_in_label() {
        sbom::write_legacy(layers, "launch", &std::mem::take(&mut metadata.bom))?;
        sbom::write_legacy(layers, "build", &all.build_bom)?;
    }
    metadata.buildpacks.clone_from(&group.buildpacks);
    metadata.extensions.clone_from(&group.extensions);
    for extension in &mut metadata.extensions {
        extension.extension = false;
        extension.optional = false;
    }
    let (processes, default) = all.processes.finish();
    metadata.processes = processes
        .into_iter()
        .map(|process| process.for_platform(cx.api))
        .collect();
    metadata.buildpack_default_process_type = default;
    let text = metadata
        .to_toml(cx.api)
        .map_err(|cause| Error::new(ErrorKind::Format, "writing metadata.toml").because(cause))?;
    replace(layers, Path::new("config/metadata.toml"), text.as_bytes())?;
    Ok(Built { metadata })
}
