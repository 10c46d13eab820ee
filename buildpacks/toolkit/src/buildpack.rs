//! What a buildpack is.

use crate::{BuildContext, Built, DetectContext, Detection, Result};

/// A buildpack: its description and its two programs.
pub trait Buildpack: Sync {
    /// Its buildpack.toml.
    fn descriptor(&self) -> &'static str;

    /// `bin/detect`: may this buildpack take part, and what does it provide and require?
    ///
    /// Must not write anything; what cannot be helped by leaving the buildpack out is for [`Buildpack::build`]
    /// to complain about.
    fn detect(&self, cx: &DetectContext<'_>) -> Result<Detection>;

    /// `bin/build`: makes layers, says how the app starts.
    fn build(&self, cx: &BuildContext<'_>) -> Result<Built>;
}
