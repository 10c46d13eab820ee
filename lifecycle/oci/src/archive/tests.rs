use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::{ErrorKind, History, Image, Memory, Platform, Reference, Store, testing};

fn memory() -> Arc<dyn Store> {
    Memory::new()
}

fn name(text: &str) -> Reference {
    Reference::parse(text).unwrap()
}

fn written(image: &Image, names: &[Reference], format: Format) -> Vec<u8> {
    let mut bytes = Vec::new();
    let digest = write(image, names, format, &mut bytes).unwrap();
    assert_eq!(digest, image.digest());
    bytes
}

fn archive(bytes: &[u8]) -> crate::Result<Archive> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    Archive::open(file.path())
}

/// Everything of an image is read from where it lies now.
fn check_same(found: Option<Image>, expected: &Image) {
    let found = found.expect("the image is absent");
    assert_eq!(found.config_bytes(), expected.config_bytes());
    assert_eq!(found.layers().len(), expected.layers().len());
    for (found, expected) in found.layers().iter().zip(expected.layers()) {
        assert_eq!(found, expected);
        std::io::copy(&mut found.blob.open().unwrap(), &mut std::io::sink()).unwrap();
    }
}

#[test]
fn what_is_written_is_read() {
    let image = testing::image(1, 3, &memory());
    for format in [Format::Oci, Format::Docker] {
        let archive = archive(&written(&image, &[name("me/app:1")], format)).unwrap();
        assert_eq!(archive.names(), ["docker.io/me/app:1"]);
        check_same(archive.find(&name("me/app:1")).unwrap(), &image);
        check_same(
            archive
                .find(&name("other").with_digest(image.digest()))
                .unwrap(),
            &image,
        );
        check_same(archive.image(None).unwrap(), &image);
        assert!(archive.find(&name("me/app:2")).unwrap().is_none());
        assert_eq!(
            archive.image(None).unwrap().unwrap().digest(),
            image.digest()
        );
    }
    check_same(
        archive(&written(&image, &[], Format::Docker))
            .unwrap()
            .image(None)
            .unwrap(),
        &image,
    );
}

#[test]
fn a_docker_archive_has_all_names_and_an_oci_archive_the_first() {
    let image = testing::image(1, 1, &memory());
    let names = |format| {
        let archive =
            archive(&written(&image, &[name("me/app:1"), name("other")], format)).unwrap();
        archive.names().join(" ")
    };
    assert_eq!(
        names(Format::Docker),
        "docker.io/me/app:1 docker.io/library/other:latest"
    );
    assert_eq!(names(Format::Oci), "docker.io/me/app:1");
}

#[test]
fn the_same_image_gives_the_same_bytes() {
    for format in [Format::Oci, Format::Docker] {
        let bytes = |names: &[Reference]| written(&testing::image(1, 3, &memory()), names, format);
        assert_eq!(bytes(&[name("a")]), bytes(&[name("a")]));
        assert_ne!(bytes(&[name("a")]), bytes(&[name("b")]));
    }
}

#[test]
fn a_layer_that_is_there_twice_is_written_once() {
    let store = memory();
    let layer = testing::layer(&[("a", b"b")], &store);
    let image = Image::empty(&Platform::new("linux", "amd64"));
    let image = image
        .append(layer.clone(), &History::default())
        .append(layer, &History::default());
    let read = archive(&written(&image, &[name("twice")], Format::Docker)).unwrap();
    check_same(read.find(&name("twice")).unwrap(), &image);
}

#[test]
fn an_archive_is_written_whole_or_not_at_all() {
    let world = tempfile::tempdir().unwrap();
    let path = world.path().join("image.tar");
    let image = testing::image(1, 2, &memory());
    write_file(&image, &[name("a")], Format::Oci, &path).unwrap();
    let before = std::fs::read(&path).unwrap();
    // Layers that are nowhere.
    let nowhere: Arc<dyn crate::Source> = Memory::new();
    let broken = Image::parse(&image.manifest_bytes(), &image.config_bytes(), nowhere).unwrap();
    assert_eq!(
        write_file(&broken, &[name("a")], Format::Oci, &path)
            .unwrap_err()
            .kind(),
        ErrorKind::NotFound
    );
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert_eq!(std::fs::read_dir(world.path()).unwrap().count(), 1);
}

#[test]
fn an_archive_can_go_into_a_pipe() {
    let image = testing::image(1, 2, &memory());
    let (mut reader, writer) = std::io::pipe().unwrap();
    let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&writer));
    let received = std::thread::scope(|scope| {
        let received = scope.spawn(move || {
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes).unwrap();
            bytes
        });
        write_file(&image, &[name("a")], Format::Docker, Path::new(&path)).unwrap();
        drop(writer);
        received.join().unwrap()
    });
    assert_eq!(received, written(&image, &[name("a")], Format::Docker));
}

