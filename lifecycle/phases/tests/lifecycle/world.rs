//! A build environment in a temporary folder whose names are real.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use cnb::labels::LauncherMetadata;
use cnb::{
    Environment, ImageTarget, Order, OrderElement, OrderGroup, PlatformApi, ProjectMetadata,
    RunImageNames, SystemToml,
};
use oci::tarball::{Content, single};
use oci::{History, Image, Images, Memory, Platform, Reference, Store};
use phases::export::CREATED;
use phases::{
    AnalyzeRequest, CreateRequest, Dirs, Event, Events, Launcher, Owners, Plain, Result, Workshop,
};

pub(crate) struct World {
    dir: tempfile::TempDir,
    pub(crate) dirs: Dirs,
    pub(crate) store: Arc<Memory>,
    pub(crate) heard: Heard,
    order: Vec<Vec<OrderElement>>,
}

/// Everything that was told.
#[derive(Default)]
pub(crate) struct Heard(Mutex<Vec<Event>>);

impl Events for Heard {
    fn tell(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

impl Heard {
    pub(crate) fn all(&self) -> Vec<Event> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        let line = |event| match event {
            Event::Output { line, .. } => Some(line),
            _ => None,
        };
        self.all().into_iter().filter_map(line).collect()
    }
}

impl World {
    pub(crate) fn new() -> World {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let dirs = Dirs {
            app: at("workspace"),
            layers: at("layers"),
            platform: at("platform"),
            buildpacks: at("buildpacks"),
            extensions: at("extensions"),
            build_config: at("build-config"),
            root: "/".into(),
        };
        for folder in [&dirs.app, &dirs.layers, &dirs.platform, &at("tmp")] {
            std::fs::create_dir_all(folder).unwrap();
        }
        World {
            dirs,
            store: Memory::new(),
            heard: Heard::default(),
            order: Vec::new(),
            dir,
        }
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.at(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Puts a buildpack of version 1 into the store; its programs are shell.
    pub(crate) fn buildpack(&self, id: &str, detect: &str, build: &str) -> &World {
        let folder = format!("buildpacks/{}/1", id.replace('/', "_"));
        let toml = format!(
            "api = \"0.10\"\n[buildpack]\nid = \"{id}\"\nversion = \"1\"\n[[targets]]\nos = \"linux\"\n"
        );
        self.write(&format!("{folder}/buildpack.toml"), &toml);
        for (program, script) in [("detect", detect), ("build", build)] {
            let path = self.write(
                &format!("{folder}/bin/{program}"),
                &format!("#!/bin/sh\n{script}\n"),
            );
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
            harness::ready(&path);
        }
        self
    }

    /// Puts a composite buildpack of version 1 into the store.
    pub(crate) fn composite(&self, id: &str, groups: &[&[&str]]) {
        let group = |group: &&[&str]| {
            let element = |id: &&str| format!("[[order.group]]\nid = \"{id}\"\nversion = \"1\"\n");
            format!(
                "[[order]]\n{}",
                group.iter().map(element).collect::<String>()
            )
        };
        let order: String = groups.iter().map(group).collect();
        let toml = format!("api = \"0.10\"\n[buildpack]\nid = \"{id}\"\nversion = \"1\"\n{order}");
        self.write(&format!("buildpacks/{id}/1/buildpack.toml"), &toml);
    }

    /// Adds a group to the order; a trailing `?` means optional.
    pub(crate) fn group(&mut self, ids: &[&str]) -> &mut World {
        let element = |text: &&str| OrderElement {
            id: text.trim_end_matches('?').parse().unwrap(),
            version: "1".into(),
            optional: text.ends_with('?'),
            ..OrderElement::default()
        };
        self.order.push(ids.iter().map(element).collect());
        self
    }

    pub(crate) fn order(&self) -> Order {
        let groups = self
            .order
            .iter()
            .map(|group| OrderGroup {
                group: group.clone(),
            })
            .collect();
        Order {
            groups,
            extensions: Vec::new(),
        }
    }

    pub(crate) fn with_workshop<T>(&self, work: impl FnOnce(&Workshop<'_>) -> T) -> T {
        let environ = Environment::new([
            ("PATH".into(), "/usr/bin:/bin".into()),
            ("SECRET".into(), "x".into()),
        ]);
        let target = ImageTarget {
            os: "linux".into(),
            arch: "amd64".into(),
            ..ImageTarget::default()
        };
        work(&Workshop {
            dirs: &self.dirs,
            api: PlatformApi::LATEST,
            environ: &environ,
            exec_env: "production",
            target: &target,
            scratch: &self.at("tmp"),
            runner: &Plain,
            events: &self.heard,
        })
    }

    pub(crate) fn detect(&self) -> Result<phases::Detected> {
        self.with_workshop(|workshop| {
            phases::detect(workshop, &self.order(), &SystemToml::default())
        })
    }

    /// A run image of one file.
    pub(crate) fn run_image(&self) -> Reference {
        let name = Reference::parse("base.invalid/run:1").unwrap();
        let store: Arc<dyn Store> = self.store.clone();
        let entries = single(
            Path::new("/etc/base"),
            Content::Bytes(Arc::from(*b"base")),
            CREATED,
        );
        let layer = oci::tarball::pack(&mut entries.into_iter().map(Ok), &store).unwrap();
        let mut image =
            Image::empty(&Platform::new("linux", "amd64")).append(layer, &History::new("", "base"));
        image.config_mut().set_user("1002:1000");
        image.config_mut().set_env("PATH", "/usr/bin");
        self.store
            .publish(&image, std::slice::from_ref(&name))
            .unwrap();
        name
    }

    /// Builds `app.invalid/app:1`, reusing what its last version has.
    pub(crate) fn create(&self, cache: Option<&Path>) -> Result<Image> {
        let app = Reference::parse("app.invalid/app:1").unwrap();
        let store: Arc<dyn Store> = self.store.clone();
        let (order, system, project) = (
            self.order(),
            SystemToml::default(),
            ProjectMetadata::default(),
        );
        let request = CreateRequest {
            images: AnalyzeRequest {
                previous: Some(app.clone()),
                run_image: self.run_image(),
            },
            order: &order,
            system: &system,
            cache,
            launcher: Launcher {
                bytes: b"launcher",
                metadata: LauncherMetadata::default(),
            },
            run_image: RunImageNames::default(),
            process_type: None,
            project: &project,
            owners: Owners::Written {
                layers: (1001, 1000),
                app: (1002, 1000),
            },
            created: CREATED,
            names: std::slice::from_ref(&app),
        };
        self.with_workshop(|workshop| phases::create(workshop, &*self.store, &store, &request))?;
        Ok(self.store.find(&app).unwrap().unwrap())
    }

    /// What a new build environment has: no layers.
    pub(crate) fn forget_layers(&self) {
        std::fs::remove_dir_all(&self.dirs.layers).unwrap();
        std::fs::create_dir_all(&self.dirs.layers).unwrap();
    }
}
