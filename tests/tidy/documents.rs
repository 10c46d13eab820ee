//! Links between our documents lead somewhere.

use std::path::{Path, PathBuf};

use crate::source::top;

#[test]
fn relative_links_in_documents_exist() {
    let mut documents = Vec::new();
    for folder in ["", "docs", "samples", "builders", "buildpacks"] {
        collect(&top().join(folder), !folder.is_empty(), &mut documents);
    }
    let mut broken = Vec::new();
    for document in documents {
        let text = std::fs::read_to_string(&document).unwrap();
        for target in links(&text) {
            let path = document
                .parent()
                .unwrap()
                .join(target.split('#').next().unwrap_or_default());
            if !path.exists() {
                broken.push(format!("{}: {target}", document.display()));
            }
        }
    }
    assert!(
        broken.is_empty(),
        "links that lead nowhere:\n{}",
        broken.join("\n")
    );
}

fn collect(folder: &Path, deep: bool, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && deep {
            collect(&path, deep, into);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            into.push(path);
        }
    }
}

/// Targets of `[text](target)` that are neither URLs nor anchors.
fn links(text: &str) -> Vec<&str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter(|target| {
            !target.contains("://")
                && !target.starts_with('#')
                && !target.contains(' ')
                && !target.is_empty()
        })
        .collect()
}
