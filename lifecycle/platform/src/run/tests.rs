use super::*;

fn image() -> Image {
    let mut image = Image::empty(&oci::Platform::host());
    image.config_mut().set_entrypoint(&["/cnb/process/web"]);
    let label = r#"{"processes":[{"type":"web","command":["serve"]},{"type":"worker","command":["work"]}]}"#;
    image
        .config_mut()
        .set_label("io.buildpacks.build.metadata", label);
    image
}

fn request(process: Option<&str>, command: &[&str]) -> Request {
    Request {
        name: Reference::parse("shop").unwrap(),
        env: Vec::new(),
        process: process.map(str::to_owned),
        command: command.iter().map(OsString::from).collect(),
    }
}

fn check(process: Option<&str>, command: &[&str], program: &str, args: &[&str], listens: bool) {
    let start = Start::of(&image(), &request(process, command)).unwrap();
    assert_eq!(start.program, Path::new(program));
    assert_eq!(start.args, args);
    assert_eq!(start.listens, listens);
}

#[test]
fn a_process_type_gets_the_arguments_and_a_command_goes_to_the_launcher() {
    check(None, &[], "/cnb/process/web", &[], true);
    check(
        Some("worker"),
        &["--once"],
        "/cnb/process/worker",
        &["--once"],
        false,
    );
    check(
        None,
        &["bash", "-c", "id"],
        LAUNCHER,
        &["bash", "-c", "id"],
        false,
    );
}

#[test]
fn an_unknown_process_is_answered_with_the_known_ones() {
    let error = Start::of(&image(), &request(Some("wbe"), &[]))
        .err()
        .unwrap();
    assert_eq!(error.kind(), ErrorKind::NoProcess);
    assert_eq!(error.actions(), ["its processes: web, worker"]);
}

#[test]
fn an_image_without_a_default_process_says_how_to_choose() {
    let mut image = image();
    image.config_mut().set_entrypoint(&[LAUNCHER]);
    let error = Start::of(&image, &request(None, &[])).err().unwrap();
    assert_eq!(
        error.actions(),
        ["choose one of web, worker: slipway run shop --process web"]
    );
}

#[test]
fn a_port_that_somebody_has_is_not_free() {
    let taken = TcpListener::bind(("0.0.0.0", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    assert!(!is_free(port));
    let error = port_of_user(&port.to_string().into()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("port {port} is taken by another program")
    );
    drop(taken);
    assert_eq!(port_of_user(&port.to_string().into()).unwrap(), Some(port));
    assert_eq!(port_of_user(&"unix:/x".into()).unwrap(), None);
}

#[test]
fn host_names_come_from_the_image_name() {
    assert_eq!(
        hostname(&Reference::parse("ghcr.io/a/my_shop:1").unwrap()),
        "my-shop"
    );
}
