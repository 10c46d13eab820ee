//! All phases in one process, without a sandbox between them: analyze → detect → restore → build → export.

use std::path::Path;
use std::sync::Arc;

use cnb::{Order, SystemToml};
use oci::{Images, Store};

use crate::export::{ExportRequest, Exported};
use crate::{AnalyzeRequest, Context, Result, Workshop};

/// What to build from what.
#[derive(Debug, Clone)]
pub struct CreateRequest<'a> {
    pub images: AnalyzeRequest,
    pub order: &'a Order,
    pub system: &'a SystemToml,
    /// Folder of this machine for cached layers.
    pub cache: Option<&'a Path>,
}
