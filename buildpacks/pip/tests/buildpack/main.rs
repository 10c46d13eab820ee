//! The buildpack as a lifecycle calls it.

mod real_pypi;
mod world;
