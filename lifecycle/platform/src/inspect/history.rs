//! How an image came to be, and which files it has.

use oci::tarball::Kind;
use oci::tree::{File, Tree};
use oci::{Image, Images, Reference};
use serde::Serialize;

use super::{LIFECYCLE, label, layers};
use crate::error::{Doing, Error, ErrorKind, Result};
use crate::host::Host;
use crate::run::no_image;

/// One step of an image's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// RFC 3339, as the image says.
    pub created: Option<String>,
    pub created_by: Option<String>,
    /// What the step made; `None` for one that changed no file.
    pub layer: Option<super::Layer>,
}

/// The history of an image, oldest step first. Layers that it does not mention come last.
pub fn history(host: &Host<'_>, name: &Reference) -> Result<Vec<Step>> {
    let image = find(host, name)?;
    Ok(steps(&image))
}

fn steps(image: &Image) -> Vec<Step> {
    let mut layers = layers(image, &label(image, LIFECYCLE)).into_iter();
    let step = |entry: oci::History| Step {
        layer: if entry.empty_layer {
            None
        } else {
            layers.next()
        },
        created: entry.created,
        created_by: entry.created_by,
    };
    let mut steps: Vec<Step> = image.config().history().into_iter().map(step).collect();
    steps.extend(layers.map(|layer| Step {
        created: None,
        created_by: None,
        layer: Some(layer),
    }));
    steps
}

/// A file as a container sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Absolute; bytes that are no UTF-8 stand as `\xff`.
    pub path: String,
    /// `-dlcbp`, as `ls -l` has it.
    pub kind: char,
    /// Permissions with set-id and sticky bits.
    pub mode: u32,
    pub uid: i64,
    pub gid: i64,
    /// Of a folder: of all files in it.
    pub bytes: u64,
    /// Target of a symbolic or hard link.
    pub link: Option<String>,
    /// Position in the image of the layer it comes from, lowest 0.
    pub layer: usize,
}

/// The files of an image at and below an absolute path, folders before what is in them, sorted name by name.
///
/// Fails with `Usage` when the image has no such path.
pub fn files(host: &Host<'_>, name: &Reference, below: &str) -> Result<Vec<Entry>> {
    let image = find(host, name)?;
    let trees = Tree::of_layers(image.layers()).doing("reading the layers")?;
    let tree = Tree::stacked(&trees);
    let top = below.trim_end_matches('/');
    if tree.get(top.as_bytes()).is_none() {
        let text = format!("{} has no {below}", name.as_typed());
        return Err(Error::new(ErrorKind::Usage, text).help(format!(
            "see what is there: slipway image tree {}",
            name.as_typed()
        )));
    }
    let mut entries = Vec::new();
    tree.walk(&mut |path, node| {
        let inside = path
            .strip_prefix(top.as_bytes())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"));
        if let Some(file) = node.file().filter(|_| inside) {
            entries.push(entry(path, file, node.size()));
        }
    });
    Ok(entries)
}

fn entry(path: &[u8], file: &File, bytes: u64) -> Entry {
    Entry {
        path: legible(path),
        kind: match file.kind {
            Kind::Dir => 'd',
            Kind::Symlink => 'l',
            Kind::Char => 'c',
            Kind::Block => 'b',
            Kind::Fifo => 'p',
            _ => '-',
        },
        mode: file.mode,
        uid: file.uid,
        gid: file.gid,
        bytes,
        link: (!file.link.is_empty()).then(|| legible(&file.link)),
        layer: file.layer,
    }
}

/// Without loss: what is no UTF-8 is escaped, and so is the escape.
fn legible(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(&chunk.valid().replace('\\', "\\\\"));
        text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    text
}

fn find(host: &Host<'_>, name: &Reference) -> Result<Image> {
    let store = host.images()?;
    let image = store.find(name);
    let image = image.doing(format!("looking for {}", name.as_typed()))?;
    image.ok_or_else(|| no_image(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use oci::{History, Platform, Store};

    fn layer(content: &str) -> oci::Layer {
        let store: std::sync::Arc<dyn Store> = oci::Memory::new();
        oci::testing::layer(&[(content, b"x")], &store)
    }

    #[test]
    fn steps_have_the_layers_that_they_made() {
        let mut image = Image::empty(&Platform::host());
        let layers = ["a", "b"].map(layer);
        for layer in &layers {
            let history = History::new("1980-01-01T00:00:01Z", "made");
            image = image.append(layer.clone(), &history);
        }
        let made: Vec<Option<String>> = steps(&image)
            .into_iter()
            .map(|step| step.layer.map(|layer| layer.diff_id))
            .collect();
        let ids = layers.map(|layer| Some(layer.diff_id.to_string()));
        assert_eq!(made, ids);
    }

    #[test]
    fn names_that_are_no_text_are_shown_without_loss() {
        assert_eq!(legible(b"/a\\b/\xff\xc3\xa9"), "/a\\\\b/\\xff\u{e9}");
    }
}
