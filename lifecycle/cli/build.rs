//! Builds the two static programs that the command line carries in itself: `lifecycle` and `launcher`.
//!
//! A nested cargo works in `target/embed`, a target folder of its own, so that it never waits for the
//! lock of the cargo that runs this script. The programs must come out equal on every machine, because
//! `launcher` lies in every image: paths of this machine are remapped, and nothing of the outer build's
//! flags or wrappers goes in. `launcher` has the same profile in development and release builds.

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Separates arguments in `CARGO_ENCODED_RUSTFLAGS`.
const SEPARATOR: &str = "\u{1f}";

/// Set by the outer cargo or the user for the outer build; inside they would change the bytes.
const OUTER_ONLY: [&str; 9] = [
    "RUSTC_WORKSPACE_WRAPPER",
    "CARGO_ENCODED_RUSTFLAGS",
    "RUSTFLAGS",
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_TARGET_DIR",
    "CARGO_BUILD_TARGET_DIR",
    "CARGO_INCREMENTAL",
    "RUSTC_BOOTSTRAP",
];

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let workspace = workspace()?;
    watch(&workspace);
    let toolchain = Toolchain::ask()?;
    let target = Target::choose(&toolchain)?;
    let nested = Nested {
        workspace: &workspace,
        folder: target_folder()?.join("embed"),
        target: &target,
        flags: flags(&workspace, &toolchain, &target)?,
    };
    let launcher = nested.build("slipway-launcher", "launcher", "tiny")?;
    let lifecycle = nested.build("slipway-agent", "lifecycle", payload_profile()?)?;
    hand_over("SLIPWAY_LAUNCHER", &launcher)?;
    hand_over("SLIPWAY_LIFECYCLE", &lifecycle)
}

fn workspace() -> Result<PathBuf> {
    let manifest = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let root = manifest
        .ancestors()
        .nth(2)
        .ok_or("the workspace lies two folders above cli")?;
    Ok(root.to_owned())
}

/// Cargo runs this script again when one of these changes; the nested cargo then knows what to do.
fn watch(workspace: &Path) {
    let crates = [
        "lifecycle/files",
        "lifecycle/http",
        "lifecycle/cnb",
        "lifecycle/oci",
        "lifecycle/sandbox",
        "lifecycle/launcher",
        "lifecycle/phases",
        "lifecycle/agent",
        "buildpacks",
    ];
    for name in crates
        .iter()
        .chain(&["Cargo.toml", "Cargo.lock", "lifecycle/cli/build.rs"])
    {
        println!("cargo::rerun-if-changed={}", workspace.join(name).display());
    }
}

/// What must be known of the compiler: where it lies and which one it is.
struct Toolchain {
    sysroot: PathBuf,
    commit: Option<String>,
}

impl Toolchain {
    fn ask() -> Result<Toolchain> {
        let sysroot = PathBuf::from(rustc(&["--print", "sysroot"])?.trim());
        let version = rustc(&["-vV"])?;
        let commit = version
            .lines()
            .find_map(|line| line.strip_prefix("commit-hash: "));
        Ok(Toolchain {
            sysroot,
            commit: commit.map(str::to_owned),
        })
    }

    fn has(&self, triple: &str) -> bool {
        self.sysroot
            .join("lib/rustlib")
            .join(triple)
            .join("lib")
            .is_dir()
    }
}

