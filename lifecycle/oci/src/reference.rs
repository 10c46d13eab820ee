//! Names of images as people type them and as they are resolved.
//!
//! `app` is `docker.io/library/app:latest`; what stands before the first `/` is a registry when it has a dot, a colon or a capital
//! letter, or is `localhost`. Grammar: distribution `reference`, docker's normalisation rules.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use crate::{Digest, Error, Result};

/// Where Docker Hub's images lie, as people write it.
const HUB: &str = "docker.io";
/// The same, as the Go lifecycle and docker's credential files write it.
const HUB_AS_GO: &str = "index.docker.io";
const LATEST: &str = "latest";
/// Registry and path together.
const NAME_BYTES: usize = 255;
const TAG_BYTES: usize = 128;

/// Registry and path, without tag or digest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository {
    registry: String,
    path: String,
}

/// Name of an image. Equal when they resolve to the same, however they were typed.
#[derive(Debug, Clone)]
pub struct Reference {
    typed: String,
    name: Name,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Name {
    repository: Repository,
    tag: Option<String>,
    digest: Option<Digest>,
}

impl Reference {
    pub fn parse(text: &str) -> Result<Reference> {
        let name = Name::parse(text)
            .map_err(|error| error.during(format!("reading image name {}", shown(text))))?;
        Ok(Reference {
            typed: text.to_owned(),
            name,
        })
    }

    pub fn as_typed(&self) -> &str {
        &self.typed
    }

    pub fn repository(&self) -> &Repository {
        &self.name.repository
    }

    /// Host and port, `docker.io` for Docker Hub.
    pub fn registry(&self) -> &str {
        &self.name.repository.registry
    }

    /// `latest` when neither tag nor digest were typed.
    pub fn tag(&self) -> Option<&str> {
        match (&self.name.tag, &self.name.digest) {
            (Some(tag), _) => Some(tag),
            (None, None) => Some(LATEST),
            (None, Some(_)) => None,
        }
    }

    /// Wins over the tag wherever both are given.
    pub fn digest(&self) -> Option<Digest> {
        self.name.digest
    }

    /// The same repository, exactly this image.
    pub fn with_digest(&self, digest: Digest) -> Reference {
        Reference::of(&self.name.repository, None, Some(digest))
    }

    /// The same repository, another tag.
    pub fn with_tag(&self, tag: &str) -> Result<Reference> {
        check_tag(tag)?;
        Ok(Reference::of(
            &self.name.repository,
            Some(tag.to_owned()),
            None,
        ))
    }

    fn of(repository: &Repository, tag: Option<String>, digest: Option<Digest>) -> Reference {
        let name = Name {
            repository: repository.clone(),
            tag,
            digest,
        };
        let mut reference = Reference {
            typed: String::new(),
            name,
        };
        reference.typed = reference.to_string();
        reference
    }

    /// The resolved name as the Go lifecycle writes it into its files: `index.docker.io/library/app:latest`; a digest hides the tag.
    pub fn as_go(&self) -> String {
        let repository = self.name.repository.as_go();
        match self.name.digest {
            Some(digest) => format!("{repository}@{digest}"),
            None => format!("{repository}:{}", self.tag().unwrap_or(LATEST)),
        }
    }
}

impl Repository {
    /// Host and port, `docker.io` for Docker Hub.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// `library/app`; without the registry.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// As the Go lifecycle writes it: `index.docker.io/library/app`.
    pub fn as_go(&self) -> String {
        let registry = if self.registry == HUB {
            HUB_AS_GO
        } else {
            &self.registry
        };
        format!("{registry}/{}", self.path)
    }

