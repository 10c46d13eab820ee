//! Everything that a command is given: folders, programs, the caller, the clock, and who listens.

use std::sync::Arc;
use std::time::SystemTime;

use oci::Local;
use sandbox::HostId;

use crate::caller::Caller;
use crate::error::{Doing, Result};
use crate::event::Events;
use crate::state::State;
use crate::stop::Stop;
use crate::{Payload, workdir};

/// The machine and the user, as the program's entry found them.
#[derive(Clone, Copy)]
pub struct Host<'a> {
    pub state: &'a State,
    pub payload: Payload,
    pub caller: &'a Caller,
    pub now: SystemTime,
    /// How many bytes may be kept of what can be had again: downloads, unpacked layers, cached layers.
    pub cache_bytes: u64,
    pub stop: &'a Stop,
    pub events: &'a dyn Events,
}

impl Host<'_> {
    /// Opens the image store, making the state folders when they are missing.
    pub(crate) fn images(&self) -> Result<Arc<Local>> {
        self.state.create()?;
        Local::open(&self.state.store()).doing("opening the image store")
    }

    /// Whom sandboxes run as on this machine.
    pub(crate) fn id(&self) -> Result<HostId> {
        HostId::current(self.state.identity()).doing("choosing the user of the sandbox")
    }

    /// Whose results may be reused: what another user made is not asked, though its folder be the same.
    pub(crate) fn user() -> u32 {
        rustix::process::geteuid().as_raw()
    }

    /// Removes what crashed builds and runs left.
    pub(crate) fn sweep(&self) -> Result<()> {
        workdir::sweep(&self.state.builds())?;
        workdir::sweep(&self.state.runs())
    }
}

impl std::fmt::Debug for Host<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
