//! A serde deserializer over a parsed TOML tree that matches keys as Go's TOML library does.

use std::fmt;
use std::slice;

use serde::Deserializer;
use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Error as _, Expected, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};
use toml::value::Datetime;

type Node<'a, 'i> = &'a Spanned<DeValue<'i>>;

/// One value of the tree.
pub(super) struct Reader<'a, 'i> {
    node: Node<'a, 'i>,
}

impl<'a, 'i> Reader<'a, 'i> {
    pub(super) fn new(node: Node<'a, 'i>) -> Reader<'a, 'i> {
        Reader { node }
    }

    fn visit_table<'de, V: Visitor<'de>>(
        table: &DeTable<'i>,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let entries = table
            .iter()
            .map(|(key, value)| (key.get_ref().as_ref(), value));
        visitor.visit_map(Entries::new(entries.collect()))
    }
}

impl<'de> Deserializer<'de> for Reader<'_, '_> {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.node.get_ref() {
            DeValue::String(text) => visitor.visit_str(text),
            DeValue::Integer(number) => visitor.visit_i64(checked(number)?),
            DeValue::Float(number) => {
                let number = number
                    .as_str()
                    .parse()
                    .map_err(|_| Failure::custom("the float is out of range"))?;
                visitor.visit_f64(number)
            }
            DeValue::Boolean(boolean) => visitor.visit_bool(*boolean),
            DeValue::Datetime(datetime) => time(*datetime, visitor),
            DeValue::Array(array) => visitor.visit_seq(Items {
                items: array.iter(),
                next: 0,
            }),
            DeValue::Table(table) => Self::visit_table(table, visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        visitor.visit_newtype_struct(self)
    }

    /// Go leaves a map empty when something else than a table is given for it.
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.node.get_ref() {
            DeValue::Table(table) => Self::visit_table(table, visitor),
            _ => visitor.visit_map(Entries::new(Vec::new())),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        match self.node.get_ref() {
            DeValue::Table(table) => visitor.visit_map(Entries::new(matched(table, fields))),
            other => Err(mismatch(other, &"a table")),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_unit()
    }

    // Only what is asked for is handed to the visitor: its other methods (floats above all) then stay out of the
    // launcher, where they were 5 % of the program.

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.node.get_ref() {
            DeValue::Boolean(boolean) => visitor.visit_bool(*boolean),
            other => Err(mismatch(other, &visitor)),
        }
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.node.get_ref() {
            DeValue::Integer(number) => visitor.visit_i64(checked(number)?),
            other => Err(mismatch(other, &visitor)),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.node.get_ref() {
            DeValue::String(text) => visitor.visit_str(text),
            other => Err(mismatch(other, &visitor)),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_str(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.node.get_ref() {
            DeValue::Array(array) => visitor.visit_seq(Items {
                items: array.iter(),
                next: 0,
            }),
            other => Err(mismatch(other, &visitor)),
        }
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u32 u128 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct enum
        identifier
    }
}

/// Finds the key of each field: the exact one, else one that differs only in case.
fn matched<'a, 'i>(
    table: &'a DeTable<'i>,
    fields: &'static [&'static str],
) -> Vec<(&'a str, Node<'a, 'i>)> {
    let find = |field: &'static str| {
        let exact = table.iter().find(|(key, _)| key.get_ref() == field);
        let folded = || {
            table
                .iter()
                .find(|(key, _)| key.get_ref().eq_ignore_ascii_case(field))
        };
        exact.or_else(folded).map(|(_, value)| (field, value))
    };
    fields.iter().copied().filter_map(find).collect()
}

/// Only the library's own deserializer can hand over a date or time as what it is.
fn time<'de, V: Visitor<'de>>(datetime: Datetime, visitor: V) -> Result<V::Value, Failure> {
    let value = Spanned::new(0..0, DeValue::Datetime(datetime)).into_deserializer();
    value
        .deserialize_any(visitor)
        .map_err(|error: toml::de::Error| Failure::custom(error.message()))
}

fn checked(number: &DeInteger<'_>) -> Result<i64, Failure> {
    let number = i64::from_str_radix(number.as_str(), number.radix());
    number.map_err(|_| Failure::custom("the integer is out of range"))
}

fn mismatch(value: &DeValue<'_>, expected: &dyn Expected) -> Failure {
    let found = match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    };
    Failure::custom(format_args!("this is {found}, it must be {expected}"))
}

struct Items<'a, 'i> {
    items: slice::Iter<'a, Spanned<DeValue<'i>>>,
    next: usize,
}

impl<'de> SeqAccess<'de> for Items<'_, '_> {
    type Error = Failure;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Failure> {
        let Some(node) = self.items.next() else {
            return Ok(None);
        };
        let index = self.next;
        self.next += 1;
        let element = seed.deserialize(Reader::new(node));
        element
            .map(Some)
            .map_err(|failure| failure.below(Step::Index(index), node))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

struct Entries<'a, 'i> {
    entries: std::vec::IntoIter<(&'a str, Node<'a, 'i>)>,
    value: Option<(&'a str, Node<'a, 'i>)>,
}

impl<'a, 'i> Entries<'a, 'i> {
    fn new(entries: Vec<(&'a str, Node<'a, 'i>)>) -> Entries<'a, 'i> {
        Entries {
            entries: entries.into_iter(),
            value: None,
        }
    }
}

impl<'de> MapAccess<'de> for Entries<'_, '_> {
    type Error = Failure;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Failure> {
        self.value = self.entries.next();
        let Some((key, _)) = self.value else {
            return Ok(None);
        };
        let key: StrDeserializer<'_, Failure> = key.into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Failure> {
        let (key, node) = self
            .value
            .take()
            .ok_or_else(|| Failure::custom("a value without a key"))?;
        let value = seed.deserialize(Reader::new(node));
        value.map_err(|failure| failure.below(Step::Key(key.to_owned()), node))
    }
}

#[derive(Debug)]
enum Step {
    Key(String),
    Index(usize),
}

/// What is wrong, and the way to it.
#[derive(Debug)]
pub(super) struct Failure {
    what: String,
    /// Innermost first.
    steps: Vec<Step>,
    start: Option<usize>,
}

impl Failure {
    fn below(mut self, step: Step, node: Node<'_, '_>) -> Failure {
        self.start = self.start.or(Some(node.span().start));
        self.steps.push(step);
        self
    }

    pub(super) fn what(&self) -> &str {
        &self.what
    }

    pub(super) fn start(&self) -> Option<usize> {
        self.start
    }

    pub(super) fn key(&self) -> String {
        let mut key = String::new();
        for step in self.steps.iter().rev() {
            match step {
                Step::Key(name) if key.is_empty() => key.push_str(name),
                Step::Key(name) => key.extend([".", name]),
                Step::Index(index) => key.extend(["[", &index.to_string(), "]"]),
            }
        }
        key
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Failure {}

impl serde::de::Error for Failure {
    fn custom<T: fmt::Display>(what: T) -> Failure {
        Failure {
            what: what.to_string(),
            steps: Vec::new(),
            start: None,
        }
    }
}
