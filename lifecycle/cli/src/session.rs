//! What every command has: the environment, the state folders, somebody who listens, a way to stop.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use platform::{Error, ErrorKind, Events, Host, State, Stop};

use crate::embedded::PAYLOAD;
use crate::environment::Environment;
use crate::signals;
use crate::ui::plain::Plain;
use crate::ui::style::Style;

/// How often somebody looks whether it has been silent for too long.
const BEAT: Duration = Duration::from_secs(1);

pub(crate) struct Session {
    pub(crate) environment: Environment,
    pub(crate) plain: Arc<Plain>,
    state: State,
    cache_bytes: u64,
    stop: Arc<Stop>,
    now: SystemTime,
}

/// What a signal does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnSignal {
    /// The program ends within two seconds.
    End,
    /// It goes to the container, whose end is ours.
    PassOn,
}

impl Session {
    pub(crate) fn begin(
        environment: Environment,
        verbose: bool,
        on_signal: OnSignal,
    ) -> Result<Session, Error> {
        let stop = Arc::new(Stop::default());
        signals::listen(&stop, on_signal == OnSignal::End).map_err(|cause| {
            Error::new(ErrorKind::Other, "listening for signals").because(cause)
        })?;
        let plain = Arc::new(Plain::new(
            Style {
                colour: environment.colour,
            },
            verbose,
        ));
        watch(&plain);
        Ok(Session {
            plain,
            state: environment.state()?,
            cache_bytes: environment.cache_bytes()?,
            environment,
            stop,
            now: SystemTime::now(),
        })
    }

    /// A host that tells its events as plain lines.
    pub(crate) fn told(&self) -> Host<'_> {
        self.host(&*self.plain)
    }

    fn host<'a>(&'a self, events: &'a dyn Events) -> Host<'a> {
        Host {
            state: &self.state,
            payload: PAYLOAD,
            caller: &self.environment.caller,
            now: self.now,
            cache_bytes: self.cache_bytes,
            stop: &self.stop,
            events,
        }
    }

    /// The signal that ended the work, if one did.
    pub(crate) fn signal(&self) -> Option<i32> {
        self.stop.asked()
    }
}

/// Says what is being waited for, as long as the session lives.
fn watch(plain: &Arc<Plain>) {
    let plain = Arc::downgrade(plain);
    std::thread::spawn(move || {
        while let Some(plain) = plain.upgrade() {
            plain.beat();
            drop(plain);
            std::thread::sleep(BEAT);
        }
    });
}
