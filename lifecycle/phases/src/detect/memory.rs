//! Which states of the search have failed: composites lead to the same state on many ways.

use std::collections::HashMap;

/// What matters of an element, in the group or still ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Mark<'a> {
    pub(super) id: &'a str,
    pub(super) version: &'a str,
    pub(super) extension: bool,
    pub(super) optional: bool,
    pub(super) exec_env: &'a [String],
}

impl Mark<'_> {
    /// The order of the extensions.
    pub(super) const EXTENSIONS: Mark<'static> = Mark {
        id: "",
        version: "",
        extension: true,
        optional: true,
        exec_env: &[],
    };
}

/// What is in the group, and what is still ahead, as numbers of marks.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct State {
    done: Vec<usize>,
    ahead: Vec<usize>,
}

#[derive(Debug, Default)]
pub(super) struct Memory {
    marks: HashMap<String, usize>,
    /// Whether it failed because of an error.
    failed: HashMap<State, bool>,
}

impl Memory {
    pub(super) fn state<'a>(
        &mut self,
        done: impl Iterator<Item = Mark<'a>>,
        ahead: impl Iterator<Item = Mark<'a>>,
    ) -> State {
        let mut number = |mark: Mark<'_>| {
            let next = self.marks.len();
            *self.marks.entry(format!("{mark:?}")).or_insert(next)
        };
        State {
            done: done.map(&mut number).collect(),
            ahead: ahead.map(&mut number).collect(),
        }
    }

    pub(super) fn failed(&self, state: &State) -> Option<bool> {
        self.failed.get(state).copied()
    }

    pub(super) fn keep(&mut self, state: State, erred: bool) {
        self.failed.insert(state, erred);
    }

    /// For when the outcome of a program is replaced, so that what failed may fail otherwise.
    pub(super) fn forget(&mut self) {
        self.failed.clear();
    }
}
