use super::*;
use crate::ErrorKind;

/// `a? +x -y | +z`: element `a`, optional, provides `x` and requires `y`, or else provides `z`.
fn offer(text: &str) -> (Element, bool, BuildPlan) {
    let (name, plan) = text.split_once(' ').unwrap_or((text, ""));
    let id = name.trim_end_matches('?').to_owned();
    let element = Element {
        folder: id.clone(),
        id,
        version: "1".into(),
        api: "0.10".into(),
        extension: false,
    };
    let named = |sign: char, part: &str| -> Vec<String> {
        part.split_whitespace()
            .filter_map(|word| word.strip_prefix(sign))
            .map(str::to_owned)
            .collect()
    };
    let provides = |part: &str| {
        named('+', part)
            .into_iter()
            .map(|name| Provide { name })
            .collect()
    };
    let requires = |part: &str| {
        named('-', part)
            .into_iter()
            .map(|name| Require {
                name,
                ..Require::default()
            })
            .collect()
    };
    let mut parts = plan.split('|');
    let first = parts.next().unwrap_or_default();
    let or = parts.map(|part| cnb::PlanSections {
        provides: provides(part),
        requires: requires(part),
    });
    let plan = BuildPlan {
        provides: provides(first),
        requires: requires(first),
        or: or.collect(),
    };
    (element, name.ends_with('?'), plan)
}

/// Who takes part, or what is in the way in the closest trial.
fn outcome(offers: &[&str]) -> Result<Vec<String>, Vec<String>> {
    let offers: Vec<_> = offers.iter().map(|text| offer(text)).collect();
    let offers: Vec<Offer<'_>> = offers
        .iter()
        .map(|(element, optional, plan)| Offer {
            element,
            optional: *optional,
            plan,
        })
        .collect();
    let resolved = resolve(&offers, &mut Budget::new()).unwrap();
    let chosen = |resolved: Resolved| {
        resolved
            .chosen
            .iter()
            .map(|at| offers[*at].element.id.clone())
            .collect()
    };
    let unmet = |unmet: Vec<Unmet>| {
        let text = |unmet: Unmet| match unmet {
            Unmet::Requires { element, name } => format!("{} -{name}", element.id),
            Unmet::Provides { element, name } => format!("{} +{name}", element.id),
        };
        unmet.into_iter().map(text).collect()
    };
    resolved.map(chosen).map_err(unmet)
}

fn check(offers: &[&str], expected: Result<&[&str], &[&str]>) {
    let owned = |list: &[&str]| {
        list.iter()
            .map(|text| (*text).to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        outcome(offers),
        expected.map(owned).map_err(owned),
        "{offers:?}"
    );
}

#[test]
fn de_10_only_the_last_alternative_stays_optional() {
    check(&["a? +x | +y", "b"], Ok(&["b"]));
    check(&["a? +x | +y", "b -y"], Ok(&["a", "b"]));
    check(&["a? -x |", "b"], Ok(&["a", "b"]));
    check(&["a +x | +y |", "b? -x | -y | -z"], Ok(&["a", "b"]));
}

#[test]
fn de_11_what_is_required_must_be_provided_before_and_the_other_way_round() {
    check(&["a +x", "b -x"], Ok(&["a", "b"]));
    check(&["a +x -x"], Ok(&["a"]));
    check(&["b -x", "a +x"], Err(&["b -x", "a +x"]));
    check(&["a +x", "b -x", "c +x"], Err(&["c +x"]));
    check(&["a? +x", "b"], Ok(&["b"]));
}

#[test]
fn leaving_out_an_optional_element_starts_the_trial_again() {
    check(&["a +x", "b? -x -y", "c -x"], Ok(&["a", "c"]));
    check(&["a? +x", "b? -x -y", "c"], Ok(&["c"]));
    check(&["a +x", "b? -x -y"], Err(&["a +x"]));
}

#[test]
fn the_closest_trial_explains_the_failure() {
    check(&["a -x -y -z | -x"], Err(&["a -x"]));
    check(&["a? -x"], Err(&[]));
}

#[test]
fn a_search_without_end_is_given_up() {
    let many: Vec<_> = (0..12).map(|_| offer("a +x | +y | +z | +w")).collect();
    let offers: Vec<Offer<'_>> = many
        .iter()
        .map(|(element, optional, plan)| Offer {
            element,
            optional: *optional,
            plan,
        })
        .collect();
    let error = resolve(&offers, &mut Budget::new()).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::TooManyTrials, 22));
}
