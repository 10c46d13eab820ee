//! Small images whose layers go all the ways into a store: packed by us, foreign, shared with other images, and their own.

use std::sync::Arc;

use oci::tarball::{self, Content, Entry, Node};
use oci::testing::noise;
use oci::{History, Image, Layer, Memory, Reference, Result, Store};

const CREATED: &str = "1980-01-01T00:00:01Z";

/// An image of about a megabyte, the same for the same seed; the layers that we pack are in `store` on return, the foreign ones
/// come in when it is published.
pub fn image(seed: u64, store: &Arc<dyn Store>) -> Result<Image> {
    // Two foreign layers, the lower one the same for all seeds.
    let elsewhere: Arc<dyn Store> = Memory::new();
    let image = oci::testing::image(seed, 2, &elsewhere);
    let shared = packed(&[("base/one", 1, 150_000), ("base/two", 2, 90_000)], store)?;
    let own = packed(
        &[
            ("app/kept", 3 + seed % 3, 120_000),
            ("app/own", 1_000 + seed, 300_000 + 10_000 * (seed % 20)),
            ("app/small", 5_000 + seed, 700),
        ],
        store,
    )?;
    Ok([shared, own].into_iter().fold(image, |image, layer| {
        image.append(layer, &History::new(CREATED, "packed"))
    }))
}

/// Files of noise, by path, seed and size in bytes, packed as a layer is packed by a build.
fn packed(files: &[(&str, u64, u64)], store: &Arc<dyn Store>) -> Result<Layer> {
    let entries = files.iter().map(|(path, seed, size)| {
        let size = usize::try_from(*size).expect("small");
        Ok(Entry {
            path: format!("/srv/{path}").into_bytes(),
            node: Node::File(Content::Bytes(noise(*seed, size).into())),
            mode: 0o644,
            uid: 0,
            gid: 0,
            mtime: tarball::NORMALIZED_MTIME,
        })
    });
    tarball::pack(&mut { entries }, store)
}

/// Name number `name` of writer number `writer`.
pub fn reference(writer: usize, name: usize) -> Reference {
    Reference::parse(&format!("rig.example/writer-{writer}/name-{name}:latest"))
        .expect("a well-formed name")
}

/// Reads every layer to its end.
pub fn verify(image: &Image) -> Result<()> {
    for layer in image.layers() {
        let doing = || format!("reading layer {}", layer.blob.descriptor.digest);
        std::io::copy(&mut layer.blob.open()?, &mut std::io::sink())
            .map_err(|error| oci::Error::io(doing(), error))?;
    }
    Ok(())
}
