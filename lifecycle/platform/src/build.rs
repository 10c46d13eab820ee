//! The whole build: analyze, restore and export here, detect and build in the sandbox.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use cnb::labels::LauncherMetadata;
use cnb::{ProjectMetadata, RunImageNames};
use oci::{Digest, Image, Images, Local, Reference, Store};
use phases::{
    AnalyzeRequest, Analyzed, Context, ExportRequest, Launcher, Owners, Phase, Work, job,
};

use crate::brought::Brought;
use crate::detect::{self, Detected};
use crate::error::{Doing, Error, ErrorKind, Result};
use crate::event::{Event, Through};
use crate::host::Host;
use crate::outputs::{self, Output};
use crate::reuse::{self, Reuse};
use crate::site::{self, Inputs, Site, api};
use crate::source::{self, Found};
use crate::unchanged::{self, Ingredients, LastBuild, Seen};
use crate::{base, builder, rootfs, wheels};

/// What to build and where it goes.
#[derive(Debug, Clone)]
pub struct Request {
    pub inputs: Inputs,
    /// At least one; the first one is also the image whose layers are reused.
    pub names: Vec<Reference>,
    /// At least one.
    pub outputs: Vec<Output>,
    /// Time of everything in the image, in seconds since 1970; [`phases::export::CREATED`] unless the user sets one.
    pub created: i64,
    /// Whether to build as if for the first time, reusing nothing of earlier builds.
    pub clear_cache: bool,
}

/// The image that was built.
#[derive(Debug, Clone)]
pub struct Built {
    pub image: Image,
    pub names: Vec<Reference>,
    /// Process types, the default one first.
    pub processes: Vec<String>,
}

/// Owners in native images: build user for layers, so that applications cannot change their dependencies.
const LAYERS: (u32, u32) = (1001, 1000);
/// The run image's user when it does not say so in numbers.
const APP: (u32, u32) = (1002, 1000);

/// Builds an image from a source folder and puts it where it is wanted.
///
/// When everything that it is made from is as it was when the last image of its name was built, that image is the answer.
pub fn build(host: &Host<'_>, request: &Request) -> Result<Built> {
    let name = request.names.first().ok_or_else(nameless)?;
    let store = host.images()?;
    let mut last = LastBuild::of(host, name);
    let brought = Brought::gather(host.caller, &last.memory)?;
    if !request.clear_cache
        && let Some(built) = unchanged(host, &store, request, &brought, &mut last)?
    {
        return Ok(built);
    }
    let site = Site::prepare(host, &store, &request.inputs, &brought, &mut last.memory)?;
    let build = Build {
        host,
        site: &site,
        store: &store,
        request,
    };
    let image = build.run()?;
    host.stop.check()?;
    outputs::write(&image, &request.names, &request.outputs, &store)?;
    let built = told(host, request, image, false);
    if brought.is_unchanged(&last.memory) && request.outputs.contains(&Output::Store) {
        remember(host, &site, request, &mut last, &built.image);
    }
    drop(site);
    tidy_up(host, &store)?;
    Ok(built)
}

fn nameless() -> Error {
    Error::new(ErrorKind::Usage, "an image needs a name")
}

/// The image of the last build, when nothing has changed since; it is where it is wanted then.
fn unchanged(
    host: &Host<'_>,
    store: &Arc<Local>,
    request: &Request,
    brought: &Brought,
    last: &mut LastBuild,
) -> Result<Option<Built>> {
    // What cannot be looked at is for the build to complain about.
    let Ok(Some(Looked { image, key, source })) = look(host, store, request, brought, last) else {
        return Ok(None);
    };
    host.stop.check()?;
    site::tell(host, &request.inputs.source, source);
    let moved = outputs::write_again(&image, &request.names, &request.outputs, store)?;
    let built = told(host, request, image, true);
    if last.memory.grew() {
        keep(host, last, key, &built.image);
    }
    if moved {
        tidy_up(host, store)?;
    }
    Ok(Some(built))
}

/// What was found of the last build.
struct Looked {
    image: Image,
    key: Digest,
    source: Found,
}

