//! The whole build: analyze, restore and export here, detect and build in the sandbox.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use cnb::labels::LauncherMetadata;
use cnb::{ProjectMetadata, RunImageNames};
use oci::{Digest, Image, Images, Local, Reference, Store};
use phases::{
    AnalyzeRequest, Analyzed, Context, ExportRequest, Launcher, Owners, Phase, Untouched, Work, job,
};

use crate::brought::Brought;
use crate::detect::{self, Detected};
use crate::error::{Doing, Error, ErrorKind, Result};
use crate::event::{Event, Through};
use crate::host::Host;
use crate::lent::Lent;
use crate::outputs::{self, Output};
use crate::reuse::{self, Reuse};
use crate::site::{self, Inputs, Site, api};
use crate::source::{self, Found};
use crate::unchanged::{self, Ingredients, LastBuild, Seen};
use crate::why::{Before, Parts, Question};
use crate::{base, builder, rootfs, trim};

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
    let program = unchanged::program(&mut last.memory)?;
    let ingredients = Ingredients {
        request,
        owner: Host::user(),
        name,
        program,
        bases: &site.bases,
        seen: &site.seen,
    };
    let question = ask(host, &ingredients, &brought, &site, &last);
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
    if request.outputs.contains(&Output::Store) {
        warn(host, question.answer(host, name, &built.image));
        if brought.is_unchanged(&last.memory)
            && let Some(key) = ingredients.key()
        {
            // Lets the next build know from what this image was made.
            warn(host, last.keep(key, &built.image));
        }
    }
    drop(site);
    let due = store.is_due_for_collection();
    if due.doing("looking for what no image needs")? {
        tidy_up(host, &store)?;
    } else {
        trim::when_due(host)?;
    }
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
        warn(host, last.keep(key, &built.image));
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
        owner: Host::user(),
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

/// Why this build was not answered with the last image; told unless it is the first one.
fn ask(
    host: &Host<'_>,
    ingredients: &Ingredients<'_>,
    brought: &Brought,
    site: &Site<'_>,
    last: &LastBuild,
) -> Question {
    let name = ingredients.name;
    let parts = Parts::of(ingredients, brought, &site.parts);
    let before = Before {
        recorded: last.made_something(),
        clear_cache: ingredients.request.clear_cache,
    };
    let question = Question::ask(host, name, parts, before);
    let reasons = question.reasons();
    if !reasons.is_empty() {
        let name = crate::name::familiar(name);
        host.events.tell(Event::Rebuilding { name, reasons });
    }
    question
}