#[test]
fn an_archive_can_come_out_of_a_pipe() {
    let image = testing::image(1, 2, &memory());
    let bytes = written(&image, &[name("a")], Format::Docker);
    let (reader, mut writer) = std::io::pipe().unwrap();
    let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&reader));
    std::thread::scope(|scope| {
        scope.spawn(move || writer.write_all(&bytes).unwrap());
        check_same(
            Archive::open(Path::new(&path))
                .unwrap()
                .image(None)
                .unwrap(),
            &image,
        );
    });
}

/// As docker wrote archives before version 25: uncompressed layers in folders, equal layers as links.
#[test]
fn old_docker_archives_are_read() {
    let store = memory();
    let tar = testing::tar(&[("a", b"b")]);
    let layer = testing::layer(&[("a", b"b")], &store);
    let image = Image::empty(&Platform::new("linux", "amd64"));
    let image = image
        .append(layer.clone(), &History::default())
        .append(layer, &History::default());
    let manifest = r#"[{"Config":"c.json","RepoTags":["app:1","localhost/app:2"],"Layers":["one/layer.tar","./two/layer.tar"]}]"#;
    let config = image.config_bytes();
    let mut file = tar::Builder::new(Vec::new());
    let mut add = |name: &str, bytes: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        file.append_data(&mut header, name, bytes).unwrap();
    };
    add("c.json", &config);
    add("one/layer.tar", &tar);
    add("manifest.json", manifest.as_bytes());
    let mut link = tar::Header::new_gnu();
    link.set_entry_type(tar::EntryType::Symlink);
    link.set_size(0);
    file.append_link(&mut link, "two/layer.tar", "../one/layer.tar")
        .unwrap();
    let bytes = file.into_inner().unwrap();

    let check = |bytes: &[u8]| {
        let archive = archive(bytes).unwrap();
        assert_eq!(
            archive.names(),
            ["docker.io/library/app:1", "localhost/app:2"]
        );
        let found = archive.find(&name("app:1")).unwrap().unwrap();
        assert_eq!(found.config_bytes(), config);
        assert_eq!(found.layers().len(), 2);
        for layer in found.layers() {
            let mut read = Vec::new();
            layer.blob.open().unwrap().read_to_end(&mut read).unwrap();
            assert_eq!(read, tar);
        }
    };
    check(&bytes);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&bytes).unwrap();
    check(&gzip.finish().unwrap());
}

#[test]
fn what_is_no_archive_is_refused() {
    let kind = |bytes: &[u8]| archive(bytes).err().map(|error| error.kind());
    assert_eq!(kind(b""), Some(ErrorKind::Malformed));
    assert_eq!(kind(b"no tar"), Some(ErrorKind::Malformed));
    assert_eq!(
        kind(&testing::tar(&[("a", b"b")])),
        Some(ErrorKind::Malformed)
    );
    assert_eq!(
        kind(&testing::tar(&[("manifest.json", b"{}")])),
        Some(ErrorKind::Malformed)
    );
    assert_eq!(
        kind(&testing::tar(&[("manifest.json", b"[{}]")])),
        Some(ErrorKind::Malformed)
    );
    assert_eq!(
        kind(&testing::tar(&[("manifest.json", br#"[{"Config":"x"}]"#)])),
        Some(ErrorKind::NotFound)
    );
    assert_eq!(
        kind(&testing::tar(&[
            ("oci-layout", b"{}"),
            ("index.json", b"[]")
        ])),
        Some(ErrorKind::Malformed)
    );
    let large = vec![b' '; 5 << 20];
    assert_eq!(
        kind(&testing::tar(&[("manifest.json", &large)])),
        Some(ErrorKind::TooLarge)
    );
}

#[test]
fn changed_bytes_of_a_layer_are_noticed() {
    let store = memory();
    let image = testing::image(1, 1, &store);
    let mut layer = Vec::new();
    image.layers()[0]
        .blob
        .open()
        .unwrap()
        .read_to_end(&mut layer)
        .unwrap();
    let mut bytes = written(&image, &[name("a")], Format::Oci);
    let at = bytes
        .windows(layer.len())
        .position(|window| window == layer)
        .unwrap();
    bytes[at + layer.len() / 2] ^= 1;
    let found = archive(&bytes).unwrap().image(None).unwrap().unwrap();
    let error = std::io::copy(
        &mut found.layers()[0].blob.open().unwrap(),
        &mut std::io::sink(),
    )
    .unwrap_err();
    assert_eq!(
        crate::Error::io("reading", error).kind(),
        ErrorKind::Integrity
    );
}

#[test]
fn what_a_killed_program_left_beside_an_archive_goes_with_the_next_one_of_that_name() {
    let world = tempfile::tempdir().unwrap();
    let image = testing::image(1, 1, &memory());
    let names = |folder: &Path| {
        let mut names: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    // As the name of a half-written file is.
    let digest = crate::Digest::of(b"app.tar").hex();
    let digest: String = digest.chars().take(16).collect();
    let dead = format!(".slipway-{digest}-dead");
    for name in [dead.as_str(), ".slipway-notes"] {
        std::fs::write(world.path().join(name), "").unwrap();
    }
    write_file(&image, &[], Format::Oci, &world.path().join("app.tar")).unwrap();
    assert_eq!(names(world.path()), [".slipway-notes", "app.tar"]);
}
