//! Where one build happens: its folders, filled, and the sandbox they are mounted in.
//!
//! ```text
//! builds/<id>/root/workspace   the copy of the source      builds/<id>/job    job.json and results
//! builds/<id>/root/layers      what buildpacks make        builds/<id>/pip    pip's settings of the caller
//! builds/<id>/root/platform    the user's variables        builds/<id>/tmp    /tmp
//! builds/<id>/root/cnb         the buildpacks              builds/<id>/home   /home/cnb
//! builds/<id>/layers-work      of the overlay at /layers   builds/<id>/changed   cached layers that were changed
//! ```

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cnb::{Environment, ImageTarget, Order, PlatformApi};
use files::Dir;
use oci::{Image, Local};
use phases::{Dirs, Job, Untouched, Work};
use sandbox::{From, HostId, Mount};

use crate::base::{self, Bases, Fetching};
use crate::brought::Brought;
use crate::builder::{self, Installed};
use crate::container::{Container, JOB};
use crate::error::{Doing, Error, ErrorKind, Result};
use crate::event::Event;
use crate::host::Host;
use crate::lent::Lent;
use crate::memory::Memory;
use crate::pip_settings;
use crate::rootfs::{self, Rootfs};
use crate::source::{self, Found};
use crate::unchanged::{Buildpack, Seen};
use crate::wheels::Shelf;
use crate::why::SourceParts;
use crate::workdir::Workdir;

/// Home of the build user in our build images.
const HOME: &str = "/home/cnb";
/// Where programs look for certificate authorities in our build images.
const CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Beside the results of a build, from the agent: it may add to the wheel store.
const SHARES: &str = "shares";

/// What a build or a detection is made from.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    /// The folder with the application.
    pub source: PathBuf,
    /// Folders or ids of buildpacks; empty for the default order.
    pub buildpacks: Vec<String>,
    /// Variables for buildpacks.
    pub env: Vec<(String, OsString)>,
    pub fetching: Fetching,
}

pub(crate) struct Site<'a> {
    host: &'a Host<'a>,
    pub(crate) dirs: Dirs,
    pub(crate) bases: Bases,
    pub(crate) order: Order,
    /// What it was made from, as it was then.
    pub(crate) seen: Seen,
    /// Files of the source.
    pub(crate) parts: SourceParts,
    id: HostId,
    rootfs: Rootfs,
    lifecycle: PathBuf,
    mounts: Vec<Mount>,
    /// Offered when all buildpacks are ours.
    shelf: Option<Shelf>,
    user: (u32, u32),
    env: Vec<(OsString, OsString)>,
    offline: bool,
    // Last, so that it goes when nothing uses it any more.
    workdir: Workdir<'a>,
}

impl<'a> Site<'a> {
    /// Prepares everything up to the first phase. Mistakes of the user come before the first download.
    pub(crate) fn prepare(
        host: &'a Host<'a>,
        store: &Arc<Local>,
        inputs: &Inputs,
        brought: &Brought,
        memory: &mut Memory,
    ) -> Result<Site<'a>> {
        host.sweep()?;
        let id = host.id()?;
        let workdir = Workdir::create(&host.state.builds(), host.stop)?;
        let dirs = Dirs::below(&workdir.path().join("root"));
        make_folders(&dirs, workdir.path())?;
        let tops = host.state.tops();
        let mut copied = source::copy(&inputs.source, &dirs.on_disk(&dirs.app), &tops, memory)?;
        let (source, parts) = (copied.digest, std::mem::take(&mut copied.parts));
        tell(host, &inputs.source, copied);
        let lifecycle = builder::lifecycle(host, memory)?;
        let Installed { order, wanted } = builder::install(
            &lifecycle,
            &inputs.buildpacks,
            &dirs.on_disk(&dirs.buildpacks),
            memory,
        )?;
        let seen = Seen {
            source,
            buildpacks: wanted,
            brought: brought.digest,
        };
        write_env(&inputs.env, &dirs.on_disk(&dirs.platform).join("env"))?;
        host.stop.check()?;

