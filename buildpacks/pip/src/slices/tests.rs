//! Small venvs are cut; large files are holes.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::time::SystemTime;

use proptest::prelude::*;
use toolkit::{Context, Environment, Key, Keyed, LayerTypes, Log};

use super::assignment::{LARGE_BYTES, OWN, assign};
use super::*;
use crate::interpreter::Interpreter;

/// A distribution: name, version, files with their sizes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Distribution {
    name: String,
    version: String,
    files: Vec<(String, u64)>,
}

fn distribution(name: &str, version: &str, files: &[(&str, u64)]) -> Distribution {
    Distribution {
        name: name.to_owned(),
        version: version.to_owned(),
        files: files
            .iter()
            .map(|(path, bytes)| ((*path).to_owned(), *bytes))
            .collect(),
    }
}

struct World {
    top: tempfile::TempDir,
}

impl World {
    /// Installs into a venv; what lies outside of `site-packages` is in a RECORD only.
    fn install(distributions: &[Distribution]) -> World {
        let world = World {
            top: tempfile::tempdir().unwrap(),
        };
        fs::create_dir_all(world.site()).unwrap();
        for distribution in distributions {
            let Distribution {
                name,
                version,
                files,
            } = distribution;
            let info = format!("{}-{version}.dist-info", name.replace('-', "_"));
            let mut record = vec![
                format!("{info}/RECORD,,"),
                format!("../../../bin/{name},sha256=x,1"),
            ];
            for (path, bytes) in files {
                world.write(path, *bytes);
                record.push(format!("\"{path}\",sha256=x,{bytes}"));
            }
            world.write(&format!("{info}/RECORD"), 0);
            fs::write(world.site().join(info).join("RECORD"), record.join("\n")).unwrap();
        }
        world
    }

    fn write(&self, path: &str, bytes: u64) {
        let path = self.site().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::File::create(path).unwrap().set_len(bytes).unwrap();
    }

    fn layers(&self) -> PathBuf {
        self.top.path().join("layers")
    }

    fn site(&self) -> PathBuf {
        self.layers().join("venv/lib/python3.13/site-packages")
    }

    fn cut(&self, wanted: Slices) {
        let log = Log::default();
        let context = Context {
            app: self.top.path().join("app"),
            platform: self.top.path().join("platform"),
            env: Environment::default(),
            id: "slipway/pip".to_owned(),
            version: "1".to_owned(),
            now: SystemTime::UNIX_EPOCH,
            log: &log,
        };
        let plan = toolkit::BuildpackPlan::default();
        let cx = BuildContext::new(context, self.layers(), plan);
        // The layer is begun before the venv is filled; here the venv is put back.
        let filled = self.top.path().join("filled");
        fs::rename(self.layers().join("venv"), &filled).unwrap();
        let types = LayerTypes {
            launch: true,
            ..LayerTypes::default()
        };
        let Keyed::Fresh(mut layer) = cx.keyed_layer("venv", types, &Key::default()).unwrap()
        else {
            panic!("a fresh layer");
        };
        let interpreter = Interpreter {
            path: PathBuf::from("/usr/bin/python3.13"),
            minor: "3.13".to_owned(),
        };
        let venv = Venv::create(layer.path(), &interpreter).unwrap();
        fs::remove_dir(venv.site_packages()).unwrap();
        fs::rename(
            filled.join("lib/python3.13/site-packages"),
            venv.site_packages(),
        )
        .unwrap();
        cut(&cx, &mut layer, &venv, wanted).unwrap();
        layer.finish().unwrap();
    }

    /// Names of the layers beside the venv.
    fn parts(&self) -> BTreeSet<String> {
        let entries = fs::read_dir(self.layers()).unwrap();
        let folders = entries
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.path().is_dir());
        folders
            .map(|entry| entry.file_name().into_string().unwrap())
            .filter(|name| name != "venv")
            .collect()
    }

    /// What is in a layer: paths with sizes, targets or texts.
    fn contents(&self, layer: &str) -> Vec<String> {
        let mut found = Vec::new();
        list(&self.layers().join(layer), Path::new(""), &mut found);
        found.sort();
        found
    }

    /// The layer that a path of `site-packages` leads to; none when it stays in the venv.
    fn layer_of(&self, path: &str) -> Option<String> {
        let real = self.site().join(path).canonicalize().unwrap();
        let layers = self.layers().canonicalize().unwrap();
        let layer = real.strip_prefix(layers).unwrap().components().next();
        let layer = layer.unwrap().as_os_str().to_str().unwrap().to_owned();
        (layer != "venv").then_some(layer)
    }
}

