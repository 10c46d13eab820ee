use std::fs;

use super::*;
use crate::testing;

fn name(text: &str) -> Reference {
    Reference::parse(text).unwrap()
}

fn image(layout: &Layout, seed: u64) -> Image {
    let store: Arc<dyn Store> = Arc::new(layout.clone());
    testing::image(seed, 2, &store)
}

#[test]
fn a_layout_keeps_the_promises_of_stores_and_images() {
    let world = tempfile::tempdir().unwrap();
    let number = std::cell::Cell::new(0);
    testing::check_store(&|| {
        number.set(number.get() + 1);
        let path = world.path().join(number.get().to_string());
        Arc::new(Layout::create(&path).unwrap())
    });
    let layout = Layout::create(&world.path().join("images")).unwrap();
    let memory: Arc<dyn Store> = crate::Memory::new();
    let (one, two) = (testing::image(1, 2, &memory), testing::image(2, 2, &memory));
    layout.publish(&one, &[name("a:1"), name("a:2")]).unwrap();
    layout.publish(&two, &[name("a:2")]).unwrap();
    assert_eq!(
        layout.find(&name("a:1")).unwrap().unwrap().digest(),
        one.digest()
    );
    assert_eq!(
        layout.find(&name("a:2")).unwrap().unwrap().digest(),
        two.digest()
    );
    assert!(layout.find(&name("a:3")).unwrap().is_none());
    assert!(layout.find(&name("b:1")).unwrap().is_none());
}

#[test]
fn the_files_of_a_layout_are_those_of_the_spec() {
    let world = tempfile::tempdir().unwrap();
    let layout = Layout::create(world.path()).unwrap();
    let image = image(&layout, 1);
    layout.publish(&image, &[name("me/app:1")]).unwrap();
    assert_eq!(
        fs::read_to_string(world.path().join("oci-layout")).unwrap(),
        r#"{"imageLayoutVersion":"1.0.0"}"#
    );
    let descriptor = image.descriptor();
    let index = format!(
        concat!(
            r#"{{"manifests":[{{"annotations":{{"io.containerd.image.name":"docker.io/me/app:1","org.opencontainers.image.ref.name":"1"}},"#,
            r#""digest":"{}","mediaType":"application/vnd.oci.image.manifest.v1+json","#,
            r#""platform":{{"architecture":"amd64","os":"linux"}},"size":{}}}],"#,
            r#""mediaType":"application/vnd.oci.image.index.v1+json","schemaVersion":2}}"#
        ),
        descriptor.digest, descriptor.size
    );
    assert_eq!(
        fs::read_to_string(world.path().join("index.json")).unwrap(),
        index
    );
    let mut names: Vec<_> = fs::read_dir(world.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["blobs", "index.json", "oci-layout"]);
}

#[test]
fn the_only_image_needs_no_name() {
    let world = tempfile::tempdir().unwrap();
    let layout = Layout::create(world.path()).unwrap();
    assert!(layout.image(None).unwrap().is_none());
    let (one, two) = (image(&layout, 1), image(&layout, 2));
    layout.publish(&one, &[]).unwrap();
    layout.publish(&one, &[]).unwrap();
    assert_eq!(layout.image(None).unwrap().unwrap().digest(), one.digest());
    layout.publish(&two, &[name("two:x")]).unwrap();
    assert_eq!(
        layout.image(None).unwrap_err().kind(),
        ErrorKind::Unsupported
    );
    assert_eq!(
        layout.image(Some("x")).unwrap().unwrap().digest(),
        two.digest()
    );
    assert!(layout.image(Some("y")).unwrap().is_none());
}

#[test]
fn making_a_layout_goes_on_where_a_killed_program_stopped() {
    let world = tempfile::tempdir().unwrap();
    let path = world.path().join("layout");
    let made: [&dyn Fn(); 4] = [
        &|| fs::create_dir_all(path.join("blobs")).unwrap(),
        &|| fs::create_dir_all(path.join("blobs/sha256")).unwrap(),
        &|| fs::write(path.join(".new-a1b2"), "{\"half").unwrap(),
        &|| fs::write(path.join("index.json"), Index::empty().to_bytes()).unwrap(),
    ];
    for stopped_after in 1..=made.len() {
        for make in &made[..stopped_after] {
            make();
        }
        Layout::create(&path).unwrap();
        assert!(!path.join(".new-a1b2").exists());
        fs::remove_dir_all(&path).unwrap();
    }
    for make in made {
        make();
    }
    fs::write(path.join("blobs/sha256/something"), "of somebody else").unwrap();
    let error = Layout::create(&path).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(path.join(".new-a1b2").exists(), "nothing was touched");
}

#[test]
fn a_folder_with_something_else_is_not_made_a_layout() {
    let world = tempfile::tempdir().unwrap();
    assert_eq!(
        Layout::open(world.path()).err().unwrap().kind(),
        ErrorKind::NotFound
    );
    fs::write(world.path().join("thesis.txt"), "x").unwrap();
    assert_eq!(
        Layout::create(world.path()).err().unwrap().kind(),
        ErrorKind::Unsupported
    );
    fs::write(
        world.path().join("oci-layout"),
        r#"{"imageLayoutVersion":"2.0.0"}"#,
    )
    .unwrap();
    assert_eq!(
        Layout::create(world.path()).err().unwrap().kind(),
        ErrorKind::Unsupported
    );
}

#[test]
fn links_in_a_foreign_layout_are_not_followed() {
    let world = tempfile::tempdir().unwrap();
    let layout = Layout::create(&world.path().join("layout")).unwrap();
    fs::write(world.path().join("secret"), "secret").unwrap();
    let blob = Descriptor::of(crate::MediaType::OciLayer, b"secret");
    std::os::unix::fs::symlink(
        "../../../secret",
        world.path().join("layout").join(path_of(blob.digest)),
    )
    .unwrap();
    assert!(Source::open(&layout, &blob).is_err());
}

#[test]
fn two_writers_lose_no_name() {
    let world = tempfile::tempdir().unwrap();
    Layout::create(world.path()).unwrap();
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let path = world.path();
            scope.spawn(move || {
                let layout = Layout::open(path).unwrap();
                layout
                    .publish(&image(&layout, writer), &[name(&format!("app:{writer}"))])
                    .unwrap();
            });
        }
    });
    assert_eq!(
        Layout::open(world.path())
            .unwrap()
            .index()
            .unwrap()
            .entries()
            .len(),
        8
    );
}

#[test]
fn what_killed_programs_left_goes_with_the_next_image_and_what_others_write_stays() {
    let world = tempfile::tempdir().unwrap();
    let layout = Layout::create(world.path()).unwrap();
    let (top, blobs) = (world.path().to_owned(), world.path().join(BLOBS));
    fs::write(top.join(".new-dead"), "half").unwrap();
    fs::write(blobs.join(".part-1-0"), "half").unwrap();
    let mut writing = layout.begin().unwrap();
    writing.write_all(b"a blob").unwrap();
    layout
        .publish(&image(&layout, 1), &[name("me/app:1")])
        .unwrap();
    assert!(!top.join(".new-dead").exists() && !blobs.join(".part-1-0").exists());
    let descriptor = Descriptor::of(crate::MediaType::OciConfig, b"a blob");
    writing.finish(&descriptor).unwrap();
    assert!(layout.contains(descriptor.digest).unwrap());
}
