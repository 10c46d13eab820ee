//! Bounds that the kernel keeps for every process of a payload.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::error::Context;
use crate::{Limits, Result};

impl Limits {
    /// Sets them for this process and what it starts; a lower limit that already holds stays.
    ///
    /// Processes are counted per user namespace, so this is called in the payload's own (Linux 5.14).
    pub(crate) fn apply(&self) -> Result<()> {
        let pairs = [
            (Resource::Nproc, self.processes),
            (Resource::Nofile, self.open_files),
            (Resource::Fsize, self.file_size_bytes),
            (Resource::Core, 0),
        ];
        for (resource, wanted) in pairs {
            let most = getrlimit(resource)
                .maximum
                .map_or(wanted, |most| most.min(wanted));
            let limit = Rlimit {
                current: Some(most),
                maximum: Some(most),
            };
            setrlimit(resource, limit).doing(format!("limiting {resource:?}"))?;
        }
        Ok(())
    }
}
