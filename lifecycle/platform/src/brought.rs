//! What of the caller's surroundings a build gets to see: certificate authorities, proxies, pip's settings.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use oci::Digest;

use crate::caller::Caller;
use crate::error::Result;
use crate::memory::Memory;
use crate::pip_settings::{self, Settings};
use crate::sum::Sum;

/// Read once, so that what is mounted is what a rebuild is compared with.
pub(crate) struct Brought {
    /// A PEM bundle.
    pub(crate) certificates: Option<Vec<u8>>,
    pub(crate) proxies: Vec<(OsString, OsString)>,
    pub(crate) pip: Settings,
    /// Of everything; `None` when a folder that is mounted was changing at that moment, or cannot be looked at.
    pub(crate) digest: Option<Digest>,
}

impl Brought {
    pub(crate) fn gather(caller: &Caller, memory: &Memory) -> Result<Brought> {
        let mut brought = Brought {
            certificates: caller.certificates()?,
            proxies: caller.proxies(),
            pip: pip_settings::gather(caller, Path::new("/etc"))?,
            digest: None,
        };
        brought.digest = brought.now(memory);
        Ok(brought)
    }

    /// Whether the mounted folders have been the same since. Everything else is a copy.
    pub(crate) fn is_unchanged(&self, memory: &Memory) -> bool {
        self.pip.shared.is_empty() || self.now(memory) == self.digest
    }

    /// Its parts by names for people, without the contents of mounted folders.
    pub(crate) fn parts(&self) -> [(&'static str, Digest); 3] {
        let mut certificates = Sum::default();
        certificates.list(self.certificates.iter().map(Vec::as_slice));
        let mut proxies = Sum::default();
        let texts = self.proxies.iter().flat_map(|(name, value)| [name, value]);
        let texts: Vec<&[u8]> = texts.map(|text| text.as_bytes()).collect();
        proxies.list(texts.into_iter());
        let mut pip = Sum::default();
        self.pip.sum(&mut pip);
        [
            (
                "the bundle of certificate authorities",
                certificates.finish(),
            ),
            ("the proxy variables", proxies.finish()),
            ("pip's settings", pip.finish()),
        ]
    }

    /// The digest of everything, mounted folders by their state instead of their contents: a folder of wheels can be of any size.
    ///
    /// All of it counts, also what ought to change no image, such as proxies: buildpacks see it and may do what they like with it.
    fn now(&self, memory: &Memory) -> Option<Digest> {
        let mut sum = Sum::default();
        sum.list(self.certificates.iter().map(Vec::as_slice));
        let proxies = self.proxies.iter().flat_map(|(name, value)| [name, value]);
        let proxies: Vec<&[u8]> = proxies.map(|text| text.as_bytes()).collect();
        sum.list(proxies.into_iter());
        self.pip.sum(&mut sum);
        for folder in &self.pip.shared {
            sum.put(memory.state(&folder.from)?.hex().as_bytes());
        }
        Some(sum.finish())
    }
}
