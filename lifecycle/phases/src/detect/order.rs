//! The search through an order: composites become the groups they contain, group after group is tried.
//!
//! Spec: buildpack.md, "Order Resolution"; where it leaves something open as in the Go lifecycle (DE-3 to DE-5).

use std::sync::Arc;

use cnb::{Group, GroupElement};

use super::budget::Budget;
use super::item::{Chain, Item, Member, groups, is};
use super::memory::Memory;
use super::resolve::{Offer, Resolved, resolve};
use super::run::{Bench, Run};
use super::runs::{Key, Runs};
use super::{DetectFailure, Detected, ElementTrial, GroupTrial, Verdict, target};
use crate::limits::{COMPOSITES_IN_GROUP, EXPLAINED_GROUPS};
use crate::modules::{Module, Modules};
use crate::{Error, ErrorKind, Result};

/// How the search went on.
enum Outcome {
    Passed(Box<Detected>),
    Failed,
    /// A required element ended with an error.
    Erred,
}

pub(super) struct Search<'a> {
    bench: Bench<'a>,
    modules: Modules<'a>,
    runs: Runs,
    budget: Budget,
    memory: Memory,
    failure: DetectFailure,
}

impl<'a> Search<'a> {
    pub(super) fn new(bench: Bench<'a>, modules: Modules<'a>) -> Self {
        let failure = DetectFailure {
            groups: Vec::new(),
            truncated: false,
            erred: false,
        };
        Self {
            bench,
            modules,
            runs: Runs::default(),
            budget: Budget::new(),
            memory: Memory::default(),
            failure,
        }
    }

    /// Tries the groups in order. The inner error says why none passed.
    pub(super) fn run(mut self, groups: &[Vec<Item>]) -> Result<Result<Detected, DetectFailure>> {
        match self.alternatives(groups, &[], &[], false, 0)? {
            Outcome::Passed(detected) => Ok(Ok(*detected)),
            Outcome::Failed => Ok(Err(self.failure)),
            Outcome::Erred => Ok(Err(DetectFailure {
                erred: true,
                ..self.failure
            })),
        }
    }

    /// Tries groups in turn, each followed by `next`; with `optional` finally `next` alone.
    fn alternatives(
        &mut self,
        groups: &[Vec<Item>],
        done: &[Member],
        next: &[Item],
        optional: bool,
        replaced: usize,
    ) -> Result<Outcome> {
        if replaced > COMPOSITES_IN_GROUP {
            let doing = format!(
                "resolving the order: more than {COMPOSITES_IN_GROUP} composites in one group"
            );
            return Err(Error::new(ErrorKind::Cycle, doing));
        }
        let mut erred = false;
        for group in groups {
            let items: Vec<Item> = group.iter().chain(next).cloned().collect();
            match self.group(&items, done.to_vec(), replaced)? {
                Outcome::Failed => {}
                Outcome::Erred => erred = true,
                passed @ Outcome::Passed(_) => return Ok(passed),
            }
        }
        if optional {
            return self.group(next, done.to_vec(), replaced);
        }
        Ok(if erred {
            Outcome::Erred
        } else {
            Outcome::Failed
        })
    }

    /// Goes through a group, unless the same was done before.
    fn group(&mut self, items: &[Item], done: Vec<Member>, replaced: usize) -> Result<Outcome> {
        self.budget.trial()?;
        let state = self.memory.state(
            done.iter().map(Member::mark),
            items.iter().filter_map(|item| item.mark(&done)),
        );
        if let Some(erred) = self.memory.failed(&state) {
            return Ok(if erred {
                Outcome::Erred
            } else {
                Outcome::Failed
            });
        }
        let outcome = self.walk(items, done, replaced)?;
        match outcome {
            Outcome::Failed => self.memory.keep(state, false),
            Outcome::Erred => self.memory.keep(state, true),
            Outcome::Passed(_) => {}
        }
        Ok(outcome)
    }

    /// Takes element after element into the flat group; the first composite branches.
    fn walk(&mut self, items: &[Item], mut done: Vec<Member>, replaced: usize) -> Result<Outcome> {
        let mut ahead = items;
        while let [item, next @ ..] = ahead {
            ahead = next;
            let (element, within) = match item {
                Item::Element { element, within } => (element, within),
                Item::Extensions(order) => {
                    let groups = groups(order, &Chain::default());
                    return self.alternatives(&groups, &done, next, true, replaced + 1);
                }
            };
            if done.iter().any(|member| is(&member.module, element))
                || !self.is_for_exec_env(&element.exec_env)
            {
                continue;
            }
            let module = self
                .modules
                .find(&element.id, &element.version, element.extension)?;
            if !module.order.is_empty() {
                let within = within.enter(&Key::of(&module.element))?;
                let groups = groups(&module.order, &within);
                return self.alternatives(&groups, &done, next, element.optional, replaced + 1);
            }
            self.member(module, element.optional, &mut done)?;
        }
        self.flat(&done)
    }

