//! A reader that trusts nobody: at the end of the stream, digest and size must be those that were promised.

use std::io::{self, Read};

use crate::{Descriptor, Digest, Error, ErrorKind, Hasher};

/// Passes bytes through and fails with `Integrity` when they are not those of the descriptor.
///
/// The check happens when the last promised byte is read, so that whoever reads exactly `size` bytes is safe too; one more
/// byte, or an end before, is an error. After an error every further read fails.
pub struct Verified<R> {
    from: R,
    expected: Digest,
    size: u64,
    state: State,
}

enum State {
    Reading(Hasher),
    Complete,
    Failed,
}

impl<R: Read> Verified<R> {
    pub fn new(from: R, blob: &Descriptor) -> Verified<R> {
        Verified {
            from,
            expected: blob.digest,
            size: blob.size,
            state: State::Reading(Hasher::new()),
        }
    }

    fn fail(&mut self, what: impl Into<String>) -> io::Error {
        self.state = State::Failed;
        Error::new(
            ErrorKind::Integrity,
            format!("verifying {}: {}", self.expected, what.into()),
        )
        .into()
    }

    /// The check after the last promised byte.
    fn complete(&mut self) -> io::Result<()> {
        let State::Reading(hasher) = std::mem::replace(&mut self.state, State::Complete) else {
            return Ok(());
        };
        let found = hasher.finish();
        if found == self.expected {
            Ok(())
        } else {
            Err(self.fail(format!("the bytes are {found}")))
        }
    }
}

impl<R: Read> Read for Verified<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let rest = match &self.state {
            State::Reading(hasher) => self.size - hasher.size(),
            State::Complete => 0,
            State::Failed => return Err(self.fail("it failed before")),
        };
        if rest == 0 {
            self.complete()?;
            return match self.from.read(&mut [0])? {
                0 => Ok(0),
                _ => Err(self.fail(format!("more than {} bytes", self.size))),
            };
        }
        let room = usize::try_from(rest)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let count = self.from.read(&mut buffer[..room])?;
        if count == 0 {
            return Err(self.fail(format!("it ends {rest} bytes before {}", self.size)));
        }
        if let State::Reading(hasher) = &mut self.state {
            hasher.update(&buffer[..count]);
        }
        if count as u64 == rest {
            self.complete()?;
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MediaType;

    fn blob(bytes: &[u8]) -> Descriptor {
        Descriptor::of(MediaType::OciLayer, bytes)
    }

    fn kind_of(error: &io::Error) -> Option<ErrorKind> {
        error.get_ref()?.downcast_ref::<Error>().map(Error::kind)
    }

    #[test]
    fn right_bytes_pass() {
        for bytes in [&b""[..], b"x", b"hello"] {
            let mut read = Vec::new();
            Verified::new(bytes, &blob(bytes))
                .read_to_end(&mut read)
                .unwrap();
            assert_eq!(read, bytes);
        }
    }

    #[test]
    fn wrong_bytes_fail_for_good() {
        for wrong in [&b"hell"[..], b"hello!", b"hellO", b""] {
            let mut reader = Verified::new(wrong, &blob(b"hello"));
            let error = reader.read_to_end(&mut Vec::new()).unwrap_err();
            assert_eq!(kind_of(&error), Some(ErrorKind::Integrity), "{error}");
            let again = reader.read(&mut [0; 8]).unwrap_err();
            assert_eq!(kind_of(&again), Some(ErrorKind::Integrity), "{again}");
        }
    }

    #[test]
    fn whoever_reads_exactly_the_promised_bytes_hears_of_wrong_ones() {
        let mut reader = Verified::new(&b"hellO"[..], &blob(b"hello"));
        assert!(reader.read_exact(&mut [0; 5]).is_err());
    }
}
