//! pip.conf: sections `[global]` and, stronger, `[install]`.
//!
//! Spec: <https://pip.pypa.io/en/stable/topics/configuration/>

use std::path::Path;

use toolkit::{Result, read_text};

use super::Options;

pub(super) fn read(file: &Path) -> Result<Options> {
    Ok(parse(&read_text(file)?.unwrap_or_default()))
}

/// Values may go on in indented lines; other sections are for other commands of pip.
fn parse(text: &str) -> Options {
    let mut global = Options::new();
    let mut install = Options::new();
    let mut section = String::new();
    let mut last: Option<String> = None;
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        let into = match section.as_str() {
            "global" => Some(&mut global),
            "install" => Some(&mut install),
            _ => None,
        };
        if let Some(name) = trimmed.strip_prefix('[').and_then(|n| n.strip_suffix(']')) {
            name.trim().clone_into(&mut section);
            last = None;
        } else if line.starts_with([' ', '\t'])
            && let Some(name) = &last
        {
            if let Some(value) = into.and_then(|options| options.get_mut(name)) {
                value.push(' ');
                value.push_str(trimmed);
            }
        } else if let Some((name, value)) = trimmed.split_once(['=', ':']) {
            let name = name.trim().to_ascii_lowercase().replace('_', "-");
            if let Some(options) = into {
                options.insert(name.clone(), value.trim().to_owned());
            }
            last = Some(name);
        }
    }
    global.extend(install);
    global
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_continued_values_and_both_spellings_are_read() {
        let options = parse(
            "# mine\n[global]\nindex_url = https://u:p@h/simple\nfind-links =\n    /a\n    /b\ntimeout=60\n\
             [freeze]\ntimeout = 10\n[install]\ntimeout: 90\nno-index = true\n",
        );
        let get = |name: &str| options.get(name).map(String::as_str);
        assert_eq!(get("index-url"), Some("https://u:p@h/simple"));
        assert_eq!(get("find-links"), Some(" /a /b"));
        assert_eq!(get("timeout"), Some("90"));
        assert_eq!(get("no-index"), Some("true"));
    }
}
