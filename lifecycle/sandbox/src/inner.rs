//! Process 1 of a payload leaves the namespace that owns the sandbox: its own user namespace, no capabilities.

use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use rustix::thread::UnshareFlags;

use crate::error::Context;
use crate::userns::{self, Ids};
use crate::{Result, confine, kernel};

/// Masks `/proc`, enters a second user namespace as `payload` and gives everything up.
///
/// From the first namespace the payload could undo the mounts; in the second it can make no third one.
pub(crate) fn enter(payload: Ids) -> Result<()> {
    let limits = userns::limits_folder()?;
    kernel::mask_proc()?;
    userns::enter(UnshareFlags::empty(), payload, Ids { uid: 0, gid: 0 })?;
    userns::forbid_more(&limits)?;
    // Otherwise the payload, which has the same id, could look into this process and its files.
    set_dumpable_behavior(DumpableBehavior::NotDumpable).doing("hiding process 1")?;
    confine::give_up_capabilities()
}
