//! The user's wish to stop: signals arrive here, whoever works at the moment hears of them.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::error::{Error, ErrorKind, Result};

/// Signals that the program got, in order. The program's entry hands them in with [`Stop::ask`].
#[derive(Debug, Default)]
pub struct Stop {
    signals: Mutex<Vec<i32>>,
    changed: Condvar,
    /// Folders that go when we go, however we go.
    folders: Mutex<Vec<PathBuf>>,
}

impl Stop {
    /// Notes a signal, such as 2 for Ctrl-C.
    pub fn ask(&self, signal: i32) {
        locked(&self.signals).push(signal);
        self.changed.notify_all();
    }

    /// The first signal, if there was one.
    pub fn asked(&self) -> Option<i32> {
        locked(&self.signals).first().copied()
    }

    /// Removes what a program that ends at once would leave behind.
    pub fn clean(&self) {
        for folder in locked(&self.folders).drain(..) {
            // We end; the next start removes what stays.
            let _ = files::remove_tree(&folder);
        }
    }

    /// An error once somebody wants to stop; asked between two steps.
    pub(crate) fn check(&self) -> Result<()> {
        match self.asked() {
            Some(_) => Err(interrupted()),
            None => Ok(()),
        }
    }

    /// Works, and meanwhile calls `heard` for every signal with its number (0 for the first one).
    pub(crate) fn during<T>(
        &self,
        heard: impl Fn(i32, usize) + Sync,
        work: impl FnOnce() -> T,
    ) -> T {
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| self.listen(&over, &heard));
            let result = work();
            over.store(true, Ordering::SeqCst);
            // Between the listener's look at `over` and its wait it holds this lock.
            drop(locked(&self.signals));
            self.changed.notify_all();
            result
        })
    }

    fn listen(&self, over: &AtomicBool, heard: &dyn Fn(i32, usize)) {
        let mut told = 0;
        let mut signals = locked(&self.signals);
        while !over.load(Ordering::SeqCst) {
            let Some(signal) = signals.get(told).copied() else {
                signals = self
                    .changed
                    .wait(signals)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            drop(signals);
            heard(signal, told);
            told += 1;
            signals = locked(&self.signals);
        }
    }

    pub(crate) fn remember(&self, folder: &Path) {
        locked(&self.folders).push(folder.to_owned());
    }

    pub(crate) fn forget(&self, folder: &Path) {
        locked(&self.folders).retain(|known| known != folder);
    }
}

pub(crate) fn interrupted() -> Error {
    Error::new(ErrorKind::Interrupted, "stopped")
}

/// A panic elsewhere leaves these lists whole.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn whoever_works_hears_signals_of_before_and_meanwhile() {
        let stop = Stop::default();
        stop.ask(2);
        let (tell, told) = mpsc::channel();
        stop.during(
            |signal, number| tell.send((signal, number)).unwrap(),
            || {
                assert_eq!(told.recv().unwrap(), (2, 0));
                stop.ask(15);
                assert_eq!(told.recv().unwrap(), (15, 1));
            },
        );
        assert_eq!(stop.check().unwrap_err().kind(), ErrorKind::Interrupted);
    }

    #[test]
    fn work_that_nobody_interrupts_ends_at_once() {
        let stop = Stop::default();
        assert_eq!(stop.during(|_, _| unreachable!(), || 7), 7);
        assert!(stop.check().is_ok());
    }
}
