//! How events, results and errors look. Results go to stdout, talk to stderr.

pub(crate) mod detection;
pub(crate) mod failure;
pub(crate) mod plain;
pub(crate) mod pulse;
pub(crate) mod stdout;
pub(crate) mod style;
pub(crate) mod table;
pub(crate) mod units;
