//! `slipway doctor`: what this machine allows, and what is in the way.

use platform::doctor::{Health, Row, examine};

use super::Outcome;
use crate::exit;
use crate::session::Session;
use crate::ui::stdout;
use crate::ui::table::table;

/// Check what builds need of this machine
#[derive(clap::Args)]
#[command(after_help = "Exit code 69 when nothing can be built here.")]
pub(crate) struct Args {
    /// Print the findings as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// As in `exit.rs`: this machine allows no sandbox.
const REFUSED: u8 = 69;

pub(crate) fn run(session: &Session, args: &Args) -> Outcome {
    let rows = examine(&session.told())?;
    if args.json {
        stdout::json(&rows)?;
    } else {
        stdout::print(&text(&rows))?;
    }
    let refused = rows.iter().any(|row| row.state == Health::Refused);
    Ok(if refused { REFUSED } else { exit::DONE })
}

fn text(rows: &[Row]) -> String {
    let mut cells = Vec::new();
    for row in rows {
        let mark = match row.state {
            Health::Works => "✓",
            Health::Reduced => "–",
            Health::Refused => "✗",
        };
        cells.push(vec![mark.to_owned(), row.what.clone(), row.detail.clone()]);
        if !row.fix.is_empty() {
            cells.push(vec![
                String::new(),
                String::new(),
                format!("help: {}", row.fix),
            ]);
        }
    }
    table(&cells)
}
