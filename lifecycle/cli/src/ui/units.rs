//! Numbers as people read them.

use std::time::Duration;

/// Bytes in decimal units with one digit where it matters: `812 B`, `1.2 kB`, `34 MB`.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if count < 1000 {
        return format!("{count} B");
    }
    // Tenths of the unit, so that no floating point is needed.
    let mut tenths = (count + 50) / 100;
    let mut unit = 0;
    while tenths >= 10_000 && unit + 1 < UNITS.len() {
        tenths = (tenths + 500) / 1000;
        unit += 1;
    }
    let name = UNITS.get(unit).copied().unwrap_or_default();
    if tenths < 100 {
        format!("{}.{} {name}", tenths / 10, tenths % 10)
    } else {
        format!("{} {name}", (tenths + 5) / 10)
    }
}

/// `38 ms`, `1.8 s`, `2 min 5 s`.
pub(crate) fn duration(took: Duration) -> String {
    let millis = took.as_millis();
    match millis {
        0..1000 => format!("{millis} ms"),
        1000..60_000 => format!("{}.{} s", millis / 1000, millis % 1000 / 100),
        _ => format!("{} min {} s", millis / 60_000, millis % 60_000 / 1000),
    }
}

/// `1 file`, `2 files`.
pub(crate) fn count(number: u64, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let shown: Vec<_> = [
            0,
            999,
            1000,
            1249,
            9949,
            99_900,
            999_999,
            34_000_000,
            1_950_000_000,
        ]
        .map(bytes)
        .into();
        assert_eq!(
            shown,
            [
                "0 B", "999 B", "1.0 kB", "1.2 kB", "9.9 kB", "100 kB", "1.0 MB", "34 MB", "2.0 GB"
            ]
        );
        let shown: Vec<_> = [3, 1849, 125_000]
            .map(|ms| duration(Duration::from_millis(ms)))
            .into();
        assert_eq!(shown, ["3 ms", "1.8 s", "2 min 5 s"]);
        assert_eq!(
            (count(1, "file"), count(0, "file")),
            ("1 file".into(), "0 files".into())
        );
    }
}
