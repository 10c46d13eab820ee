//! Which names of the run image an image keeps for later rebases.

use cnb::{RunImageNames, RunToml};
use oci::Reference;

/// Chooses from run.toml: the entry with the run image that was analyzed, else the first one.
///
/// When extensions took part they may have switched the run image: then it is the analyzed one alone. From Platform
/// API 0.12 on; before, stack.toml has the names.
///
/// Spec: platform.md, "exporter", `io.buildpacks.lifecycle.metadata`: `runImage`.
pub fn run_image_names(run: &RunToml, analyzed: &str, extended: bool) -> RunImageNames {
    let same = |name: &String| match (Reference::parse(name), Reference::parse(analyzed)) {
        (Ok(name), Ok(analyzed)) => name == analyzed,
        _ => name == analyzed,
    };
    let listed = |names: &&RunImageNames| {
        std::iter::once(&names.image)
            .chain(&names.mirrors)
            .any(same)
    };
    match (run.images.iter().find(listed), run.images.first()) {
        (Some(names), _) => names.clone(),
        (None, None) => RunImageNames::default(),
        (None, Some(_)) if extended => RunImageNames {
            image: analyzed.to_owned(),
            mirrors: Vec::new(),
        },
        (None, Some(first)) => first.clone(),
    }
}