    fn parse(text: &str) -> Result<Repository> {
        let (registry, path) = match text.split_once('/') {
            Some((first, rest)) if is_registry(first) => (first, rest),
            _ => (HUB, text),
        };
        let registry = if registry == HUB_AS_GO { HUB } else { registry };
        let path = if registry == HUB && !path.contains('/') {
            format!("library/{path}")
        } else {
            path.to_owned()
        };
        check_registry(registry)?;
        path.split('/').try_for_each(check_component)?;
        if registry.len() + 1 + path.len() > NAME_BYTES {
            return Err(Error::malformed(format!(
                "reading repository: longer than {NAME_BYTES} bytes"
            )));
        }
        Ok(Repository {
            registry: registry.to_owned(),
            path,
        })
    }
}

impl Name {
    fn parse(text: &str) -> Result<Name> {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse()?)),
            None => (text, None),
        };
        // A colon after the last slash starts the tag, any other belongs to a port.
        let start = rest.rfind('/').map_or(0, |slash| slash + 1);
        let (rest, tag) = match rest.rfind(':').filter(|colon| *colon >= start) {
            Some(colon) => rest
                .split_at_checked(colon)
                .map_or((rest, None), |(name, tag)| (name, tag.strip_prefix(':'))),
            None => (rest, None),
        };
        tag.map_or(Ok(()), check_tag)?;
        Ok(Name {
            repository: Repository::parse(rest)?,
            tag: tag.map(str::to_owned),
            digest,
        })
    }
}

fn is_registry(first: &str) -> bool {
    first == "localhost"
        || first.contains(['.', ':'])
        || first.bytes().any(|byte| byte.is_ascii_uppercase())
}

fn check_registry(registry: &str) -> Result<()> {
    let malformed = |what: &str| {
        Err(Error::malformed(format!(
            "reading registry {}: {what}",
            shown(registry)
        )))
    };
    let (host, port) = match registry.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (registry, None),
    };
    let address = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let is_host = match address {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => host.split('.').all(is_host_label),
    };
    if !is_host {
        return malformed("not a host");
    }
    let is_port =
        |port: &str| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
    if port.is_none_or(is_port) {
        Ok(())
    } else {
        malformed("not a port")
    }
}

fn is_host_label(label: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    !label.is_empty()
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(inner)
}

/// Lower-case letters and digits, separated by `.`, `_`, `__` or any number of `-`.
fn check_component(component: &str) -> Result<()> {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = component.as_bytes();
    let ends = bytes.first().is_some_and(|byte| is_word(*byte))
        && bytes.last().is_some_and(|byte| is_word(*byte));
    let mut separators = component.split(|letter: char| letter.is_ascii() && is_word(letter as u8));
    let separated = separators
        .all(|run| matches!(run, "" | "." | "_" | "__") || run.bytes().all(|byte| byte == b'-'));
    if ends && separated {
        return Ok(());
    }
    let hint = if component.bytes().any(|byte| byte.is_ascii_uppercase()) {
        ", capital letters are not allowed"
    } else {
        ""
    };
    Err(Error::malformed(format!(
        "reading repository: {} is no name{hint}",
        shown(component)
    )))
}

fn check_tag(tag: &str) -> Result<()> {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let valid = tag.bytes().next().is_some_and(word)
        && tag.len() <= TAG_BYTES
        && tag
            .bytes()
            .all(|byte| word(byte) || byte == b'.' || byte == b'-');
    if valid {
        Ok(())
    } else {
        Err(Error::malformed(format!(
            "reading tag: {} is no tag",
            shown(tag)
        )))
    }
}

/// Untrusted text for a message: quoted, printable and short.
fn shown(text: &str) -> String {
    let short: String = text.chars().take(NAME_BYTES).collect();
    format!("{short:?}")
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.path)
    }
}

/// As resolved, with registry, and tag or digest.
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.repository.fmt(f)?;
        self.tag().iter().try_for_each(|tag| write!(f, ":{tag}"))?;
        self.digest()
            .iter()
            .try_for_each(|digest| write!(f, "@{digest}"))
    }
}

impl FromStr for Reference {
    type Err = Error;

    fn from_str(text: &str) -> Result<Reference> {
        Reference::parse(text)
    }
}

impl Reference {
    /// What two names are compared by: an absent tag is `latest`.
    fn key(&self) -> (&Repository, Option<&str>, Option<Digest>) {
        (self.repository(), self.tag(), self.digest())
    }
}

impl PartialEq for Reference {
    fn eq(&self, other: &Reference) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Reference {}

impl PartialOrd for Reference {
    fn partial_cmp(&self, other: &Reference) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Reference {
    fn cmp(&self, other: &Reference) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl Hash for Reference {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

#[cfg(test)]
mod tests;
