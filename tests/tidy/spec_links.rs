//! Public wire types say where their format is written down.

use crate::source::{Source, sources};

#[test]
fn public_wire_types_name_their_section_of_the_spec() {
    let missing: Vec<String> = sources(&[
        "lifecycle/cnb/src/platform",
        "lifecycle/cnb/src/buildpack",
        "lifecycle/cnb/src/extension",
    ])
    .iter()
    .flat_map(types_without_link)
    .collect();
    assert!(
        missing.is_empty(),
        "no `Spec:` line in the documentation of:\n{}",
        missing.join("\n")
    );
}

fn types_without_link(source: &Source) -> Vec<String> {
    let lines: Vec<&str> = source.text.lines().collect();
    let is_type = |line: &str| line.starts_with("pub struct ") || line.starts_with("pub enum ");
    (0..lines.len())
        .filter(|&at| is_type(lines[at]))
        .filter(|&at| {
            !head_of(&lines, at)
                .iter()
                .any(|line| line.starts_with("///") && line.contains("Spec:"))
        })
        .map(|at| format!("{}:{}: {}", source.path, at + 1, lines[at]))
        .collect()
}

/// The comment and attribute lines directly above line `at`.
fn head_of<'a>(lines: &'a [&'a str], at: usize) -> &'a [&'a str] {
    let start = lines[..at]
        .iter()
        .rposition(|line| line.is_empty() || *line == "}")
        .map_or(0, |end| end + 1);
    &lines[start..at]
}
