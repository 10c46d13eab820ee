//! The helper process, and process 1 of a sandbox.

/// First argument of the helper's command line.
pub const INIT: &str = "sandbox-init";

/// Body of `<self> sandbox-init`.
///
/// The caller's `main` calls it when its first argument is [`INIT`], before anything else and in particular
/// before it starts threads or reads input.
pub fn init() -> ! {
    todo!()
}
