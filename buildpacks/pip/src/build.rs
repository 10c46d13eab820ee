//! The layer `venv`: reused when its key is equal, else installed anew.

use std::path::Path;

use toolkit::{BuildContext, Built, Keyed, Layer, LayerTypes, Result, Scope};

use crate::bytecode::{self, Bytecode};
use crate::detect::{SITE_PACKAGES, files, locks};
use crate::diagnose::{self, Subject};
use crate::install::Install;
use crate::interpreter::{self, Interpreter};
use crate::key::{Inputs, key};
use crate::local::{Litter, Local, locals};
use crate::requirements::Requirements;
use crate::settings::Settings;
use crate::slices::{self, Slices};
use crate::venv::Venv;
use crate::wheels::{self, ByWheels, Shelf, Stock};
use crate::{settle, start, uv};

const LAYER: &str = "venv";
/// What uv downloaded and unpacked.
const CACHE: &str = "uv-cache";

pub(crate) fn build(cx: &BuildContext<'_>) -> Result<Built> {
    let roots = files(cx)?;
    let requirements = Requirements::read(&cx.app, &roots)?;
    let locals = locals(&requirements)?;
    let settings = Settings::read(cx, &requirements)?;
    let interpreter = interpreter::find(cx)?;
    let bytecode = Bytecode::wanted(cx)?;
    let slices = Slices::wanted(cx)?;
    describe(cx, &requirements);
    let venv = cx.layers.join(LAYER);
    let key = key(
        cx,
        &Inputs {
            requirements: &requirements,
            locals: &locals,
            settings: &settings,
            interpreter: &interpreter,
            bytecode,
            slices,
            venv: &venv,
        },
    )?;
    let refresh = refresh(cx)?;
    let layer = if refresh {
        Keyed::Fresh(cx.new_keyed_layer(LAYER, types(cx), &key)?)
    } else {
        cx.keyed_layer(LAYER, types(cx), &key)?
    };
    let mut shares = false;
    match layer {
        Keyed::Reused(_) => {
            cx.log.line(
                "Reusing the packages of the last build: nothing they follow from has changed",
            );
            // Not needed now, but by the build that installs next.
            for name in [uv::LAYER, CACHE] {
                cx.keep_cached_layer(name)?;
            }
        }
        Keyed::Fresh(mut layer) => {
            let job = Job {
                requirements: &requirements,
                locals: &locals,
                settings: &settings,
                interpreter: &interpreter,
                bytecode,
                slices,
                refresh,
            };
            shares = job.fill(cx, &mut layer)?;
            layer.finish()?;
        }
    }
    propose_start(cx, &requirements);
    Ok(Built {
        shares,
        ..Built::default()
    })
}

/// Always for the image; for later buildpacks, and so also in the cache, when one of them asks for it.
fn types(cx: &BuildContext<'_>) -> LayerTypes {
    let build = cx.is_wanted(SITE_PACKAGES, "build");
    LayerTypes {
        launch: true,
        build,
        cache: build,
    }
}

/// `BP_PYTHON_REFRESH=always` looks everything up anew, though nothing that is written down has changed.
fn refresh(cx: &BuildContext<'_>) -> Result<bool> {
    match cx.variable("BP_PYTHON_REFRESH")? {
        None | Some("never") => Ok(false),
        Some("always") => Ok(true),
        Some(other) => Err(toolkit::Failure::new(
            "SLP-CFG-102",
            format!("the variable BP_PYTHON_REFRESH is `{other}`"),
        )
        .help("set BP_PYTHON_REFRESH to always or never")),
    }
}

fn describe(cx: &BuildContext<'_>, requirements: &Requirements) {
    let packages = requirements.packages().count();
    let pinned = requirements
        .packages()
        .filter(|(_, package)| package.is_pinned())
        .count();
    let names: Vec<String> = requirements
        .files
        .iter()
        .map(|file| file.path.display().to_string())
        .collect();
    let hashes = if requirements.has_hashes() {
        "yes"
    } else {
        "no"
    };
    cx.log.line(&format!(
        "{}: {packages} packages, hashes: {hashes}",
        names.join(", ")
    ));
    if pinned < packages {
        cx.log.detail(&format!(
            "not pinned: {} of {packages}; they stay as they are until a requirements file changes (BP_PYTHON_REFRESH=always looks again)",
            packages - pinned
        ));
    }
    for lock in locks(&cx.app) {
        cx.log.warning(
            "SLP-PYT-010",
            &format!(
                "{lock} is there, too; packages come from {}",
                names.first().map_or("requirements.txt", String::as_str)
            ),
            &["keep one of the two, so that they cannot differ"],
        );
    }
}