    /// Takes a component into the flat group, unless it is for another execution environment.
    fn member(
        &mut self,
        module: Arc<Module>,
        optional: bool,
        done: &mut Vec<Member>,
    ) -> Result<()> {
        let fits =
            !self.bench.cx.api.has_targets() || target::fits(&module.targets, self.bench.target);
        if !fits && !optional {
            // This stays for later groups too, and counts as an error (DE-14).
            let reason = target::mismatch(&module.targets, self.bench.target);
            if self.runs.keep(&module.element, Run::broken(reason)) {
                self.memory.forget();
            }
        } else if module.is_exec_env_aware()? && !self.is_for_exec_env(&module.exec_env) {
            return Ok(());
        }
        done.push(Member { module, optional });
        Ok(())
    }

    fn is_for_exec_env(&self, listed: &[String]) -> bool {
        let current = self.bench.cx.exec_env;
        let matters = self.bench.cx.api.has_exec_env() && !current.is_empty();
        !matters || cnb::runs_in(listed, current)
    }

    /// Runs what has not run yet, all at once, and resolves the plan.
    fn flat(&mut self, done: &[Member]) -> Result<Outcome> {
        let modules = done.iter().map(|member| Arc::clone(&member.module));
        let (runs, bench) = (&mut self.runs, &self.bench);
        self.budget
            .pause(|| runs.run_missing(bench, modules.collect()));
        let mut trial = self.trial(done);
        let blocked = trial.elements.iter().any(ElementTrial::blocks);
        if blocked {
            trial.erred = trial.elements.iter().any(|element| {
                matches!(
                    element.verdict,
                    Verdict::Erred { .. } | Verdict::Broken { .. }
                )
            });
            let outcome = if trial.erred {
                Outcome::Erred
            } else {
                Outcome::Failed
            };
            self.explain(trial);
            return Ok(outcome);
        }
        let passed = |element: &&ElementTrial| element.verdict == Verdict::Passed;
        if !trial
            .elements
            .iter()
            .filter(passed)
            .any(|element| !element.element.extension)
        {
            self.explain(trial);
            return Ok(Outcome::Failed);
        }
        match self.resolve(done)? {
            Ok(resolved) => Ok(Outcome::Passed(Box::new(detected(done, resolved, trial)))),
            Err(unmet) => {
                trial.unmet = unmet;
                self.explain(trial);
                Ok(Outcome::Failed)
            }
        }
    }

    /// `chosen` of the result are positions in `done`.
    fn resolve(&mut self, done: &[Member]) -> Result<Result<Resolved, Vec<super::Unmet>>> {
        let passed: Vec<(usize, &Member, &Run)> = done
            .iter()
            .enumerate()
            .filter_map(|(at, member)| Some((at, member, self.runs.of(&member.module.element)?)))
            .filter(|(_, _, run)| run.verdict == Verdict::Passed)
            .collect();
        let offers: Vec<Offer<'_>> = passed
            .iter()
            .map(|(_, member, run)| Offer {
                element: &member.module.element,
                optional: member.optional,
                plan: &run.plan,
            })
            .collect();
        let resolved = resolve(&offers, &mut self.budget)?;
        Ok(resolved.map(|resolved| {
            let chosen = resolved
                .chosen
                .iter()
                .filter_map(|offer| passed.get(*offer).map(|(at, _, _)| *at))
                .collect();
            Resolved { chosen, ..resolved }
        }))
    }

    fn trial(&self, done: &[Member]) -> GroupTrial {
        let element = |member: &Member| {
            let run = self.runs.of(&member.module.element);
            ElementTrial {
                element: member.module.element.clone(),
                optional: member.optional,
                verdict: run.map_or_else(
                    || Run::broken("it was not run").verdict,
                    |run| run.verdict.clone(),
                ),
                output: run.map(|run| run.output.clone()).unwrap_or_default(),
            }
        };
        GroupTrial {
            elements: done.iter().map(element).collect(),
            erred: false,
            unmet: Vec::new(),
        }
    }

    /// Keeps a group that did not pass; output that was shown before is left out.
    fn explain(&mut self, mut trial: GroupTrial) {
        if self.failure.groups.len() >= EXPLAINED_GROUPS {
            self.failure.truncated = true;
            return;
        }
        for element in &mut trial.elements {
            let mut shown = self.failure.groups.iter().flat_map(|group| &group.elements);
            if shown
                .any(|shown| shown.element == element.element && shown.verdict == element.verdict)
            {
                element.output.clear();
            }
        }
        self.failure.groups.push(trial);
    }
}

fn detected(done: &[Member], resolved: Resolved, trial: GroupTrial) -> Detected {
    let mut group = Group::default();
    for member in resolved.chosen.iter().filter_map(|at| done.get(*at)) {
        let module = &member.module;
        let element = GroupElement {
            id: module.element.id.parse().unwrap_or_default(),
            version: module.element.version.clone(),
            api: module.element.api.clone(),
            homepage: module.homepage.clone(),
            ..GroupElement::default()
        };
        let list = if module.element.extension {
            &mut group.extensions
        } else {
            &mut group.buildpacks
        };
        list.push(element);
    }
    Detected {
        group,
        plan: resolved.plan,
        trial,
    }
}
