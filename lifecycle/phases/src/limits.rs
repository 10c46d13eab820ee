//! What the phases read and try at most (`docs/design/reliability-security.md` 7).

use std::time::Duration;

/// TOML files of buildpacks and of the platform, in bytes.
pub(crate) const TOML_BYTES: u64 = 1 << 20;
/// The value of one variable, in bytes.
pub(crate) const ENV_BYTES: u64 = 1 << 20;
/// Files in one `env` folder.
pub(crate) const ENV_FILES: usize = 10_000;
/// SBOM files, in bytes.
pub(crate) const SBOM_BYTES: u64 = 256 << 20;

/// Metadata of a cache, in bytes.
pub(crate) const METADATA_BYTES: u64 = 4 << 20;
/// What the agent says of a failed job, in bytes.
pub(crate) const FAILURE_BYTES: u64 = 4 << 20;

/// Composites within composites.
pub(crate) const COMPOSITE_DEPTH: usize = 32;
/// Composites replaced in one flat group, one after the other.
pub(crate) const COMPOSITES_IN_GROUP: usize = 256;
/// Groups and combinations of alternatives that are tried.
pub(crate) const TRIALS: u32 = 100_000;
/// Time for trying them, programs of buildpacks not counted.
pub(crate) const TRIAL_TIME: Duration = Duration::from_secs(2);

/// Groups that a failed detection is explained with.
pub(crate) const EXPLAINED_GROUPS: usize = 32;
/// The end of a program's output that is kept with the verdict, in bytes.
pub(crate) const OUTPUT_TAIL: usize = 4 << 10;
/// One line of output in an event, in bytes.
pub(crate) const LINE_BYTES: usize = 64 << 10;
