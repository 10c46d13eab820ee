//! What the helper is asked to do and what it answers, as JSON on the control socket.

use std::io;

use serde::{Deserialize, Serialize};

use crate::nested::Nested;
use crate::probe::Report;
use crate::{Command, Error, ErrorKind, Exit, HostId, Sandbox, View};

/// The first message to the helper. Beside it travel the program's own descriptors, in order: `Streams`.
#[derive(Serialize, Deserialize)]
pub(crate) enum Request {
    Phase {
        sandbox: Sandbox,
        host: HostId,
        command: Command,
        streams: Streams,
    },
    Nested {
        nested: Nested,
        command: Command,
    },
    Probe {
        host: HostId,
    },
    View {
        view: View,
        command: Command,
    },
}

/// Which descriptors come with a request.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Streams {
    /// stdout, stderr; stdin is `/dev/null` of the sandbox.
    Output,
    /// stdout, stderr, and descriptor 3.
    OutputAndEvents,
    /// stdin, stdout, stderr.
    All,
}

/// Any later message to process 1.
#[derive(Serialize, Deserialize)]
pub(crate) enum Order {
    Signal(i32),
}

/// What comes back.
#[derive(Serialize, Deserialize)]
pub(crate) enum Reply {
    /// The program runs.
    Started,
    /// It has ended; what it left behind is dead when the helper has ended too.
    Ended(Exit),
    Failed(Failure),
    Report(Report),
}

/// An error on its way between processes.
#[derive(Serialize, Deserialize)]
pub(crate) struct Failure {
    kind: ErrorKind,
    doing: String,
    errno: Option<i32>,
    cause: Option<String>,
}

impl std::convert::From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        Failure {
            kind: error.kind().clone(),
            doing: error.to_string(),
            errno: error.errno(),
            cause,
        }
    }
}

impl std::convert::From<Failure> for Error {
    fn from(failure: Failure) -> Error {
        let error = Error::new(failure.kind, failure.doing);
        match (failure.errno, failure.cause) {
            (Some(errno), _) => error.caused(io::Error::from_raw_os_error(errno)),
            (None, Some(cause)) => error.caused(cause),
            (None, None) => error,
        }
    }
}
