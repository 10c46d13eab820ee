//! How the app might be started, when nothing says it.

use std::fs;
use std::path::Path;

use regex::Regex;

use crate::imports::scripts;
use crate::requirements::{Requirements, normalized};

/// A line for a Procfile that fits the source; only ever a proposal.
pub(crate) fn proposal(app: &Path, requirements: &Requirements) -> String {
    let has = |name: &str| {
        requirements
            .packages()
            .any(|(_, package)| normalized(&package.name) == name)
    };
    if has("streamlit")
        && let Some(file) = scripts(app)
            .iter()
            .find(|file| contains(app, file, r"(?m)^import streamlit"))
    {
        return format!("web: streamlit run {file} --server.port $PORT --server.headless true");
    }
    if app.join("manage.py").is_file() {
        return format!(
            "web: gunicorn {}.wsgi",
            django_project(app).unwrap_or_else(|| "mysite".to_owned())
        );
    }
    for file in scripts(app) {
        let module = file.strip_suffix(".py").unwrap_or(&file);
        if let Some(name) = assigned(
            app,
            &file,
            r"(?m)^(\w+)\s*(?::[^=\n]+)?=\s*(?:fastapi\.)?(?:FastAPI|Starlette)\(",
        ) {
            return format!("web: uvicorn {module}:{name} --host 0.0.0.0 --port $PORT");
        }
        if let Some(name) = assigned(
            app,
            &file,
            r"(?m)^(\w+)\s*(?::[^=\n]+)?=\s*(?:flask\.)?Flask\(",
        ) {
            return format!("web: gunicorn {module}:{name}");
        }
        if contains(app, &file, r"(?m)^def create_app\(") {
            return format!("web: gunicorn '{module}:create_app()'");
        }
    }
    let wsgi = scripts(app)
        .into_iter()
        .find(|file| contains(app, file, r"(?m)^(?:def application\(|application\s*=)"));
    if let Some(file) = wsgi {
        return format!(
            "web: gunicorn {}",
            file.strip_suffix(".py").unwrap_or(&file)
        );
    }
    match scripts(app)
        .iter()
        .find(|file| ["main.py", "app.py", "server.py", "bot.py"].contains(&file.as_str()))
    {
        Some(file) => format!("web: python {file}"),
        None => "web: gunicorn app:app".to_owned(),
    }
}

fn contains(app: &Path, file: &str, pattern: &str) -> bool {
    let text = fs::read_to_string(app.join(file)).unwrap_or_default();
    Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(&text))
}

fn assigned(app: &Path, file: &str, pattern: &str) -> Option<String> {
    let text = fs::read_to_string(app.join(file)).ok()?;
    let found = Regex::new(pattern).ok()?.captures(&text)?;
    Some(found.get(1)?.as_str().to_owned())
}

/// The package that manage.py takes its settings from.
fn django_project(app: &Path) -> Option<String> {
    assigned(
        app,
        "manage.py",
        r#"DJANGO_SETTINGS_MODULE['"],\s*['"](\w+)\."#,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(files: &[(&str, &str)], expected: &str) {
        let app = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(app.path().join(name), text).unwrap();
        }
        let requirements = Requirements::read(app.path(), &["requirements.txt".into()]).unwrap();
        assert_eq!(proposal(app.path(), &requirements), expected);
    }

    #[test]
    fn the_proposal_follows_the_framework() {
        let none = ("requirements.txt", "");
        check(
            &[none, ("app.py", "app = Flask(__name__)")],
            "web: gunicorn app:app",
        );
        check(
            &[none, ("main.py", "api: FastAPI = FastAPI(title='x')")],
            "web: uvicorn main:api --host 0.0.0.0 --port $PORT",
        );
        check(
            &[none, ("site.py", "def create_app(x=None):")],
            "web: gunicorn 'site:create_app()'",
        );
        check(
            &[
                none,
                (
                    "manage.py",
                    "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')",
                ),
            ],
            "web: gunicorn shop.wsgi",
        );
        check(
            &[
                ("requirements.txt", "streamlit"),
                ("ui.py", "import streamlit as st"),
            ],
            "web: streamlit run ui.py --server.port $PORT --server.headless true",
        );
        check(
            &[
                none,
                ("wsgi.py", "def application(environ, start_response):"),
            ],
            "web: gunicorn wsgi",
        );
        check(&[none, ("bot.py", "print(1)")], "web: python bot.py");
    }
}
