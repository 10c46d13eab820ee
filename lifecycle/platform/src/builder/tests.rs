use super::*;
use crate::memory::Facts;

/// As the tested function, remembering nothing.
fn choose(
    wanted: &str,
    first_party: &[OrderElement],
    into: &Path,
) -> Result<(OrderElement, Buildpack)> {
    let mut memory = Memory::new(Facts::new(), SystemTime::now());
    let chosen = super::choose(wanted, first_party, into, &mut memory)?;
    let seen = look(&[wanted.to_owned()], &mut memory)?;
    assert_eq!(
        seen.first(),
        Some(&chosen.1),
        "a look finds what a build takes"
    );
    Ok(chosen)
}

fn buildpack(files: &[(&str, &str, u32)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text, mode) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(*mode)).unwrap();
    }
    dir
}

const TOML: &str = "api = \"0.12\"\n[buildpack]\nid = \"acme/shell\"\nversion = \"1.2\"\n";

#[test]
fn a_folder_is_copied_to_where_its_id_and_version_say() {
    let from = buildpack(&[
        ("buildpack.toml", TOML, 0o600),
        ("bin/detect", "#!/bin/sh\n", 0o700),
        ("bin/build", "#!/bin/sh\n", 0o755),
        (".git/config", "", 0o644),
    ]);
    let into = tempfile::tempdir().unwrap();
    let (element, _) = choose(from.path().to_str().unwrap(), &[], into.path()).unwrap();
    assert_eq!(
        (
            element.id.as_str(),
            element.version.as_str(),
            element.optional
        ),
        ("acme/shell", "1.2", false)
    );
    let copy = into.path().join("acme_shell/1.2");
    assert!(
        copy.join("bin/build").is_file() && copy.join(".git/config").is_file(),
        "all of it is copied"
    );
    assert_eq!(
        fs::metadata(copy.join("bin/detect"))
            .unwrap()
            .permissions()
            .mode()
            & 0o777,
        0o755
    );
}

fn refused(files: &[(&str, &str, u32)], expected: &str, help: &str) {
    let from = buildpack(files);
    let error = choose(from.path().to_str().unwrap(), &[], Path::new("/nowhere")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Buildpack);
    assert!(error.to_string().ends_with(expected), "{error}");
    let helps = error.actions().join("\n");
    assert!(helps.contains(help), "{helps}");
}

#[test]
fn what_is_wrong_with_a_new_buildpack_is_said_with_the_fix() {
    refused(
        &[("readme", "", 0o644)],
        "there is no buildpack.toml in it",
        "folder that holds buildpack.toml",
    );
    let versionless = TOML.replace("version = \"1.2\"", "");
    refused(
        &[("buildpack.toml", &versionless, 0o644)],
        "it has no version",
        "version = \"0.1.0\"",
    );
    refused(
        &[("buildpack.toml", TOML, 0o644)],
        "it has no bin/detect",
        "make it executable",
    );
    let plain = [
        ("buildpack.toml", TOML, 0o644),
        ("bin/detect", "", 0o644),
        ("bin/build", "", 0o755),
    ];
    refused(&plain, "its bin/detect is not executable", "chmod +x ");
    refused(
        &[("buildpack.toml", "no toml [", 0o644)],
        "its buildpack.toml cannot be read",
        "",
    );
}

#[test]
fn an_unknown_id_is_answered_with_the_known_ones() {
    let known = OrderElement {
        id: "slipway/pip".parse().unwrap(),
        version: "0.1.0".into(),
        ..OrderElement::default()
    };
    let into = tempfile::tempdir().unwrap();
    let (found, _) = choose("slipway/pip", std::slice::from_ref(&known), into.path()).unwrap();
    assert_eq!(found, known);
    let error = choose("slipway/pip@9", &[known], into.path()).unwrap_err();
    assert_eq!(
        error.actions()[0],
        "buildpacks of this builder: slipway/pip"
    );
}
