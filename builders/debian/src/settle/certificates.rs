//! Certificate authorities: one bundle, where OpenSSL and everything else look for it.

use crate::error::Result;
use crate::recipe::Kind;
use crate::tree::Tree;

const SHIPPED: &str = "usr/share/ca-certificates";
const BUNDLE: &str = "etc/ssl/certs/ca-certificates.crt";

/// The bundle is in the order of file names, as update-ca-certificates writes it.
pub(super) fn bundle(tree: &mut Tree, kind: Kind) -> Result<()> {
    let mut paths: Vec<Vec<u8>> = tree
        .below(SHIPPED)
        .filter(|(path, _)| path.ends_with(b".crt"))
        .map(|(path, _)| path.to_vec())
        .collect();
    if paths.is_empty() {
        return Ok(());
    }
    let package = tree.package("ca-certificates");
    paths.sort();
    let mut bundle = Vec::new();
    let mut list = String::new();
    for path in &paths {
        let mut certificate = tree.read(path)?.unwrap_or_default();
        if !certificate.ends_with(b"\n") {
            certificate.push(b'\n');
        }
        bundle.extend(certificate);
        let name = path.get(SHIPPED.len() + 1..).unwrap_or_default();
        list += &format!("{}\n", String::from_utf8_lossy(name));
    }
    // With its package, so that new certificates change that layer and no other.
    tree.add_owned_file(BUNDLE.as_bytes(), &bundle, 0o644, (0, 0), package)?;
    // OpenSSL looks here when nothing is set: no variable and no hashed links are needed.
    tree.add_link("usr/lib/ssl/cert.pem", "/etc/ssl/certs/ca-certificates.crt")?;
    if kind == Kind::Build {
        // Without it, a later update-ca-certificates would empty the bundle.
        tree.add_file("etc/ca-certificates.conf", list.as_bytes(), 0o644)?;
        tree.add_dir("usr/local/share/ca-certificates", 0o755, 0, 0)?;
    }
    Ok(())
}
