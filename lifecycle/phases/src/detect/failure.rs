//! Why no group passed: every group that was tried, with what became of each of its elements.

use serde::{Deserialize, Serialize};

use crate::{Element, Exit};

/// All groups that were tried, in the order they were tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DetectFailure {
    pub groups: Vec<GroupTrial>,
    /// More groups were tried than are kept here.
    pub truncated: bool,
    /// A group was given up because of an error, not because something did not fit (exit 21, not 20).
    pub erred: bool,
}

/// One flat group: composites are replaced by what they contain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupTrial {
    pub elements: Vec<ElementTrial>,
    /// Given up because a required element ended with an error.
    pub erred: bool,
    /// What was missing when all elements passed but no plan could be made, from the trial that came closest.
    pub unmet: Vec<Unmet>,
}

impl GroupTrial {
    /// How many elements and requirements stand in the way: the smallest is the closest group.
    pub fn distance(&self) -> usize {
        let elements = self
            .elements
            .iter()
            .filter(|element| element.blocks())
            .count();
        (elements + self.unmet.len()).max(1)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ElementTrial {
    pub element: Element,
    pub optional: bool,
    pub verdict: Verdict,
    /// The last part of what its program wrote, both streams, at most 4 KiB.
    /// Empty when a group before this one already shows it.
    pub output: String,
}

impl ElementTrial {
    /// It keeps the group from passing.
    pub fn blocks(&self) -> bool {
        !self.optional && self.verdict != Verdict::Passed
    }
}

/// What became of one element.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum Verdict {
    Passed,
    /// It said that it does not fit (exit status 100).
    Failed,
    /// Its program ended otherwise.
    Erred {
        exit: Exit,
    },
    /// It could not be run or its plan could not be read.
    Broken {
        reason: String,
    },
}

/// A requirement that nothing provides, or a provision that nothing requires.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "unmet", rename_all = "kebab-case")]
pub enum Unmet {
    Requires { element: Element, name: String },
    Provides { element: Element, name: String },
}
