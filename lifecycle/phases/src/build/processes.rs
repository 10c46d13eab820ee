//! Processes of several buildpacks become one list (BU-6).

use std::collections::BTreeMap;

use cnb::{BuildpackId, Process};

/// Processes by type, and which one is the default.
#[derive(Debug, Default)]
pub(super) struct Processes {
    by_type: BTreeMap<String, Process>,
    default: String,
}

impl Processes {
    /// Adds a buildpack's processes; those of the same type are replaced, the last default counts.
    ///
    /// Returns the type of a default process that was redefined without being marked as default.
    pub(super) fn add(
        &mut self,
        buildpack: &BuildpackId,
        processes: Vec<Process>,
    ) -> Option<String> {
        let mut redefined = None;
        for mut process in processes {
            process.buildpack_id = buildpack.to_string();
            if process.default {
                self.default.clone_from(&process.process_type);
                redefined = None;
            } else if process.process_type == self.default {
                redefined = Some(std::mem::take(&mut self.default));
            }
            process.default = false;
            self.by_type.insert(process.process_type.clone(), process);
        }
        redefined
    }

    /// Sorted by type, and the default type, empty for none.
    pub(super) fn finish(self) -> (Vec<Process>, String) {
        (self.by_type.into_values().collect(), self.default)
    }
}
