use proptest::prelude::*;

use super::*;
use crate::{Memory, testing};

fn memory() -> Arc<dyn Store> {
    Memory::new()
}

fn source(store: &Arc<dyn Store>) -> Arc<dyn Source> {
    store.clone()
}

/// Fails when a crate turns on serde_json's `preserve_order`, or when the written form changes: every image would change with it.
#[test]
fn the_bytes_of_an_image_are_sorted_by_key() {
    let store = memory();
    let mut image = Image::empty(&Platform::new("linux", "amd64"));
    image.config_mut().set_working_dir("/workspace");
    image.config_mut().set_label("z", "<&>");
    image.config_mut().set_env("PATH", "/bin");
    let bytes = b"layer";
    let blob = Descriptor::of(MediaType::OciLayer, bytes);
    store.write(&blob, &mut &bytes[..]).unwrap();
    let layer = Layer {
        diff_id: blob.digest,
        blob: Blob::new(blob, source(&store)),
    };
    let image = image.append(layer, &History::new("1980-01-01T00:00:01Z", "test"));
    let config = concat!(
        r#"{"architecture":"amd64","config":{"Env":["PATH=/bin"],"Labels":{"z":"<&>"},"WorkingDir":"/workspace"},"#,
        r#""history":[{"created":"1980-01-01T00:00:01Z","created_by":"test"}],"os":"linux","rootfs":{"diff_ids":["#,
        r#""DIFF_ID"],"type":"layers"}}"#,
    );
    let config = config.replace("DIFF_ID", &Digest::of(bytes).to_string());
    assert_eq!(String::from_utf8(image.config_bytes()).unwrap(), config);
    assert_eq!(
        image.digest().to_string(),
        "sha256:8989519dc386c55904946f4ec48763c4b8b29c26dfd39443b8d8a445481a7850"
    );
}

