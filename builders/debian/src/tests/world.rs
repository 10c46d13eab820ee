//! A small distribution: eleven packages, a recipe for two images, and everything an assembly asks for.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use oci::tarball::{self, Kind, Limits};
use oci::{Image, Memory};

use super::archive::{Archive, Dates};
use super::package::{Package, library};
use super::signer::Signer;
use crate::{Base, Event, Interpreter, Recipe, World, assemble_from};

/// Some time in November 2026.
const NOW: u64 = 1_795_200_000;
pub(crate) const FIRST: Dates<'_> = Dates {
    date: "Sat, 12 Sep 2026 07:55:41 UTC",
    valid_until: None,
};
pub(crate) const SECOND: Dates<'_> = Dates {
    date: "Thu, 19 Nov 2026 07:55:41 UTC",
    valid_until: None,
};

const RECIPE: &str = r#"
release = "test"
distro = { name = "testian", version = "1" }
snapshot = "URL/snapshot"
[[archive]]
name = "debian"
mirrors = ["URL/mirror", "URL/debian"]
suites = ["test"]
keys = ["test"]
[drop]
paths = ["usr/share/{doc,man}/**"]
keep = ["usr/share/doc/*/copyright"]
run = ["usr/share/ca-certificates/**"]
[slice.libc-bin]
only = ["etc/ld.so.conf"]
[[layer]]
name = "files"
packages = ["base-files", "ca-certificates"]
[[layer]]
name = "libc"
packages = ["src:glibc"]
[[layer]]
name = "tls"
packages = ["src:openssl"]
[[layer]]
name = "python"
packages = ["src:python3.13"]
[image.run]
description = "to run"
packages = ["base-files", "ca-certificates", "python3.13-minimal", "bash"]
omit = ["debconf"]
bytecode = "python3.13"
links = { "/usr/bin/python3" = "python3.13" }
[image.build]
kind = "build"
description = "to build"
essential = true
packages = ["base-files", "ca-certificates"]
omit = ["debconf"]
"#;

pub(crate) fn packages() -> Vec<Package> {
    let lib = |name: &str| format!("./usr/lib/x86_64-linux-gnu/{name}");
    vec![
        Package::new("base-files", "13")
            .field("Essential: yes")
            .dir("./etc")
            .dir("./tmp")
            .dir("./var/run")
            .link("./bin", "usr/bin")
            .link("./lib", "usr/lib")
            .file("./usr/lib/os-release", "ID=testian\n"),
        Package::new("base-passwd", "3")
            .field("Essential: yes")
            .file("./usr/share/base-passwd/passwd.master", "root:*:0:0:root:/root:/bin/bash\ndaemon:*:1:1::/:/x\n")
            .file("./usr/share/base-passwd/group.master", "root:*:0:\ndaemon:*:1:\n"),
        Package::new("bash", "5").field("Depends: libc6 (>= 2), libtinfo6").program("./bin/bash", "#!bash").link("./bin/sh", "bash"),
        Package::new("ca-certificates", "2026")
            .field("Depends: debconf")
            .file("./usr/share/ca-certificates/mozilla/B.crt", "BBB")
            .file("./usr/share/ca-certificates/mozilla/A.crt", "AAA\n")
            .file("./usr/share/doc/ca-certificates/copyright", "free")
            .file("./usr/share/doc/ca-certificates/README", "read"),
        Package::new("libc6", "2.41-1")
            .field("Source: glibc")
            .field("Depends: libc-bin")
            .file("./etc/ld.so.conf.d/here.conf", "# comment\n/lib/x86_64-linux-gnu\n")
            .file(&lib("libc.so.6"), library("libc.so.6")),
        Package::new("libc-bin", "2.41-1")
            .field("Source: glibc")
            .file("./etc/ld.so.conf", "include /etc/ld.so.conf.d/*.conf\n")
            .program("./usr/bin/ldd", "ldd"),
        Package::new("libssl3t64", "3.5.1-1")
            .field("Source: openssl")
            .file(&lib("libssl.so.3"), library("libssl.so.3")),
        Package::new("libtinfo6", "6")
            .file(&lib("libtinfo.so.6.5"), library("libtinfo.so.6"))
            .link(&lib("libtinfo.so.6"), "libtinfo.so.6.5")
            .file("./usr/share/tabset/std", "x")
            .hard_link("./usr/share/tabset/also", "./usr/share/tabset/std"),
        Package::new("mawk", "1")
            .field("Essential: yes")
            .program("./usr/bin/mawk", "mawk")
            .script("postinst", "update-alternatives --install /usr/bin/awk awk /usr/bin/mawk 5 \\\n --slave /usr/share/man/man1/awk.1.gz awk.1.gz /usr/share/man/man1/mawk.1.gz\n"),
        Package::new("python3.13-minimal", "3.13.5-1")
            .field("Source: python3.13")
            .field("Depends: python3.13-library (= 3.13.5-1), libssl3t64")
            .program("./usr/bin/python3.13", "python"),
        Package::new("libpython3.13", "3.13.5-1")
            .field("Source: python3.13")
            .field("Provides: python3.13-library (= 3.13.5-1)")
            .file("./usr/lib/python3.13/os.py", "os")
            .file("./usr/lib/python3.13/json/__init__.py", "json")
            .link("./usr/lib/python3.13/sitecustomize.py", "/etc/python3.13/sitecustomize.py"),
    ]
}

