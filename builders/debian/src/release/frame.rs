//! The cleartext frame around a signed text, read strictly: nothing before, between or after its three parts.
//!
//! Source: RFC 9580 §7. Unsigned bytes never get further than this file.

use data_encoding::BASE64;

/// A signed text, not yet verified.
pub(super) struct Signed {
    /// As it is meant, with `\n`.
    pub(super) text: String,
    /// As it was hashed: `\r\n` between lines, no blanks at their ends, none after the last.
    pub(super) hashed: Vec<u8>,
    /// Packets.
    pub(super) signatures: Vec<u8>,
}

pub(super) fn open(bytes: &[u8]) -> Result<Signed, &'static str> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8")?;
    let mut lines = text.lines();
    if lines.next() != Some("-----BEGIN PGP SIGNED MESSAGE-----") {
        return Err("it does not begin as a signed message");
    }
    loop {
        match lines.next() {
            Some("") => break,
            // Which hash is really used is said in each signature.
            Some(line) if line.starts_with("Hash: ") => {}
            _ => return Err("the header of the signed message is not understood"),
        }
    }
    let mut signed = Vec::new();
    loop {
        match lines.next() {
            Some("-----BEGIN PGP SIGNATURE-----") => break,
            Some(line) => signed.push(unescaped(line)?),
            None => return Err("the signature is missing"),
        }
    }
    let signatures = armored(&mut lines)?;
    if lines.any(|line| !line.is_empty()) {
        return Err("something follows the signature");
    }
    let blank = [' ', '\t', '\r'];
    let hashed: Vec<&str> = signed
        .iter()
        .map(|line| line.trim_end_matches(blank))
        .collect();
    let mut text = signed.join("\n");
    text.push('\n');
    Ok(Signed {
        text,
        hashed: hashed.join("\r\n").into_bytes(),
        signatures,
    })
}

/// Lines that begin with a dash are written with `- ` before it.
fn unescaped(line: &str) -> Result<&str, &'static str> {
    match line.strip_prefix('-') {
        None => Ok(line),
        Some(rest) => rest
            .strip_prefix(' ')
            .ok_or("a line begins with a bare dash"),
    }
}

/// Everything up to the end line; the checksum is left out, since signatures say more than it could.
fn armored<'a>(lines: &mut impl Iterator<Item = &'a str>) -> Result<Vec<u8>, &'static str> {
    let mut is_header = true;
    let mut encoded = String::new();
    for line in lines {
        match line {
            "-----END PGP SIGNATURE-----" => {
                return BASE64
                    .decode(encoded.as_bytes())
                    .map_err(|_| "the signature is not base64");
            }
            "" => is_header = false,
            line if is_header && line.contains(": ") => {}
            line if line.starts_with('=') && line.len() == 5 => {}
            line if line.starts_with('-') => return Err("a line begins with a bare dash"),
            line => {
                is_header = false;
                encoded.push_str(line);
            }
        }
    }
    Err("the end of the signature is missing")
}
