//! The wheel store: what earlier builds of this user, of whatever application, have installed and compiled.
//!
//! The platform shows it to this buildpack alone, and only when nobody else's buildpack takes part in the build (docs/decisions/0007).
//! In order: [`resolved`] asks uv which wheels it would install, [`take`] copies those that are known, uv installs the others,
//! [`installed`] tells which file is whose, and [`Shelf::give`] says to the platform what it may keep. The layer is the same, file by
//! file, as the one that uv and Python make without all this; whatever does not fit leads back to that ordinary way.
//!
//! No code of a package runs before the last of it: everything depends on that.

mod installed;
mod list;
mod resolved;
mod take;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use toolkit::{BuildContext, Environment, Failure, Key, Result};

use crate::bytecode::{self, Bytecode};
use crate::install::Install;
use crate::interpreter::Interpreter;
use crate::requirements::{Requirements, What, normalized};
use crate::settings::Settings;
use crate::uv;
use crate::venv::Venv;

pub(crate) use list::List;
use resolved::Wheel;
pub(crate) use take::{cores, parallel};

/// Where the platform shows what is known, read-only.
const KNOWN: &str = "/slipway-wheels";
/// Where this buildpack says what it has made, a folder of this build.
const MADE: &str = "/slipway-made";

/// What decides an entry besides the wheel has changed when this is another one.
const FORMAT: &str = "1";

/// Variables of uv that leave it to the index and the requirements which wheel is installed.
const HARMLESS: [&str; 11] = [
    "UV_CONCURRENT_",
    "UV_EXCLUDE_NEWER",
    "UV_HTTP_",
    "UV_INDEX",
    "UV_INSECURE_HOST",
    "UV_NATIVE_TLS",
    "UV_OFFLINE",
    "UV_PRERELEASE",
    "UV_REQUEST_TIMEOUT",
    "UV_RESOLUTION",
    "UV_SYSTEM_CERTS",
];

/// Variables that programs get which see to the store: nothing that could make them load anything else.
const HANDED_DOWN: [&str; 11] = [
    "ALL_PROXY",
    "HOME",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "all_proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// The wheel store as one build sees it.
#[derive(Debug)]
pub(crate) struct Shelf {
    known: PathBuf,
    made: PathBuf,
    /// Digest of what an entry follows from besides its wheel and the build image.
    context: String,
}

/// What was taken from the store, and what is new for it.
#[derive(Debug, Default)]
pub(crate) struct Stock {
    /// Digests of wheels.
    pub(crate) used: Vec<String>,
    pub(crate) new: Vec<Made>,
}

/// The digest of a wheel and the files that it has become, below the folder of the layer, sorted.
pub(crate) type Made = (String, Vec<PathBuf>);

impl Shelf {
    /// The store, when the platform shows one. From here on nothing that this process starts can change what it says in the end.
    pub(crate) fn offered(
        interpreter: &Interpreter,
        venv: &Venv,
        bytecode: Bytecode,
    ) -> Option<Shelf> {
        let shelf = Shelf {
            known: KNOWN.into(),
            made: MADE.into(),
            context: context(interpreter, venv, bytecode),
        };
        let of_the_image = interpreter.path.starts_with("/usr/bin");
        let offered = of_the_image && shelf.known.is_dir() && shelf.made.is_dir();
        (offered && toolkit::keep_apart()).then_some(shelf)
    }

    /// What is known of a wheel: its files, and the folder they are in.
    pub(crate) fn find(&self, wheel: &str) -> Option<(List, PathBuf)> {
        let entry = self.known.join(&self.context).join(wheel);
        let text = toolkit::read_text(&entry.join("list")).ok().flatten()?;
        Some((List::parse(&text)?, entry.join("files")))
    }

    /// Copies one entry into a folder; false when there is none that is whole.
    pub(crate) fn take_one(&self, wheel: &str, into: &Path) -> Result<bool> {
        let Some((list, from)) = self.find(wheel) else {
            return Ok(false);
        };
        let broken = take::take(&[(&list, &*from)], into)?;
        Ok(broken.is_empty())
    }

    /// Tells the platform what it may keep, by name of the layer in which it is.
    pub(crate) fn give(&self, layer: &Path, stock: &Stock) -> Result<()> {
        let name = layer.file_name().and_then(|name| name.to_str());
        let name = name.unwrap_or_default();
        let folder = self.made.join(&self.context);
        toolkit::create_folder(&folder)?;
        for (wheel, files) in &stock.new {
            let list = List::of(layer, files)?;
            toolkit::write(&folder.join(wheel), list.to_text(name).as_bytes())?;
        }
        let used = stock.used.join("\n");
        toolkit::write(&folder.join(format!("used-{name}")), used.as_bytes())
    }
}

fn context(interpreter: &Interpreter, venv: &Venv, bytecode: Bytecode) -> String {
    Key::default()
        .with("format", FORMAT)
        .with("uv", uv::VERSION)
        .with("python", &interpreter.minor)
        .with("interpreter", interpreter.path.display().to_string())
        .with("venv", venv.path.display().to_string())
        .with("bytecode", bytecode.name())
        .with_bytes("compiler", bytecode::COMPILE.as_bytes())
        .digest()
}

/// Can wheels alone make up what is wanted, and do we know all that decides which ones?
pub(crate) fn fit(requirements: &Requirements, settings: &Settings) -> bool {
    let line = |what: &What| match what {
        What::Package(_) | What::Constraints(_) | What::Option { .. } => true,
        What::Requirements(file) => !file.contains("://"),
        What::Url { .. } | What::Local { .. } => false,
    };
    let hashed = !settings.require_hashes
        || requirements
            .packages()
            .all(|(_, package)| package.hashed && package.is_pinned());
    let harmless = |name: &String| HARMLESS.iter().any(|start| name.starts_with(start));
    requirements.lines.iter().all(|found| line(&found.what))
        && hashed
        && settings.uv_toml.is_none()
        && settings.no_binary.is_empty()
        && settings.uv.keys().all(harmless)
}

/// The environment of programs while no code of a package may run: that of [`crate::install::environment`], without the build's own.
pub(crate) fn environment(cx: &BuildContext<'_>) -> Environment {
    let all = crate::install::environment(cx);
    let given = all.iter().filter(|(name, _)| {
        name.to_str()
            .is_some_and(|name| HANDED_DOWN.contains(&name))
    });
    let mut env = Environment::new(given.map(|(name, value)| (name.to_owned(), value.to_owned())));
    for name in [
        "PYTHONDONTWRITEBYTECODE",
        "PYTHONNOUSERSITE",
        "SOURCE_DATE_EPOCH",
        "LANG",
        "TZ",
    ] {
        env.set(name, all.get(name));
    }
    env.set("PATH", "/usr/bin:/bin");
    env
}

/// An installation by wheels.
pub(crate) struct ByWheels<'a> {
    pub(crate) shelf: &'a Shelf,
    pub(crate) requirements: &'a Requirements,
    pub(crate) interpreter: &'a Interpreter,
    pub(crate) bytecode: Bytecode,
    /// Its cache is a folder that nobody has written to before.
    pub(crate) install: Install<'a>,
}

