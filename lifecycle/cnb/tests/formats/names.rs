use cnb::{BuildpackId, LayerName, ProcessType};

#[test]
fn the_folder_of_a_buildpack_is_one_name() {
    let id: BuildpackId = "org/team/bp".parse().unwrap();
    assert_eq!(id.folder(), "org_team_bp");
}

#[test]
fn an_id_never_leads_out_of_the_folder_of_buildpacks() {
    for text in [".", "..", "a\0b", &"x".repeat(256)] {
        text.parse::<BuildpackId>().unwrap_err();
    }
    // These are harmless once the slashes are gone.
    for text in ["../..", "/", "a/../b", "-", "A_b.c"] {
        text.parse::<BuildpackId>().unwrap();
    }
}

#[test]
fn a_layer_is_named_by_one_component_of_a_path() {
    for text in ["", ".", "..", "a/b", "/", "a\0"] {
        text.parse::<LayerName>().unwrap_err();
    }
    for text in ["venv", "a.b", "m n", "é", "...", "-"] {
        text.parse::<LayerName>().unwrap();
    }
}

#[test]
fn xp_6_a_process_type_can_be_the_name_of_a_link() {
    for text in ["a/b", "a>b", "a<b", "a:b", "a|b", "a&b", "a\\b"] {
        text.parse::<ProcessType>().unwrap_err();
    }
    for text in ["web", "web.v2", "a b", ""] {
        text.parse::<ProcessType>().unwrap();
    }
}