fn list(folder: &Path, below: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let entry = entry.unwrap();
        let (path, below) = (entry.path(), below.join(entry.file_name()));
        let meta = path.symlink_metadata().unwrap();
        let what = if meta.is_symlink() {
            format!("-> {}", fs::read_link(&path).unwrap().display())
        } else if meta.is_file() && meta.len() < 4096 {
            fs::read_to_string(&path).unwrap()
        } else {
            format!("{} {:o}", meta.len(), meta.permissions().mode())
        };
        if meta.is_dir() {
            list(&path, &below, found);
        } else {
            found.push(format!("{}: {what}", below.display()));
        }
    }
}

#[test]
fn a_distribution_moves_as_a_whole_and_is_found_where_it_was() {
    let world = World::install(&[
        distribution(
            "NumPy",
            "2.3",
            &[
                ("numpy/__init__.py", 10),
                ("numpy/_core/x.so", LARGE_BYTES),
                ("numpy.libs/libblas.so.3", 5),
            ],
        ),
        distribution("six", "1.17", &[("six.py", 9)]),
        distribution("hooks", "1", &[("hooks.pth", 3), ("_hooks.abi3.so", 7)]),
    ]);
    world.write("numpy/__pycache__/__init__.cpython-313.pyc", 8);
    world.write("__pycache__/six.cpython-313.pyc", 8);
    world.write("nobodys/file", 8);
    world.cut(Slices::Always);
    let numpy = Some("package-numpy".to_owned());
    for path in [
        "numpy/_core/x.so",
        "numpy/__pycache__/__init__.cpython-313.pyc",
        "numpy.libs/libblas.so.3",
        "NumPy-2.3.dist-info/RECORD",
    ] {
        assert_eq!(world.layer_of(path), numpy, "{path}");
    }
    for path in [
        "six.py",
        "__pycache__/six.cpython-313.pyc",
        "hooks.pth",
        "nobodys/file",
    ] {
        assert_eq!(world.layer_of(path), None, "{path}");
    }
    let shared = world.layer_of("_hooks.abi3.so").unwrap();
    assert!(shared.starts_with("packages-"), "{shared}");
    assert_eq!(world.layer_of("hooks-1.dist-info"), Some(shared));
    assert_eq!(
        fs::read_link(world.site().join("numpy")).unwrap(),
        Path::new("../../../../package-numpy/site-packages/numpy")
    );
    assert!(
        world
            .layers()
            .join("package-numpy/site-packages/numpy.libs")
            .is_dir()
    );
    let toml = fs::read_to_string(world.layers().join("package-numpy.toml")).unwrap();
    assert!(toml.contains("launch = true"), "{toml}");
}

#[test]
fn large_libraries_of_a_wheel_stand_alone_and_are_found_by_its_shared_objects() {
    let world = World::install(&[distribution(
        "scikit-learn",
        "1",
        &[
            ("sklearn/_core/x.so", 0),
            ("sklearn/data", LARGE_BYTES),
            ("scikit_learn.libs/libblas.so.3", LARGE_BYTES),
        ],
    )]);
    fs::write(
        world.site().join("sklearn/_core/x.so"),
        shared_object("$ORIGIN/../../scikit_learn.libs"),
    )
    .unwrap();
    world.cut(Slices::Always);
    let library = "scikit_learn.libs/libblas.so.3";
    assert_eq!(
        world.layer_of(library),
        Some("package-scikit-learn.libs".to_owned())
    );
    assert_eq!(
        world.layer_of("sklearn/data"),
        Some("package-scikit-learn".to_owned())
    );
    let from = world.site().join("sklearn/_core/../..");
    assert_eq!(from.join(library).metadata().unwrap().len(), LARGE_BYTES);
}

