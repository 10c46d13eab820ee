//! tar.jsonl: the bytes of layers. The file systems of the cases are described, not made: owners and devices would need root.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use data_encoding::{BASE64, HEXLOWER};
use files::Kind;
use oci::tarball::{self, Content, Found, Limits, NORMALIZED_MTIME, Tree};
use oci::{ErrorKind, Layer, Memory, Owners, Stamp, Store};
use serde::Deserialize;

use crate::vectors::{Case, Verdict, cases, report};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    kind: String,
    uid: u32,
    gid: u32,
    #[serde(default)]
    dir: PathBuf,
    #[serde(default)]
    fs: Vec<File>,
    #[serde(default)]
    slices: Vec<Vec<String>>,
    #[serde(default)]
    processes: Vec<String>,
    launcher: Option<File>,
    tar_base64: Option<String>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    path: Option<String>,
    path_hex: Option<String>,
    #[serde(rename = "type")]
    kind: String,
    mode: Option<String>,
    uid: u32,
    gid: u32,
    #[serde(default)]
    content: String,
    repeat: Option<usize>,
    to: Option<String>,
    dev: Option<(u32, u32)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    #[serde(default)]
    layers: Vec<Expected>,
    error: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    created_by: String,
    sha256: String,
    size: usize,
    #[serde(rename = "entries")]
    _entries: Vec<String>,
}

#[test]
fn layers_have_the_bytes_that_go_gives_them() {
    report(
        "tar.jsonl",
        &cases("tar.jsonl"),
        |case: &Case<Input, Expect>| {
            let go = match &case.expect.error {
                Some(class) => Err(class.clone()),
                None => Ok(case
                    .expect
                    .layers
                    .iter()
                    .map(Expected::facts)
                    .collect::<Vec<_>>()),
            };
            Verdict::of(&built(&case.input), &go)
        },
    );
}

/// Digest and size of a tar.
type Facts = (String, usize);

impl Expected {
    fn facts(&self) -> Facts {
        assert!(!self.created_by.is_empty());
        (format!("sha256:{}", self.sha256), self.size)
    }
}

fn built(input: &Input) -> Result<Vec<Facts>, String> {
    let store: Arc<dyn Store> = Memory::new();
    let stamp = Stamp {
        mtime: NORMALIZED_MTIME,
        owners: Owners::FromDisk {
            uid: input.uid,
            gid: input.gid,
        },
    };
    let tree = Described::new(input);
    let class = |error: oci::Error| match error.kind() {
        ErrorKind::Malformed if input.kind == "slices" => "bad-pattern".to_owned(),
        _ => format!("{error:?}"),
    };
    let layers = match input.kind.as_str() {
        "dir" => tarball::directory_from(&tree, &input.dir, &stamp, &store)
            .map(|packed| vec![packed.layer]),
        "slices" => tarball::slices_from(&tree, &input.dir, &input.slices, &stamp, &store)
            .map(|packed| packed.into_iter().map(|packed| packed.layer).collect()),
        "process-types" => {
            let mut links: Vec<(&[u8], &[u8])> = Vec::new();
            for name in &input.processes {
                if name.is_empty() {
                    return Err("type-required".to_owned());
                }
                name.parse::<cnb::ProcessType>()
                    .map_err(|_| "forbidden-character".to_owned())?;
                links.push((name.as_bytes(), b"/cnb/lifecycle/launcher"));
            }
            tarball::links(Path::new("/cnb/process"), &links, NORMALIZED_MTIME)
                .and_then(|entries| tarball::pack(&mut entries.into_iter().map(Ok), &store))
                .map(|layer| vec![layer])
        }
        "launcher" => {
            let launcher = input.launcher.as_ref().expect("a launcher");
            let content = Content::Bytes(launcher.bytes().into());
            let entries = tarball::single(
                Path::new("/cnb/lifecycle/launcher"),
                content,
                NORMALIZED_MTIME,
            );
            tarball::pack(&mut entries.into_iter().map(Ok), &store).map(|layer| vec![layer])
        }
        "tar" => {
            let gzipped = BASE64
                .decode(input.tar_base64.as_deref().expect("a tar").as_bytes())
                .expect("base64");
            let tar = oci::decompress(
                &oci::MediaType::OciLayerGzip,
                Box::new(std::io::Cursor::new(gzipped)),
                1 << 30,
            );
            tar.and_then(|mut tar| {
                tarball::rewrite(&mut tar, NORMALIZED_MTIME, &Limits::default(), &store)
            })
            .map(|layer| vec![layer])
        }
        other => panic!("unknown kind {other}"),
    };
    Ok(layers.map_err(class)?.iter().map(facts).collect())
}

