//! The `bin/detect` side.

use std::ops::Deref;

use cnb::{BuildPlan, Provide, Require};

use crate::Context;

/// What `bin/detect` is given.
#[derive(Debug)]
pub struct DetectContext<'a> {
    pub(crate) context: Context<'a>,
}

impl<'a> DetectContext<'a> {
    /// Only tests make one themselves.
    pub fn new(context: Context<'a>) -> DetectContext<'a> {
        DetectContext { context }
    }
}

impl<'a> Deref for DetectContext<'a> {
    type Target = Context<'a>;

    fn deref(&self) -> &Context<'a> {
        &self.context
    }
}

/// What `bin/detect` answers.
#[derive(Debug, Clone, PartialEq)]
pub enum Detection {
    Pass(BuildPlan),
    /// Not for this source: the reason in one line, then what the user may do about it.
    Fail {
        reason: String,
        help: Vec<String>,
    },
}

impl Detection {
    pub fn fail(reason: impl Into<String>) -> Detection {
        Detection::Fail {
            reason: reason.into(),
            help: Vec::new(),
        }
    }

    /// Adds one action that the user can take; a passed detection stays as it is.
    #[must_use]
    pub fn help(mut self, line: impl Into<String>) -> Detection {
        if let Detection::Fail { help, .. } = &mut self {
            help.push(line.into());
        }
        self
    }
}

pub fn provide(name: &str) -> Provide {
    Provide {
        name: name.to_owned(),
    }
}

/// A requirement; `during` are its metadata keys that are set, of `build` and `launch`.
pub fn require(name: &str, during: &[&str]) -> Require {
    let flags = during
        .iter()
        .map(|key| ((*key).to_owned(), toml::Value::Boolean(true)));
    Require {
        name: name.to_owned(),
        metadata: flags.collect(),
        ..Require::default()
    }
}
