//! Which group of the order fits the application.

mod budget;
mod failure;
mod item;
mod memory;
mod order;
mod resolve;
mod run;
mod runs;
pub(crate) mod target;

use std::rc::Rc;

use cnb::{Group, Order, OrderElement, OrderGroup, Plan, SystemBuildpack, SystemToml};

pub use failure::{DetectFailure, ElementTrial, GroupTrial, Unmet, Verdict};

use self::item::{Chain, Item, groups};
use self::order::Search;
use self::run::Bench;
use crate::inside::Inside;
use crate::modules::Modules;
use crate::scratch::Counter;
use crate::{Element, Error, ErrorKind, Event, Phase, Result, Workshop};

/// The group that passed.
#[derive(Debug, Clone)]
pub struct Detected {
    pub group: Group,
    pub plan: Plan,
    /// What became of every element of the group that passed, the skipped ones too.
    pub trial: GroupTrial,
}

/// Finds the first group of the order that fits the application.
///
/// When none fits, [`Error::detect_failure`](crate::Error::detect_failure) says why.
///
/// Spec: buildpack.md, "Detection"; platform.md, "detector".
pub fn detect(cx: &Workshop<'_>, order: &Order, system: &SystemToml) -> Result<Detected> {
    cx.events.tell(Event::Started {
        phase: Phase::Detect,
    });
    let detected = search(cx, order, system).map_err(|error| error.in_phase(Phase::Detect))?;
    match detected {
        Ok(detected) => {
            cx.events.tell(Event::Detected {
                group: participants(&detected),
            });
            cx.events.tell(Event::Finished {
                phase: Phase::Detect,
            });
            Ok(detected)
        }
        Err(failure) => {
            cx.events.tell(Event::NotDetected {
                failure: failure.clone(),
            });
            Err(Error::not_detected(failure))
        }
    }
}

fn search(
    cx: &Workshop<'_>,
    order: &Order,
    system: &SystemToml,
) -> Result<Result<Detected, DetectFailure>> {
    let inside = Inside::open(&cx.dirs.root)?;
    let mut modules = Modules::new(cx.dirs, &inside);
    let mut buildpacks = order.groups.clone();
    if cx.api.has_system_buildpacks() {
        for group in &mut buildpacks {
            *group = with_system(group, system);
        }
    }
    verify(&mut modules, buildpacks.iter().chain(&order.extensions))?;
    let mut items = groups(&buildpacks, &Chain::default());
    if !order.extensions.is_empty() {
        let extensions = Rc::new(order.extensions.clone());
        for group in &mut items {
            group.insert(0, Item::Extensions(Rc::clone(&extensions)));
        }
    }
    let target = target::complete(cx.target, &inside)?;
    let counter = Counter::default();
    let bench = Bench {
        cx,
        inside: &inside,
        target: &target,
        counter: &counter,
    };
    Search::new(bench, modules).run(&items)
}

/// Puts system buildpacks before and after a group, except those of an id that it has (DE-17).
fn with_system(group: &OrderGroup, system: &SystemToml) -> OrderGroup {
    let elements = |buildpacks: &[SystemBuildpack]| -> Vec<OrderElement> {
        let new = buildpacks
            .iter()
            .filter(|buildpack| group.group.iter().all(|element| element.id != buildpack.id));
        new.map(|buildpack| OrderElement {
            id: buildpack.id.clone(),
            version: buildpack.version.clone(),
            optional: buildpack.optional,
            ..OrderElement::default()
        })
        .collect()
    };
    let (pre, post) = (
        elements(&system.pre.buildpacks),
        elements(&system.post.buildpacks),
    );
    OrderGroup {
        group: [&pre, &group.group, &post]
            .into_iter()
            .flatten()
            .cloned()
            .collect(),
    }
}

/// Every module that the order names itself must be there and have a supported API (API-3).
fn verify<'a>(
    modules: &mut Modules<'_>,
    order: impl Iterator<Item = &'a OrderGroup>,
) -> Result<()> {
    for element in order.flat_map(|group| &group.group) {
        let module = modules
            .find(&element.id, &element.version, element.extension)
            .map_err(|cause| {
                let doing = format!("reading the order: {}@{}", element.id, element.version);
                Error::new(ErrorKind::Inputs, doing).because(cause)
            })?;
        module.verify_api()?;
    }
    Ok(())
}

fn participants(detected: &Detected) -> Vec<Element> {
    let group = &detected.group;
    let chosen = |element: &Element| {
        let list = if element.extension {
            &group.extensions
        } else {
            &group.buildpacks
        };
        list.iter()
            .any(|chosen| chosen.id == *element.id && chosen.version == element.version)
    };
    detected
        .trial
        .elements
        .iter()
        .map(|trial| trial.element.clone())
        .filter(chosen)
        .collect()
}