/// The digest is also checked against what the blob inflates to, not only against what packing says.
fn facts(layer: &Layer) -> Facts {
    let blob = layer.blob.open().expect("the blob is in the store");
    let mut tar = Vec::new();
    oci::decompress(&layer.blob.descriptor.media_type, blob, u64::MAX)
        .and_then(|mut reader| {
            reader
                .read_to_end(&mut tar)
                .map_err(|error| oci::Error::io("inflating", error))
        })
        .expect("the blob inflates");
    assert_eq!(oci::Digest::of(&tar), layer.diff_id);
    (layer.diff_id.to_string(), tar.len())
}

/// A file system that is only described.
struct Described {
    files: BTreeMap<PathBuf, File>,
    root: PathBuf,
}

impl Described {
    fn new(input: &Input) -> Described {
        let mut files: BTreeMap<PathBuf, File> = BTreeMap::new();
        for file in &input.fs {
            let mut named = file.clone();
            if file.kind == "hardlink" {
                named = files[Path::new(file.to.as_deref().expect("an earlier path"))].clone();
            }
            files.insert(file.path(), named);
        }
        let mut described = Described {
            files,
            root: input.dir.clone(),
        };
        if let (Some(parent), Some(name)) = (input.dir.parent(), input.dir.file_name()) {
            described.root = described.real(parent).join(name);
        }
        described
    }

    /// Follows links, as the system does above the directory of a layer.
    fn real(&self, path: &Path) -> PathBuf {
        let mut real = PathBuf::new();
        for name in path {
            let next = real.join(name);
            real = match self.files.get(&next).and_then(|file| file.to.as_ref()) {
                Some(target) => self.real(&real.join(target)),
                None => next,
            };
        }
        real
    }

    fn at(&self, path: &Path) -> &File {
        let path = if path.as_os_str().is_empty() {
            self.root.clone()
        } else {
            self.root.join(path)
        };
        self.files
            .get(&path)
            .unwrap_or_else(|| panic!("{} is not described", path.display()))
    }
}

impl Tree for Described {
    fn root(&self) -> oci::Result<Found> {
        Ok(self.at(Path::new("")).found())
    }

    fn above(&self, levels: usize) -> oci::Result<Option<Found>> {
        Ok(self
            .root
            .ancestors()
            .nth(levels)
            .and_then(|path| self.files.get(path))
            .map(File::found))
    }

    fn list(&self, path: &Path) -> oci::Result<Vec<(OsString, Found)>> {
        let dir = if path.as_os_str().is_empty() {
            self.root.clone()
        } else {
            self.root.join(path)
        };
        let inside = self
            .files
            .iter()
            .filter(|(path, _)| path.parent() == Some(&dir));
        let mut listed: Vec<_> = inside
            .map(|(path, file)| (path.file_name().expect("a name").to_owned(), file.found()))
            .collect();
        listed.sort_by(|one, other| one.0.as_bytes().cmp(other.0.as_bytes()));
        Ok(listed)
    }

    fn link(&self, path: &Path) -> oci::Result<Vec<u8>> {
        Ok(self.at(path).to.clone().expect("a target").into_bytes())
    }

    fn content(&self, path: &Path, _found: &Found) -> Content {
        Content::Bytes(self.at(path).bytes().into())
    }
}

impl File {
    fn path(&self) -> PathBuf {
        match (&self.path, &self.path_hex) {
            (Some(path), None) => PathBuf::from(path),
            (None, Some(hex)) => {
                OsString::from_vec(HEXLOWER.decode(hex.as_bytes()).expect("hex digits")).into()
            }
            _ => panic!("a file without one path"),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        self.content.repeat(self.repeat.unwrap_or(1)).into_bytes()
    }

    fn found(&self) -> Found {
        let kind = match self.kind.as_str() {
            "dir" => Kind::Dir,
            "file" => Kind::File,
            "symlink" => Kind::Symlink,
            "fifo" => Kind::Fifo,
            "socket" => Kind::Socket,
            "char" => Kind::Char,
            "block" => Kind::Block,
            other => panic!("unknown type {other}"),
        };
        let mode = self.mode.as_deref().map_or(0o777, |mode| {
            u32::from_str_radix(mode, 8).expect("an octal mode")
        });
        Found {
            kind,
            mode,
            uid: self.uid,
            gid: self.gid,
            size: self.bytes().len() as u64,
            device: self.dev.unwrap_or_default(),
        }
    }
}
