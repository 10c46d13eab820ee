//! Why a buildpack cannot go on, in the shape in which users read it (docs/design/decisions.md 4).

use std::error::Error as StdError;
use std::fmt;

/// What a buildpack's functions return.
pub type Result<T> = std::result::Result<T, Failure>;

/// Who or what has to change before another attempt makes sense. It decides the exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The source or its settings.
    User,
    /// Nothing: the same build may succeed later.
    Transient,
    /// Credentials.
    Denied,
    /// Bytes are not those that were promised.
    Integrity,
    /// The buildpack or the platform.
    Internal,
}

/// A failure as the user will read it.
///
/// Its texts never hold credentials: the log hides the secrets that it was told, but what goes into
/// a failure should not hold any to begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure(Box<Parts>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Parts {
    code: &'static str,
    class: Class,
    what: String,
    causes: Vec<String>,
    places: Vec<String>,
    state: Option<String>,
    help: Vec<String>,
}

impl Failure {
    /// A failure of the class [`Class::User`]; `code` has the form `SLP-XXX-nnn`, `what` is one clause.
    pub fn new(code: &'static str, what: impl Into<String>) -> Failure {
        Failure(Box::new(Parts {
            code,
            class: Class::User,
            what: what.into(),
            causes: Vec::new(),
            places: Vec::new(),
            state: None,
            help: Vec::new(),
        }))
    }

    /// Something that should not happen: the machine refuses what a buildpack may expect.
    pub fn internal(doing: impl Into<String>, source: &dyn StdError) -> Failure {
        Failure::new("SLP-BLD-101", doing)
            .class(Class::Internal)
            .source(source)
    }

    #[must_use]
    pub fn class(mut self, class: Class) -> Failure {
        self.0.class = class;
        self
    }

    /// One link of the chain of causes, from near to far.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<String>) -> Failure {
        self.0.causes.push(cause.into());
        self
    }

    /// An error and everything below it, as causes.
    #[must_use]
    pub fn source(mut self, source: &dyn StdError) -> Failure {
        let mut next = Some(source);
        while let Some(error) = next {
            self.0.causes.push(error.to_string());
            next = error.source();
        }
        self
    }

    /// Where to look: `requirements.txt:7  psycopg2==2.9.9`.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Failure {
        self.0.places.push(place.into());
        self
    }

    /// What is unchanged or half done.
    #[must_use]
    pub fn state(mut self, state: impl Into<String>) -> Failure {
        self.0.state = Some(state.into());
        self
    }

    /// One action that the user can take.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Failure {
        self.0.help.push(help.into());
        self
    }

    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// Exit status of the buildpack: 75 transient, 77 denied, 1 everything else.
    pub fn exit_code(&self) -> u8 {
        match self.0.class {
            Class::Transient => 75,
            Class::Denied => 77,
            Class::User | Class::Integrity | Class::Internal => 1,
        }
    }
}

/// Several lines without a newline at the end; continuation lines are indented below their label.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error[{}]: {}", self.0.code, self.0.what)?;
        let state = self.0.state.iter();
        let labelled = (self.0.causes.iter().map(|text| ("cause", text)))
            .chain(self.0.places.iter().map(|text| ("where", text)))
            .chain(state.map(|text| ("state", text)))
            .chain(self.0.help.iter().map(|text| ("help", text)));
        for (label, text) in labelled {
            let mut lines = text.lines();
            write!(f, "\n  {label}: {}", lines.next().unwrap_or_default())?;
            for line in lines {
                write!(f, "\n  {:width$}  {line}", "", width = label.len())?;
            }
        }
        Ok(())
    }
}

impl StdError for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_stands_on_its_own_line_below_its_label() {
        let failure = Failure::new("SLP-PYT-103", "no version of flask fits")
            .cause("because 99.0 was asked for\nand 3.1 is the newest")
            .at("requirements.txt:1  flask==99.0")
            .state("nothing was installed")
            .help("pin a version that exists");
        assert_eq!(
            failure.to_string(),
            "error[SLP-PYT-103]: no version of flask fits\n\
             \x20 cause: because 99.0 was asked for\n\
             \x20        and 3.1 is the newest\n\
             \x20 where: requirements.txt:1  flask==99.0\n\
             \x20 state: nothing was installed\n\
             \x20 help: pin a version that exists"
        );
        assert_eq!(failure.exit_code(), 1);
    }
}
