//! What exists: the previous image and the run image.

use oci::{Image, Images, Reference};

use crate::{Context, Result};

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
/// A previous image that is not there, or whose labels do not decode, counts as none. Fails with
/// [`ErrorKind::NoRunImage`](crate::ErrorKind::NoRunImage) when the run image is not there.
///
/// Spec: platform.md, "analyzer".
pub fn analyze(cx: &Context<'_>, images: &dyn Images, request: &AnalyzeRequest) -> Result<Analyzed> {
    let _ = (cx, images, request);
    todo!()
}
