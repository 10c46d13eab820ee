//! The control socket: JSON messages with their length in front, file descriptors beside the first of them.
//!
//! Its end is the primary signal that the other side is gone; see `reaper.rs`.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Longest message: arguments and environment of a command may be 2 MiB, escaped six times that.
const MESSAGE_MAX: usize = 16 << 20;
const DESCRIPTORS_MAX: usize = 4;

/// One end of the socket.
#[derive(Debug)]
pub(crate) struct Control(UnixStream);

impl Control {
    pub(crate) fn pair() -> io::Result<(Control, Control)> {
        let (a, b) = UnixStream::pair()?;
        Ok((Control(a), Control(b)))
    }

    pub(crate) fn from_fd(fd: OwnedFd) -> Control {
        Control(UnixStream::from(fd))
    }

    pub(crate) fn into_fd(self) -> OwnedFd {
        self.0.into()
    }

    pub(crate) fn send<T: Serialize>(&self, message: &T) -> io::Result<()> {
        (&self.0).write_all(&frame(message)?)
    }

    /// The first message, with descriptors the other side gets copies of.
    pub(crate) fn send_with<T: Serialize>(
        &self,
        message: &T,
        descriptors: &[BorrowedFd<'_>],
    ) -> io::Result<()> {
        let bytes = frame(message)?;
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
        let mut beside = SendAncillaryBuffer::new(&mut space);
        if !beside.push(SendAncillaryMessage::ScmRights(descriptors)) {
            return Err(io::Error::other("too many descriptors in one message"));
        }
        let sent = sendmsg(
            &self.0,
            &[IoSlice::new(&bytes)],
            &mut beside,
            SendFlags::NOSIGNAL,
        )?;
        (&self.0).write_all(bytes.get(sent..).unwrap_or_default())
    }

    /// The next message; `None` when the other side has closed.
    pub(crate) fn receive<T: DeserializeOwned>(&self) -> io::Result<Option<T>> {
        let mut length = [0; 4];
        match (&self.0).read_exact(&mut length) {
            Err(cause) if cause.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(cause) => Err(cause),
            Ok(()) => self.body(length).map(Some),
        }
    }

    /// The first message and its descriptors.
    pub(crate) fn receive_with<T: DeserializeOwned>(&self) -> io::Result<(T, Vec<OwnedFd>)> {
        let mut length = [0; 4];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
        let mut beside = RecvAncillaryBuffer::new(&mut space);
        let parts = &mut [IoSliceMut::new(&mut length)];
        let got = recvmsg(&self.0, parts, &mut beside, RecvFlags::CMSG_CLOEXEC)?.bytes;
        let descriptors = beside.drain().filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
            _ => None,
        });
        let descriptors = descriptors.flatten().collect();
        (&self.0).read_exact(length.get_mut(got..).unwrap_or_default())?;
        Ok((self.body(length)?, descriptors))
    }

    /// Tells the other side that nothing more will come, which kills what it runs.
    pub(crate) fn hang_up(&self) {
        // Fails only when the other side is gone already.
        let _ = self.0.shutdown(Shutdown::Write);
    }

    fn body<T: DeserializeOwned>(&self, length: [u8; 4]) -> io::Result<T> {
        let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
        if length > MESSAGE_MAX {
            return Err(io::Error::other(
                "a message on the control socket is too long",
            ));
        }
        let mut bytes = vec![0; length];
        (&self.0).read_exact(&mut bytes)?;
        Ok(serde_json::from_slice(&bytes)?)
    }
}

impl AsFd for Control {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn frame<T: Serialize>(message: &T) -> io::Result<Vec<u8>> {
    let body = serde_json::to_vec(message)?;
    let length = u32::try_from(body.len())
        .ok()
        .filter(|_| body.len() <= MESSAGE_MAX);
    let length =
        length.ok_or_else(|| io::Error::other("arguments and environment are too long"))?;
    let mut bytes = length.to_le_bytes().to_vec();
    bytes.extend(body);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_travel_with_the_first_message() {
        let (here, there) = Control::pair().unwrap();
        let (mut reader, writer) = std::io::pipe().unwrap();
        here.send_with(&"first", &[writer.as_fd()]).unwrap();
        here.send(&"second").unwrap();
        drop(writer);
        let (first, mut descriptors): (String, _) = there.receive_with().unwrap();
        assert_eq!((first.as_str(), descriptors.len()), ("first", 1));
        std::fs::File::from(descriptors.remove(0))
            .write_all(b"through")
            .unwrap();
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "through");
        assert_eq!(
            there.receive::<String>().unwrap().as_deref(),
            Some("second")
        );
        here.hang_up();
        assert_eq!(there.receive::<String>().unwrap(), None);
        there.send(&3).unwrap();
        assert_eq!(here.receive::<i32>().unwrap(), Some(3));
    }
}