fn rustc(args: &[&str]) -> Result<String> {
    let output = Command::new(variable("RUSTC")?).args(args).output()?;
    if !output.status.success() {
        return Err(format!("rustc {} failed: {}", args.join(" "), output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Where the static programs run: musl when rustup has it, else glibc linked in.
struct Target {
    triple: String,
    musl: bool,
}

impl Target {
    fn choose(toolchain: &Toolchain) -> Result<Target> {
        let arch = variable("CARGO_CFG_TARGET_ARCH")?;
        let musl = format!("{arch}-unknown-linux-musl");
        if toolchain.has(&musl) {
            return Ok(Target {
                triple: musl,
                musl: true,
            });
        }
        let gnu = format!("{arch}-unknown-linux-gnu");
        if toolchain.has(&gnu) {
            return Ok(Target {
                triple: gnu,
                musl: false,
            });
        }
        Err(format!("no standard library for {musl}: run `rustup target add {musl}`").into())
    }
}

/// Folders of this machine never appear in the programs; std keeps the name its makers gave it, also
/// where the component rust-src makes rustc use the local one.
fn flags(workspace: &Path, toolchain: &Toolchain, target: &Target) -> Result<String> {
    let home = cargo_home()?;
    let mut prefixes = vec![
        (home.clone(), "/cargo".to_owned()),
        (toolchain.sysroot.clone(), "/rust".to_owned()),
    ];
    // The last one that fits wins, so the narrower folders come last.
    prefixes.extend(registries(&home).map(|folder| (folder, "/cargo/registry".to_owned())));
    if let Some(commit) = &toolchain.commit {
        prefixes.push((
            toolchain.sysroot.join("lib/rustlib/src/rust"),
            format!("/rustc/{commit}"),
        ));
    }
    prefixes.push((workspace.to_owned(), "/slipway".to_owned()));
    let remap =
        |(from, to): (PathBuf, String)| format!("--remap-path-prefix={}={to}", from.display());
    let mut flags: Vec<String> = prefixes.into_iter().map(remap).collect();
    if !target.musl {
        flags.push("-Ctarget-feature=+crt-static".to_owned());
        // glibc makes the launcher twice as large; without relocations it is 50 kB less.
        flags.push("-Crelocation-model=static".to_owned());
    }
    Ok(flags.join(SEPARATOR))
}

/// Sources of crates lie in folders named after the registry or mirror they came from.
fn registries(home: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(home.join("registry/src"))
        .into_iter()
        .flatten()
        .flatten();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    folders.sort();
    folders.into_iter()
}

fn cargo_home() -> Result<PathBuf> {
    if let Some(home) = env::var_os("CARGO_HOME") {
        return Ok(PathBuf::from(home));
    }
    Ok(PathBuf::from(variable("HOME")?).join(".cargo"))
}

/// The outer target folder: the nearest one above `OUT_DIR` that cargo has marked as a cache.
fn target_folder() -> Result<PathBuf> {
    let out = PathBuf::from(variable("OUT_DIR")?);
    let marked = out
        .ancestors()
        .find(|dir| dir.join("CACHEDIR.TAG").is_file());
    Ok(marked.unwrap_or(&out).to_owned())
}

/// `lifecycle` is in no image: a development build of the command line carries an unoptimised one.
fn payload_profile() -> Result<&'static str> {
    Ok(if variable("PROFILE")? == "release" {
        "payload"
    } else {
        "dev"
    })
}

struct Nested<'a> {
    workspace: &'a Path,
    folder: PathBuf,
    target: &'a Target,
    flags: String,
}

impl Nested<'_> {
    fn build(&self, package: &str, program: &str, profile: &str) -> Result<PathBuf> {
        let mut cargo = Command::new(variable("CARGO")?);
        cargo.current_dir(self.workspace).args([
            "build",
            "--locked",
            "--package",
            package,
            "--bin",
            program,
        ]);
        cargo
            .args([
                "--profile",
                profile,
                "--target",
                &self.target.triple,
                "--target-dir",
            ])
            .arg(&self.folder);
        // Debug information of a program that is carried as bytes costs 10 times its size.
        cargo.args([
            "--config",
            "profile.dev.debug=false",
            "--config",
            "profile.dev.strip=true",
        ]);
        self.environment(&mut cargo);
        let output = cargo.output()?;
        if !output.status.success() {
            return Err(format!(
                "building the static program {program} for {} failed: {}\n{}",
                self.target.triple,
                output.status,
                String::from_utf8_lossy(&output.stderr)
            )
            .into());
        }
        let folder = if profile == "dev" { "debug" } else { profile };
        Ok(self
            .folder
            .join(&self.target.triple)
            .join(folder)
            .join(program))
    }

    fn environment(&self, cargo: &mut Command) {
        for name in OUTER_ONLY {
            cargo.env_remove(name);
        }
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("CARGO_PROFILE_") {
                cargo.env_remove(name);
            }
        }
        cargo.env("CARGO_ENCODED_RUSTFLAGS", &self.flags);
        let triple = self.target.triple.replace('-', "_");
        if self.target.musl
            && !on_path("musl-gcc")
            && !on_path(&format!("{}-gcc", self.target.triple))
        {
            // The few C files (libdeflate, ring) need headers only; without fortification they ask
            // glibc for nothing that musl has not.
            cargo.env(format!("CC_{triple}"), "cc");
            cargo.env(
                format!("CFLAGS_{triple}"),
                "-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=0",
            );
        }
    }
}

fn on_path(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

/// A copy of its own, so that a nested build of another profile never changes it under rustc's eyes.
fn hand_over(name: &str, program: &Path) -> Result<()> {
    let file = program.file_name().ok_or("a program has a name")?;
    let copy = PathBuf::from(variable("OUT_DIR")?).join(file);
    if fs::read(&copy).ok() != Some(fs::read(program)?) {
        fs::copy(program, &copy)?;
    }
    println!("cargo::rustc-env={name}={}", copy.display());
    Ok(())
}

fn variable(name: &str) -> Result<String> {
    env::var(name).map_err(|_| format!("cargo sets {name} for build scripts").into())
}
