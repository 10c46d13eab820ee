//! The base images of a build: assembled from Debian packages on first use, found in the store afterwards.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use files::Lock;
use oci::{Image, Images, Local, Reference, Store};

use crate::error::{Doing, Error, ErrorKind, Result};
use crate::event::Event;
use crate::host::Host;
use crate::interpreter::Sandboxed;
use crate::name::{BASES, familiar};

/// The distribution's release; Debian 13.
const RELEASE: &str = "trixie";
/// Image that applications run on.
const RUN: &str = "python";
/// Image that buildpacks run in.
const BUILD: &str = "build-lite";
/// Another build may be downloading over a slow line.
const PATIENCE: Duration = Duration::from_hours(1);
/// Downloaded bytes become archives, layers and unpacked layers: so many times their size.
const ROOM: u64 = 6;
/// What a build stands on.
#[derive(Debug)]
pub(crate) struct Bases {
    pub(crate) run: Base,
    pub(crate) build: Base,
}

/// A base image and its name in the store.
#[derive(Debug)]
pub(crate) struct Base {
    pub(crate) name: Reference,
    pub(crate) image: Image,
}

/// How the user wants it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fetching {
    /// Nothing may be downloaded.
    pub offline: bool,
    /// A package that has vanished from the archive is an error.
    pub locked: bool,
}

/// Gives both base images, downloading and assembling what is missing.
pub(crate) fn ensure(host: &Host<'_>, store: &Arc<Local>, fetching: Fetching) -> Result<Bases> {
    if let Some(bases) = found(host, store)? {
        return Ok(bases);
    }
    let _alone = alone(host)?;
    // Whoever had the lock may just have made them.
    if let Some(bases) = found(host, store)? {
        return Ok(bases);
    }
    announce(host, fetching)?;
    let maker = Maker {
        host,
        store,
        fetching,
    };
    let bases = Bases {
        run: maker.make(RUN)?,
        build: maker.make(BUILD)?,
    };
    forget_older(store, &bases)?;
    Ok(bases)
}

/// Both base images when they are here, downloading nothing.
pub(crate) fn found(host: &Host<'_>, store: &Arc<Local>) -> Result<Option<Bases>> {
    let base = |image: &str| -> Result<Option<Base>> {
        let name = parse(&plan(host, image)?.name)?;
        let found = store
            .find(&name)
            .doing(format!("looking for base {name}"))?;
        Ok(found.map(|image| Base { name, image }))
    };
    let (Some(run), Some(build)) = (base(RUN)?, base(BUILD)?) else {
        return Ok(None);
    };
    Ok(Some(Bases { run, build }))
}

fn plan(host: &Host<'_>, image: &str) -> Result<debian::Plan> {
    debian::plan(RELEASE, image, &host.state.downloads())
        .doing(format!("planning base {RELEASE}-{image}"))
}

fn parse(name: &str) -> Result<Reference> {
    Reference::parse(name).doing("reading the name of a base image")
}

/// One build at a time makes bases; others wait and find them made.
fn alone(host: &Host<'_>) -> Result<Lock> {
    let path = host.state.base_lock();
    let doing = "waiting for another slipway that makes the base images";
    if let Some(lock) = Lock::try_exclusive(&path).doing(doing)? {
        return Ok(lock);
    }
    host.events.tell(Event::Note {
        text: doing.to_owned(),
    });
    Lock::exclusive(&path, PATIENCE).doing(doing)
}

