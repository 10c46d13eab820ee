//! What the code imports that neither Python nor the source itself has: for saying what a requirements file should hold.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use regex::Regex;

use crate::stdlib::is_standard;

/// Modules whose distribution has another name.
const DISTRIBUTIONS: [(&str, &str); 26] = [
    ("Crypto", "pycryptodome"),
    ("MySQLdb", "mysqlclient"),
    ("OpenSSL", "pyOpenSSL"),
    ("PIL", "pillow"),
    ("attr", "attrs"),
    ("bs4", "beautifulsoup4"),
    ("cv2", "opencv-python-headless"),
    ("dateutil", "python-dateutil"),
    ("discord", "discord.py"),
    ("docx", "python-docx"),
    ("dotenv", "python-dotenv"),
    ("environ", "django-environ"),
    ("fitz", "PyMuPDF"),
    ("git", "GitPython"),
    ("jose", "python-jose"),
    ("jwt", "PyJWT"),
    ("multipart", "python-multipart"),
    ("pkg_resources", "setuptools"),
    ("psycopg2", "psycopg2-binary"),
    ("rest_framework", "djangorestframework"),
    ("serial", "pyserial"),
    ("skimage", "scikit-image"),
    ("sklearn", "scikit-learn"),
    ("telegram", "python-telegram-bot"),
    ("yaml", "PyYAML"),
    ("zmq", "pyzmq"),
];

/// An import of something that has to be installed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Import {
    /// File at the top of the source.
    pub(crate) file: String,
    pub(crate) module: String,
}

impl Import {
    pub(crate) fn distribution(&self) -> String {
        let known = DISTRIBUTIONS
            .iter()
            .find(|(module, _)| *module == self.module);
        known.map_or_else(
            || self.module.replace('_', "-"),
            |(_, name)| (*name).to_owned(),
        )
    }
}

/// Imports in the scripts at the top of the source, the first file of each module.
pub(crate) fn foreign(app: &Path) -> Vec<Import> {
    let mut modules = BTreeSet::new();
    let mut found = Vec::new();
    for file in scripts(app) {
        let text = fs::read_to_string(app.join(&file)).unwrap_or_default();
        for module in imports(&text) {
            let own = app.join(&module).is_dir() || app.join(format!("{module}.py")).is_file();
            if !own && !is_standard(&module) && modules.insert(module.clone()) {
                found.push(Import {
                    file: file.clone(),
                    module,
                });
            }
        }
    }
    found
}

/// Names of the Python files at the top of the source, sorted.
pub(crate) fn scripts(app: &Path) -> Vec<String> {
    let entries = fs::read_dir(app).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter(|entry| entry.path().is_file())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| Path::new(name).extension().is_some_and(|end| end == "py"))
        .collect();
    names.sort();
    names
}

/// Top-level modules of the import statements that stand at the beginning of a line.
fn imports(text: &str) -> BTreeSet<String> {
    let Ok(statement) =
        Regex::new(r"(?m)^(?:from\s+([A-Za-z_]\w*)[\w.]*\s+import\b|import\s+([^#\n]+))")
    else {
        return BTreeSet::new();
    };
    let mut found = BTreeSet::new();
    for captures in statement.captures_iter(text) {
        if let Some(module) = captures.get(1) {
            found.insert(module.as_str().to_owned());
        }
        let list = captures.get(2).map_or("", |list| list.as_str());
        for module in list
            .split(',')
            .filter_map(|part| part.split_whitespace().next())
        {
            let top = module.split('.').next().unwrap_or_default();
            if !top.is_empty() && top.chars().all(|c| c.is_alphanumeric() || c == '_') {
                found.insert(top.to_owned());
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_must_be_installed_is_named_and_by_its_distribution() {
        let app = tempfile::tempdir().unwrap();
        let script = "import os, sys\nimport gradio as gr\nfrom yaml import load\nfrom .x import y\n\
                      from helper import z\nimport shop.models\n# import nothing\n    import inner\nimport cv2, json\n";
        fs::write(app.path().join("app.py"), script).unwrap();
        fs::write(
            app.path().join("helper.py"),
            "import requests\nimport gradio\n",
        )
        .unwrap();
        fs::create_dir(app.path().join("shop")).unwrap();
        let found: Vec<_> = foreign(app.path())
            .iter()
            .map(|import| format!("{} {}", import.file, import.distribution()))
            .collect();
        assert_eq!(
            found,
            [
                "app.py opencv-python-headless",
                "app.py gradio",
                "app.py PyYAML",
                "helper.py requests"
            ]
        );
    }
}
