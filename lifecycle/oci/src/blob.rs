//! Bytes that know their digest and where they lie.

use std::fmt;
use std::io::Read;
use std::sync::Arc;

use crate::{Descriptor, Repository, Result, Source};

/// A descriptor and the source its bytes are read from, when somebody asks.
#[derive(Clone)]
pub struct Blob {
    pub descriptor: Descriptor,
    source: Arc<dyn Source>,
}

impl Blob {
    /// `source` is not asked whether it has the bytes.
    pub fn new(descriptor: Descriptor, source: Arc<dyn Source>) -> Blob {
        Blob { descriptor, source }
    }

    /// Opens the bytes; the reader fails at the end of the stream when they are not those of the descriptor.
    pub fn open(&self) -> Result<Box<dyn Read + Send>> {
        self.source.open(&self.descriptor)
    }

    pub fn origin(&self) -> Option<&Repository> {
        self.source.origin()
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.descriptor.fmt(f)
    }
}

impl PartialEq for Blob {
    fn eq(&self, other: &Blob) -> bool {
        self.descriptor == other.descriptor
    }
}
