//! For tests, here and in crates that implement [`Store`] or [`Images`]: small images, and what every implementation promises.
//!
//! The suites panic where a promise is broken.

use std::io::{Read, Write};
use std::sync::Arc;

use crate::tarball::{Header, Kind};
use crate::{
    Blob, Descriptor, Digest, ErrorKind, Hasher, History, Image, Images, Layer, MediaType,
    Platform, Reference, Source, Store,
};

/// A tar with one entry per `(path, content)`; a path that ends in `/` is a folder. Modes 0755 and 0644, owned by root.
pub fn tar(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = Vec::new();
    for (path, content) in entries {
        let dir = path.ends_with('/');
        let header = Header {
            name: path.as_bytes().to_vec(),
            kind: if dir { Kind::Dir } else { Kind::File },
            mode: if dir { 0o755 } else { 0o644 },
            size: i64::try_from(content.len()).expect("content fits in memory"),
            ..Header::default()
        };
        tar.extend(
            header
                .to_bytes()
                .expect("the path is one that a tar can hold"),
        );
        tar.extend_from_slice(content);
        tar.resize(tar.len().next_multiple_of(512), 0);
    }
    tar.resize(tar.len() + 1024, 0);
    tar
}

/// A gzipped layer of these files, kept in `into`.
pub fn layer(entries: &[(&str, &[u8])], into: &Arc<dyn Store>) -> Layer {
    let tar = tar(entries);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(&tar).expect("memory takes everything");
    let bytes = gzip.finish().expect("memory takes everything");
    let descriptor = Descriptor::of(MediaType::OciLayerGzip, &bytes);
    into.write(&descriptor, &mut &*bytes)
        .expect("the store takes a layer");
    Layer {
        diff_id: Digest::of(&tar),
        blob: Blob::new(descriptor, as_source(into)),
    }
}

fn as_source(store: &Arc<dyn Store>) -> Arc<dyn Source> {
    store.clone()
}

/// An image for linux/amd64 with a file per layer; another `seed` gives other bytes. The lowest layer is the same for all seeds.
pub fn image(seed: u64, layers: usize, into: &Arc<dyn Store>) -> Image {
    let mut image = Image::empty(&Platform::new("linux", "amd64"));
    image
        .config_mut()
        .set_env("PATH", "/usr/local/bin:/usr/bin:/bin");
    image.config_mut().set_label("seed", &seed.to_string());
    image.config_mut().set_created("1980-01-01T00:00:01Z");
    for number in 0..layers {
        let bytes = noise(if number == 0 { 0 } else { seed + 1 }, 1000 + 500 * number);
        let name = format!("srv/file-{number}");
        let layer = layer(&[("srv/", b""), (&name, &bytes)], into);
        image = image.append(
            layer,
            &History::new("1980-01-01T00:00:01Z", &format!("layer {number}")),
        );
    }
    image
}

/// Bytes that do not compress, the same for the same seed.
pub fn noise(seed: u64, size: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(next).flatten().take(size).collect()
}

/// What every [`Store`] promises. `open` gives an empty store, or one that holds none of our blobs.
pub fn check_store(open: &dyn Fn() -> Arc<dyn Store>) {
    keeps_what_it_is_given(&*open());
    refuses_wrong_bytes(&*open());
    drops_what_is_not_finished(&*open());
    takes_one_blob_from_many_threads(&open());
}

fn keeps_what_it_is_given(store: &dyn Store) {
    for size in [0, 1, 4096, 3_000_000] {
        let bytes = noise(size as u64 + 77, size);
        let blob = Descriptor::of(MediaType::OciLayer, &bytes);
        assert!(
            !store
                .contains(blob.digest)
                .expect("asking for an absent blob"),
            "{size} bytes are there before"
        );
        assert_eq!(
            store.open(&blob).err().map(|error| error.kind()),
            Some(ErrorKind::NotFound),
            "opening an absent blob"
        );
        for _ in 0..2 {
            store.write(&blob, &mut &*bytes).expect("writing a blob");
            assert!(store.contains(blob.digest).expect("asking for a blob"));
            assert!(
                read(store, &blob).expect("reading a blob") == bytes,
                "{size} bytes came back changed"
            );
        }
    }
    let bytes = noise(5, 100_000);
    let blob = Descriptor::of(MediaType::OciLayer, &bytes);
    let mut sink = store.begin().expect("beginning a blob");
    bytes
        .chunks(999)
        .for_each(|chunk| sink.write_all(chunk).expect("writing to a sink"));
    sink.finish(&blob).expect("finishing a blob");
    assert!(read(store, &blob).expect("reading a blob") == bytes);
}

