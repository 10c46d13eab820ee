//! Whether an image keeps its promises: every byte is what its digest says, and what the config says fits together.

use std::io::{self, Read};

use crate::tarball::{self, Limits};
use crate::{Error, ErrorKind, Hasher, Image, Layer, Result, decompress, limits};

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Which part of the image: `config`, `manifest`, or `layer 3`.
    pub part: String,
    /// One sentence.
    pub what: String,
}

/// Reads all layers and returns what is wrong, lowest layer first; empty when all is well.
///
/// Fails only when the image cannot be examined: its source refuses, or is away.
pub fn validate(image: &Image) -> Result<Vec<Problem>> {
    let mut problems = shape(image);
    for (number, layer) in image.layers().iter().enumerate() {
        let problem = |what| Problem {
            part: format!("layer {number}"),
            what,
        };
        match check_layer(layer) {
            Ok(None) => {}
            Ok(Some(what)) => problems.push(problem(what)),
            Err(error) if is_the_images_fault(&error) => problems.push(problem(chain(&error))),
            Err(error) => return Err(error.during(format!("validating layer {number}"))),
        }
    }
    Ok(problems)
}

fn is_the_images_fault(error: &Error) -> bool {
    use ErrorKind::{Integrity, Malformed, NotFound, TooLarge, Unsupported};
    matches!(
        error.kind(),
        NotFound | Integrity | Malformed | TooLarge | Unsupported
    )
}

/// What can be said without reading layers.
fn shape(image: &Image) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut check = |good: bool, part: &str, what: String| {
        if !good {
            problems.push(Problem {
                part: part.into(),
                what,
            });
        }
    };
    let (config, layers) = (image.config(), image.layers());
    let platform = config.platform();
    check(
        !platform.os.is_empty(),
        "config",
        "it names no operating system".into(),
    );
    check(
        !platform.architecture.is_empty(),
        "config",
        "it names no architecture".into(),
    );
    let history = config.history();
    let made = history.iter().filter(|entry| !entry.empty_layer).count();
    let fits = history.is_empty() || made == layers.len();
    check(
        fits,
        "config",
        format!(
            "its history tells of {made} layers, but there are {}",
            layers.len()
        ),
    );
    let dir = config.working_dir().unwrap_or("/");
    check(
        dir.starts_with('/'),
        "config",
        format!("its working directory {dir:?} is not absolute"),
    );
    for (name, _) in config.env() {
        check(
            !name.is_empty() && !name.contains('\0'),
            "config",
            format!("its environment has a variable named {name:?}"),
        );
    }
    for (number, layer) in layers.iter().enumerate() {
        let media_type = &layer.blob.descriptor.media_type;
        check(
            media_type.compression().is_some(),
            "manifest",
            format!("layer {number} has the media type {media_type}"),
        );
    }
    problems
}

/// What is wrong with a layer that can be read.
fn check_layer(layer: &Layer) -> Result<Option<String>> {
    let blob = &layer.blob;
    let Some(_) = blob.descriptor.media_type.compression() else {
        // Said already.
        return Ok(None);
    };
    let tar = decompress(
        &blob.descriptor.media_type,
        blob.open()?,
        limits::LAYER_BYTES,
    )?;
    let mut tar = Hashed {
        from: tar,
        hasher: Hasher::new(),
    };
    tarball::read(&mut tar, &Limits::default(), &mut |_, _| Ok(()))?;
    io::copy(&mut tar, &mut io::sink())
        .map_err(|error| Error::io("reading the end of the layer", error))?;
    let found = tar.hasher.finish();
    Ok((found != layer.diff_id).then(|| {
        format!(
            "its diff id is {found}, but the config says {}",
            layer.diff_id
        )
    }))
}

struct Hashed<R> {
    from: R,
    hasher: Hasher,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buffer)?;
        self.hasher.update(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}

/// An error with its causes, in one line.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests;
