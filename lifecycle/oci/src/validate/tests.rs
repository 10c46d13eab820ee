use std::sync::Arc;

use super::*;
use crate::{
    Blob, Descriptor, Digest, History, MediaType, Memory, Platform, Source, Store, testing,
};

fn problems(image: &Image) -> Vec<String> {
    validate(image)
        .unwrap()
        .iter()
        .map(|problem| format!("{}: {}", problem.part, problem.what))
        .collect()
}

fn memory() -> Arc<Memory> {
    Memory::new()
}

/// A layer of these bytes that claims the diff id of `tar`.
fn layer(memory: &Arc<Memory>, bytes: &[u8], media_type: MediaType, tar: &[u8]) -> Layer {
    let descriptor = Descriptor::of(media_type, bytes);
    memory.write(&descriptor, &mut &*bytes).unwrap();
    let source: Arc<dyn Source> = memory.clone();
    Layer {
        diff_id: Digest::of(tar),
        blob: Blob::new(descriptor, source),
    }
}

#[test]
fn a_good_image_has_no_problems() {
    let store: Arc<dyn Store> = memory();
    assert_eq!(problems(&testing::image(1, 3, &store)), [""; 0]);
}

#[test]
fn a_wrong_diff_id_is_found() {
    let memory = memory();
    let tar = testing::tar(&[("a", b"b")]);
    let image = Image::empty(&Platform::new("linux", "amd64"));
    let image = image.append(
        layer(&memory, &tar, MediaType::OciLayer, b"other"),
        &History::default(),
    );
    let found = problems(&image);
    assert!(
        found.len() == 1 && found[0].starts_with("layer 0: its diff id is"),
        "{found:?}"
    );
}

#[test]
fn absent_and_unreadable_layers_are_found() {
    let memory = memory();
    let image = Image::empty(&Platform::new("linux", "amd64"));
    let absent = Descriptor::of(MediaType::OciLayer, b"absent");
    let source: Arc<dyn Source> = memory.clone();
    let absent = Layer {
        diff_id: absent.digest,
        blob: Blob::new(absent, source),
    };
    let image = image
        .append(absent, &History::default())
        .append(
            layer(&memory, b"no gzip", MediaType::OciLayerGzip, b""),
            &History::default(),
        )
        .append(
            layer(&memory, &[1; 600], MediaType::OciLayer, &[1; 600]),
            &History::default(),
        )
        .append(
            layer(
                &memory,
                b"wasm",
                MediaType::Other("application/wasm".into()),
                b"",
            ),
            &History::default(),
        );
    let found = problems(&image);
    assert_eq!(found.len(), 4, "{found:?}");
    for (line, start) in found.iter().zip([
        "manifest: layer 3 has",
        "layer 0: ",
        "layer 1: ",
        "layer 2: ",
    ]) {
        assert!(line.starts_with(start), "{found:?}");
    }
}

#[test]
fn a_config_that_contradicts_itself_is_found() {
    let store: Arc<dyn Store> = memory();
    let mut image = testing::image(1, 2, &store);
    image.config_mut().set_history(&[History::default()]);
    image.config_mut().set_working_dir("workspace");
    image.config_mut().set_platform(&Platform::new("", ""));
    image.config_mut().set_env("", "x");
    assert_eq!(
        problems(&image),
        [
            "config: it names no operating system",
            "config: it names no architecture",
            "config: its history tells of 1 layers, but there are 2",
            "config: its working directory \"workspace\" is not absolute",
            "config: its environment has a variable named \"\"",
        ]
    );
}

#[test]
fn a_source_that_is_away_is_no_problem_of_the_image() {
    struct Away;
    impl Source for Away {
        fn open(&self, _: &Descriptor) -> Result<Box<dyn Read + Send>> {
            Err(Error::new(ErrorKind::Transient, "asking the registry"))
        }
    }
    let store: Arc<dyn Store> = memory();
    let image = testing::image(1, 1, &store);
    let image = Image::parse(
        &image.manifest_bytes(),
        &image.config_bytes(),
        Arc::new(Away),
    )
    .unwrap();
    assert_eq!(validate(&image).unwrap_err().kind(), ErrorKind::Transient);
}
