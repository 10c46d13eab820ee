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

/// Reads a size: `500MB`, `1.5 GB`, `10GiB`; a number alone is bytes. The error says what would be one.
pub(crate) fn parse_bytes(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 14] = [
        ("", 1),
        ("b", 1),
        ("k", 1_000),
        ("kb", 1_000),
        ("kib", 1 << 10),
        ("m", 1_000_000),
        ("mb", 1_000_000),
        ("mib", 1 << 20),
        ("g", 1_000_000_000),
        ("gb", 1_000_000_000),
        ("gib", 1 << 30),
        ("t", 1_000_000_000_000),
        ("tb", 1_000_000_000_000),
        ("tib", 1 << 40),
    ];
    number_of(text, &UNITS).ok_or_else(|| format!("`{text}` is no size such as 500MB or 10GiB"))
}

/// Reads a length of time: `12h`, `30d`, `2w`.
pub(crate) fn parse_age(text: &str) -> Result<Duration, String> {
    const UNITS: [(&str, u64); 5] = [
        ("s", 1),
        ("m", 60),
        ("h", 3_600),
        ("d", 86_400),
        ("w", 604_800),
    ];
    let seconds = number_of(text, &UNITS);
    seconds
        .map(Duration::from_secs)
        .ok_or_else(|| format!("`{text}` is no length of time such as 12h or 30d"))
}

/// A number with at most one decimal point and a unit; `None` when it makes no sense or is too large.
fn number_of(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let text = text.trim();
    let end = text.find(|char: char| !char.is_ascii_digit() && char != '.');
    let (number, unit) = text.split_at(end.unwrap_or(text.len()));
    let unit = unit.trim().to_ascii_lowercase();
    let factor = units.iter().find(|(name, _)| *name == unit)?.1;
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let bytes = whole.parse::<u64>().ok()?.checked_mul(factor)?;
    let scale = 10_u128.checked_pow(u32::try_from(part.len()).ok()?)?;
    let part = part.parse::<u64>().ok()?;
    let part = u128::from(part) * u128::from(factor) / scale;
    bytes.checked_add(u64::try_from(part).ok()?)
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

    #[test]
    fn sizes_and_ages_are_read_as_people_write_them() {
        let size = |text: &str| parse_bytes(text).ok();
        let good = [
            ("0", 0),
            ("812", 812),
            ("1kB", 1000),
            ("1 KiB", 1024),
            ("1.5GB", 1_500_000_000),
            ("0.5 gib", 1 << 29),
            ("10G", 10_000_000_000),
            ("2TiB", 2 << 40),
        ];
        for (text, bytes) in good {
            assert_eq!(size(text), Some(bytes), "{text}");
        }
        for text in [
            "",
            "GB",
            "-1",
            "1.2.3GB",
            "1.GB",
            ".5GB",
            "1 XB",
            "99999999999TB",
            "1e3",
            "1.99999999999999999999GB",
        ] {
            assert_eq!(size(text), None, "{text}");
        }
        assert_eq!(parse_age("2w"), Ok(Duration::from_hours(336)));
        assert_eq!(parse_age("1.5h"), Ok(Duration::from_mins(90)));
        assert!(parse_age("30").is_err() && parse_age("x").is_err());
    }
}
