//! Cached layers come back without being copied, are seen copy-on-write, and are known when nobody changed them.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use harness::{Outcome, World};

use crate::shop::{Who, everybody, fresh_world, shared_world};

/// Fills a layer, or says what it finds there; then does in it what the application says.
const BUILD: &str = r#"#!/bin/sh
set -e
layer="$CNB_LAYERS_DIR/store"
if [ -e "$layer" ]; then
    cd "$layer"
    echo "found:$(find . -type f | sort | while read -r file; do echo " $file=$(cat "$file")"; done | tr -d '\n')"
else
    mkdir -p "$layer/dir" && cd "$layer"
    echo 1 > dir/a; echo 2 > dir/b; echo 3 > c; ln -s c link; ln c same
fi
printf '[types]\ncache = true\nlaunch = true\nbuild = true\n' > "$layer.toml"
. "$OLDPWD/do"
"#;

/// Its id is the name of the application.
const TOML: &str =
    "api = \"0.12\"\n[buildpack]\nid = \"NAME\"\nversion = \"1\"\n[[targets]]\nos = \"linux\"\n";

/// What the buildpack fills the layer with.
const FILLED: &str = "./c=3 ./dir/a=1 ./dir/b=2 ./same=3";

/// An application and its buildpack.
struct Shop {
    world: World,
    name: &'static str,
    edits: u32,
}

/// What became of a build.
#[derive(Debug, PartialEq, Eq)]
struct Built {
    /// What the buildpack found in the layer; `None` when there was no layer.
    found: Option<String>,
    /// Of the layer in the image.
    diff_id: String,
}

impl Shop {
    fn new(world: World, name: &'static str) -> Shop {
        write(
            &world,
            "buildpack/buildpack.toml",
            &TOML.replace("NAME", name),
        );
        write(&world, "buildpack/bin/detect", "#!/bin/sh\n");
        write(&world, "buildpack/bin/build", BUILD);
        Shop {
            world,
            name,
            edits: 0,
        }
    }

    /// Builds the application after an edit, with a script that is run in the layer.
    fn try_build(&mut self, script: &str, options: &[&str]) -> Outcome {
        self.edits += 1;
        write(&self.world, "app/page.txt", &self.edits.to_string());
        write(&self.world, "app/do", script);
        let (app, buildpack) = (self.world.path("app"), self.world.path("buildpack"));
        let [app, buildpack] = [&app, &buildpack].map(|path| path.to_str().expect("UTF-8"));
        let usual = ["build", app, "-t", self.name, "--buildpack", buildpack];
        self.world.run(&[&usual, options].concat())
    }

    fn build(&mut self, script: &str) -> Built {
        self.build_with(script, &[])
    }

    fn build_with(&mut self, script: &str, options: &[&str]) -> Built {
        let outcome = self.try_build(script, options).success();
        let line = outcome
            .stderr
            .lines()
            .find_map(|line| line.split_once("found:"));
        Built {
            found: line.map(|(_, found)| found.trim().to_owned()),
            diff_id: self.diff_id(),
        }
    }

    /// Whether the state folder is where cached layers can be mounted; otherwise they are moved.
    fn mounts_layers(&self) -> bool {
        let told = self.world.run(&["doctor", "--json"]);
        let rows: Vec<serde_json::Value> = serde_json::from_str(&told.stdout).expect("rows");
        let mut rows = rows.iter();
        let row = rows.find(|row| row["what"] == "copy-on-write");
        let row = row.expect("a row");
        if row["state"] != "works" {
            harness::skip(&row["detail"].to_string());
        }
        row["state"] == "works"
    }

    fn diff_id(&self) -> String {
        let told = self.world.run(&["inspect", self.name, "--json"]).success();
        let told: serde_json::Value = serde_json::from_str(&told.stdout).expect("JSON");
        let mut layers = told["layers"].as_array().expect("layers").iter();
        let ours = layers.find(|layer| layer["holds"] == format!("{}:store", self.name));
        ours.expect("the layer")["diff_id"].to_string()
    }

    /// Every file that cached layers of this application are kept as, with what tells whether anybody touched it since.
    fn kept(&self) -> BTreeMap<PathBuf, (u64, i64, i64)> {
        let mut pending = vec![self.world.state().join("reuse")];
        let mut found = BTreeMap::new();
        let layer = format!("/{}/store/", self.name);
        while let Some(folder) = pending.pop() {
            for entry in fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                let of = path.symlink_metadata().expect("an entry");
                if of.is_dir() {
                    pending.push(path);
                } else if path.to_string_lossy().contains(&layer) {
                    found.insert(path, (of.ino(), of.ctime(), of.ctime_nsec()));
                }
            }
        }
        found
    }
}