        let bases = base::ensure(host, store, inputs.fetching)?;
        host.events.tell(Event::Working {
            what: "unpacking the build image".to_owned(),
        });
        let rootfs = rootfs::unpack(&bases.build.image, &host.state.layers(), id)?;
        host.events.tell(Event::Worked);
        let mut mounts = mounts(brought, id, workdir.path(), memory)?;
        let named = |wanted: &Buildpack| matches!(wanted, Buildpack::Named(_));
        let shelf = if seen.buildpacks.iter().all(named) {
            Shelf::open(host, &bases.build.image, workdir.path())?
        } else {
            None
        };
        mounts.extend(shelf.iter().flat_map(Shelf::mounts));
        id.give(workdir.path())
            .doing("giving the build folder to the user of the sandbox")?;
        let user = build_user(&bases.build.image);
        let env = environment(brought, &bases.build.image, user);
        Ok(Site {
            host,
            dirs,
            bases,
            order,
            seen,
            parts,
            id,
            rootfs,
            lifecycle,
            mounts,
            shelf,
            user,
            env,
            offline: inputs.fetching.offline,
            workdir,
        })
    }

    /// Which version of our own program buildpacks run with.
    pub(crate) fn lifecycle(&self) -> String {
        self.lifecycle
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    }

    /// The wheel store, when the build that left `results` may add to it.
    pub(crate) fn shelf(&self, results: &Path) -> Option<&Shelf> {
        let shares = results.join(SHARES).is_file();
        self.shelf.as_ref().filter(|_| shares)
    }

    /// Runs one phase in the sandbox and says where its results are.
    pub(crate) fn work(&self, target: &ImageTarget, work: Work) -> Result<PathBuf> {
        self.give_layers()?;
        self.run(target, work, From::Bind(self.layers()))
    }

    /// As [`Site::work`], above cached layers of the last build. Returns those that [`Site::settle`] has to see.
    pub(crate) fn work_above(
        &self,
        lent: Lent,
        target: &ImageTarget,
        work: &Work,
    ) -> Result<(PathBuf, Lent)> {
        if lent.is_empty() {
            return Ok((self.work(target, work.clone())?, lent));
        }
        self.give_layers()?;
        match self.run_above(&lent, target, work.clone()) {
            // Nothing has run yet: the overlay may be what this machine does not let us have.
            Err(error) if error.is_refused_sandbox() => {
                self.host.events.tell(Event::Note {
                    text: "cached layers are moved, not mounted: `slipway doctor` says why"
                        .to_owned(),
                });
                lent.move_into(&self.layers())?;
                let results = self.run(target, work.clone(), From::Bind(self.layers()))?;
                Ok((results, Lent::default()))
            }
            results => Ok((results?, lent)),
        }
    }

    /// Makes the layers folder of this machine what a build saw that has ended well. Returns what nobody changed.
    pub(crate) fn settle(&self, lent: &Lent) -> Result<Untouched> {
        lent.settle(&self.layers(), &self.workdir.path().join("changed"))
    }

    fn run_above(&self, lent: &Lent, target: &ImageTarget, work: Work) -> Result<PathBuf> {
        let place = Dir::open(self.workdir.path()).doing("opening the build folder")?;
        for name in ["layers-work", "marks"] {
            let made = place.create_dir(Path::new(name), 0o755);
            made.doing("making the folders of an overlay")?;
        }
        sandbox::probe::keeps_changes(&self.workdir.path().join("marks"))
            .doing("trying what an overlay needs")?;
        let changes = self.workdir.path().join("layers-work");
        self.id
            .give(&changes)
            .doing("giving a folder to the user of the sandbox")?;
        self.run(target, work, lent.below(self.layers(), changes))
    }

    /// The layers folder of this machine.
    pub(crate) fn layers(&self) -> PathBuf {
        self.dirs.on_disk(&self.dirs.layers)
    }

    /// The phases on this side write there as the caller.
    fn give_layers(&self) -> Result<()> {
        self.id
            .give(&self.layers())
            .doing("giving the layers to the user of the sandbox")
    }

    fn run(&self, target: &ImageTarget, work: Work, layers: From) -> Result<PathBuf> {
        let job = self.workdir.path().join("job");
        let container = Container {
            host: self.host,
            id: self.id,
            rootfs: &self.rootfs,
            dirs: &self.dirs,
            layers,
            lifecycle: &self.lifecycle,
            job: &job,
            mounts: &self.mounts,
            user: self.user,
            env: &self.env,
            offline: self.offline,
        };
        container.run(&Job {
            dirs: Dirs::below(Path::new("/")),
            api: api().to_string(),
            exec_env: String::new(),
            target: target.clone(),
            results: JOB.into(),
            scratch: "/tmp".into(),
            work,
        })?;
        Ok(job)
    }
}

/// The newest Platform API we speak; both sides of the sandbox are ours.
pub(crate) fn api() -> PlatformApi {
    PlatformApi::all()
        .last()
        .expect("there are supported versions")
}

fn make_folders(dirs: &Dirs, workdir: &Path) -> Result<()> {
    let doing = "making the folders of the build";
    let platform = dirs.on_disk(&dirs.platform);
    for dir in [
        dirs.on_disk(&dirs.app),
        dirs.on_disk(&dirs.layers),
        platform.join("env"),
        platform.join("slipway/pip"),
        dirs.on_disk(&dirs.buildpacks),
        workdir.join("job"),
        workdir.join("home"),
        workdir.join("tmp"),
    ] {
        fs::create_dir_all(&dir).doing(doing)?;
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).doing(doing)?;
    }
    fs::set_permissions(workdir.join("tmp"), fs::Permissions::from_mode(0o1777)).doing(doing)
}