impl ByWheels<'_> {
    /// Fills the venv, bytecode included. `None` when it takes the ordinary way to do that; the venv is of no use then.
    pub(crate) fn run(&self, cx: &BuildContext<'_>) -> Result<Option<Stock>> {
        let venv = self.install.venv;
        let Some(wheels) = resolved::resolve(cx, &self.install)? else {
            return Ok(None);
        };
        if !self.hashes_fit(&wheels) {
            return Ok(None);
        }
        let before = installed::tree(&venv.path)?;
        let (known, unknown) = self.take(&wheels)?;
        cx.log.detail(&format!(
            "{} packages: {} from the wheel store, {} to install",
            wheels.len(),
            known.len(),
            unknown.len()
        ));
        let mut new = Vec::new();
        if !unknown.is_empty() {
            if !resolved::install(cx, &self.install, &unknown)? {
                return Ok(None);
            }
            let Some(found) = installed::of(venv, &unknown)? else {
                return Ok(None);
            };
            self.compile(cx, &found)?;
            new = installed::with_bytecode(venv, found, &self.interpreter.minor);
        }
        let used = known.keys().map(|wheel| (*wheel).to_owned()).collect();
        let taken = known.values().flat_map(List::paths).map(Path::to_owned);
        let listed = taken.chain(new.iter().flat_map(|(_, files)| files.iter().cloned()));
        let whole = installed::is_all(&before, &venv.path, listed)?;
        Ok(whole.then_some(Stock { used, new }))
    }

    fn compile(&self, cx: &BuildContext<'_>, found: &[Made]) -> Result<()> {
        let venv = self.install.venv;
        let site = venv.site_packages();
        let files = found.iter().flat_map(|(_, files)| files);
        let modules: BTreeSet<PathBuf> = files
            .map(|file| venv.path.join(file))
            .filter(|file| file.starts_with(&site) && installed::is_module(file))
            .collect();
        let modules: Vec<PathBuf> = modules.into_iter().collect();
        bytecode::compile_files(cx, self.interpreter, self.bytecode, &modules)
    }

    /// Where one requirement has a hash, every wheel needs one that a requirement names.
    fn hashes_fit(&self, wheels: &[Wheel]) -> bool {
        let named = |wheel: &Wheel| {
            let line = self.requirements.line_of(&wheel.name);
            line.is_some_and(|line| line.text.contains(&format!("sha256:{}", wheel.sha256)))
        };
        !self.install.settings.require_hashes || wheels.iter().all(named)
    }

    /// Copies what is known; returns it by digest, and what is not known.
    fn take<'w>(&self, wheels: &'w [Wheel]) -> Result<(BTreeMap<&'w str, List>, Vec<&'w Wheel>)> {
        let mut found: Vec<(&Wheel, List, PathBuf)> = Vec::new();
        let mut unknown = Vec::new();
        for wheel in wheels {
            match self.shelf.find(&wheel.sha256) {
                Some((list, from)) => found.push((wheel, list, from)),
                None => unknown.push(wheel),
            }
        }
        let entries: Vec<(&List, &Path)> = found
            .iter()
            .map(|(_, list, from)| (list, &**from))
            .collect();
        let broken = take::take(&entries, &self.install.venv.path)?;
        let mut known = BTreeMap::new();
        for (number, (wheel, list, _)) in found.into_iter().enumerate() {
            if broken.contains(&number) {
                unknown.push(wheel);
            } else {
                known.insert(&*wheel.sha256, list);
            }
        }
        Ok((known, unknown))
    }
}

fn failed(doing: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::internal(format!("{doing} {}", path.display()), error)
}

/// Does a name say which distribution this is?
fn same_name(one: &str, other: &str) -> bool {
    normalized(one) == normalized(other)
}
