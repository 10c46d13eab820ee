//! The `bin/build` side.

use std::ops::Deref;
use std::path::PathBuf;

use cnb::{BuildpackPlan, Launch, LayerTypes, Unmet};

use crate::{Context, Key, Keyed, Layer, Result};

/// What `bin/build` is given.
#[derive(Debug)]
pub struct BuildContext<'a> {
    pub(crate) context: Context<'a>,
    /// Folder of this buildpack's layers. Absolute.
    pub layers: PathBuf,
    /// What others of the group want of this buildpack.
    pub plan: BuildpackPlan,
}

impl<'a> BuildContext<'a> {
    /// Only tests make one themselves.
    pub fn new(context: Context<'a>, layers: PathBuf, plan: BuildpackPlan) -> BuildContext<'a> {
        BuildContext {
            context,
            layers,
            plan,
        }
    }

    /// Does anybody want `name` at this stage, `build` or `launch`?
    pub fn is_wanted(&self, name: &str, stage: &str) -> bool {
        let mut entries = self.plan.entries.iter().filter(|entry| entry.name == name);
        entries.any(|entry| entry.metadata.get(stage).and_then(toml::Value::as_bool) == Some(true))
    }

    /// A layer whose contents follow from `key`: what an earlier build left is reused when its key is equal,
    /// otherwise the layer is begun anew and empty.
    pub fn keyed_layer(&self, name: &str, types: LayerTypes, key: &Key) -> Result<Keyed> {
        Layer::keyed(&self.layers, name, types, key)
    }

    /// The same, without a look at what is there: always begun anew.
    pub fn new_keyed_layer(&self, name: &str, types: LayerTypes, key: &Key) -> Result<Layer> {
        Layer::keyed_anew(&self.layers, name, types, key)
    }

    /// A layer whose contents are made anew by every build.
    pub fn new_layer(&self, name: &str, types: LayerTypes) -> Result<Layer> {
        Layer::begin(&self.layers, name, types)
    }

    /// A layer that is kept and added to from build to build: a download cache.
    pub fn cache_layer(&self, name: &str) -> Result<Layer> {
        Layer::cache(&self.layers, name)
    }

    /// Keeps a layer that is for nothing but the cache as an earlier build left it, if it came back: one that no build
    /// asks for is forgotten.
    pub fn keep_cached_layer(&self, name: &str) -> Result<()> {
        Layer::keep_cached(&self.layers, name)
    }
}

impl<'a> Deref for BuildContext<'a> {
    type Target = Context<'a>;

    fn deref(&self) -> &Context<'a> {
        &self.context
    }
}

/// What `bin/build` answers, besides its layers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Built {
    /// Processes, labels and slices.
    pub launch: Launch,
    /// Requirements that are left to later buildpacks.
    pub unmet: Vec<Unmet>,
    /// Remembered for the next build of the same app; ends up in a label of the image.
    pub store: toml::Table,
    /// Says to slipway, by the exit status [`SHARES`], that what this buildpack left for builds of other applications is sound. Only
    /// where the platform asked for that, and after [`keep_apart`](crate::keep_apart).
    pub shares: bool,
}

/// Exit status of `bin/build`: success, see [`Built::shares`].
pub const SHARES: u8 = 90;
