//! Package files made for a test, good ones and bad ones.

use std::io::Write;

use lzma_rust2::{XzOptions, XzWriter};
use oci::tarball::{Content, Entry, Node, header};

/// A package in the making.
#[derive(Clone)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    /// Further lines of the control file.
    fields: String,
    entries: Vec<Entry>,
    scripts: Vec<(String, String)>,
}

impl Package {
    pub(crate) fn new(name: &str, version: &str) -> Package {
        Package {
            name: name.to_owned(),
            version: version.to_owned(),
            fields: String::new(),
            entries: Vec::new(),
            scripts: Vec::new(),
        }
    }

    /// A control field, as `Depends: a`.
    pub(crate) fn field(mut self, line: &str) -> Package {
        self.fields += &format!("{line}\n");
        self
    }

    pub(crate) fn script(mut self, name: &str, text: &str) -> Package {
        self.scripts.push((name.to_owned(), text.to_owned()));
        self
    }

    pub(crate) fn file(self, path: &str, content: impl AsRef<[u8]>) -> Package {
        self.node(
            path,
            Node::File(Content::Bytes(content.as_ref().into())),
            0o644,
        )
    }

    pub(crate) fn program(self, path: &str, content: impl AsRef<[u8]>) -> Package {
        self.node(
            path,
            Node::File(Content::Bytes(content.as_ref().into())),
            0o755,
        )
    }

    pub(crate) fn dir(self, path: &str) -> Package {
        self.node(path, Node::Dir, 0o755)
    }

    pub(crate) fn link(self, path: &str, target: &str) -> Package {
        self.node(path, Node::Symlink(target.into()), 0o777)
    }

    pub(crate) fn hard_link(self, path: &str, target: &str) -> Package {
        self.node(path, Node::Hardlink(target.into()), 0o644)
    }

    pub(crate) fn node(mut self, path: &str, node: Node, mode: u32) -> Package {
        self.entries.push(Entry {
            path: path.into(),
            node,
            mode,
            uid: 0,
            gid: 0,
            mtime: 1,
        });
        self
    }

    pub(crate) fn control(&self) -> String {
        let Package {
            name,
            version,
            fields,
            ..
        } = self;
        format!(
            "Package: {name}\nVersion: {version}\nArchitecture: amd64\nMaintainer: nobody\n{fields}Description: of {name}\n"
        )
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let text = |name: &str, text: &str| Entry {
            path: format!("./{name}").into(),
            node: Node::File(Content::Bytes(text.as_bytes().into())),
            mode: 0o644,
            uid: 0,
            gid: 0,
            mtime: 1,
        };
        let mut control = vec![
            text("control", &self.control()),
            text("md5sums", &format!("0  of/{}\n", self.name)),
        ];
        control.extend(self.scripts.iter().map(|(name, script)| text(name, script)));
        ar(&[
            ("debian-binary", b"2.0\n"),
            ("control.tar", &tar(&control)),
            ("data.tar.xz", &xz(&tar(&self.entries))),
        ])
    }
}

pub(crate) fn tar(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in entries {
        bytes.extend(header(entry).unwrap());
        if let Node::File(Content::Bytes(content)) = &entry.node {
            bytes.extend(&content[..]);
            bytes.resize(bytes.len().next_multiple_of(512), 0);
        }
    }
    bytes.extend([0; 1024]);
    bytes
}

pub(crate) fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut writer = XzWriter::new(Vec::new(), XzOptions::with_preset(1)).unwrap();
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

/// An `ar` archive as dpkg-deb writes it.
pub(crate) fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = b"!<arch>\n".to_vec();
    for (name, content) in members {
        let size = content.len();
        bytes.extend(
            format!(
                "{name:<16}{:<12}{:<6}{:<6}{:<8}{size:<10}`\n",
                0, 0, 0, 100_644
            )
            .as_bytes(),
        );
        bytes.extend(*content);
        if size % 2 == 1 {
            bytes.push(b'\n');
        }
    }
    bytes
}

/// The smallest shared library that has a name: headers, one loaded segment, a dynamic section.
pub(crate) fn library(soname: &str) -> Vec<u8> {
    let strings = [b"\0", soname.as_bytes(), b"\0"].concat();
    let dynamic: [u64; 6] = [5, 0x1000 + 232, 14, 1, 0, 0];
    let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
    bytes.resize(16, 0);
    bytes.extend([3, 0, 62, 0, 1, 0, 0, 0]);
    bytes.extend([0u64, 64, 0].map(u64::to_le_bytes).concat());
    bytes.extend([0, 0, 0, 0, 64, 0, 56, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
    let length = 232 + strings.len() as u64;
    for (kind, offset, size) in [(1u32, 0u64, length), (2, 184 - 8, 48)] {
        bytes.extend(kind.to_le_bytes());
        bytes.extend(4u32.to_le_bytes());
        bytes.extend(
            [offset, 0x1000 + offset, 0, size, size, 8]
                .map(u64::to_le_bytes)
                .concat(),
        );
    }
    assert_eq!(bytes.len(), 176);
    bytes.extend(dynamic.map(u64::to_le_bytes).concat());
    bytes.resize(232, 0);
    bytes.extend(strings);
    bytes
}
