//! What slipway says when it cannot help, word by word.

use harness::World;
use snapbox::{assert_data_eq, str};

use crate::shop::shared_world;

/// A world with an app whose requirements file is misspelled.
fn misspelled() -> World {
    let world = shared_world();
    let app = world.path("api");
    std::fs::create_dir(&app).expect("a folder");
    std::fs::write(app.join("requirement.txt"), "flask\n").expect("a file");
    world
}

#[test]
fn a_failed_detection_names_each_reason_and_the_nearest_fix() {
    let outcome = misspelled().run(&["build", "api", "-t", "api"]);
    assert_eq!(outcome.code, Some(20));
    assert_eq!(outcome.stdout, "");
    assert_data_eq!(
        outcome.stderr,
        str![[r"
   Source  api  1 file, 6 B
error[SLP-DET-001]: no buildpack group fits this source
  source: api  (requirement.txt)
  group 1: slipway/python ✓   slipway/pip ✗ requirements file not found at: 'requirements.txt'   slipway/procfile – Procfile not found
  group 2: slipway/python ✓   slipway/procfile ✗ Procfile not found
  closest: group 1, one condition missing
  help: `requirement.txt` looks like a misspelling of `requirements.txt`: mv api/requirement.txt api/requirements.txt
  help: other name on purpose?  --env BP_PIP_REQUIREMENT=requirement.txt
  more: slipway detect api --json

"]]
    );
}

#[test]
fn a_failed_detection_asked_as_json_is_an_answer_on_stdout() {
    let outcome = misspelled().run(&["detect", "api", "--json"]);
    assert_eq!(outcome.code, Some(20));
    let told: serde_json::Value = serde_json::from_str(&outcome.stdout).expect("JSON");
    assert_eq!(told["code"], "SLP-DET-001");
    assert!(told["detection"]["groups"].is_array(), "{told}");
}
