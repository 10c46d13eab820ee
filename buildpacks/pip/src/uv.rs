//! The installer: one version of uv, known by its digest, taken from PyPI or the index that the caller uses instead.
//!
//! The wheels for musl are static: they run on any build image.

mod links;
mod wheel;

use std::env::consts::ARCH;
use std::fs::File;
use std::path::{Path, PathBuf};

use toolkit::http::ErrorKind;
use toolkit::{BuildContext, Download, Failure, Key, Keyed, LayerTypes, Result, without_user_info};

use crate::settings::{Netrc, Settings, local_folder};
use crate::wheels::{Shelf, Stock};

/// Also part of the key of the layer with the packages.
pub(crate) const VERSION: &str = "0.13.8";

/// Holds the program.
pub(crate) const LAYER: &str = "uv";
/// Name of its file in its layer.
const PROGRAM: &str = "uv";

/// Where PyPI keeps its files.
const FILES: &str = "https://files.pythonhosted.org/packages";

/// A wheel of uv.
struct Wheel {
    arch: &'static str,
    /// Below [`FILES`].
    folder: &'static str,
    name: &'static str,
    sha256: &'static str,
    size_bytes: u64,
    /// Digest of the program in it.
    program: &'static str,
}

const WHEELS: [Wheel; 2] = [
    Wheel {
        arch: "x86_64",
        folder: "4d/a3/1ac9cd75985371da0d29c9c12132e6d5b5627b9d0de87c5ad97ab9ad69b0",
        name: "uv-0.13.8-py3-none-musllinux_1_1_x86_64.whl",
        sha256: "29451c60f5e8b07403e0a175d5229efc36b0289b34143ff4aaa499a5dd52553a",
        size_bytes: 19_139_972,
        program: "a880db7f5f6745b5ec80aa6ccafdce06ddab1434013b55c62bb2fded1e2f9cb5",
    },
    Wheel {
        arch: "aarch64",
        folder: "9e/f0/d989ac5fcebf83f1c8c5d78974f27788e8364945969eb646f5d0db35d924",
        name: "uv-0.13.8-py3-none-manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64.whl",
        sha256: "0b3e8b1a4f5e405e31e2ff33de8af4744831e9f7338539671efbd8c3c94e791d",
        size_bytes: 17_953_056,
        program: "5aa4427bd923cfdca2d56a3577f60d8fa7825aa3b496fef975dfd6f03db57d28",
    },
];

impl Wheel {
    fn of_this_machine() -> Result<&'static Wheel> {
        WHEELS
            .iter()
            .find(|wheel| wheel.arch == ARCH)
            .ok_or_else(|| {
                Failure::new(
                    "SLP-PYT-114",
                    format!("there is no uv {VERSION} for {ARCH} in this buildpack"),
                )
            })
    }
}

/// The program; from the cache layer, or put into it from the wheel store, or fetched. What of it is new for the store is in the second value.
pub(crate) fn program(
    cx: &BuildContext<'_>,
    settings: &Settings,
    shelf: Option<&Shelf>,
) -> Result<(PathBuf, Stock)> {
    let wheel = Wheel::of_this_machine()?;
    let mut stock = Stock::default();
    let layer = match layer(cx, wheel)? {
        Keyed::Reused(layer) => return Ok((layer.path().join(PROGRAM), stock)),
        Keyed::Fresh(layer) => layer,
    };
    let program = layer.path().join(PROGRAM);
    let known = shelf.map(|shelf| shelf.take_one(wheel.sha256, layer.path()));
    if known.transpose()? == Some(true) {
        stock.used.push(wheel.sha256.to_owned());
    } else {
        let file = layer.path().join(wheel.name);
        cx.log.line(&format!("Fetching uv {VERSION}"));
        fetch(cx, settings, wheel, &file)?;
        wheel::extract(&file, &format!("uv-{VERSION}.data/scripts/uv"), &program)?;
        toolkit::remove(&file)?;
        let files = vec![PathBuf::from(PROGRAM)];
        stock.new.push((wheel.sha256.to_owned(), files));
    }
    layer.finish()?;
    Ok((program, stock))
}

/// Is it the program that the wheel has? Code of a package, built by an earlier build of the same application, could have changed it.
pub(crate) fn is_genuine(program: &Path) -> bool {
    let found = File::open(program).and_then(toolkit::sha256_of);
    let wanted = Wheel::of_this_machine().map(|wheel| wheel.program);
    matches!((found, wanted), (Ok(found), Ok(wanted)) if found == wanted)
}

/// Where the program is kept from build to build.
fn layer(cx: &BuildContext<'_>, wheel: &Wheel) -> Result<Keyed> {
    let types = LayerTypes {
        cache: true,
        ..LayerTypes::default()
    };
    cx.keyed_layer(LAYER, types, &Key::default().with("wheel", wheel.sha256))
}

fn fetch(cx: &BuildContext<'_>, settings: &Settings, wheel: &Wheel, to: &Path) -> Result<()> {
    for folder in settings
        .find_links
        .iter()
        .filter_map(|link| local_folder(link))
    {
        if wheel::copy_if_equal(&folder.join(wheel.name), wheel.sha256, to)? {
            return Ok(());
        }
    }
    let client = toolkit::client(&cx.env)?;
    let mut urls = Vec::new();
    let mut trouble = None;
    for index in settings.index.iter().chain(&settings.extra_indexes) {
        match links::find(&client, index, &settings.netrc, wheel.name) {
            Ok(found) => urls.extend(found),
            Err(error) => trouble = Some((index.as_str(), error)),
        }
    }
    urls.push(format!("{FILES}/{}/{}", wheel.folder, wheel.name));
    let download = Download {
        urls: &urls,
        sha256: wheel.sha256,
        size_bytes: wheel.size_bytes,
    };
    match (download.fetch(&client, to), trouble) {
        (Ok(()), _) => Ok(()),
        // The index of the caller is what should have had it.
        (Err(_), Some((index, error))) => Err(unobtainable(&error).at(without_user_info(index))),
        (Err(error), None) => Err(unobtainable(&error)),
    }
}

fn unobtainable(error: &toolkit::http::Error) -> Failure {
    let failure = toolkit::failure(
        "SLP-PYT-114",
        &format!("fetching uv {VERSION}, which installs the packages"),
        error,
    );
    match error.kind() {
        ErrorKind::Offline | ErrorKind::Refused | ErrorKind::Timeout => failure
            .help("without a network: put the wheel of uv beside the others in a folder, and name it with PIP_FIND_LINKS"),
        _ => failure.help(format!(
            "an index of your own (PIP_INDEX_URL) must also have uv=={VERSION}"
        )),
    }
}

/// The address with a login from netrc, unless it has one itself.
fn with_login(url: &str, netrc: &Netrc) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let authority = rest.split('/').next().unwrap_or_default();
    let host = authority.split(':').next().unwrap_or_default();
    match netrc.login(host) {
        Some(login) if !authority.contains('@') => {
            format!("{scheme}://{}:{}@{rest}", login.user, login.password)
        }
        _ => url.to_owned(),
    }
}

/// Puts another program in uv's place.
#[cfg(test)]
pub(crate) fn replace(cx: &BuildContext<'_>, script: &str) {
    use std::os::unix::fs::PermissionsExt;
    let wheel = Wheel::of_this_machine().unwrap();
    let Keyed::Fresh(layer) = layer(cx, wheel).unwrap() else {
        panic!("the layer is there already");
    };
    let program = layer.path().join(PROGRAM);
    toolkit::write(&program, script.as_bytes()).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    layer.finish().unwrap();
}
