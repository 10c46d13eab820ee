//! A layer: a folder, what it is for, and the key by which the next build knows it again.
//!
//! Spec: buildpack.md, "Layer Types", "Layer Content Metadata (TOML)", "Environment Variable Modification Rules".

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use cnb::{LayerToml, LayerTypes};
use sha2::{Digest, Sha256};

use crate::{Result, files};

/// Name of the key in the layer's metadata.
const KEY: &str = "key";

/// Everything that a layer's contents follow from, by name. Its digest lands in a label of the image,
/// so it must hold neither secrets nor times.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Key {
    parts: BTreeMap<String, String>,
}

impl Key {
    /// Adds a part; the same name twice is the later one.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Key {
        self.parts.insert(name.into(), value.into());
        self
    }

    /// Adds a part by the digest of its bytes.
    #[must_use]
    pub fn with_bytes(self, name: impl Into<String>, bytes: &[u8]) -> Key {
        self.with(name, sha256(bytes))
    }

    /// Digest of all parts in the order of their names, as hexadecimal digits.
    pub fn digest(&self) -> String {
        let mut hasher = Sha256::new();
        for (name, value) in &self.parts {
            for text in [name, value] {
                hasher.update(text.len().to_string());
                hasher.update(":");
                hasher.update(text);
            }
        }
        hex(&hasher.finalize())
    }
}

/// Digest of some bytes, as hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Digest of everything that a reader has, as hexadecimal digits.
pub fn sha256_of(mut reader: impl Read) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(hex(&hasher.finalize())),
            Ok(length) => hasher.update(buffer.get(..length).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

/// What [`BuildContext::keyed_layer`](crate::BuildContext::keyed_layer) found.
#[derive(Debug)]
pub enum Keyed {
    /// The layer of an earlier build stays as it is; nothing more to do. Its folder exists only when it is also
    /// a build or cache layer.
    Reused(Layer),
    /// An empty folder to fill; [`Layer::finish`] makes it count.
    Fresh(Layer),
}

/// When a variable of a layer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope<'a> {
    /// In later builds and at launch.
    All,
    Build,
    Launch,
    /// At launch of one process type.
    Process(&'a str),
}

/// A layer's folder, and the file beside it.
#[derive(Debug)]
pub struct Layer {
    path: PathBuf,
    toml: PathBuf,
    types: LayerTypes,
    key: Option<String>,
}

impl Layer {
    pub(crate) fn keyed(layers: &Path, name: &str, types: LayerTypes, key: &Key) -> Result<Keyed> {
        let layer = Layer {
            key: Some(key.digest()),
            ..Layer::at(layers, name, types)
        };
        let needs_folder = types.build || types.cache;
        let same = layer.restored_key()? == layer.key;
        if same && (!needs_folder || layer.path.is_dir()) {
            layer.write_toml()?;
            return Ok(Keyed::Reused(layer));
        }
        layer.clear()?;
        Ok(Keyed::Fresh(layer))
    }

    pub(crate) fn keyed_anew(
        layers: &Path,
        name: &str,
        types: LayerTypes,
        key: &Key,
    ) -> Result<Layer> {
        let layer = Layer {
            key: Some(key.digest()),
            ..Layer::at(layers, name, types)
        };
        layer.clear()?;
        Ok(layer)
    }

    pub(crate) fn begin(layers: &Path, name: &str, types: LayerTypes) -> Result<Layer> {
        let layer = Layer::at(layers, name, types);
        layer.clear()?;
        Ok(layer)
    }

    pub(crate) fn cache(layers: &Path, name: &str) -> Result<Layer> {
        let types = LayerTypes {
            cache: true,
            ..LayerTypes::default()
        };
        let layer = Layer::at(layers, name, types);
        files::create_folder(&layer.path)?;
        layer.write_toml()?;
        Ok(layer)
    }

    fn at(layers: &Path, name: &str, types: LayerTypes) -> Layer {
        Layer {
            path: layers.join(name),
            toml: layers.join(format!("{name}.toml")),
            types,
            key: None,
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the layer count: until then a build that breaks off leaves nothing that the next one could
    /// take for complete.
    pub fn finish(&self) -> Result<()> {
        self.write_toml()
    }

    /// Sets a variable, whatever it was.
    pub fn set(&self, scope: Scope<'_>, name: &str, value: &str) -> Result<()> {
        self.env_file(scope, &format!("{name}.override"), value)
    }

    /// Sets a variable unless it is already set.
    pub fn set_default(&self, scope: Scope<'_>, name: &str, value: &str) -> Result<()> {
        self.env_file(scope, &format!("{name}.default"), value)
    }

    fn env_file(&self, scope: Scope<'_>, file: &str, value: &str) -> Result<()> {
        let folder = match scope {
            Scope::All => self.path.join("env"),
            Scope::Build => self.path.join("env.build"),
            Scope::Launch => self.path.join("env.launch"),
            Scope::Process(process) => self.path.join("env.launch").join(process),
        };
        files::create_folder(&folder)?;
        files::write(&folder.join(file), value.as_bytes())
    }

    /// The key that an earlier build left. Metadata in a shape that we never write counts as none.
    fn restored_key(&self) -> Result<Option<String>> {
        let Some(text) = files::read_text(&self.toml)? else {
            return Ok(None);
        };
        let Ok(restored) = LayerToml::parse(&text, &self.toml) else {
            return Ok(None);
        };
        let key = restored
            .metadata
            .as_ref()
            .and_then(|metadata| metadata.get(KEY)?.as_str());
        Ok(key.map(str::to_owned))
    }

    fn clear(&self) -> Result<()> {
        files::remove(&self.toml)?;
        files::remove(&self.path)?;
        files::create_folder(&self.path)
    }

    fn write_toml(&self) -> Result<()> {
        let metadata = self.key.as_ref().map(|key| {
            let pair = (KEY.to_owned(), toml::Value::String(key.clone()));
            toml::Value::Table(toml::Table::from_iter([pair]))
        });
        let toml = LayerToml {
            types: self.types,
            metadata,
        };
        files::write(&self.toml, toml.to_toml().as_bytes())
    }
}