#[test]
fn an_image_that_was_only_read_keeps_its_bytes() {
    let store = memory();
    let config =
        br#"{ "os": "linux", "architecture": "amd64", "rootfs": {"type":"layers","diff_ids":[]} }"#;
    let descriptor = Descriptor::of(MediaType::DockerConfig, config).to_json();
    let manifest =
        format!(r#"{{ "schemaVersion": 2, "layers": [], "config": {descriptor}, "extra": 1 }}"#);
    let mut image = Image::parse(manifest.as_bytes(), config, source(&store)).unwrap();
    assert_eq!(
        (image.manifest_bytes(), image.config_bytes()),
        (manifest.into_bytes(), config.to_vec())
    );
    image.config_mut().set_user("me");
    let changed = String::from_utf8(image.manifest_bytes()).unwrap();
    assert!(
        changed.contains(r#""extra":1"#) && changed.contains(MediaType::DockerConfig.as_str()),
        "{changed}"
    );
    assert_ne!(image.config_bytes(), config);
}

#[test]
fn annotations_of_layers_stay_when_layers_are_added() {
    let store = memory();
    let base = testing::image(1, 1, &store);
    let mut manifest: Value = serde_json::from_slice(&base.manifest_bytes()).unwrap();
    manifest["layers"][0]["annotations"] = serde_json::json!({"k": "v"});
    let base = Image::parse(
        manifest.to_string().as_bytes(),
        &base.config_bytes(),
        source(&store),
    )
    .unwrap();
    let image = base.append(
        testing::layer(&[("a", b"b")], &store),
        &History::new("", "x"),
    );
    let written: Value = serde_json::from_slice(&image.manifest_bytes()).unwrap();
    assert_eq!(written["layers"][0], manifest["layers"][0]);
    assert_eq!(written["layers"].as_array().unwrap().len(), 2);
}

#[test]
fn media_types_change_together() {
    let store = memory();
    let image = testing::image(1, 2, &store);
    let docker = image.to_docker();
    assert_eq!(docker.media_type(), MediaType::DockerManifest);
    assert_eq!(
        docker.config_descriptor().media_type,
        MediaType::DockerConfig
    );
    assert_eq!(
        docker.layers()[0].blob.descriptor.media_type,
        MediaType::DockerLayerGzip
    );
    assert_eq!(docker.to_oci().digest(), image.digest());
    assert_eq!(image.to_oci().digest(), image.digest());
    assert_eq!(docker.config_bytes(), image.config_bytes());
}

#[test]
fn a_layer_that_is_there_twice_counts_once() {
    let store = memory();
    let layer = testing::layer(&[("a", b"b")], &store);
    let size = layer.blob.descriptor.size;
    let image = Image::empty(&Platform::new("linux", "amd64"));
    let image = image
        .append(layer.clone(), &History::default())
        .append(layer, &History::default());
    assert_eq!(
        (
            image.size(),
            image.layers().len(),
            image.config().history().len()
        ),
        (size, 2, 2)
    );
}

fn refused(manifest: &str, config: &str) -> ErrorKind {
    Image::parse(manifest.as_bytes(), config.as_bytes(), source(&memory()))
        .expect_err(manifest)
        .kind()
}

#[test]
fn manifests_that_make_no_sense_are_refused() {
    let config = r#"{"rootfs":{"type":"layers","diff_ids":[]}}"#;
    let described = Descriptor::of(MediaType::OciConfig, config.as_bytes()).to_json();
    let manifest = |rest: &str| format!(r#"{{"schemaVersion":2,"config":{described}{rest}}}"#);
    assert!(
        Image::parse(
            manifest("").as_bytes(),
            config.as_bytes(),
            source(&memory())
        )
        .is_ok()
    );
    assert_eq!(
        refused(
            &manifest(""),
            r#"{"rootfs":{"type":"layers","diff_ids":[]}} "#
        ),
        ErrorKind::Integrity
    );
    assert_eq!(
        refused(&manifest(r#","manifests":[]"#), config),
        ErrorKind::Malformed
    );
    assert_eq!(
        refused(&manifest(r#","layers":{}"#), config),
        ErrorKind::Malformed
    );
    assert_eq!(
        refused(&manifest(r#","layers":[1]"#), config),
        ErrorKind::Malformed
    );
    assert_eq!(
        refused(&manifest(&format!(r#","layers":[{described}]"#)), config),
        ErrorKind::Malformed
    );
    assert_eq!(
        refused(
            &manifest(r#","mediaType":"application/vnd.oci.image.index.v1+json""#),
            config
        ),
        ErrorKind::Unsupported
    );
    assert_eq!(
        refused(r#"{"schemaVersion":1,"fsLayers":[]}"#, config),
        ErrorKind::Unsupported
    );
    assert_eq!(refused("{}", config), ErrorKind::Unsupported);
    assert_eq!(
        refused(r#"{"schemaVersion":2}"#, config),
        ErrorKind::Malformed
    );
    let many = vec![described.to_string(); 501].join(",");
    assert_eq!(
        refused(&manifest(&format!(r#","layers":[{many}]"#)), config),
        ErrorKind::TooLarge
    );
    let sizes = described
        .to_string()
        .replace(&format!("\"size\":{}", config.len()), "\"size\":-1");
    assert_eq!(
        refused(
            &format!(r#"{{"schemaVersion":2,"config":{sizes}}}"#),
            config
        ),
        ErrorKind::Malformed
    );
}

#[test]
fn a_config_or_manifest_of_a_huge_size_is_not_read() {
    let store = memory();
    let huge = Descriptor {
        media_type: MediaType::OciManifest,
        digest: Digest::of(b""),
        size: u64::MAX,
    };
    assert_eq!(
        Image::read(source(&store), &huge).unwrap_err().kind(),
        ErrorKind::TooLarge
    );
    let config = Descriptor {
        media_type: MediaType::OciConfig,
        digest: Digest::of(b""),
        size: 9 << 20,
    }
    .to_json();
    let manifest = format!(r#"{{"schemaVersion":2,"config":{config},"layers":[]}}"#);
    assert_eq!(
        Image::read_with(source(&store), manifest.as_bytes())
            .unwrap_err()
            .kind(),
        ErrorKind::TooLarge
    );
}

proptest! {
    #[test]
    fn any_bytes_are_parsed_or_refused(manifest: Vec<u8>, config: Vec<u8>) {
        let _ = Image::parse(&manifest, &config, source(&memory()));
    }

    /// Mangles a real manifest: cuts, doubles and overwrites bytes.
    #[test]
    fn mangled_manifests_are_parsed_or_refused(at: usize, byte: u8, cut in 0..40usize) {
        let store = memory();
        let image = testing::image(1, 2, &store);
        let mut manifest = image.manifest_bytes();
        let at = at % manifest.len();
        manifest[at] = byte;
        manifest.drain(at..(at + cut).min(manifest.len()));
        if let Ok(read) = Image::read_with(source(&store), &manifest) {
            prop_assert_eq!(read.manifest_bytes(), manifest);
        }
    }
}