fn refuses_wrong_bytes(store: &dyn Store) {
    let bytes = noise(6, 10_000);
    let other = noise(7, 10_000);
    let blob = Descriptor::of(MediaType::OciLayer, &bytes);
    for wrong in [&bytes[..9_999], &[&bytes[..], b"x"].concat(), &other, b""] {
        let error = store
            .write(&blob, &mut &*wrong)
            .expect_err("wrong bytes were taken");
        assert_eq!(error.kind(), ErrorKind::Integrity, "{error:?}");
        assert!(
            !store.contains(blob.digest).expect("asking for a blob"),
            "wrong bytes left something"
        );
        assert!(
            !store
                .contains(Digest::of(wrong))
                .expect("asking for a blob"),
            "wrong bytes were kept"
        );
    }
    store
        .write(&blob, &mut &*bytes)
        .expect("writing the right bytes after wrong ones");
    for size in [blob.size - 1, blob.size + 1] {
        let lie = Descriptor {
            size,
            ..blob.clone()
        };
        assert!(
            read(store, &lie).is_err(),
            "a blob of {} bytes was read as one of {size}",
            blob.size
        );
    }
    assert!(read(store, &blob).expect("reading the blob after a wrong request") == bytes);
}

fn drops_what_is_not_finished(store: &dyn Store) {
    let bytes = noise(8, 10_000);
    let mut sink = store.begin().expect("beginning a blob");
    sink.write_all(&bytes).expect("writing to a sink");
    drop(sink);
    assert!(
        !store
            .contains(Digest::of(&bytes))
            .expect("asking for a blob")
    );
}

fn takes_one_blob_from_many_threads(store: &Arc<dyn Store>) {
    let bytes = noise(9, 200_000);
    let blob = Descriptor::of(MediaType::OciLayer, &bytes);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                store
                    .write(&blob, &mut &*bytes)
                    .expect("writing what others write too");
                assert!(read(&**store, &blob).expect("reading what others write too") == bytes);
            });
        }
    });
}

fn read(source: &dyn Store, blob: &Descriptor) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.open(blob)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What every [`Images`] promises. `images` has none of the names below `prefix` (a registry and a path); blobs of the images that
/// are published come from memory.
pub fn check_images(images: &dyn Images, prefix: &str) {
    let memory: Arc<dyn Store> = crate::Memory::new();
    let name =
        |rest: &str| Reference::parse(&format!("{prefix}/{rest}")).expect("the prefix makes names");
    finds_what_was_published(images, &memory, &name);
    moves_names(images, &memory, &name);
    names_nothing_incomplete(images, &memory, &name);
}

fn finds_what_was_published(
    images: &dyn Images,
    memory: &Arc<dyn Store>,
    name: &dyn Fn(&str) -> Reference,
) {
    let (one, two) = (name("found:1"), name("found:2"));
    assert!(
        images
            .find(&one)
            .expect("looking for an absent name")
            .is_none()
    );
    let mut image = image(1, 3, memory);
    image.set_annotation("org.example", "<kept>");
    let digest = images
        .publish(&image, &[one.clone(), two.clone()])
        .expect("publishing");
    assert_eq!(digest, image.digest());
    for name in [one.clone(), two, one.with_digest(digest)] {
        let found = images
            .find(&name)
            .expect("looking for a name")
            .unwrap_or_else(|| panic!("{name} is absent"));
        assert_eq!(found.digest(), digest, "{name}");
        assert_eq!(found.config(), image.config());
        found.layers().iter().for_each(verify);
    }
    assert!(
        images
            .find(&one.with_digest(Digest::of(b"absent")))
            .expect("looking for an absent digest")
            .is_none()
    );
    assert_eq!(
        images.publish(&image, &[one]).expect("publishing again"),
        digest
    );
}

/// Reads a layer's bytes to the end.
fn verify(layer: &Layer) {
    let mut hasher = Hasher::new();
    let mut bytes = layer.blob.open().expect("opening a published layer");
    std::io::copy(&mut bytes, &mut hasher).expect("reading a published layer");
    assert_eq!(hasher.finish(), layer.blob.descriptor.digest);
}

fn moves_names(images: &dyn Images, memory: &Arc<dyn Store>, name: &dyn Fn(&str) -> Reference) {
    let (moving, old, new) = (name("moved"), image(2, 2, memory), image(3, 1, memory));
    images
        .publish(&old, std::slice::from_ref(&moving))
        .expect("publishing");
    images
        .publish(&new, std::slice::from_ref(&moving))
        .expect("publishing under the same name");
    let digest = |name: &Reference| {
        images
            .find(name)
            .expect("looking for a name")
            .map(|image| image.digest())
    };
    assert_eq!(digest(&moving), Some(new.digest()));
    assert_eq!(
        digest(&moving.with_digest(old.digest())),
        Some(old.digest()),
        "the old image is still there by its digest"
    );
    let lie = moving.with_digest(old.digest());
    images
        .publish(&new, &[lie])
        .expect_err("an image was published under another one's digest");
}

fn names_nothing_incomplete(
    images: &dyn Images,
    memory: &Arc<dyn Store>,
    name: &dyn Fn(&str) -> Reference,
) {
    let missing = Descriptor::of(MediaType::OciLayerGzip, &noise(10, 50));
    let layer = Layer {
        diff_id: missing.digest,
        blob: Blob::new(missing, as_source(memory)),
    };
    let broken = image(4, 1, memory).append(layer, &History::default());
    let name = name("broken");
    images
        .publish(&broken, std::slice::from_ref(&name))
        .expect_err("an image without its layer was published");
    assert!(
        images.find(&name).expect("looking for a name").is_none(),
        "a name points to something incomplete"
    );
}
