//! The buildpacks of a build and the order in which they are tried.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use cnb::{BuildpackToml, Order, OrderElement, OrderGroup};
use files::Dir;

use crate::error::{Doing, Error, ErrorKind, Result};
use crate::host::Host;
use crate::memory::Memory;
use crate::source;
use crate::unchanged::{Buildpack, PROGRAM};

/// buildpack.toml and order.toml are far smaller.
const TOML_BYTES: u64 = 1 << 20;

/// Programs of other versions are kept this long after their last use: their builds may be running.
const UNUSED: Duration = Duration::from_hours(30 * 24);
/// A use is noted again after this time.
const NOTED: Duration = Duration::from_hours(24);

/// The embedded `lifecycle` as a file that sandboxes can mount; written once per version.
pub(crate) fn lifecycle(host: &Host<'_>, memory: &mut Memory) -> Result<PathBuf> {
    let embedded = host.payload.lifecycle;
    let digest = memory
        .part(Path::new(PROGRAM), "lifecycle", embedded)?
        .hex();
    let path = host.state.tools().join(format!("lifecycle-{digest}"));
    match age(&path, host.now) {
        Some(age) if age < NOTED => return Ok(path),
        Some(_) => note_use(&path, host.now)?,
        None => write(host, &path)?,
    }
    forget_unused(host)?;
    Ok(path)
}

/// Time since the last noted use; `None` when there is no such file.
fn age(path: &Path, now: SystemTime) -> Option<Duration> {
    let modified = fs::metadata(path).ok()?.modified().ok()?;
    Some(now.duration_since(modified).unwrap_or_default())
}

fn note_use(path: &Path, now: SystemTime) -> Result<()> {
    let doing = "noting the use of the program lifecycle";
    fs::File::open(path)
        .and_then(|file| file.set_modified(now))
        .doing(doing)
}

fn write(host: &Host<'_>, path: &Path) -> Result<()> {
    let doing = "writing the embedded program lifecycle";
    let mode = fs::Permissions::from_mode(0o755);
    let mut new = tempfile::Builder::new()
        .prefix(".new-")
        .tempfile_in(host.state.tools())
        .doing(doing)?;
    new.write_all(host.payload.lifecycle).doing(doing)?;
    new.as_file().set_permissions(mode).doing(doing)?;
    new.as_file().sync_all().doing(doing)?;
    new.persist(path)
        .map_err(|error| error.error)
        .doing(doing)?;
    Ok(())
}

fn forget_unused(host: &Host<'_>) -> Result<()> {
    let doing = "removing programs of other versions";
    let tools = Dir::open(&host.state.tools()).doing(doing)?;
    for entry in tools.entries().doing(doing)? {
        let path = host.state.tools().join(&entry.name);
        if age(&path, host.now).is_some_and(|age| age > UNUSED) {
            tools.remove_tree(Path::new(&entry.name)).doing(doing)?;
        }
    }
    Ok(())
}

/// The buildpacks of a build.
#[derive(Debug)]
pub(crate) struct Installed {
    /// What to try.
    pub(crate) order: Order,
    /// What the user asked for, as it is now.
    pub(crate) wanted: Vec<Buildpack>,
}

/// Fills the empty folder `into` with the first-party buildpacks and those the user gave.
///
/// Without `wanted` the order is the default one; with it, exactly the given ones in the given order. Each is
/// a folder with a buildpack.toml, or the id of a first-party buildpack, with or without `@version`.
pub(crate) fn install(
    lifecycle: &Path,
    wanted: &[String],
    into: &Path,
    memory: &mut Memory,
) -> Result<Installed> {
    let order = first_party(lifecycle, into)?;
    if wanted.is_empty() {
        let wanted = Vec::new();
        return Ok(Installed { order, wanted });
    }
    let first_party: Vec<OrderElement> = elements(&order);
    let chosen: Vec<(OrderElement, Buildpack)> = wanted
        .iter()
        .map(|one| choose(one, &first_party, into, memory))
        .collect::<Result<_>>()?;
    let (group, wanted) = chosen.into_iter().unzip();
    let order = Order {
        groups: vec![OrderGroup { group }],
        ..Order::default()
    };
    Ok(Installed { order, wanted })
}

/// What the user asked for, as [`install`] would find it.
pub(crate) fn look(wanted: &[String], memory: &mut Memory) -> Result<Vec<Buildpack>> {
    let one = |wanted: &String| {
        let folder = Path::new(wanted);
        if folder.is_dir() {
            let found = source::look_whole(folder, memory)?;
            return Ok(Buildpack::Folder(found.digest));
        }
        Ok(Buildpack::Named(wanted.clone()))
    };
    wanted.iter().map(one).collect()
}

fn first_party(lifecycle: &Path, into: &Path) -> Result<Order> {
    let doing = "installing the first-party buildpacks";
    let output = Command::new(lifecycle)
        .arg("install")
        .arg(into)
        .env_clear()
        .output()
        .doing(doing)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Error::new(
            ErrorKind::Other,
            format!("{doing}: {} {said}", output.status),
        ));
    }
    let file = into.join("order.toml");
    let text = read(into, Path::new("order.toml"))?.ok_or_else(|| {
        Error::new(
            ErrorKind::Other,
            "the first-party buildpacks have no order.toml",
        )
    })?;
    fs::remove_file(&file).doing(doing)?;
    Order::parse(&text, &file).doing(doing)
}

