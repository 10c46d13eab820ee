//! Jobs on several threads, results taken in the order of the jobs; the first error wins.

use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::{Error, ErrorKind, Result};

/// Threads that work on jobs, and one that takes the results in order.
///
/// At most `ahead` jobs are waiting, worked on or done but not taken; [`Ordered::push`] waits for room.
pub(crate) struct Ordered<J, R, T> {
    jobs: Sender<(J, SyncSender<R>)>,
    order: SyncSender<Receiver<R>>,
    workers: Vec<JoinHandle<()>>,
    taker: JoinHandle<Result<T>>,
}

/// How many threads are worth starting.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

impl<J: Send + 'static, R: Send + 'static, T: Send + 'static> Ordered<J, R, T> {
    /// Starts one thread per worker; `take` sees every result and returns what [`Ordered::finish`] returns.
    pub(crate) fn start<W>(
        workers: Vec<W>,
        ahead: usize,
        take: impl FnOnce(&mut dyn Iterator<Item = R>) -> Result<T> + Send + 'static,
    ) -> Result<Ordered<J, R, T>>
    where
        W: FnMut(J) -> R + Send + 'static,
    {
        let (jobs, queue) = channel::<(J, SyncSender<R>)>();
        let (order, results) = sync_channel::<Receiver<R>>(ahead);
        let queue = Arc::new(Mutex::new(queue));
        let workers = workers
            .into_iter()
            .map(|mut work| {
                let queue = Arc::clone(&queue);
                spawn("worker", move || {
                    while let Some((job, reply)) = next(&queue) {
                        // Nobody listens any more when the taker failed.
                        let _ = reply.send(work(job));
                    }
                })
            })
            .collect::<Result<_>>()?;
        let taker = spawn("writer", move || {
            take(&mut results.iter().map_while(|result| result.recv().ok()))
        })?;
        Ok(Ordered {
            jobs,
            order,
            workers,
            taker,
        })
    }

    /// Hands over a job. `false` when the taker has failed; [`Ordered::finish`] says why.
    pub(crate) fn push(&self, job: J) -> bool {
        let (reply, result) = sync_channel(1);
        self.order.send(result).is_ok() && self.jobs.send((job, reply)).is_ok()
    }

    /// Waits until all results are taken.
    pub(crate) fn finish(self) -> Result<T> {
        drop((self.jobs, self.order));
        let taken = self.taker.join().map_err(|_| stopped());
        for worker in self.workers {
            worker.join().map_err(|_| stopped())?;
        }
        taken?
    }
}

fn next<T>(queue: &Mutex<Receiver<T>>) -> Option<T> {
    queue
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .recv()
        .ok()
}

/// Starts a thread with a name.
pub(crate) fn spawn<T: Send + 'static>(
    name: &str,
    run: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(run)
        .map_err(|error| Error::io("starting a thread", error))
}

pub(crate) fn stopped() -> Error {
    Error::new(
        ErrorKind::Other,
        "a thread stopped before its work was done",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn results_come_in_the_order_of_the_jobs_whoever_is_faster() {
        let workers = (0..4).map(|_| {
            |job: u64| {
                std::thread::sleep(Duration::from_micros(job * 37 % 300));
                job * 2
            }
        });
        let pool = Ordered::start(workers.collect(), 5, |results| {
            Ok(results.collect::<Vec<_>>())
        })
        .unwrap();
        assert!((0..200).all(|job| pool.push(job)));
        assert_eq!(
            pool.finish().unwrap(),
            (0..200).map(|job| job * 2).collect::<Vec<_>>()
        );
    }

    #[test]
    fn an_error_of_the_taker_stops_the_pushing_and_is_returned() {
        let pool = Ordered::start(
            vec![|job: u64| job, |job: u64| job],
            2,
            |results: &mut dyn Iterator<Item = u64>| match results.nth(3) {
                Some(_) => Err(Error::new(ErrorKind::NoSpace, "taking the third")),
                None => Ok(()),
            },
        );
        let pool = pool.unwrap();
        let accepted = (0..10_000).take_while(|job| pool.push(*job)).count();
        assert!(accepted < 100, "{accepted}");
        assert_eq!(pool.finish().unwrap_err().kind(), ErrorKind::NoSpace);
    }
}
