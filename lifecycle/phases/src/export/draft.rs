//! The image while it is made.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use cnb::labels::LifecycleMetadata;
use oci::tarball::{self, Entry};
use oci::{Digest, History, Image, Layer, MediaType, Stamp, Store};

use super::{CREATED, ExportRequest, OpenTree, time};
use crate::{Context, Error, ErrorKind, Event, LayerAction, Level, Result, messages};

/// Run image with the layers added so far.
pub(super) struct Draft<'a> {
    pub(super) cx: &'a Context<'a>,
    pub(super) request: &'a ExportRequest<'a>,
    pub(super) image: Image,
    into: &'a Arc<dyn Store>,
    open: &'a OpenTree<'a>,
    /// Layers of the previous image.
    previous: HashMap<Digest, Layer>,
    created: String,
    history: Vec<History>,
}

impl<'a> Draft<'a> {
    pub(super) fn begin(
        cx: &'a Context<'a>,
        request: &'a ExportRequest<'a>,
        into: &'a Arc<dyn Store>,
        open: &'a OpenTree<'a>,
    ) -> Self {
        let image = request.analyzed.run_image.clone();
        let previous = request.analyzed.previous.as_ref();
        if let (Some(_), Some(named)) = (previous, &request.analyzed.file.image) {
            cx.events.tell(Event::Said {
                level: Level::Info,
                text: messages::reusing_from(&named.reference),
            });
        }
        let layers = previous.into_iter().flat_map(Image::layers);
        let mut draft = Self {
            cx,
            request,
            into,
            open,
            previous: layers.map(|layer| (layer.diff_id, layer.clone())).collect(),
            created: time::rfc3339(if cx.api.has_source_date_epoch() {
                request.created
            } else {
                CREATED
            }),
            history: Vec::new(),
            image,
        };
        draft.history = draft.history_of_base();
        draft
    }

    /// Metadata of the previous image.
    pub(super) fn metadata(&self) -> &'a LifecycleMetadata {
        &self.request.analyzed.file.metadata
    }

    /// What layers of buildpacks and of the lifecycle are stamped with.
    pub(super) fn stamp(&self) -> Stamp {
        Stamp {
            mtime: CREATED,
            owners: self.request.owners.of_layers(),
        }
    }

    /// Packs the folder of a layer, unless nobody changed it and the previous image has it.
    pub(super) fn layer(&self, id: &str, name: &Path) -> Result<Layer> {
        let untouched = self.request.untouched.get(name);
        match untouched.and_then(|diff_id| self.previous.get(diff_id)) {
            Some(layer) => Ok(layer.clone()),
            None => self.pack(id, name),
        }
    }

    /// Packs a folder of the build environment.
    pub(super) fn pack(&self, id: &str, name: &Path) -> Result<Layer> {
        let failed = |cause: oci::Error| {
            Error::new(ErrorKind::Image, format!("packing layer '{id}'")).because(cause)
        };
        let tree = (self.open)(&self.cx.dirs.on_disk(name)).map_err(failed)?;
        let packed =
            tarball::directory_from(&*tree, name, &self.stamp(), self.into).map_err(failed)?;
        self.warn_of_sockets(id, &packed.skipped);
        Ok(packed.layer)
    }

    /// Packs the application: one layer for each list of patterns, and one for the rest.
    pub(super) fn pack_slices(&self, patterns: &[Vec<String>]) -> Result<Vec<Layer>> {
        let app = &self.cx.dirs.app;
        let failed = |cause: oci::Error| {
            let kind = if cause.kind() == oci::ErrorKind::Malformed {
                ErrorKind::Slice
            } else {
                ErrorKind::Image
            };
            Error::new(kind, "packing the application").because(cause)
        };
        let stamp = Stamp {
            mtime: CREATED,
            owners: self.request.owners.of_app(),
        };
        let tree = (self.open)(&self.cx.dirs.on_disk(app)).map_err(failed)?;
        let packed =
            tarball::slices_from(&*tree, app, patterns, &stamp, self.into).map_err(failed)?;
        Ok(packed
            .into_iter()
            .map(|packed| {
                self.warn_of_sockets("app", &packed.skipped);
                packed.layer
            })
            .collect())
    }

    pub(super) fn pack_entries(&self, id: &str, entries: Vec<Entry>) -> Result<Layer> {
        tarball::pack(&mut entries.into_iter().map(Ok), self.into).map_err(|cause| {
            Error::new(ErrorKind::Image, format!("packing layer '{id}'")).because(cause)
        })
    }

    fn warn_of_sockets(&self, id: &str, skipped: &[Vec<u8>]) {
        for path in skipped {
            let text = format!(
                "Warning: {} in layer '{id}' is a socket and is left out",
                String::from_utf8_lossy(path)
            );
            self.cx.events.tell(Event::Said {
                level: Level::Warning,
                text,
            });
        }
    }

    /// Adds a layer; returns its diff id and whether the previous image had it under the same name.
    ///
    /// `before` is the diff id that the layer had in the previous image.
    pub(super) fn add(
        &mut self,
        id: &str,
        layer: Layer,
        before: Option<&str>,
        created_by: &str,
    ) -> (String, bool) {
        let diff_id = layer.diff_id.to_string();
        let known = self
            .previous
            .get(&layer.diff_id)
            .filter(|_| before == Some(&diff_id))
            .cloned();
        let reused = known.is_some();
        self.append(
            id,
            known.unwrap_or(layer),
            if reused {
                LayerAction::Reused
            } else {
                LayerAction::Added
            },
            created_by,
        );
        (diff_id, reused)
    }

    /// Adds a layer of the previous image without having its contents.
    pub(super) fn reuse(&mut self, id: &str, before: &str, created_by: &str) -> Result<()> {
        let layer = before
            .parse()
            .ok()
            .and_then(|diff_id: Digest| self.previous.get(&diff_id))
            .cloned();
        let layer = layer.ok_or_else(|| {
            let doing = format!("reusing layer '{id}': the previous image has no layer {before:?}");
            Error::new(ErrorKind::ReuseWithoutLayer, doing)
        })?;
        self.append(id, layer, LayerAction::Reused, created_by);
        Ok(())
    }

    fn append(&mut self, id: &str, layer: Layer, action: LayerAction, created_by: &str) {
        self.cx.events.tell(Event::Layer {
            id: id.to_owned(),
            action,
            diff_id: layer.diff_id.to_string(),
            size: layer.blob.descriptor.size,
        });
        let created_by = if self.cx.api.has_layer_history() {
            created_by
        } else {
            ""
        };
        let history = History::new(&self.created, created_by);
        self.history.push(history.clone());
        self.image = self.image.clone().append(layer, &history);
    }

    /// One entry for each layer of the run image; blank ones when it does not have that many (XP-10).
    fn history_of_base(&self) -> Vec<History> {
        let layers = self.image.layers().len();
        let mut history = self.image.config().history();
        history.retain(|entry| !entry.empty_layer);
        if history.len() != layers || !self.cx.api.has_layer_history() {
            history = vec![History::default(); layers];
        }
        for entry in &mut history {
            entry.created = Some(self.created.clone());
        }
        history
    }

    pub(super) fn finish(mut self) -> Image {
        let config = self.image.config_mut();
        config.set_created(&self.created);
        config.set_history(&self.history);
        // New layers have the types of the run image, so that no image mixes them (trap 48).
        match self.image.media_type() {
            MediaType::DockerManifest => self.image.to_docker(),
            _ => self.image.to_oci(),
        }
    }
}
