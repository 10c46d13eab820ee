//! The program that works while the power fails: it says when a step is done, and waits until that was heard.

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use oci::{Images, Layout, Local, Store};

use crate::plan::Step;
use crate::{Result, images};

/// Does the steps in order. Each acknowledgement is heard before the next step begins, so its place among the writes is exact.
pub fn work(dir: &Path, writer: usize, steps: &[Step]) -> Result<()> {
    for (number, step) in steps.iter().enumerate() {
        let text = work_on(dir, writer, *step)
            .map_err(|error| format!("step {number} ({step:?}): {}", crate::text(&*error)))?;
        acknowledge(number, &text)?;
    }
    Ok(())
}

/// Says `done <number> <text>`; whoever asked for the work answers with a line, or is not there.
pub fn acknowledge(number: usize, text: &str) -> Result<()> {
    println!("done {number} {text}");
    std::io::stdout().flush()?;
    std::io::stdin().lock().read_line(&mut String::new())?;
    Ok(())
}

fn work_on(dir: &Path, writer: usize, step: Step) -> Result<String> {
    let store = Local::open(&store_dir(dir))?;
    let as_store: Arc<dyn Store> = store.clone();
    match step {
        Step::Publish { name, image } => {
            let image = images::image(image, &as_store)?;
            let digest = store.publish(&image, &[images::reference(writer, name)])?;
            Ok(digest.to_string())
        }
        Step::Export { name, image } => {
            let image = images::image(image, &as_store)?;
            let layout = Layout::create(&layout_dir(dir, writer, name))?;
            let digest = layout.publish(&image, &[images::reference(writer, name)])?;
            Ok(digest.to_string())
        }
        Step::Remove { name } => {
            store.remove(&images::reference(writer, name))?;
            Ok(String::new())
        }
        Step::Collect => {
            store.collect()?;
            Ok(String::new())
        }
    }
}

pub fn store_dir(dir: &Path) -> PathBuf {
    dir.join("store")
}

pub fn layout_dir(dir: &Path, writer: usize, name: usize) -> PathBuf {
    dir.join(format!("layout-{writer}-{name}"))
}
