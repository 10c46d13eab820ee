//! What the lifecycle calls.

use toolkit::{BuildContext, Built, DetectContext, Detection, Result};

/// The buildpack.
#[derive(Debug, Clone, Copy)]
pub struct Pip;

impl toolkit::Buildpack for Pip {
    fn descriptor(&self) -> &'static str {
        crate::DESCRIPTOR
    }

    fn detect(&self, cx: &DetectContext<'_>) -> Result<Detection> {
        crate::detect::detect(cx)
    }

    fn build(&self, cx: &BuildContext<'_>) -> Result<Built> {
        crate::build::build(cx)
    }
}
