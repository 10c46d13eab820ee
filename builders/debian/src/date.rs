//! Points in time as locks and labels write them: `2026-09-12T07:55:41Z`.

/// RFC 3339 in UTC of seconds since 1970; years 1970 to 9999.
pub(crate) fn rfc3339(seconds: i64) -> String {
    let seconds = seconds.clamp(0, 253_402_300_799);
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Seconds since 1970 of what [`rfc3339`] wrote.
pub(crate) fn seconds(rfc3339: &str) -> Option<i64> {
    let number = |from: usize, to: usize| rfc3339.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let name = *[
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
    .get(usize::try_from(month - 1).ok()?)?;
    http::parse_date(&format!(
        "x, {day:02} {name} {year} {hour:02}:{minute:02}:{second:02} UTC"
    ))
}

/// The same point as snapshot.debian.org names it: `20260912T075541Z`.
pub(crate) fn snapshot_stamp(rfc3339: &str) -> String {
    rfc3339.replace(['-', ':'], "")
}

/// Year, month and day of days since 1970, in the Gregorian calendar; years begin in March so that the leap day is last.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::{rfc3339, seconds, snapshot_stamp};

    #[test]
    fn dates_are_written_as_they_are_read() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(315_532_801), "1980-01-01T00:00:01Z");
        assert_eq!(rfc3339(1_709_164_800), "2024-02-29T00:00:00Z");
        assert_eq!(rfc3339(4_107_542_399), "2100-02-28T23:59:59Z");
        let parsed = http::parse_date("Sat, 12 Sep 2026 07:55:41 UTC").unwrap();
        assert_eq!(rfc3339(parsed), "2026-09-12T07:55:41Z");
        assert_eq!(seconds("2026-09-12T07:55:41Z"), Some(parsed));
        assert_eq!(seconds("2026-13-12T07:55:41Z"), None);
        assert_eq!(snapshot_stamp(&rfc3339(parsed)), "20260912T075541Z");
    }
}
