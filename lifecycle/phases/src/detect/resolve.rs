//! From the build plans of a group's elements to one plan. Pure.
//!
//! Spec: buildpack.md, "Phase #1: Detection", "Build Plan"; where it leaves something open as in the Go
//! lifecycle (DE-10 to DE-12).

use std::collections::BTreeMap;

use cnb::{BuildPlan, GroupElement, Plan, PlanEntry, Provide, Require};

use super::Unmet;
use super::budget::Budget;
use crate::{Element, Result};

/// An element of a group that passed, with what its program wrote.
#[derive(Debug, Clone)]
pub(super) struct Offer<'a> {
    pub(super) element: &'a Element,
    pub(super) optional: bool,
    pub(super) plan: &'a BuildPlan,
}

/// Who takes part, as positions among the offers, and the merged plan.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Resolved {
    pub(super) chosen: Vec<usize>,
    pub(super) plan: Plan,
}

/// One alternative of one element, as taken in a trial.
#[derive(Debug, Clone)]
struct Pick<'a> {
    offer: usize,
    element: &'a Element,
    optional: bool,
    provides: &'a [Provide],
    requires: &'a [Require],
}

/// Tries the alternatives in order, the last element's first, until all that is required is provided and the other
/// way round.
///
/// The inner error says what was in the way in the trial that came closest.
/// Fails when the budget is used up.
pub(super) fn resolve(
    offers: &[Offer<'_>],
    budget: &mut Budget,
) -> Result<Result<Resolved, Vec<Unmet>>> {
    let mut closest: Option<Vec<Unmet>> = None;
    let mut taken = vec![0; offers.len()];
    loop {
        budget.trial()?;
        let picks = offers
            .iter()
            .zip(&taken)
            .enumerate()
            .map(|(offer, (of, alternative))| pick(offer, of, *alternative));
        match attempt(picks.collect()) {
            Ok(resolved) => return Ok(Ok(resolved)),
            Err(unmet) => {
                if closest
                    .as_ref()
                    .is_none_or(|closest| unmet.len() < closest.len())
                {
                    closest = Some(unmet);
                }
            }
        }
        if !advance(&mut taken, offers) {
            return Ok(Err(closest.unwrap_or_default()));
        }
    }
}

/// Goes to the next combination, the last position fastest. False after the last one.
fn advance(taken: &mut [usize], offers: &[Offer<'_>]) -> bool {
    for (alternative, offer) in taken.iter_mut().zip(offers).rev() {
        if *alternative < offer.plan.or.len() {
            *alternative += 1;
            return true;
        }
        *alternative = 0;
    }
    false
}

fn pick<'a>(offer: usize, of: &Offer<'a>, alternative: usize) -> Pick<'a> {
    let plan = of.plan;
    let (provides, requires) = match alternative.checked_sub(1).and_then(|or| plan.or.get(or)) {
        Some(or) => (&or.provides, &or.requires),
        None => (&plan.provides, &plan.requires),
    };
    // An optional element is optional in its last alternative only (DE-10).
    let optional = of.optional && alternative == plan.or.len();
    Pick {
        offer,
        element: of.element,
        optional,
        provides,
        requires,
    }
}

/// One trial: optional elements whose requirements or provisions are unmet are left out and the rest is tried again.
fn attempt(mut picks: Vec<Pick<'_>>) -> Result<Resolved, Vec<Unmet>> {
    loop {
        let dependencies = depend(&picks);
        let unmet: Vec<(usize, Unmet)> = unmet(&picks, &dependencies);
        if unmet.is_empty() {
            return finish(&picks, dependencies);
        }
        let (optional, required): (Vec<_>, Vec<_>) = unmet
            .into_iter()
            .partition(|(position, _)| picks.get(*position).is_some_and(|pick| pick.optional));
        if !required.is_empty() {
            return Err(required.into_iter().map(|(_, unmet)| unmet).collect());
        }
        let mut position = 0;
        picks.retain(|_| {
            let left_out = optional.iter().any(|(at, _)| *at == position);
            position += 1;
            !left_out
        });
    }
}

/// Who provides and requires one name; positions among the picks.
#[derive(Debug, Default)]
struct Dependency {
    providers: Vec<usize>,
    requires: Vec<Require>,
    /// Required before anybody provided it.
    early: Vec<usize>,
    /// Provided after it was last required.
    unused: Vec<usize>,
}

fn depend<'a>(picks: &[Pick<'a>]) -> BTreeMap<&'a str, Dependency> {
    let mut dependencies: BTreeMap<&str, Dependency> = BTreeMap::new();
    for (position, pick) in picks.iter().enumerate() {
        for provide in pick.provides {
            dependencies
                .entry(&provide.name)
                .or_default()
                .unused
                .push(position);
        }
        for require in pick.requires {
            let dependency = dependencies.entry(&require.name).or_default();
            dependency.providers.append(&mut dependency.unused);
            if dependency.providers.is_empty() {
                dependency.early.push(position);
            } else {
                dependency.requires.push(require.clone());
            }
        }
    }
    dependencies
}

fn unmet(picks: &[Pick<'_>], dependencies: &BTreeMap<&str, Dependency>) -> Vec<(usize, Unmet)> {
    let element = |position: &usize| picks.get(*position).map(|pick| pick.element.clone());
    let mut unmet = Vec::new();
    for (name, dependency) in dependencies {
        let name = || (*name).to_owned();
        unmet.extend(dependency.early.iter().filter_map(|position| {
            Some((
                *position,
                Unmet::Requires {
                    element: element(position)?,
                    name: name(),
                },
            ))
        }));
        unmet.extend(dependency.unused.iter().filter_map(|position| {
            Some((
                *position,
                Unmet::Provides {
                    element: element(position)?,
                    name: name(),
                },
            ))
        }));
    }
    unmet
}

fn finish(
    picks: &[Pick<'_>],
    dependencies: BTreeMap<&str, Dependency>,
) -> Result<Resolved, Vec<Unmet>> {
    if picks.is_empty() {
        return Err(Vec::new());
    }
    let provider = |position: &usize| picks.get(*position).map(|pick| provider(pick.element));
    let entries = dependencies.into_values().map(|dependency| PlanEntry {
        providers: dependency.providers.iter().filter_map(provider).collect(),
        requires: dependency.requires,
    });
    Ok(Resolved {
        chosen: picks.iter().map(|pick| pick.offer).collect(),
        plan: Plan {
            entries: entries.collect(),
        },
    })
}

fn provider(element: &Element) -> GroupElement {
    GroupElement {
        id: element.id.parse().unwrap_or_default(),
        version: element.version.clone(),
        extension: element.extension,
        ..GroupElement::default()
    }
}

#[cfg(test)]
mod tests;
