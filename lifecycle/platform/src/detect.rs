//! Which buildpacks fit a source, without building anything.

use cnb::{Group, ImageTarget, Plan, SystemToml};
use oci::Image;
use phases::{Context, Phase, Work, job};

use crate::brought::Brought;
use crate::error::{Doing, Result};
use crate::event::{Event, Through};
use crate::host::Host;
use crate::memory::{Facts, Memory};
use crate::site::{Inputs, Site, api};

/// The group that fits, and what its buildpacks want of each other.
#[derive(Debug, Clone)]
pub struct Detected {
    pub group: Group,
    pub plan: Plan,
}

/// Finds the group of buildpacks that fits a source. Without one, the error says what was tried.
pub fn detect(host: &Host<'_>, inputs: &Inputs) -> Result<Detected> {
    let store = host.images()?;
    let mut memory = Memory::new(Facts::new(), host.now);
    let brought = Brought::gather(host.caller, &memory)?;
    let site = Site::prepare(host, &store, inputs, &brought, &mut memory)?;
    let target = target_of(&site, host, &*store)?;
    in_site(&site, host, &target)
}

/// The target as analyze sees it.
fn target_of(site: &Site<'_>, host: &Host<'_>, images: &dyn oci::Images) -> Result<ImageTarget> {
    let events = Through(host.events);
    let cx = Context {
        dirs: &site.dirs,
        api: api(),
        events: &events,
    };
    let request = phases::AnalyzeRequest {
        previous: None,
        run_image: site.bases.run.name.clone(),
    };
    let analyzed = phases::analyze(&cx, images, &request).doing("looking at the run image")?;
    Ok(target(&analyzed.file))
}

pub(crate) fn target(analyzed: &cnb::Analyzed) -> ImageTarget {
    analyzed
        .run_image
        .as_ref()
        .and_then(|image| image.target.clone())
        .unwrap_or_default()
}

/// The phase itself, in a site that is prepared.
pub(crate) fn in_site(site: &Site<'_>, host: &Host<'_>, target: &ImageTarget) -> Result<Detected> {
    let start = std::time::Instant::now();
    let results = site.work(target, Work::detect(&site.order, &SystemToml::default()))?;
    let (group, plan) = job::detected(&results).doing("reading what was detected")?;
    host.events.tell(Event::PhaseDone {
        phase: Phase::Detect,
        took: start.elapsed(),
    });
    Ok(Detected { group, plan })
}

/// Who an image's processes run as, when it says so in numbers.
pub(crate) fn user_of(image: &Image) -> Option<(u32, u32)> {
    let user = image.config().user()?;
    let (uid, gid) = user.split_once(':')?;
    Some((uid.parse().ok()?, gid.parse().ok()?))
}