pub(crate) fn recipe(archive: &Archive) -> Recipe {
    let mut recipe = Recipe::parse(&RECIPE.replace("URL", &archive.url())).unwrap();
    recipe
        .keys
        .insert("test".to_owned(), Signer::new(1).key_file(i64::MAX));
    recipe
}

/// An archive that has just these packages.
pub(crate) fn archive(packages: &[Package]) -> Archive {
    let archive = Archive::start();
    archive.publish(packages, "test", &FIRST, &Signer::new(1));
    archive
}

/// How an assembly is asked for.
#[derive(Clone, Copy, Default)]
pub(crate) struct Wish {
    pub(crate) locked: bool,
    pub(crate) max_age: Option<Duration>,
    pub(crate) later: Duration,
}

pub(crate) fn assemble(
    archive: &Archive,
    image: &str,
    cache: &Path,
    store: &Arc<Memory>,
    wish: Wish,
) -> (crate::Result<Base>, Vec<Event>) {
    let recipe = recipe(archive);
    with_world(cache, store, wish, |world| {
        assemble_from(&recipe, image, world)
    })
}

/// Calls with a world, and returns what was told.
pub(crate) fn with_world<T>(
    cache: &Path,
    store: &Arc<Memory>,
    wish: Wish,
    call: impl FnOnce(&World<'_>) -> T,
) -> (T, Vec<Event>) {
    let tries = http::Tries {
        count: 1,
        ..http::Tries::default()
    };
    let http = http::Client::new(http::Settings {
        tries,
        ..http::Settings::default()
    });
    let told = RefCell::new(Vec::new());
    let result = call(&World {
        cache,
        store: Arc::clone(store) as Arc<dyn oci::Store>,
        http: &http.unwrap(),
        now: UNIX_EPOCH + Duration::from_secs(NOW) + wish.later,
        interpreter: &Copying,
        events: &|event| told.borrow_mut().push(event),
        locked: wish.locked,
        max_age: wish.max_age,
    });
    (result, told.into_inner())
}

/// Stands in for Python: "compiles" by copying, into the names that Python uses.
struct Copying;

impl Interpreter for Copying {
    fn run(
        &self,
        root: &Path,
        program: &str,
        args: &[&str],
        env: &[(&str, &str)],
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        assert_eq!(
            fs::read(root.join(program.trim_start_matches('/')))?,
            b"python"
        );
        assert!(env.contains(&("PYTHONHASHSEED", "0")));
        let library = root.join(args.last().unwrap().trim_start_matches('/'));
        for folder in [library.clone(), library.join("json")] {
            fs::create_dir(folder.join("__pycache__"))?;
            for entry in fs::read_dir(&folder)? {
                let path = entry?.path();
                if path.is_file() && path.extension().is_some_and(|ending| ending == "py") {
                    let stem = path.file_stem().unwrap().to_str().unwrap();
                    let to = folder.join(format!("__pycache__/{stem}.cpython-313.pyc"));
                    fs::write(to, [b"compiled ", &fs::read(&path)?[..]].concat())?;
                }
            }
        }
        Ok(())
    }
}

/// One line for each file of an image: layer, mode, owner, path, and where it leads or what it says.
pub(crate) fn listing(image: &Image) -> BTreeMap<String, String> {
    let mut lines = BTreeMap::new();
    for (index, layer) in image.layers().iter().enumerate() {
        let mut tar = flate2::read::MultiGzDecoder::new(layer.blob.open().unwrap());
        tarball::read(&mut tar, &Limits::default(), &mut |header, content| {
            let path = String::from_utf8(header.name.clone()).unwrap();
            let path = path.trim_end_matches('/').to_owned();
            let link = String::from_utf8_lossy(&header.link).into_owned();
            let what = match header.kind {
                Kind::Dir => "dir".to_owned(),
                Kind::Symlink => format!("-> {link}"),
                Kind::Hardlink => format!("= {link}"),
                _ => {
                    let mut bytes = Vec::new();
                    content.read_to_end(&mut bytes).unwrap();
                    String::from_utf8_lossy(&bytes).into_owned()
                }
            };
            assert_eq!(header.mtime.seconds, tarball::NORMALIZED_MTIME);
            let line = format!("{:o} {}:{} {what}", header.mode, header.uid, header.gid);
            if what != "dir" || !lines.contains_key(&path) {
                lines.insert(path, format!("{index} {line}"));
            }
            Ok(())
        })
        .unwrap();
    }
    lines
}