#[test]
fn a_folder_of_several_is_taken_apart_and_what_all_claim_stays() {
    let world = World::install(&[
        distribution(
            "nvidia-blas",
            "1",
            &[
                ("nvidia/__init__.py", 0),
                ("nvidia/blas/lib.so", LARGE_BYTES),
            ],
        ),
        distribution(
            "nvidia-fft",
            "1",
            &[
                ("nvidia/__init__.py", 0),
                ("nvidia/fft/lib.so", LARGE_BYTES),
            ],
        ),
    ]);
    world.cut(Slices::Always);
    assert_eq!(world.layer_of("nvidia"), None);
    assert_eq!(world.layer_of("nvidia/__init__.py"), None);
    for name in ["blas", "fft"] {
        assert_eq!(
            world.layer_of(&format!("nvidia/{name}/lib.so")),
            Some(format!("package-nvidia-{name}"))
        );
    }
}

/// A shared object that looks for libraries along a path, and is nothing else.
fn shared_object(search_path: &str) -> Vec<u8> {
    let (dynamic, strings): (u64, u64) = (64 + 2 * 56, 64 + 2 * 56 + 48);
    let length = strings + search_path.len() as u64 + 2;
    let mut bytes = vec![0; 64];
    bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
    bytes[32..40].copy_from_slice(&64_u64.to_le_bytes());
    bytes[54..56].copy_from_slice(&56_u16.to_le_bytes());
    bytes[56..58].copy_from_slice(&2_u16.to_le_bytes());
    // The one segment is loaded somewhere else than it lies in the file.
    for (kind, offset, address, size) in [(1, 0, 0x1000, length), (2, dynamic, 0, 48)] {
        let mut segment = [0; 56];
        segment[..4].copy_from_slice(&u32::to_le_bytes(kind));
        for (at, value) in [(8, offset), (16, address), (32, size)] {
            segment[at..at + 8].copy_from_slice(&u64::to_le_bytes(value));
        }
        bytes.extend(segment);
    }
    for value in [5, 0x1000 + strings, 29, 1, 0, 0] {
        bytes.extend(u64::to_le_bytes(value));
    }
    bytes.push(0);
    bytes.extend(search_path.as_bytes());
    bytes.push(0);
    bytes
}

#[test]
fn libraries_of_another_distribution_are_found_from_the_layer() {
    let world = World::install(&[
        distribution(
            "torch",
            "2",
            &[
                ("torch/lib/libtorch.so", 0),
                ("torch/data", LARGE_BYTES),
                ("torch.libs/x.so", 1),
            ],
        ),
        distribution("nvidia-blas", "1", &[("nvidia/blas/lib/libblas.so.12", 4)]),
        distribution("nvidia-fft", "1", &[("nvidia/fft/lib/libfft.so.12", 4)]),
    ]);
    let paths = "$ORIGIN:$ORIGIN/../../nvidia/blas/lib:$ORIGIN/../../torch.libs:${ORIGIN}/../../absent/lib:\
                 $ORIGIN/../../../../../outside:/usr/lib";
    fs::write(
        world.site().join("torch/lib/libtorch.so"),
        shared_object(paths),
    )
    .unwrap();
    world.cut(Slices::Always);
    // As the kernel follows it.
    let from = world.site().join("torch/lib");
    assert!(
        from.join("../../nvidia/blas/lib/libblas.so.12").is_file(),
        "{:#?}",
        world.contents("package-torch")
    );
    assert!(from.join("../../torch.libs/x.so").is_file());
    let part = world.layers().join("package-torch/site-packages");
    let mut names: Vec<_> = fs::read_dir(&part)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    // Whether `absent` is installed does not change the layer.
    assert_eq!(
        names,
        [
            "absent",
            "nvidia",
            "torch",
            "torch-2.dist-info",
            "torch.libs"
        ]
    );
}

#[test]
fn broken_shared_objects_have_no_search_path() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.so");
    let whole = shared_object("$ORIGIN/../a:/b");
    fs::write(&file, &whole).unwrap();
    assert_eq!(elf::search_paths(&file), ["$ORIGIN/../a", "/b"]);
    for length in 0..whole.len() {
        fs::write(&file, &whole[..length]).unwrap();
        assert!(elf::search_paths(&file).is_empty(), "{length}");
    }
    for at in 0..whole.len() - 17 {
        let mut broken = whole.clone();
        broken[at] ^= 0xff;
        fs::write(&file, &broken).unwrap();
        elf::search_paths(&file);
    }
}

