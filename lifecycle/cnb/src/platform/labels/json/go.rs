//! JSON as Go's `encoding/json` prints it: compact, `<`, `>` and `&` escaped, its way with numbers and times.

use std::io;

use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use serde_json::Serializer as Json;
use serde_json::ser::Formatter;
use toml::value::{Datetime, Offset};
use toml::{Table, Value};

/// Prints a value on one line.
pub(super) fn to_string<T: Serialize>(value: &T) -> serde_json::Result<String> {
    let mut bytes = Vec::new();
    value.serialize(&mut Json::with_formatter(&mut bytes, Go))?;
    String::from_utf8(bytes).map_err(serde_json::Error::custom)
}

/// What a buildpack wrote as TOML. Dates and times become strings; a float that is not finite is an error.
pub(super) struct Free<'a>(pub(super) &'a Value);

/// A table of such values.
pub(super) struct FreeTable<'a>(pub(super) &'a Table);

impl Serialize for Free<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::String(text) => serializer.serialize_str(text),
            Value::Integer(number) => serializer.serialize_i64(*number),
            Value::Float(number) if number.is_finite() => serializer.serialize_f64(*number),
            Value::Float(number) => Err(S::Error::custom(format!("{number} has no JSON form"))),
            Value::Boolean(boolean) => serializer.serialize_bool(*boolean),
            Value::Datetime(datetime) => serializer.serialize_str(&time(*datetime)),
            Value::Array(array) => serializer.collect_seq(array.iter().map(Free)),
            Value::Table(table) => FreeTable(table).serialize(serializer),
        }
    }
}

impl Serialize for FreeTable<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, Free(value))))
    }
}

/// Prints RFC 3339; what is missing of it is the beginning of year 0, midnight, and UTC.
fn time(datetime: Datetime) -> String {
    let date = datetime
        .date
        .map_or_else(|| "0000-01-01".to_owned(), |date| date.to_string());
    let time = datetime.time.map_or_else(String::new, |time| {
        let nanosecond = format!(".{:09}", time.nanosecond.unwrap_or(0));
        let fraction = nanosecond.trim_end_matches('0').trim_end_matches('.');
        format!(
            "{:02}:{:02}:{:02}{fraction}",
            time.hour,
            time.minute,
            time.second.unwrap_or(0)
        )
    });
    let time = if time.is_empty() { "00:00:00" } else { &time };
    let offset = match datetime.offset {
        Some(Offset::Custom { minutes }) if minutes != 0 => Offset::Custom { minutes }.to_string(),
        _ => "Z".to_owned(),
    };
    format!("{date}T{time}{offset}")
}

struct Go;

impl Formatter for Go {
    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, number: f64) -> io::Result<()> {
        writer.write_all(float(number).as_bytes())
    }

    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let special =
            |character: char| matches!(character, '<' | '>' | '&' | '\u{2028}' | '\u{2029}');
        for piece in fragment.split_inclusive(special) {
            match piece.chars().next_back().filter(|last| special(*last)) {
                Some(last) => {
                    writer.write_all(piece.strip_suffix(last).unwrap_or(piece).as_bytes())?;
                    write!(writer, "\\u{:04x}", u32::from(last))?;
                }
                None => writer.write_all(piece.as_bytes())?,
            }
        }
        Ok(())
    }
}

/// Prints the shortest digits, without exponent between 1e-6 and 1e21; always recognisable as a float.
fn float(number: f64) -> String {
    let size = number.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{number:e}");
        return if size >= 1.0 {
            text.replacen('e', "e+", 1)
        } else {
            text
        };
    }
    let text = number.to_string();
    if text.contains('.') {
        text
    } else {
        text + ".0"
    }
}