/// Every buildpack of an order, each once.
fn elements(order: &Order) -> Vec<OrderElement> {
    let mut known: Vec<OrderElement> = Vec::new();
    for element in order.groups.iter().flat_map(|group| &group.group) {
        if !known
            .iter()
            .any(|other| other.id == element.id && other.version == element.version)
        {
            known.push(element.clone());
        }
    }
    known
}

fn choose(
    wanted: &str,
    installed: &[OrderElement],
    into: &Path,
    memory: &mut Memory,
) -> Result<(OrderElement, Buildpack)> {
    let looks_like_path = wanted.starts_with(['.', '/', '~']);
    if Path::new(wanted).is_dir() {
        return copy(Path::new(wanted), into, memory);
    }
    let (id, version) = wanted.split_once('@').unwrap_or((wanted, ""));
    let fits = |element: &&OrderElement| {
        element.id.as_str() == id && (version.is_empty() || element.version == version)
    };
    if let Some(found) = installed.iter().find(fits).filter(|_| !looks_like_path) {
        let element = OrderElement {
            optional: false,
            ..found.clone()
        };
        return Ok((element, Buildpack::Named(wanted.to_owned())));
    }
    let ids: Vec<&str> = installed
        .iter()
        .map(|element| element.id.as_str())
        .collect();
    let doing = format!("`{wanted}` is neither a folder nor a buildpack of this builder");
    Err(Error::new(ErrorKind::Buildpack, doing)
        .help(format!("buildpacks of this builder: {}", ids.join(", ")))
        .help("for your own buildpack give the folder that holds its buildpack.toml"))
}

/// Copies a buildpack of the user, so that it cannot change during the build and the sandbox may read it.
fn copy(from: &Path, into: &Path, memory: &mut Memory) -> Result<(OrderElement, Buildpack)> {
    let descriptor = describe(from)?;
    let info = &descriptor.buildpack;
    let target = into.join(info.id.folder()).join(&info.version);
    // The user's own takes the place of a first-party one with the same id and version.
    files::remove_tree(&target).doing(format!("replacing buildpack {}", info.id))?;
    fs::create_dir_all(&target).doing(format!("copying buildpack {}", info.id))?;
    let copied = source::copy_whole(from, &target, memory)?;
    let element = OrderElement {
        id: info.id.clone(),
        version: info.version.clone(),
        ..OrderElement::default()
    };
    Ok((element, Buildpack::Folder(copied.digest)))
}

/// Reads the descriptor and checks what most often goes wrong with a new buildpack.
fn describe(dir: &Path) -> Result<BuildpackToml> {
    let bad = |what: String| {
        Error::new(
            ErrorKind::Buildpack,
            format!("buildpack {}: {what}", dir.display()),
        )
    };
    let file = dir.join("buildpack.toml");
    let Some(text) = read(dir, Path::new("buildpack.toml"))? else {
        return Err(bad("there is no buildpack.toml in it".to_owned())
            .help("give the folder that holds buildpack.toml"));
    };
    let programs = names(&dir.join("bin"));
    let descriptor = BuildpackToml::parse(&text, &file, &programs)
        .map_err(|cause| bad("its buildpack.toml cannot be read".to_owned()).because(cause))?;
    descriptor
        .buildpack_api()
        .map_err(|cause| bad("its Buildpack API is not supported".to_owned()).because(cause))?;
    if descriptor.buildpack.version.is_empty() {
        return Err(
            bad("it has no version".to_owned()).help("add `version = \"0.1.0\"` below [buildpack]")
        );
    }
    if descriptor.buildpack.id.as_str().is_empty() {
        return Err(
            bad("it has no id".to_owned()).help("add `id = \"me/my-buildpack\"` below [buildpack]")
        );
    }
    if descriptor.buildpack.version.contains('/') || descriptor.buildpack.version == ".." {
        return Err(bad("its version is no name of a folder".to_owned())
            .help("use a version such as 0.1.0"));
    }
    if !descriptor.is_composite() {
        for program in ["detect", "build"] {
            executable(&dir.join("bin").join(program))
                .map_err(|(what, fix)| bad(what).help(fix))?;
        }
    }
    Ok(descriptor)
}

fn executable(program: &Path) -> std::result::Result<(), (String, String)> {
    let name = format!(
        "bin/{}",
        program.file_name().unwrap_or_default().to_string_lossy()
    );
    match fs::metadata(program) {
        Err(_) => Err((
            format!("it has no {name}"),
            format!("every buildpack has {name}; write it and make it executable"),
        )),
        Ok(found) if found.permissions().mode() & 0o111 == 0 => Err((
            format!("its {name} is not executable"),
            format!("chmod +x {}", program.display()),
        )),
        Ok(_) => Ok(()),
    }
}

fn read(dir: &Path, name: &Path) -> Result<Option<String>> {
    let file = dir.join(name);
    let bytes = Dir::open(dir)
        .and_then(|dir| dir.read(name, TOML_BYTES))
        .doing(format!("reading {}", file.display()))?;
    bytes
        .map(String::from_utf8)
        .transpose()
        .doing(format!("reading {}", file.display()))
}

fn names(dir: &Path) -> Vec<String> {
    let entries = Dir::open(dir)
        .and_then(|dir| dir.entries())
        .unwrap_or_default();
    entries
        .into_iter()
        .map(|entry| entry.name.to_string_lossy().into_owned())
        .collect()
}

#[cfg(test)]
mod tests;