/// Says how much will be downloaded before the first byte is.
fn announce(host: &Host<'_>, fetching: Fetching) -> Result<()> {
    let mut packages = BTreeMap::new();
    let mut missing = 0;
    for image in [RUN, BUILD] {
        let plan = plan(host, image)?;
        missing += plan.download_bytes;
        packages.extend(
            plan.packages
                .into_iter()
                .map(|(name, version, bytes)| ((name, version), bytes)),
        );
    }
    // The two images share packages, which are fetched once.
    let bytes = missing.min(packages.values().sum());
    if bytes > 0 && fetching.offline {
        let doing = format!(
            "{} MB of Debian packages for the base images would have to be downloaded",
            bytes / 1_000_000
        );
        let error = Error::new(ErrorKind::Offline, doing);
        return Err(
            error.help("build once without --offline: the base images are kept for later builds")
        );
    }
    if bytes > 0 {
        let room = files::Dir::open(&host.state.layers())
            .and_then(|dir| dir.free_bytes())
            .doing("looking at the disk")?;
        enough(room, bytes.saturating_mul(ROOM), host)?;
        let what = format!("Debian {RELEASE} packages for the run and build images");
        host.events.tell(Event::Downloading {
            what,
            bytes,
            packages: packages.len(),
        });
    }
    Ok(())
}

/// Says that the disk is too small before an hour is spent on filling it.
fn enough(room: u64, needed: u64, host: &Host<'_>) -> Result<()> {
    if room >= needed {
        return Ok(());
    }
    let (room, needed, folder) = (room / 1_000_000, needed / 1_000_000, host.state.layers());
    let doing = format!(
        "the base images need about {needed} MB, {room} MB are free below {}",
        folder.display()
    );
    Err(Error::new(ErrorKind::NoSpace, doing))
}

struct Maker<'a> {
    host: &'a Host<'a>,
    store: &'a Arc<Local>,
    fetching: Fetching,
}

impl Maker<'_> {
    fn make(&self, image: &str) -> Result<Base> {
        self.host.stop.check()?;
        let client = self.host.caller.client(self.fetching.offline)?;
        let interpreter = Sandboxed::new(self.host)?;
        let total = AtomicU64::new(0);
        let store: Arc<dyn Store> = self.store.clone();
        let world = debian::World {
            cache: &self.host.state.downloads(),
            store,
            http: &client,
            now: self.host.now,
            interpreter: &interpreter,
            events: &|event| self.tell(event, &total),
            locked: self.fetching.locked,
            // The same command gives the same image until somebody asks for newer packages.
            max_age: None,
        };
        let base = debian::assemble(RELEASE, image, &world)
            .doing(format!("making base {RELEASE}-{image}"))?;
        let name = parse(&base.name)?;
        self.store
            .publish(&base.image, std::slice::from_ref(&name))
            .doing(format!("keeping base {name}"))?;
        let event = Event::Base {
            name: familiar(&name),
            bytes: base.image.size(),
        };
        self.host.events.tell(Event::Worked);
        self.host.events.tell(event);
        Ok(Base {
            name,
            image: base.image,
        })
    }

    fn tell(&self, event: debian::Event, total: &AtomicU64) {
        let events = self.host.events;
        match event {
            debian::Event::Fetching { bytes, .. } => total.store(bytes, Ordering::Relaxed),
            debian::Event::Assembling { layer } => {
                events.tell(Event::Working { what: format!("making layer {layer} of the base images") });
            }
            debian::Event::Replaced { package, locked, found } => events.tell(Event::Note {
                text: format!("{package} {locked} is no longer in the archive; using {found}"),
            }),
            debian::Event::Stale { suite, valid_until } => events.tell(Event::Warning {
                text: format!("the package index {suite} was valid until {valid_until}; is this mirror kept up to date?"),
            }),
            debian::Event::NotRefreshed { why } => events.tell(Event::Note {
                text: format!("newer packages could not be looked for: {why}"),
            }),
            _ => {}
        }
    }
}

/// Bases of older locks are no longer needed: images made from them have their own references to the layers.
fn forget_older(store: &Local, bases: &Bases) -> Result<()> {
    for named in store.list().doing("listing base images")? {
        let ours = [&bases.run, &bases.build]
            .iter()
            .any(|base| base.name == named.name);
        if is_base(&named.name) && !ours {
            store
                .remove(&named.name)
                .doing("forgetting an older base image")?;
        }
    }
    Ok(())
}

/// Whether a name is that of an assembled base.
pub(crate) fn is_base(name: &Reference) -> bool {
    name.to_string().starts_with(BASES)
}
