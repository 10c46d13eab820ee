//! The package database: a real one in build images, the one that scanners read in run images.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::tree::{Tree, listed};

/// `status.d/<name>` and `<name>.md5sums`, each with its package, so that it changes only with it.
///
/// Source: distroless, `PACKAGE_METADATA.md`; Syft, Grype and Trivy read it.
pub(super) fn describe(tree: &mut Tree) -> Result<()> {
    for index in 0..tree.packages.len() {
        let Some(package) = tree.packages.get(index) else {
            continue;
        };
        let name = package.name.clone();
        let control = script(&package.scripts, "control");
        let md5sums = script(&package.scripts, "md5sums");
        let file = format!("var/lib/dpkg/status.d/{name}");
        tree.add_owned_file(file.as_bytes(), &control, 0o644, (0, 0), Some(index))?;
        let file = format!("{file}.md5sums");
        tree.add_owned_file(file.as_bytes(), &md5sums, 0o644, (0, 0), Some(index))?;
    }
    Ok(())
}

/// `status`, `info/*` and the empty files that dpkg and apt expect.
pub(super) fn database(tree: &mut Tree) -> Result<()> {
    let mut status = String::new();
    let mut info: Vec<(String, Vec<u8>)> = Vec::new();
    let mut order: Vec<usize> = (0..tree.packages.len()).collect();
    order.sort_by_key(|index| {
        tree.packages
            .get(*index)
            .map(|package| package.name.clone())
    });
    for index in order {
        let Some(package) = tree.packages.get(index) else {
            continue;
        };
        for (position, (field, value)) in package.control.fields().enumerate() {
            status += &format!("{field}: {}\n", value.replace('\n', "\n "));
            if position == 0 {
                status += "Status: install ok installed\n";
            }
        }
        status.push('\n');
        let same = package.control.get("Multi-Arch") == Some("same");
        let architecture = package.control.get("Architecture").unwrap_or_default();
        let name = if same {
            format!("{}:{architecture}", package.name)
        } else {
            package.name.clone()
        };
        let list: String = listed(package)
            .iter()
            .map(|path| format!("{path}\n"))
            .collect();
        info.push((format!("{name}.list"), list.into_bytes()));
        let scripts = package
            .scripts
            .iter()
            .filter(|(script, _)| *script != "control");
        info.extend(scripts.map(|(script, bytes)| (format!("{name}.{script}"), bytes.clone())));
    }
    tree.add_file("var/lib/dpkg/status", status.as_bytes(), 0o644)?;
    tree.add_file("var/lib/dpkg/info/format", b"1\n", 0o644)?;
    tree.add_file("var/lib/dpkg/arch-native", b"amd64\n", 0o644)?;
    for name in ["available", "diversions", "statoverride"] {
        tree.add_file(&format!("var/lib/dpkg/{name}"), b"", 0o644)?;
    }
    for name in ["parts", "triggers", "updates"] {
        tree.add_dir(&format!("var/lib/dpkg/{name}"), 0o755, 0, 0)?;
    }
    for (name, bytes) in info {
        let scripts = ["preinst", "postinst", "prerm", "postrm", "config"];
        let is_script = scripts
            .iter()
            .any(|script| name.ends_with(&format!(".{script}")));
        let mode = if is_script { 0o755 } else { 0o644 };
        tree.add_file(&format!("var/lib/dpkg/info/{name}"), &bytes, mode)?;
    }
    Ok(())
}

fn script(scripts: &BTreeMap<String, Vec<u8>>, name: &str) -> Vec<u8> {
    scripts.get(name).cloned().unwrap_or_default()
}
