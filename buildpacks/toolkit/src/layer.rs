//! A layer: a folder, what it is for, and the key by which the next build knows it again.
//!
//! Spec: buildpack.md, "Layer Types", "Layer Content Metadata (TOML)", "Environment Variable Modification Rules".

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use cnb::{LayerName, LayerToml, LayerTypes};
use sha2::{Digest, Sha256};

use crate::{Result, files};

/// Name of the key in the layer's metadata.
const KEY: &str = "key";
/// Name of the list of parts there.
const PARTS: &str = "parts";

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
    /// The layer of an earlier build stays as it is, its parts too; nothing more to do. Its folder exists only when it is
    /// also a build or cache layer.
    Reused(Layer),
    /// An empty folder to fill; [`Layer::finish`] makes it count.
    Fresh(Layer),
}

/// What is kept for later builds and for nothing else.
const CACHED: LayerTypes = LayerTypes {
    launch: false,
    build: false,
    cache: true,
};

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
    /// Further layers that come and go with this one, in the order in which they were begun.
    parts: Vec<Layer>,
}

/// What an earlier build left beside a layer's folder. Metadata in a shape that we never write counts as none.
#[derive(Debug, Default)]
struct Restored {
    key: Option<String>,
    parts: Vec<String>,
}

impl Layer {
    pub(crate) fn keyed(layers: &Path, name: &str, types: LayerTypes, key: &Key) -> Result<Keyed> {
        let mut layer = Layer {
            key: Some(key.digest()),
            ..Layer::at(layers, name, types)
        };
        layer.find_parts()?;
        let mut is_left = layer.is_left()?;
        for part in &layer.parts {
            is_left = is_left && part.is_left()?;
        }
        if is_left {
            layer.finish()?;
            return Ok(Keyed::Reused(layer));
        }
        layer.clear_all()?;
        Ok(Keyed::Fresh(layer))
    }

    pub(crate) fn keyed_anew(
        layers: &Path,
        name: &str,
        types: LayerTypes,
        key: &Key,
    ) -> Result<Layer> {
        let mut layer = Layer {
            key: Some(key.digest()),
            ..Layer::at(layers, name, types)
        };
        layer.find_parts()?;
        layer.clear_all()?;
        Ok(layer)
    }

    pub(crate) fn begin(layers: &Path, name: &str, types: LayerTypes) -> Result<Layer> {
        let layer = Layer::at(layers, name, types);
        layer.clear()?;
        Ok(layer)
    }

    pub(crate) fn cache(layers: &Path, name: &str) -> Result<Layer> {
        let layer = Layer::at(layers, name, CACHED);
        files::create_folder(&layer.path)?;
        layer.write_toml()?;
        Ok(layer)
    }

    pub(crate) fn keep_cached(layers: &Path, name: &str) -> Result<()> {
        let layer = Layer::at(layers, name, CACHED);
        let Some(left) = layer.left()?.filter(|_| layer.path.is_dir()) else {
            return Ok(());
        };
        let toml = LayerToml {
            types: CACHED,
            metadata: left.metadata,
        };
        files::write(&layer.toml, toml.to_toml().as_bytes())
    }

