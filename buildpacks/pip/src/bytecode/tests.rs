//! With the Python of this machine, where it has one.

use std::process::Command;

use super::*;

/// Compiles modules, in this order, in one list; returns their bytecode.
fn compiled(python: &Path, top: &Path, modules: &[(&str, &str)]) -> Vec<Option<Vec<u8>>> {
    for (name, text) in modules {
        fs::write(top.join(name), text).unwrap();
    }
    let list = top.join("list");
    let lines = modules.iter().map(|(name, _)| top.join(name));
    let lines: Vec<String> = lines
        .map(|path| path.display().to_string() + "\n")
        .collect();
    fs::write(&list, lines.concat()).unwrap();
    let mut command = Command::new(python);
    command
        .args(["-S", "-s", "-c", COMPILE, "unchecked-hash"])
        .arg(&list);
    harness::run(command.env("PYTHONHASHSEED", "0")).success();
    let cache = top.join("__pycache__");
    let found = |name: &str| {
        let start = format!("{}.", name.trim_end_matches(".py"));
        let mut entries = fs::read_dir(&cache).unwrap().map(|entry| entry.unwrap());
        let entry =
            entries.find(|entry| entry.file_name().to_string_lossy().starts_with(&start))?;
        Some(fs::read(entry.path()).unwrap())
    };
    modules.iter().map(|(name, _)| found(name)).collect()
}

#[test]
fn bytecode_follows_from_the_module_alone() {
    let Some(python) = harness::program("python3") else {
        return;
    };
    let set = "def f(x):\n    return x in {'amg', 'lobpcg'}\ndef g(x):\n    return x in {'amg', 'lobpcg'}\n";
    let before = ("a.py", "x = ['amg', 'lobpcg']\ny = ('amg', 'lobpcg')\n");
    let top = tempfile::tempdir().unwrap();
    let after = compiled(&python, top.path(), &[before, ("s.py", set)]);
    let alone = compiled(&python, top.path(), &[("s.py", set)]);
    assert!(alone[0].is_some());
    assert_eq!(after[1], alone[0]);
}

#[test]
fn what_is_no_module_of_this_python_is_left_as_it_is() {
    let Some(python) = harness::program("python3") else {
        return;
    };
    let top = tempfile::tempdir().unwrap();
    let modules = [
        ("a.py", "print 1\n"),
        ("b.py", "x = '\0'\n"),
        ("c.py", "x = 1\n"),
    ];
    let found = compiled(&python, top.path(), &modules);
    assert_eq!(found[..2], [None, None]);
    let flags = found[2].as_ref().and_then(|bytes| bytes.get(4..8));
    assert_eq!(flags, Some(&[1, 0, 0, 0][..]));
}

#[test]
fn modules_are_found_in_folders_but_not_behind_links_or_among_bytecode() {
    let top = tempfile::tempdir().unwrap();
    let path = |below: &str| top.path().join(below);
    for file in ["a.py", "b/c.py", "b/__pycache__/d.py", "b/e.txt"] {
        fs::create_dir_all(path(file).parent().unwrap()).unwrap();
        fs::write(path(file), "").unwrap();
    }
    std::os::unix::fs::symlink("b", path("link")).unwrap();
    assert_eq!(modules(top.path()).unwrap(), [path("a.py"), path("b/c.py")]);
}

#[test]
fn parts_are_of_about_the_same_size() {
    let top = tempfile::tempdir().unwrap();
    let sizes = [1_000, 600, 400, 10];
    let paths: Vec<PathBuf> = sizes
        .iter()
        .map(|size| top.path().join(size.to_string()))
        .collect();
    for (path, size) in paths.iter().zip(sizes) {
        fs::write(path, vec![0; size]).unwrap();
    }
    let parts: Vec<usize> = parts(&paths, 2)
        .iter()
        .map(|part| part.lines().count())
        .collect();
    assert_eq!(parts, [2, 2]);
}
