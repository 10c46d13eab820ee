//! Buildpacks and extensions as they lie in their folders.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cnb::{BuildpackApi, BuildpackId, BuildpackToml, ExtensionToml, Group, OrderGroup, Target};

use crate::inside::{Inside, failed};
use crate::limits::TOML_BYTES;
use crate::{Dirs, Element, Error, ErrorKind, Result};

/// A buildpack or extension with its descriptor.
#[derive(Debug)]
pub(crate) struct Module {
    pub(crate) element: Element,
    pub(crate) homepage: String,
    /// Its folder's name in the build environment.
    pub(crate) root: PathBuf,
    pub(crate) targets: Vec<Target>,
    pub(crate) exec_env: Vec<String>,
    pub(crate) clear_env: bool,
    pub(crate) sbom_formats: Vec<String>,
    /// Not empty: a composite, which has no programs.
    pub(crate) order: Vec<OrderGroup>,
}

impl Module {
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.root.join("bin").join(name)
    }

    /// Whether what it says about execution environments counts.
    pub(crate) fn is_exec_env_aware(&self) -> Result<bool> {
        Ok(self.api()?.has_exec_env())
    }

    /// The API it is treated by: the nearest supported one. That it is supported is checked for what the order or
    /// the group names itself (API-3).
    pub(crate) fn api(&self) -> Result<BuildpackApi> {
        BuildpackApi::nearest(&self.element.api).map_err(|cause| self.api_error(cause))
    }

    /// Fails when its API is not supported.
    pub(crate) fn verify_api(&self) -> Result<()> {
        self.element
            .api
            .parse::<BuildpackApi>()
            .map(drop)
            .map_err(|cause| self.api_error(cause))
    }

    fn api_error(&self, cause: cnb::Error) -> Error {
        Error::new(
            ErrorKind::BuildpackApi,
            format!("reading the API of {}", self.element),
        )
        .because(cause)
    }
}

/// Every buildpack of a group must have a supported API (API-3).
pub(crate) fn verify_group(group: &Group) -> Result<()> {
    for element in &group.buildpacks {
        element.buildpack_api().map_err(|cause| {
            Error::new(
                ErrorKind::BuildpackApi,
                format!("reading the API of {element} in the group"),
            )
            .because(cause)
        })?;
    }
    Ok(())
}

/// All modules, read when they are first asked for.
#[derive(Debug)]
pub(crate) struct Modules<'a> {
    dirs: &'a Dirs,
    inside: &'a Inside,
    known: HashMap<(bool, String, String), Arc<Module>>,
}

impl<'a> Modules<'a> {
    pub(crate) fn new(dirs: &'a Dirs, inside: &'a Inside) -> Self {
        Self {
            dirs,
            inside,
            known: HashMap::new(),
        }
    }

    /// Fails with [`ErrorKind::ModuleNotFound`] when its descriptor is not there.
    pub(crate) fn find(
        &mut self,
        id: &BuildpackId,
        version: &str,
        extension: bool,
    ) -> Result<Arc<Module>> {
        let key = (extension, id.to_string(), version.to_owned());
        if let Some(module) = self.known.get(&key) {
            return Ok(Arc::clone(module));
        }
        let module = Arc::new(self.read(id, version, extension)?);
        self.known.insert(key, Arc::clone(&module));
        Ok(module)
    }

    fn read(&self, id: &BuildpackId, version: &str, extension: bool) -> Result<Module> {
        let (all, file) = if extension {
            (&self.dirs.extensions, "extension.toml")
        } else {
            (&self.dirs.buildpacks, "buildpack.toml")
        };
        let root = all.join(id.folder()).join(version);
        let absent = || {
            Error::new(
                ErrorKind::ModuleNotFound,
                format!("finding {id}@{version}: there is no {}", root.display()),
            )
        };
        let name = root.join(file);
        let text = self.inside.text(&name, TOML_BYTES)?.ok_or_else(absent)?;
        let bin = programs(self.inside, &root)?;
        let malformed = |cause: cnb::Error| {
            Error::new(ErrorKind::Format, format!("reading {id}@{version}")).because(cause)
        };
        let element = |api: String| Element {
            id: id.to_string(),
            version: version.to_owned(),
            api,
            folder: id.folder(),
            extension,
        };
        if extension {
            let toml = ExtensionToml::parse(&text, &name, &bin).map_err(malformed)?;
            return Ok(Module {
                element: element(toml.api),
                homepage: toml.extension.homepage,
                root,
                targets: toml.targets,
                exec_env: toml.extension.exec_env,
                clear_env: toml.extension.clear_env,
                sbom_formats: Vec::new(),
                order: Vec::new(),
            });
        }
        let toml = BuildpackToml::parse(&text, &name, &bin).map_err(malformed)?;
        Ok(Module {
            element: element(toml.api),
            homepage: toml.buildpack.homepage,
            root,
            targets: toml.targets,
            exec_env: toml.buildpack.exec_env,
            clear_env: toml.buildpack.clear_env,
            sbom_formats: toml.buildpack.sbom_formats,
            order: toml.order,
        })
    }
}

/// The names in `bin`.
fn programs(inside: &Inside, root: &Path) -> Result<Vec<String>> {
    let name = root.join("bin");
    let Some(bin) = inside.folder(&name)? else {
        return Ok(Vec::new());
    };
    let entries = bin
        .entries()
        .map_err(|cause| failed("listing", &name, cause))?;
    Ok(entries
        .into_iter()
        .filter_map(|entry| entry.name.into_string().ok())
        .collect())
}
