//! Elements of a group: still ahead, or taken into it.

use std::rc::Rc;
use std::sync::Arc;

use cnb::{OrderElement, OrderGroup};

use super::memory::Mark;
use super::runs::Key;
use crate::limits::COMPOSITE_DEPTH;
use crate::modules::Module;
use crate::{Error, ErrorKind, Result};

/// What is still to be looked at in a group.
#[derive(Debug, Clone)]
pub(super) enum Item {
    Element {
        element: OrderElement,
        within: Chain,
    },
    /// Stands before every group: image extensions, each of which is optional.
    Extensions(Rc<Vec<OrderGroup>>),
}

/// The composites that an element came out of, innermost first.
#[derive(Debug, Clone, Default)]
pub(super) struct Chain(Option<Rc<Link>>);

#[derive(Debug)]
struct Link {
    composite: Key,
    depth: usize,
    outer: Chain,
}

impl Chain {
    /// Fails when the composite contains itself, or the nesting is too deep.
    pub(super) fn enter(&self, composite: &Key) -> Result<Self> {
        let mut at = self;
        while let Some(link) = &at.0 {
            if link.composite == *composite {
                return Err(Error::new(
                    ErrorKind::Cycle,
                    format!("resolving the order: {composite} contains itself"),
                ));
            }
            at = &link.outer;
        }
        let depth = self.0.as_ref().map_or(1, |link| link.depth + 1);
        if depth > COMPOSITE_DEPTH {
            let doing = format!(
                "resolving the order: more than {COMPOSITE_DEPTH} composites within each other at {composite}"
            );
            return Err(Error::new(ErrorKind::Cycle, doing));
        }
        Ok(Self(Some(Rc::new(Link {
            composite: composite.clone(),
            depth,
            outer: self.clone(),
        }))))
    }
}

/// An element of the flat group.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) module: Arc<Module>,
    pub(super) optional: bool,
}

impl Member {
    pub(super) fn mark(&self) -> Mark<'_> {
        let element = &self.module.element;
        Mark {
            id: &element.id,
            version: &element.version,
            extension: element.extension,
            optional: self.optional,
            exec_env: &[],
        }
    }
}

impl Item {
    /// `None` when it will be skipped, because the group has an element of that id.
    pub(super) fn mark(&self, done: &[Member]) -> Option<Mark<'_>> {
        match self {
            Self::Element { element, .. }
                if done.iter().any(|member| is(&member.module, element)) =>
            {
                None
            }
            Self::Element { element, .. } => Some(Mark {
                id: &element.id,
                version: &element.version,
                extension: element.extension,
                optional: element.optional,
                exec_env: &element.exec_env,
            }),
            Self::Extensions(_) => Some(Mark::EXTENSIONS),
        }
    }
}

/// An element is in the group already when another of that id is, whatever its version.
pub(super) fn is(module: &Module, element: &OrderElement) -> bool {
    module.element.id == *element.id && module.element.extension == element.extension
}

/// The groups of an order, as items that came out of the composites of `within`.
pub(super) fn groups(order: &[OrderGroup], within: &Chain) -> Vec<Vec<Item>> {
    let item = |element: &OrderElement| Item::Element {
        element: element.clone(),
        within: within.clone(),
    };
    order
        .iter()
        .map(|group| group.group.iter().map(item).collect())
        .collect()
}
