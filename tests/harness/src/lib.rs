//! Temporary worlds for tests: state folders, programs of this machine, an HTTP question, and the
//! one way to say that a test could not run. Also the table in which benches say what they measured.
//!
//! Everything here is for tests: it reads the environment and panics instead of returning errors.

mod http_get;
mod program;
mod skip;
mod table;
mod user;
mod world;

pub use http_get::{Answer, get, wait_for};
pub use program::{Outcome, program, ready, rig, run};
pub use rustix::process::Signal;
pub use skip::{skip, strict};
pub use table::Table;
pub use user::{ORDINARY, is_root};
pub use world::{Child, World, free_port, repository};