/// That something cannot be remembered is worth a warning only.
fn warn(host: &Host<'_>, done: Result<()>) {
    if let Err(error) = done {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
        host.events.tell(Event::Warning {
            text: format!("{error}{}", cause.unwrap_or_default()),
        });
    }
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
        let lent = self.restore(&cx, &analyzed, &group, reuse.as_ref())?;
        let start = Instant::now();
        let work = Work::build(&group, &plan);
        let (results, lent) = self.site.work_above(lent, &target, &work)?;
        job::built(&results, api()).doing("reading what was built")?;
        let untouched = self.site.settle(&lent)?;
        self.done(Phase::Build, start);

        let start = Instant::now();
        let made = Made {
            analyzed: &analyzed,
            group: &group,
            untouched: self.named(&untouched),
        };
        let exported = self.export(&cx, &made, &results, reuse.as_ref());
        lent.take_back(&self.site.layers(), &untouched);
        let image = exported?;
        self.done(Phase::Export, start);
        Ok(image)
    }

    /// Brings back layers of the last build; those that lie unpacked stay where they are and are returned.
    fn restore(
        &self,
        cx: &Context<'_>,
        analyzed: &Analyzed,
        group: &cnb::Group,
        reuse: Option<&Reuse>,
    ) -> Result<Lent> {
        let layers = self.site.layers();
        let lent = RefCell::new(Vec::new());
        let unpacked = |diff_id, at: &Path| {
            let beneath = at.strip_prefix(&layers).ok();
            let found = beneath.and_then(|beneath| reuse?.unpacked(diff_id, beneath));
            let is_here = found.is_some();
            lent.borrow_mut().extend(found);
            is_here
        };
        let cache = reuse.map(Reuse::path);
        phases::restore_with(cx, &analyzed.file, group, cache, &unpacked)
            .doing("restoring layers of the last build")?;
        Ok(Lent::new(lent.into_inner()))
    }

    /// The same layers by their names in the build environment.
    fn named(&self, untouched: &Untouched) -> Untouched {
        let layers = &self.site.dirs.layers;
        let named = |(beneath, diff_id): (&PathBuf, &Digest)| (layers.join(beneath), *diff_id);
        untouched.iter().map(named).collect()
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

    fn export(
        &self,
        cx: &Context<'_>,
        made: &Made<'_>,
        results: &Path,
        reuse: Option<&Reuse>,
    ) -> Result<Image> {
        let request = ExportRequest {
            analyzed: made.analyzed,
            group: made.group,
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
            owners: owners(made.analyzed),
            created: self.request.created,
            untouched: &made.untouched,
            names: &self.request.names,
        };
        let into: Arc<dyn Store> = self.store.clone();
        let exported = phases::export(cx, &request, &into).doing("exporting the image")?;
        let kept = match reuse {
            Some(reuse) => self.keep(cx, made, reuse)?,
            None => Vec::new(),
        };
        self.share(results, &kept);
        if let Some(reuse) = reuse {
            reuse.give(&self.site.layers(), &kept)?;
        }
        Ok(exported.image)
    }

    /// The cached layers of the last build of the same image with the same builder.
    fn reuse(&self) -> Result<Option<Reuse>> {
        let Some(name) = self.request.names.first() else {
            return Ok(None);
        };
        let build_image = self.site.bases.build.image.digest();
        let builder = format!("{build_image}\n{}\n{}", self.site.lifecycle(), api());
        let reuse = Reuse::open(self.host, name, &builder)?;
        if let Some(reuse) = reuse.as_ref().filter(|_| self.request.clear_cache) {
            reuse.clear()?;
        }
        Ok(reuse)
    }

    /// Packs cached layers; returns them by their names below the folder of all layers.
    fn keep(
        &self,
        cx: &Context<'_>,
        made: &Made<'_>,
        reuse: &Reuse,
    ) -> Result<Vec<(PathBuf, Digest)>> {
        let through: Arc<dyn Store> = self.store.clone();
        let owners = owners(made.analyzed);
        let cache = reuse.path();
        let kept = phases::save_cache(cx, made.group, owners, &made.untouched, cache, &through)
            .doing("keeping cached layers")?;
        let layers = &self.site.dirs.layers;
        let beneath = |kept: phases::Kept| {
            let beneath = kept.path.strip_prefix(layers).ok()?;
            Some((beneath.to_owned(), kept.diff_id))
        };
        Ok(kept.into_iter().filter_map(beneath).collect())
    }

    /// Adds to the wheel store. Nobody reads the layers any more, except those that are `kept`.
    fn share(&self, results: &Path, kept: &[(PathBuf, Digest)]) {
        if let Some(shelf) = self.site.shelf(results) {
            let needed = kept.iter().map(|(beneath, _)| beneath.clone()).collect();
            warn(self.host, shelf.take_in(&self.site.layers(), &needed));
        }
    }

    fn done(&self, phase: Phase, start: Instant) {
        self.host.events.tell(Event::PhaseDone {
            phase,
            took: start.elapsed(),
        });
    }
}

/// What the buildpacks made.
struct Made<'a> {
    analyzed: &'a Analyzed,
    group: &'a cnb::Group,
    /// By names in the build environment.
    untouched: Untouched,
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

/// Removes blobs and unpacked layers that no name needs any more, such as those of the image that this one replaced, and what is too much.
pub(crate) fn tidy_up(host: &Host<'_>, store: &Arc<Local>) -> Result<()> {
    store.collect().doing("removing what no image needs")?;
    let named = store.list().doing("listing images")?;
    let names: Vec<Reference> = named.iter().map(|named| named.name.clone()).collect();
    reuse::collect(host, &names)?;
    unchanged::collect(host, &names)?;
    let mut wanted = BTreeSet::new();
    for named in named {
        if let Some(image) = store.find(&named.name).doing("listing images")? {
            wanted.extend(image.layers().iter().map(|layer| layer.diff_id));
        }
    }
    rootfs::collect(&host.state.layers(), &wanted)?;
    trim::when_due(host)
}