#[test]
fn little_stays_in_the_venv_unless_it_is_wanted_otherwise() {
    let small = [distribution("flask", "3", &[("flask/app.py", LARGE_BYTES)])];
    let large = [distribution(
        "torch",
        "2",
        &[("torch/x.so", WORTHWHILE_BYTES + 1)],
    )];
    for (distributions, wanted, parts) in [
        (&small, Slices::Auto, 0),
        (&small, Slices::Always, 1),
        (&large, Slices::Auto, 1),
        (&large, Slices::Never, 0),
    ] {
        let world = World::install(distributions);
        world.cut(wanted);
        assert_eq!(world.parts().len(), parts, "{wanted:?} {distributions:?}");
    }
}

#[test]
fn a_package_named_like_a_folder_of_programs_is_not_taken_for_one() {
    let world = World::install(&[distribution("odd", "1", &[("bin/x.py", LARGE_BYTES)])]);
    world.cut(Slices::Always);
    assert!(!world.layers().join("package-odd/bin").exists());
    assert_eq!(world.layer_of("bin/x.py"), Some("package-odd".to_owned()));
}

#[test]
fn records_that_claim_what_is_elsewhere_or_name_no_layer_move_nothing() {
    let world = World::install(&[
        distribution("..", "1", &[("dots/x.py", LARGE_BYTES)]),
        distribution("b\u{e4}r", "1", &[("bar/x.py", LARGE_BYTES)]),
    ]);
    let record = "../../../bin/x,,\n/etc/passwd,,\n,,\n\"\n./odd-1.dist-info/RECORD,,\n".to_owned()
        + &"deep/".repeat(1_000_000);
    world.write("odd-1.dist-info/RECORD", 0);
    fs::write(world.site().join("odd-1.dist-info/RECORD"), record).unwrap();
    world.cut(Slices::Always);
    assert!(
        world
            .parts()
            .iter()
            .all(|name| name.starts_with("packages-")),
        "{:?}",
        world.parts()
    );
    assert_eq!(world.layer_of("dots/x.py"), None);
    assert_eq!(world.layer_of("bar/x.py"), None);
}

#[test]
fn there_are_never_more_layers_than_an_image_can_have() {
    for count in [0, 1, OWN, OWN + 1, 40, 200] {
        let sizes = (0..count).map(|number| {
            (
                format!("d{number}"),
                LARGE_BYTES + number as u64 * 1_000_000,
            )
        });
        let assigned = assign(&sizes.collect());
        let layers: BTreeSet<&String> = assigned.values().collect();
        let own = layers
            .iter()
            .filter(|layer| layer.starts_with("package-"))
            .count();
        assert!(own <= OWN && layers.len() <= OWN + 4, "{layers:?}");
        assert_eq!(assigned.len(), count);
        if (1..=OWN).contains(&count) {
            assert_eq!(own, count);
        }
    }
}

fn made(name: &str, version: &str, large: bool, in_namespace: bool) -> Distribution {
    let bytes = if large { LARGE_BYTES } else { 17 };
    let above = if in_namespace { "ns/" } else { "" };
    let (code, data) = (
        format!("{above}{name}_/__init__.py"),
        format!("{above}{name}_/data"),
    );
    distribution(name, version, &[(&code, 4), (&data, bytes)])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_changed_distribution_changes_its_own_layer_only(
        some in prop::collection::btree_map("[a-z]{1,6}", (any::<bool>(), any::<bool>()), 1..=OWN),
        which in any::<prop::sample::Index>(),
        removed in any::<bool>(),
        large in any::<bool>(),
    ) {
        let before: Vec<Distribution> = some
            .iter()
            .map(|(name, (large, in_namespace))| made(name, "1", *large, *in_namespace))
            .collect();
        let mut after = before.clone();
        let at = which.index(after.len());
        let changed = after.remove(at);
        if !removed {
            let in_namespace = some[&changed.name].1;
            after.insert(at, made(&changed.name, "2", large, in_namespace));
        }
        let (before, after) = (World::install(&before), World::install(&after));
        before.cut(Slices::Always);
        after.cut(Slices::Always);
        let of = |world: &World, version: &str| {
            let info = format!("{}-{version}.dist-info", changed.name);
            world.site().join(&info).exists().then(|| world.layer_of(&info).unwrap())
        };
        let touched = [of(&before, "1"), of(&after, "2")];
        for layer in before.parts().union(&after.parts()) {
            if !touched.contains(&Some(layer.clone())) {
                prop_assert_eq!(before.contents(layer), after.contents(layer), "{}", layer);
            }
        }
    }
}