fn look(
    host: &Host<'_>,
    store: &Arc<Local>,
    request: &Request,
    brought: &Brought,
    last: &mut LastBuild,
) -> Result<Option<Looked>> {
    let Some(name) = request.names.first().filter(|_| last.made_something()) else {
        return Ok(None);
    };
    let Some(bases) = base::found(host, store)? else {
        return Ok(None);
    };
    let inputs = &request.inputs;
    let memory = &mut last.memory;
    let source = source::look(&inputs.source, &host.state.tops(), memory)?;
    let seen = Seen {
        source: source.digest,
        buildpacks: builder::look(&inputs.buildpacks, memory)?,
        brought: brought.digest,
    };
    let ingredients = Ingredients {
        request,
        name,
        program: unchanged::program(memory)?,
        bases: &bases,
        seen: &seen,
    };
    let found = ingredients.key().and_then(|key| {
        let image = last.image(name, key, store)?;
        Some(Looked { image, key, source })
    });
    Ok(found)
}

/// Lets the next build know from what this image was made. That it cannot is worth a warning only.
fn remember(
    host: &Host<'_>,
    site: &Site<'_>,
    request: &Request,
    last: &mut LastBuild,
    image: &Image,
) {
    let (Some(name), Ok(program)) = (request.names.first(), unchanged::program(&mut last.memory))
    else {
        return;
    };
    let ingredients = Ingredients {
        request,
        name,
        program,
        bases: &site.bases,
        seen: &site.seen,
    };
    if let Some(key) = ingredients.key() {
        keep(host, last, key, image);
    }
}

fn keep(host: &Host<'_>, last: &LastBuild, key: Digest, image: &Image) {
    if let Err(error) = last.keep(key, image) {
        warn(host, &error);
    }
}

fn warn(host: &Host<'_>, error: &Error) {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    host.events.tell(Event::Warning {
        text: format!("{error}{}", cause.unwrap_or_default()),
    });
}

fn told(host: &Host<'_>, request: &Request, image: Image, unchanged: bool) -> Built {
    host.events.tell(Event::Image {
        names: request.names.iter().map(crate::name::familiar).collect(),
        digest: image.digest(),
        bytes: image.size(),
        layers: image.layers().len(),
        unchanged,
    });
    Built {
        processes: crate::processes::types(&image),
        image,
        names: request.names.clone(),
    }
}

struct Build<'a> {
    host: &'a Host<'a>,
    site: &'a Site<'a>,
    store: &'a Arc<Local>,
    request: &'a Request,
}