#[test]
fn a_layer_that_nobody_changes_is_neither_moved_nor_read_nor_written() {
    let mut shop = Shop::new(shared_world(), "cached-as-it-is");
    if !shop.mounts_layers() {
        return;
    }
    let first = shop.build("");
    assert_eq!(first.found, None);
    let kept = shop.kept();
    assert_eq!(kept.len(), 5, "{kept:?}");
    // Whoever read it would see that it is not what its diff id says.
    let (file, _) = kept
        .iter()
        .find(|(path, _)| path.ends_with("dir/a"))
        .expect("a file");
    fs::write(file, "0\n").expect("a file of the layer");
    let kept = shop.kept();
    let second = shop.build("");
    assert_eq!(
        second.found.as_deref(),
        Some(&*FILLED.replace("a=1", "a=0"))
    );
    assert_eq!(second.diff_id, first.diff_id, "nobody looked");
    assert_eq!(shop.kept(), kept);
    fs::write(file, "1\n").expect("a file of the layer");
    let third = shop.build("touch new; rm new; mkdir other; rmdir other");
    assert_eq!(
        third.diff_id, first.diff_id,
        "what is gone again is no change"
    );
}

#[test]
fn what_a_buildpack_changes_is_in_the_image_and_in_the_next_build() {
    for who in everybody() {
        changes(who);
    }
}

fn changes(who: Who) {
    let world = match who {
        Who::Caller => shared_world(),
        Who::Ordinary => fresh_world(who),
    };
    let mut shop = Shop::new(world, "cached-and-changed");
    let mut before = shop.build("");
    let mut so_far = String::new();
    let mut check = |script: &str, after: &str| {
        let built = shop.build(script);
        let next = shop.build("");
        assert_eq!(next.found.as_deref(), Some(after), "{who:?} {script}");
        assert_eq!(next.diff_id, built.diff_id, "{who:?} {script}");
        assert_ne!(next.diff_id, before.diff_id, "{who:?} {script}");
        so_far = format!("{so_far}{script}; ");
        let at_once = shop.build_with(&so_far, &["--clear-cache"]);
        assert_eq!(at_once.found, None);
        assert_eq!(at_once.diff_id, built.diff_id, "{who:?} {script}");
        before = next;
    };
    check("echo 5 > dir/a", "./c=3 ./dir/a=5 ./dir/b=2 ./same=3");
    check("rm dir/a; echo 6 > d", "./c=3 ./d=6 ./dir/b=2 ./same=3");
    check(
        "rm -r dir; mkdir dir; echo 7 > dir/new",
        "./c=3 ./d=6 ./dir/new=7 ./same=3",
    );
    check("rm same; echo 8 > c", "./c=8 ./d=6 ./dir/new=7");
    check(
        "cd ..; rm -r store; mkdir store; cd store; echo 9 > only",
        "./only=9",
    );
}

#[test]
fn modes_links_and_closed_folders_are_as_in_a_layer_that_was_made_at_once() {
    let mut shop = Shop::new(shared_world(), "cached-modes");
    let changes = "chmod 700 dir; chmod 600 dir/a; rm link; ln -s dir/a link; mkdir shut; echo 9 > shut/in; chmod 500 shut";
    shop.build("");
    let built = shop.build(changes);
    assert_eq!(shop.build("").diff_id, built.diff_id);
    let at_once = shop.build_with(changes, &["--clear-cache"]);
    assert_eq!(at_once.found, None);
    assert_eq!(at_once.diff_id, built.diff_id);
}

#[test]
fn a_build_that_fails_changes_nothing_and_loses_nothing() {
    let mut shop = Shop::new(shared_world(), "cached-and-failed");
    if !shop.mounts_layers() {
        return;
    }
    let first = shop.build("");
    let kept = shop.kept();
    let failed = shop.try_build("echo 5 > dir/a; rm c; exit 1", &[]);
    assert_eq!(failed.code, Some(51), "{}", failed.stderr);
    assert_eq!(shop.kept(), kept, "the very files of before");
    let next = shop.build("");
    assert_eq!(next.found.as_deref(), Some(FILLED));
    assert_eq!(next.diff_id, first.diff_id);
}

#[test]
fn a_cleared_cache_gives_nothing_back() {
    let mut shop = Shop::new(shared_world(), "cached-and-cleared");
    shop.build("echo 5 > dir/a");
    let cleared = shop.build_with("", &["--clear-cache"]);
    assert_eq!(cleared.found, None);
    assert_eq!(shop.build("").found.as_deref(), Some(FILLED));
}

#[test]
fn a_layer_that_is_for_nothing_any_more_is_gone() {
    let mut shop = Shop::new(shared_world(), "cached-for-nothing");
    shop.build("");
    shop.try_build(": > \"$layer.toml\"", &[]).success();
    assert_eq!(shop.build("").found, None);
}

fn write(world: &World, file: &str, text: &str) {
    let file = world.path(file);
    let parent = file.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(parent).expect("a folder");
    fs::write(&file, text).expect("a file");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("its mode");
}
