//! Runs a program of an unpacked tree without any change of root: through the tree's own loader.

use std::error::Error;
use std::path::Path;
use std::process::Command;

use debian::Interpreter;

pub(crate) struct LdSo;

impl Interpreter for LdSo {
    fn run(
        &self,
        root: &Path,
        program: &str,
        args: &[&str],
        env: &[(&str, &str)],
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        let output = Command::new(root.join("usr/lib64/ld-linux-x86-64.so.2"))
            .arg("--library-path")
            .arg(root.join("usr/lib/x86_64-linux-gnu"))
            .arg(root.join(program.trim_start_matches('/')))
            .args(args)
            .env_clear()
            .envs(env.iter().copied())
            .env("PYTHONHOME", root.join("usr"))
            .output()?;
        if output.status.success() {
            return Ok(());
        }
        Err(String::from_utf8_lossy(&output.stderr).into_owned().into())
    }
}