impl Build<'_> {
    fn run(&self) -> Result<Image> {
        let events = Through(self.host.events);
        let cx = Context {
            dirs: &self.site.dirs,
            api: api(),
            events: &events,
        };
        let analyzed = self.analyze(&cx)?;
        let target = detect::target(&analyzed.file);
        let Detected { group, plan } = detect::in_site(self.site, self.host, &target)?;

        let reuse = self.reuse()?;
        let cache = reuse.as_ref().map(Reuse::path);
        let unpacked = |diff_id, at: &Path| reuse.as_ref().is_some_and(|it| it.take(diff_id, at));
        phases::restore_with(&cx, &analyzed.file, &group, cache, &unpacked)
            .doing("restoring layers of the last build")?;
        let start = Instant::now();
        let results = self.site.work(&target, Work::build(&group, &plan))?;
        job::built(&results, api()).doing("reading what was built")?;
        self.done(Phase::Build, start);

        let start = Instant::now();
        let image = self.export(&cx, &analyzed, &group)?;
        let kept = match &reuse {
            Some(reuse) => self.keep(&cx, &analyzed, &group, reuse)?,
            None => Vec::new(),
        };
        self.share(&results, &kept);
        if let Some(reuse) = &reuse {
            reuse.give(&kept)?;
        }
        self.done(Phase::Export, start);
        Ok(image)
    }

    fn analyze(&self, cx: &Context<'_>) -> Result<Analyzed> {
        let images: &dyn Images = &**self.store;
        let request = AnalyzeRequest {
            previous: self.previous(),
            run_image: self.site.bases.run.name.clone(),
        };
        phases::analyze(cx, images, &request).doing("looking at the images")
    }

    /// The image that is asked what can be reused.
    fn previous(&self) -> Option<Reference> {
        let first = self.request.names.first().cloned();
        first.filter(|_| !self.request.clear_cache)
    }

    fn export(&self, cx: &Context<'_>, analyzed: &Analyzed, group: &cnb::Group) -> Result<Image> {
        let request = ExportRequest {
            analyzed,
            group,
            launcher: Launcher {
                bytes: self.host.payload.launcher,
                metadata: launcher(),
            },
            run_image: RunImageNames {
                image: self.site.bases.run.name.to_string(),
                mirrors: Vec::new(),
            },
            process_type: None,
            project: &ProjectMetadata::default(),
            exec_env: "",
            owners: owners(analyzed),
            created: self.request.created,
            names: &self.request.names,
        };
        let into: Arc<dyn Store> = self.store.clone();
        let exported = phases::export(cx, &request, &into).doing("exporting the image")?;
        Ok(exported.image)
    }

    /// The cached layers of the last build of the same image with the same builder.
    fn reuse(&self) -> Result<Option<Reuse>> {
        let Some(name) = self.request.names.first() else {
            return Ok(None);
        };
        let build_image = &self.site.bases.build.name;
        let builder = format!("{build_image}\n{}\n{}", self.site.lifecycle(), api());
        let reuse = Reuse::open(self.host, name, &builder)?;
        if let Some(reuse) = reuse.as_ref().filter(|_| self.request.clear_cache) {
            reuse.clear()?;
        }
        Ok(reuse)
    }

    /// Packs cached layers; returns the folders in which they lie on this machine.
    fn keep(
        &self,
        cx: &Context<'_>,
        analyzed: &Analyzed,
        group: &cnb::Group,
        reuse: &Reuse,
    ) -> Result<Vec<(PathBuf, Digest)>> {
        let through: Arc<dyn Store> = self.store.clone();
        let kept = phases::save_cache(cx, group, owners(analyzed), reuse.path(), &through)
            .doing("keeping cached layers")?;
        let dirs = &self.site.dirs;
        let on_disk = |kept: phases::Kept| (dirs.on_disk(&kept.path), kept.diff_id);
        Ok(kept.into_iter().map(on_disk).collect())
    }

    /// Adds to the wheel store. Nobody reads the layers any more, except those that are `kept`.
    fn share(&self, results: &Path, kept: &[(PathBuf, Digest)]) {
        let Some(shelf) = self.site.shelf(results) else {
            return;
        };
        let dirs = &self.site.dirs;
        let needed = kept.iter().map(|(path, _)| path.clone()).collect();
        if let Err(error) = shelf.take_in(&dirs.on_disk(&dirs.layers), &needed) {
            warn(self.host, &error);
        }
    }

    fn done(&self, phase: Phase, start: Instant) {
        self.host.events.tell(Event::PhaseDone {
            phase,
            took: start.elapsed(),
        });
    }
}

/// Owners are written, never read from this machine's disk.
fn owners(analyzed: &Analyzed) -> Owners {
    let app = detect::user_of(&analyzed.run_image).unwrap_or(APP);
    Owners::Written {
        layers: LAYERS,
        app,
    }
}

/// What the image says about its launcher.
fn launcher() -> LauncherMetadata {
    LauncherMetadata {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..LauncherMetadata::default()
    }
}

/// Blobs and unpacked layers that no name needs any more, such as those of the image that this one replaced.
pub(crate) fn tidy_up(host: &Host<'_>, store: &Arc<Local>) -> Result<()> {
    store.collect().doing("removing what no image needs")?;
    let named = store.list().doing("listing images")?;
    let names: Vec<Reference> = named.iter().map(|named| named.name.clone()).collect();
    reuse::collect(host, &names)?;
    unchanged::collect(host, &names)?;
    wheels::collect(host)?;
    let mut wanted = BTreeSet::new();
    for named in named {
        if let Some(image) = store.find(&named.name).doing("listing images")? {
            wanted.extend(image.layers().iter().map(|layer| layer.diff_id));
        }
    }
    rootfs::collect(&host.state.layers(), &wanted)
}
