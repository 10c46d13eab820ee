//! Who runs the tests, and as whom else they can run something.

/// An id without an account, rights or home: an ordinary user on any machine.
pub const ORDINARY: u32 = 54321;

/// Do the tests run as root?
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