    fn at(layers: &Path, name: &str, types: LayerTypes) -> Layer {
        Layer {
            path: layers.join(name),
            toml: layers.join(format!("{name}.toml")),
            types,
            key: None,
            parts: Vec::new(),
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Begins a further layer for the same uses, and returns its empty folder. It counts when this layer does; a later
    /// build reuses this layer with all its parts or not at all.
    pub fn part(&mut self, name: &str) -> Result<PathBuf> {
        let layers = self.path.parent().unwrap_or(Path::new("/"));
        let part = Layer {
            key: self.key.clone(),
            ..Layer::at(layers, name, self.types)
        };
        part.clear()?;
        let path = part.path.clone();
        self.parts.push(part);
        Ok(path)
    }

    /// Makes the layer and its parts count: until then a build that breaks off leaves nothing that the next one could
    /// take for complete.
    pub fn finish(&self) -> Result<()> {
        for part in &self.parts {
            part.write_toml()?;
        }
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

    /// Is what an earlier build left the same, and there as far as it is needed?
    fn is_left(&self) -> Result<bool> {
        let needs_folder = self.types.build || self.types.cache;
        Ok(self.restored()?.key == self.key && (!needs_folder || self.path.is_dir()))
    }

    /// The parts that the layer of an earlier build had.
    fn find_parts(&mut self) -> Result<()> {
        let layers = self.path.parent().unwrap_or(Path::new("/"));
        let names = self.restored()?.parts;
        let parts = names.iter().map(|name| Layer {
            key: self.key.clone(),
            ..Layer::at(layers, name, self.types)
        });
        self.parts = parts.collect();
        Ok(())
    }

    /// The file that an earlier build left, if it makes sense.
    fn left(&self) -> Result<Option<LayerToml>> {
        let text = files::read_text(&self.toml)?;
        Ok(text.and_then(|text| LayerToml::parse(&text, &self.toml).ok()))
    }

    fn restored(&self) -> Result<Restored> {
        let Some(metadata) = self.left()?.and_then(|left| left.metadata) else {
            return Ok(Restored::default());
        };
        let text = |value: &toml::Value| value.as_str().map(str::to_owned);
        let parts = metadata.get(PARTS).and_then(toml::Value::as_array);
        let parts = parts.into_iter().flatten().filter_map(text);
        Ok(Restored {
            key: metadata.get(KEY).and_then(text),
            // They come out of a label: a name must not lead anywhere else.
            parts: parts
                .filter(|name| name.parse::<LayerName>().is_ok())
                .collect(),
        })
    }

    fn clear_all(&mut self) -> Result<()> {
        for part in std::mem::take(&mut self.parts) {
            files::remove(&part.toml)?;
            files::remove(&part.path)?;
        }
        self.clear()
    }

    fn clear(&self) -> Result<()> {
        files::remove(&self.toml)?;
        files::remove(&self.path)?;
        files::create_folder(&self.path)
    }

    fn write_toml(&self) -> Result<()> {
        let metadata = self.key.as_ref().map(|key| {
            let mut table = toml::Table::from_iter([(KEY.to_owned(), key.clone().into())]);
            if !self.parts.is_empty() {
                let names = self.parts.iter().map(|part| part.name().into());
                table.insert(PARTS.to_owned(), toml::Value::Array(names.collect()));
            }
            toml::Value::Table(table)
        });
        let toml = LayerToml {
            types: self.types,
            metadata,
        };
        files::write(&self.toml, toml.to_toml().as_bytes())
    }

    fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAUNCH: LayerTypes = LayerTypes {
        launch: true,
        build: false,
        cache: false,
    };

    fn keyed(layers: &Path, types: LayerTypes, key: &str) -> Keyed {
        Layer::keyed(layers, "main", types, &Key::default().with("is", key)).unwrap()
    }

    /// Makes the layer with two parts.
    fn make(layers: &Path, types: LayerTypes, key: &str) {
        let Keyed::Fresh(mut layer) = keyed(layers, types, key) else {
            panic!("a fresh layer");
        };
        for name in ["one", "two"] {
            let part = layer.part(name).unwrap();
            files::write(&part.join("file"), b"x").unwrap();
        }
        layer.finish().unwrap();
    }

    /// What the lifecycle brings back of layers for launch only: metadata without types.
    fn restored(layers: &Path) {
        for name in ["main", "one", "two"] {
            files::remove(&layers.join(name)).unwrap();
            let file = layers.join(format!("{name}.toml"));
            let text = files::read_text(&file).unwrap().unwrap();
            let toml = LayerToml {
                types: LayerTypes::default(),
                ..LayerToml::parse(&text, &file).unwrap()
            };
            files::write(&file, toml.to_toml().as_bytes()).unwrap();
        }
    }

    fn is_for_launch(layers: &Path, name: &str) -> bool {
        let text = files::read_text(&layers.join(format!("{name}.toml"))).unwrap();
        text.is_some_and(|text| text.contains("launch = true"))
    }

    #[test]
    fn a_layer_is_reused_with_all_its_parts() {
        let layers = tempfile::tempdir().unwrap();
        let layers = layers.path();
        make(layers, LAUNCH, "1");
        restored(layers);
        assert!(!is_for_launch(layers, "two"));
        assert!(matches!(keyed(layers, LAUNCH, "1"), Keyed::Reused(_)));
        assert!(
            ["main", "one", "two"]
                .iter()
                .all(|name| is_for_launch(layers, name))
        );
        // Once more: the list of parts is still there.
        restored(layers);
        assert!(matches!(keyed(layers, LAUNCH, "1"), Keyed::Reused(_)));
        assert!(is_for_launch(layers, "two"));
    }

    #[test]
    fn without_one_of_its_parts_or_with_an_older_one_a_layer_is_made_anew() {
        for spoil in ["", "[metadata]\nkey = \"older\"\n"] {
            let layers = tempfile::tempdir().unwrap();
            let layers = layers.path();
            make(layers, LAUNCH, "1");
            restored(layers);
            files::write(&layers.join("two.toml"), spoil.as_bytes()).unwrap();
            assert!(matches!(keyed(layers, LAUNCH, "1"), Keyed::Fresh(_)));
            assert!(!layers.join("one.toml").exists() && !layers.join("main.toml").exists());
        }
    }

    #[test]
    fn a_part_of_a_build_layer_needs_its_folder_too() {
        let types = LayerTypes {
            build: true,
            cache: true,
            ..LAUNCH
        };
        let layers = tempfile::tempdir().unwrap();
        let layers = layers.path();
        make(layers, types, "1");
        assert!(matches!(keyed(layers, types, "1"), Keyed::Reused(_)));
        files::remove(&layers.join("one")).unwrap();
        assert!(matches!(keyed(layers, types, "1"), Keyed::Fresh(_)));
    }

    #[test]
    fn parts_that_are_no_longer_made_are_gone() {
        let layers = tempfile::tempdir().unwrap();
        let layers = layers.path();
        make(layers, LAUNCH, "1");
        let Keyed::Fresh(layer) = keyed(layers, LAUNCH, "2") else {
            panic!("a fresh layer");
        };
        layer.finish().unwrap();
        assert!(!layers.join("one").exists() && !layers.join("one.toml").exists());
        assert!(layers.join("main.toml").exists());
    }

    #[test]
    fn names_of_parts_lead_nowhere_else() {
        let top = tempfile::tempdir().unwrap();
        let layers = top.path().join("layers");
        files::create_folder(&layers).unwrap();
        files::write(&top.path().join("kept.toml"), b"").unwrap();
        let forged = "[metadata]\nkey = \"x\"\nparts = [\"../kept\", \"..\", 3]\n";
        files::write(&layers.join("main.toml"), forged.as_bytes()).unwrap();
        assert!(matches!(keyed(&layers, LAUNCH, "1"), Keyed::Fresh(_)));
        assert!(top.path().join("kept.toml").exists());
    }
}
