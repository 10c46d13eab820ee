//! What an answer or a failure of ureq means to a caller.

use std::io::{self, Read};
use std::time::Duration;

use ureq::http::HeaderMap;

use crate::date::parse_date;
use crate::error::{Error, ErrorKind};
use crate::paced::TooSlow;
use crate::resolver::LookupFailed;

/// What a failure of ureq means to a caller.
pub(crate) fn failed(doing: &str, error: ureq::Error) -> Error {
    use io::ErrorKind as Io;
    let kind = match &error {
        ureq::Error::Other(inner) if inner.is::<LookupFailed>() => ErrorKind::Offline,
        ureq::Error::Timeout(_) => ErrorKind::Timeout,
        ureq::Error::Tls(_) | ureq::Error::Pem(_) | ureq::Error::Rustls(_) => ErrorKind::Tls,
        ureq::Error::Io(inner) => match inner.kind() {
            _ if is::<rustls::Error>(inner) => ErrorKind::Tls,
            _ if is::<TooSlow>(inner) => ErrorKind::Timeout,
            Io::ConnectionRefused => ErrorKind::Refused,
            Io::NetworkUnreachable | Io::NetworkDown | Io::HostUnreachable => ErrorKind::Offline,
            Io::TimedOut | Io::WouldBlock => ErrorKind::Timeout,
            _ => ErrorKind::Broken,
        },
        ureq::Error::ConnectProxyFailed(reason) if reason.contains("407") => ErrorKind::Denied,
        ureq::Error::ConnectProxyFailed(_) => ErrorKind::Refused,
        ureq::Error::Protocol(_) | ureq::Error::ConnectionFailed | ureq::Error::BodyStalled => {
            ErrorKind::Broken
        }
        ureq::Error::LargeResponseHeader(..) => ErrorKind::TooLarge,
        _ => ErrorKind::Other,
    };
    let error: Box<dyn std::error::Error + Send + Sync> = match error {
        ureq::Error::Other(inner) => inner,
        ureq::Error::Io(inner) => Box::new(inner),
        ureq::Error::Rustls(inner) => Box::new(inner),
        error => Box::new(error),
    };
    Error::new(kind, doing).because(error)
}

/// Whether an error of reading or writing wraps one of type `E`.
fn is<E: std::error::Error + 'static>(error: &io::Error) -> bool {
    error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<E>())
        .is_some()
}

/// The error for a status that is no success, with the beginning of what the server says if that is text.
pub(crate) fn refused(doing: &str, status: u16, headers: &HeaderMap, body: ureq::Body) -> Error {
    let kind = match status {
        404 | 410 => ErrorKind::NotFound,
        401 | 403 | 407 => ErrorKind::Denied,
        408 | 425 | 429 | 500..=599 => ErrorKind::Busy,
        _ => ErrorKind::Other,
    };
    let is_text = headers
        .get("content-type")
        .and_then(|value| value.to_str().ok())
        .is_some_and(|kind| kind.starts_with("text/plain") || kind.contains("json"));
    let mut said = Vec::new();
    if is_text {
        // What the server adds is a courtesy; its loss is not another error.
        let _ = body.into_reader().take(200).read_to_end(&mut said);
    }
    let said: String = String::from_utf8_lossy(&said)
        .chars()
        .map(|char| if char.is_control() { ' ' } else { char })
        .collect();
    let said = said.trim();
    let separator = if said.is_empty() { "" } else { ": " };
    Error::new(kind, doing)
        .because(format!("HTTP status {status}{separator}{said}"))
        .status_of(status, retry_after(headers))
}

/// `Retry-After` in seconds, or as a date relative to the server's own clock.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get("retry-after")?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let now = parse_date(headers.get("date")?.to_str().ok()?)?;
    let seconds = parse_date(value)?.saturating_sub(now).max(0);
    u64::try_from(seconds).ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::failed;
    use crate::error::ErrorKind;
    use crate::resolver::LookupFailed;

    #[test]
    fn failures_that_no_loopback_server_can_cause_have_their_kinds() {
        let kind = |error: ureq::Error| failed("fetching", error).kind();
        let lookup = LookupFailed(ureq::Error::HostNotFound);
        assert_eq!(
            kind(ureq::Error::Other(Box::new(lookup))),
            ErrorKind::Offline
        );
        let of_system = |kind: io::ErrorKind| ureq::Error::Io(kind.into());
        assert_eq!(
            kind(of_system(io::ErrorKind::NetworkUnreachable)),
            ErrorKind::Offline
        );
        assert_eq!(
            kind(of_system(io::ErrorKind::ConnectionReset)),
            ErrorKind::Broken
        );
        let proxy = |reason: &str| ureq::Error::ConnectProxyFailed(reason.to_owned());
        assert_eq!(
            kind(proxy("proxy server responded 407/407")),
            ErrorKind::Denied
        );
        assert_eq!(
            kind(proxy("proxy server responded 403/403")),
            ErrorKind::Refused
        );
    }
}
