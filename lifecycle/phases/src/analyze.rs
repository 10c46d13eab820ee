//! What exists: the previous image and the run image.

use cnb::labels::{LIFECYCLE_METADATA, LifecycleMetadata};
use cnb::{Distro, ImageId, ImageTarget, RunImage};
use oci::{Config, Image, Images, Reference};

use crate::restore::sbom_from_previous;
use crate::{Context, Error, ErrorKind, Event, Level, Phase, Result, messages};

const DISTRO_NAME: &str = "io.buildpacks.base.distro.name";
const DISTRO_VERSION: &str = "io.buildpacks.base.distro.version";
const BASE_ID: &str = "io.buildpacks.base.id";

/// Where the images are looked for.
#[derive(Debug, Clone)]
pub struct AnalyzeRequest {
    /// The image of the last build, if there may be one.
    pub previous: Option<Reference>,
    pub run_image: Reference,
}

/// What exists.
#[derive(Debug, Clone)]
pub struct Analyzed {
    pub previous: Option<Image>,
    pub run_image: Image,
    /// The same as values of analyzed.toml.
    pub file: cnb::Analyzed,
}

/// Finds the previous image and the run image, and reads what their labels say.
///
/// A previous image that is not there or runs on other machines counts as none, one whose labels do not decode as
/// one without metadata. Its bills of materials are in `<layers>/sbom` on return, for [`restore`](crate::restore()). Fails with [`ErrorKind::NoRunImage`] when the run image is not there.
///
/// Spec: platform.md, "analyzer".
pub fn analyze(
    cx: &Context<'_>,
    images: &dyn Images,
    request: &AnalyzeRequest,
) -> Result<Analyzed> {
    cx.events.tell(Event::Started {
        phase: Phase::Analyze,
    });
    let analyzed = look(cx, images, request).map_err(|error| error.in_phase(Phase::Analyze))?;
    cx.events.tell(Event::Finished {
        phase: Phase::Analyze,
    });
    Ok(analyzed)
}

fn look(cx: &Context<'_>, images: &dyn Images, request: &AnalyzeRequest) -> Result<Analyzed> {
    let find = |name: &Reference| {
        let doing = || Error::new(ErrorKind::Image, format!("looking for the image {name}"));
        images.find(name).map_err(|cause| doing().because(cause))
    };
    let name = &request.run_image;
    let absent = || {
        Error::new(
            ErrorKind::NoRunImage,
            format!("{}: {name}", messages::NO_RUN_IMAGE),
        )
    };
    let run_image = find(name)?.ok_or_else(absent)?;
    let mut previous = request
        .previous
        .as_ref()
        .map(|name| Ok(find(name)?.map(|image| (name, image))))
        .transpose()?
        .flatten();
    let platform = run_image.config().platform();
    if let Some((name, image)) =
        previous.take_if(|(_, image)| image.config().platform() != platform)
    {
        let runs_on = image.config().platform();
        let text = format!(
            "Ignoring the previous image {name}: it is for {runs_on}, the run image for {platform}"
        );
        cx.events.tell(Event::Said {
            level: Level::Info,
            text,
        });
    }
    let metadata = previous
        .as_ref()
        .map(|(_, image)| metadata(image.config()))
        .unwrap_or_default();
    if let (Some((_, image)), Some(sbom), true) =
        (&previous, &metadata.sbom, cx.api.has_sbom_layer())
    {
        sbom_from_previous(cx, image, &sbom.sha)?;
    }
    let file = cnb::Analyzed {
        image: Some(ImageId {
            reference: previous
                .as_ref()
                .map(|(name, image)| exact(name, image))
                .unwrap_or_default(),
        }),
        metadata,
        run_image: Some(RunImage {
            reference: exact(name, &run_image),
            image: if cx.api.has_targets() {
                name.as_typed().to_owned()
            } else {
                String::new()
            },
            extend: false,
            target: cx.api.has_targets().then(|| target(run_image.config())),
        }),
        ..cnb::Analyzed::default()
    };
    Ok(Analyzed {
        previous: previous.map(|(_, image)| image),
        run_image,
        file,
    })
}

/// The repository of a name, with the digest of what was found there.
fn exact(name: &Reference, image: &Image) -> String {
    name.with_digest(image.digest()).as_go()
}

fn metadata(config: &Config) -> LifecycleMetadata {
    let label = config.label(LIFECYCLE_METADATA).unwrap_or_default();
    LifecycleMetadata::from_json(label).unwrap_or_default()
}

/// What an image is, by its config and labels (AN-5).
fn target(config: &Config) -> ImageTarget {
    let platform = config.platform();
    let label = |key| config.label(key).map(str::to_owned);
    let (name, version) = (label(DISTRO_NAME), label(DISTRO_VERSION));
    let distro = (name.is_some() || version.is_some()).then(|| Distro {
        name: name.unwrap_or_default(),
        version: version.unwrap_or_default(),
    });
    ImageTarget {
        id: label(BASE_ID).unwrap_or_default(),
        os: platform.os,
        arch: platform.architecture,
        variant: platform.variant.unwrap_or_default(),
        distro,
    }
}
