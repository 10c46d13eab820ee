//! How the image is started: environment, entrypoint, working directory (XP-7, XP-8).

use cnb::Metadata;

use super::draft::Draft;
use super::launcher::{LAUNCHER, PROCESSES};
use crate::{Error, ErrorKind, Event, Level, Result, messages};

/// What a container of the image starts: a process by its link, or the launcher.
#[derive(Debug)]
pub(super) struct Entrypoint {
    path: String,
    said: String,
}

/// The user's choice, else that of the buildpacks, else none. Fails when the user's is not there.
pub(super) fn entrypoint(wanted: Option<&str>, built: &Metadata) -> Result<Entrypoint> {
    let of = |process: &str| Entrypoint {
        path: format!("{PROCESSES}/{process}"),
        said: messages::default_process(process),
    };
    let default = built.buildpack_default_process_type.as_str();
    match wanted {
        Some(wanted)
            if built
                .processes
                .iter()
                .any(|process| process.process_type == wanted) =>
        {
            Ok(of(wanted))
        }
        Some(wanted) => {
            let doing = format!("tried to set {wanted} to default but it doesn't exist");
            Err(Error::new(ErrorKind::UnknownProcessType, doing))
        }
        None if default.is_empty() => Ok(Entrypoint {
            path: LAUNCHER.to_owned(),
            said: messages::NO_DEFAULT_PROCESS.to_owned(),
        }),
        None => Ok(of(default)),
    }
}

pub(super) fn set(draft: &mut Draft<'_>, entrypoint: &Entrypoint) {
    let (api, dirs) = (draft.cx.api.to_string(), draft.cx.dirs);
    let (app, layers) = (dirs.app.to_string_lossy(), dirs.layers.to_string_lossy());
    let config = draft.image.config_mut();
    config.set_env("CNB_LAYERS_DIR", &layers);
    config.set_env("CNB_APP_DIR", &app);
    config.set_env("CNB_PLATFORM_API", &api);
    config.set_env("CNB_DEPRECATION_MODE", "quiet");
    let path = config.env_value("PATH").unwrap_or_default();
    let path = format!("{PROCESSES}:/cnb/lifecycle:{path}");
    config.set_env("PATH", &path);
    config.set_working_dir(&app);
    config.set_entrypoint(&[&entrypoint.path]);
    config.set_cmd(&[]);
    draft.cx.events.tell(Event::Said {
        level: Level::Info,
        text: entrypoint.said.clone(),
    });
}