/// What a fresh layer is made from.
struct Job<'a> {
    requirements: &'a Requirements,
    locals: &'a [Local],
    settings: &'a Settings,
    interpreter: &'a Interpreter,
    bytecode: Bytecode,
    slices: Slices,
    refresh: bool,
}

impl Job<'_> {
    /// Returns whether the wheel store may have what was made.
    fn fill(&self, cx: &BuildContext<'_>, layer: &mut Layer) -> Result<bool> {
        let venv = Venv::create(layer.path(), self.interpreter)?;
        let shelf = self.shelf(&venv);
        let (program, of_uv) = uv::program(cx, self.settings, shelf.as_ref())?;
        cx.log.line(&format!(
            "Installing with uv {} for Python {}",
            uv::VERSION,
            self.interpreter.minor
        ));
        let shelf = shelf.filter(|_| uv::is_genuine(&program));
        let stock = match &shelf {
            Some(shelf) => self.by_wheels(cx, shelf, &program, &venv)?,
            None => None,
        };
        if stock.is_none() {
            self.install(cx, &program, &venv)?;
        }
        settle::settle(layer.path())?;
        settle::hold_no_secret(layer.path(), &self.settings.secrets())?;
        let shares = match (&shelf, &stock) {
            (Some(shelf), Some(stock)) => {
                shelf.give(program.parent().unwrap_or(&program), &of_uv)?;
                shelf.give(layer.path(), stock)?;
                true
            }
            _ => false,
        };
        slices::cut(cx, layer, &venv, self.slices)?;
        layer.set(
            Scope::All,
            "VIRTUAL_ENV",
            &layer.path().display().to_string(),
        )?;
        Ok(shares)
    }

    fn shelf(&self, venv: &Venv) -> Option<Shelf> {
        let fits = self.locals.is_empty() && wheels::fit(self.requirements, self.settings);
        fits.then(|| Shelf::offered(self.interpreter, venv, self.bytecode))?
    }

    /// Fills the venv with wheels, from the store where it knows them. `None` when that is not possible; the venv is as it was then.
    fn by_wheels(
        &self,
        cx: &BuildContext<'_>,
        shelf: &Shelf,
        uv: &Path,
        venv: &Venv,
    ) -> Result<Option<Stock>> {
        // What builds of packages could have changed must not decide what others get.
        let cache = cx.layers.join("fresh-cache");
        toolkit::remove(&cache)?;
        toolkit::create_folder(&cache)?;
        let stock = ByWheels {
            shelf,
            requirements: self.requirements,
            interpreter: self.interpreter,
            bytecode: self.bytecode,
            install: Install {
                uv,
                cache: &cache,
                venv,
                files: &files(cx)?,
                settings: self.settings,
                refresh: false,
            },
        }
        .run(cx);
        toolkit::remove(&cache)?;
        let stock = stock?;
        if stock.is_none() {
            toolkit::remove(&venv.path)?;
            toolkit::create_folder(&venv.path)?;
            Venv::create(&venv.path, self.interpreter)?;
        }
        Ok(stock)
    }

    /// Fills the venv as uv and Python do.
    fn install(&self, cx: &BuildContext<'_>, uv: &Path, venv: &Venv) -> Result<()> {
        let cache = cx.cache_layer(CACHE)?;
        let litter = Litter::watch(&cx.app, self.locals);
        let ended = Install {
            uv,
            cache: cache.path(),
            venv,
            files: &files(cx)?,
            settings: self.settings,
            // uv's cache knows a folder by its times, and all times of a source may be equal.
            refresh: self.refresh || !self.locals.is_empty(),
        }
        .run(cx)?;
        litter.remove()?;
        if !ended.success() {
            return Err(self.explain(cx, &ended));
        }
        bytecode::compile(cx, self.interpreter, venv, self.bytecode)
    }

    /// What a compiler said is worth reading as a whole; the failure itself is short.
    fn explain(&self, cx: &BuildContext<'_>, ended: &toolkit::Ended) -> toolkit::Failure {
        if ended.text.contains("Failed to build") {
            for line in ended
                .text
                .lines()
                .skip_while(|line| !line.starts_with("error:"))
            {
                cx.log.detail(line);
            }
        }
        let subject = Subject {
            requirements: self.requirements,
            interpreter: self.interpreter,
        };
        diagnose::explain(ended, &subject)
    }
}

/// Without a Procfile nothing in the image says how the app starts.
fn propose_start(cx: &BuildContext<'_>, requirements: &Requirements) {
    if cx.app.join("Procfile").is_file() {
        return;
    }
    cx.log.warning(
        "SLP-PYT-200",
        "nothing says how the app is started: the image will have no process",
        &[&format!(
            "add a Procfile with the line: {}",
            start::proposal(&cx.app, requirements)
        )],
    );
}

#[cfg(test)]
mod tests;
