//! Users and groups: those of base-passwd in build images, the few that matter in run images, and `cnb` in both.

use crate::error::Result;
use crate::recipe::Kind;
use crate::tree::Tree;

/// The group of applications; as in other buildpack images.
pub(crate) const GROUP: u32 = 1000;

/// The user of an image; build and run differ so that an application cannot change what was built (platform.md, run image).
pub(crate) fn uid(kind: Kind) -> u32 {
    match kind {
        Kind::Build => 1001,
        Kind::Run => 1002,
    }
}

const RUN_PASSWD: &str =
    "root:*:0:0:root:/root:/bin/bash\nnobody:*:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n";
const RUN_GROUP: &str =
    "root:*:0:\ntty:*:5:\nmail:*:8:\nshadow:*:42:\nutmp:*:43:\nstaff:*:50:\nnogroup:*:65534:\n";
/// Day of the last change of every password, in days since 1970: the day of our time stamps.
const CHANGED: u32 = 3652;
/// Group that may read `/etc/shadow`.
const SHADOW: u32 = 42;

pub(super) fn users(tree: &mut Tree, kind: Kind) -> Result<()> {
    let mut passwd = tree.text("usr/share/base-passwd/passwd.master")?;
    let mut group = tree.text("usr/share/base-passwd/group.master")?;
    if kind == Kind::Run || passwd.is_empty() {
        RUN_PASSWD.clone_into(&mut passwd);
        RUN_GROUP.clone_into(&mut group);
    }
    let shell = if tree.has("usr/bin/bash") {
        "/bin/bash"
    } else {
        "/usr/sbin/nologin"
    };
    let uid = uid(kind);
    passwd += &format!("cnb:*:{uid}:{GROUP}:cnb:/home/cnb:{shell}\n");
    group += &format!("cnb:*:{GROUP}:\n");
    if shell != "/bin/bash" {
        passwd = passwd.replace("/bin/bash", shell);
    }
    let shadow: String = names(&passwd)
        .map(|name| format!("{name}:*:{CHANGED}:0:99999:7:::\n"))
        .collect();
    let gshadow: String = names(&group).map(|name| format!("{name}:*::\n")).collect();
    // The star of the masters moves to the shadow files.
    tree.add_file("etc/passwd", passwd.replace(":*:", ":x:").as_bytes(), 0o644)?;
    tree.add_file("etc/group", group.replace(":*:", ":x:").as_bytes(), 0o644)?;
    let to = |name: &str| format!("etc/{name}");
    tree.add_owned_file(
        to("shadow").as_bytes(),
        shadow.as_bytes(),
        0o640,
        (0, SHADOW),
        None,
    )?;
    tree.add_owned_file(
        to("gshadow").as_bytes(),
        gshadow.as_bytes(),
        0o640,
        (0, SHADOW),
        None,
    )?;
    tree.add_dir("home/cnb", 0o755, uid, GROUP)?;
    shells(tree)
}

fn names(table: &str) -> impl Iterator<Item = &str> {
    table.lines().filter_map(|line| line.split(':').next())
}

/// `/etc/shells` as debianutils' update-shells makes it.
fn shells(tree: &mut Tree) -> Result<()> {
    if !tree.has("usr/bin/sh") {
        return Ok(());
    }
    let mut shells = String::from("# /etc/shells: valid login shells\n/bin/sh\n/usr/bin/sh\n");
    for name in ["bash", "dash", "rbash"] {
        if tree.has(&format!("usr/bin/{name}")) {
            shells += &format!("/bin/{name}\n/usr/bin/{name}\n");
        }
    }
    tree.add_file("etc/shells", shells.as_bytes(), 0o644)
}
