//! Where a redirect leads, and whether it may be followed.

use crate::error::{Error, ErrorKind, Result};
use crate::url::{Url, without_secrets};

/// Most redirects that are followed for one request.
pub(crate) const LIMIT: usize = 10;

/// The address that `location` leads to; never from https to http, never to another scheme.
///
/// Only the same origin gets the credentials of the first address again.
pub(crate) fn follow(from: &Url, location: &str) -> Result<Url> {
    let mut to = from.join(location)?;
    if from.secure && !to.secure {
        return Err(Error::new(
            ErrorKind::Other,
            format!(
                "{} redirects to the unprotected {}",
                from.text(),
                without_secrets(location)
            ),
        ));
    }
    if is_same_origin(from, &to) {
        to.user_info.clone_from(&from.user_info);
    } else {
        to.user_info = None;
    }
    Ok(to)
}

pub(crate) fn is_same_origin(one: &Url, other: &Url) -> bool {
    (one.secure, &one.host, one.port) == (other.secure, &other.host, other.port)
}
