//! What came of every `bin/detect`. Each runs at most once, whatever the number of groups it is in (DE-5).

use std::collections::HashMap;
use std::fmt;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::run::{Bench, Run, run};
use crate::Element;
use crate::modules::Module;

/// Which program: id, version, kind.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    id: String,
    version: String,
    extension: bool,
}

impl Key {
    pub(super) fn of(element: &Element) -> Self {
        Self {
            id: element.id.clone(),
            version: element.version.clone(),
            extension: element.extension,
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.id, self.version)
    }
}

#[derive(Debug, Default)]
pub(super) struct Runs(HashMap<Key, Run>);

impl Runs {
    pub(super) fn of(&self, element: &Element) -> Option<&Run> {
        self.0.get(&Key::of(element))
    }

    /// Replaces what there was. Returns whether that changes the verdict.
    pub(super) fn keep(&mut self, element: &Element, run: Run) -> bool {
        let verdict = run.verdict.clone();
        self.0
            .insert(Key::of(element), run)
            .is_none_or(|old| old.verdict != verdict)
    }

    /// Runs those of the modules that have not run, side by side.
    pub(super) fn run_missing(&mut self, bench: &Bench<'_>, mut modules: Vec<Arc<Module>>) {
        modules.retain(|module| self.of(&module.element).is_none());
        let results: Vec<Mutex<Option<Run>>> = modules.iter().map(|_| Mutex::new(None)).collect();
        let next = AtomicUsize::new(0);
        let work = || {
            while let Some((module, result)) = {
                let at = next.fetch_add(1, Ordering::Relaxed);
                modules.get(at).zip(results.get(at))
            } {
                let run = run(bench, module);
                *result.lock().unwrap_or_else(PoisonError::into_inner) = Some(run);
            }
        };
        // They mostly wait for small programs: a few more than there are processors.
        let workers = 2 * thread::available_parallelism().map_or(2, NonZero::get);
        thread::scope(|scope| {
            for _ in 1..modules.len().min(workers) {
                scope.spawn(work);
            }
            work();
        });
        for (module, result) in modules.iter().zip(results) {
            let run = result.into_inner().unwrap_or_else(PoisonError::into_inner);
            self.keep(
                &module.element,
                run.unwrap_or_else(|| Run::broken("it was not run")),
            );
        }
    }
}