/// Tells what was found in a source.
pub(crate) fn tell(host: &Host<'_>, source: &Path, found: Found) {
    let Found {
        files,
        bytes,
        left_out,
        special,
        ..
    } = found;
    host.events.tell(Event::Source {
        path: source.to_owned(),
        files,
        bytes,
        left_out,
        special,
    });
}

/// Variables for buildpacks, one file each.
///
/// Spec: platform.md, "User-Provided Variables".
fn write_env(env: &[(String, OsString)], into: &Path) -> Result<()> {
    use std::os::unix::ffi::OsStrExt;
    for (name, value) in env {
        if name.is_empty() || name.contains(['/', '\0', '=']) || name.starts_with('.') {
            let error = Error::new(
                ErrorKind::Usage,
                format!("`{name}` is no name of a variable"),
            );
            return Err(error.help("write variables as NAME=VALUE"));
        }
        fs::write(into.join(name), value.as_bytes())
            .doing(format!("writing the variable {name}"))?;
    }
    Ok(())
}

/// Temporary and home folders on disk, pip's settings and the caller's certificate authorities.
fn mounts(
    brought: &Brought,
    id: HostId,
    workdir: &Path,
    memory: &mut Memory,
) -> Result<Vec<Mount>> {
    let bind = |from: PathBuf, at: &str, writable| Mount {
        from: From::Bind(from),
        at: at.into(),
        writable,
    };
    let mut mounts = vec![
        bind(workdir.join("tmp"), "/tmp", true),
        bind(workdir.join("home"), HOME, true),
    ];
    if let Some(bundle) = &brought.certificates {
        let file = workdir.join("certificates.crt");
        fs::write(&file, bundle).doing("copying the certificate bundle")?;
        mounts.push(bind(file, CERTIFICATES, false));
    }
    brought.pip.write(&workdir.join("pip"))?;
    mounts.push(bind(workdir.join("pip"), pip_settings::INSIDE, false));
    for (number, folder) in brought.pip.shared.iter().enumerate() {
        let copy = workdir.join(format!("shared-{number}"));
        let from = readable(&folder.from, id, &copy, memory)?;
        mounts.push(Mount {
            from: From::Bind(from),
            at: folder.at.clone(),
            writable: false,
        });
    }
    Ok(mounts)
}

/// The folder itself, or a copy where the user of the sandbox may not read it: root's own files.
fn readable(folder: &Path, id: HostId, copy: &Path, memory: &mut Memory) -> Result<PathBuf> {
    let open_to_all = |dir: &Path, bits: u32| {
        fs::metadata(dir).is_ok_and(|found| found.permissions().mode() & bits == bits)
    };
    let is_root = rustix::process::geteuid().is_root();
    let reachable = folder
        .ancestors()
        .skip(1)
        .all(|dir| dir.as_os_str().is_empty() || open_to_all(dir, 0o001));
    if !is_root || reachable && open_to_all(folder, 0o005) {
        return Ok(folder.to_owned());
    }
    fs::create_dir(copy).doing("copying a folder that pip's settings name")?;
    source::copy_whole(folder, copy, memory)?;
    id.give(copy)
        .doing("copying a folder that pip's settings name")?;
    Ok(copy.to_owned())
}

/// Who buildpacks run as.
///
/// Spec: platform.md, "Build Image": `CNB_USER_ID`, `CNB_GROUP_ID`.
fn build_user(image: &Image) -> (u32, u32) {
    let id = |name: &str, default| {
        image
            .config()
            .env_value(name)
            .and_then(|value| value.parse().ok())
            .unwrap_or(default)
    };
    (id("CNB_USER_ID", 1001), id("CNB_GROUP_ID", 1000))
}

/// The build image's own variables and the caller's proxies; nothing else of the caller.
fn environment(brought: &Brought, image: &Image, user: (u32, u32)) -> Vec<(OsString, OsString)> {
    let own = image
        .config()
        .env()
        .map(|(name, value)| (name.into(), value.into()));
    let (uid, gid) = (user.0.to_string(), user.1.to_string());
    let fixed = [
        ("HOME", HOME),
        ("HOSTNAME", "slipway"),
        ("CNB_USER_ID", &uid),
        ("CNB_GROUP_ID", &gid),
    ];
    let fixed = fixed.map(|(name, value)| (name.into(), value.into()));
    let env = Environment::new(own.chain(fixed).chain(brought.proxies.iter().cloned()));
    env.iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
