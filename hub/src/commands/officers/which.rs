//! Which dead letters or invalid events a command line means. A name that neither the configuration nor the ledger knows is
//! an error, with the name that was probably meant.

use postroom_council::nearest;
use postroom_event::{Concern, Rule};
use postroom_ledger::{ByConcern, DeadFilter, InvalidFilter, Ledger};
use postroom_router::{DEAD_CODES, business_reasons};

use crate::cli::{WhichDead, WhichInvalid};
use crate::failure::Failure;
use crate::place::Place;

/// The code of what was found on a lane and is no dispatch.
const FOREIGN: &str = "foreign";

pub(super) async fn dead(
    place: &Place,
    ledger: &Ledger,
    which: &WhichDead,
    (code, state): (Option<&String>, Option<&str>),
) -> Result<DeadFilter, Failure> {
    let filter = DeadFilter {
        target: which.target.clone(),
        route: which.route.clone(),
        code: code.cloned(),
        subject: which.when.subject.clone(),
        from: which.when.since,
        until: which.when.until,
        state: state.map(str::to_owned),
        concern: which.concern.map(by_concern),
    };
    let council = &place.council;
    let names = council.targets().map(|(system, _)| system.name.as_str()).collect();
    let only = |target| DeadFilter { target, ..DeadFilter::default() };
    known_dead(ledger, ("target", &filter.target, names), only).await?;
    let names = council.routes.iter().map(|route| &*route.name).collect();
    let only = |route| DeadFilter { route, ..DeadFilter::default() };
    known_dead(ledger, ("route", &filter.route, names), only).await?;
    let names = DEAD_CODES.iter().map(|(code, ..)| *code).collect();
    let only = |code| DeadFilter { code, ..DeadFilter::default() };
    known_dead(ledger, ("code of a dead letter", &filter.code, names), only).await?;
    Ok(filter)
}

fn by_concern(concern: Concern) -> ByConcern {
    ByConcern { concern, business: business_reasons() }
}

async fn known_dead(
    ledger: &Ledger,
    (what, given, names): (&str, &Option<String>, Vec<&str>),
    only: impl FnOnce(Option<String>) -> DeadFilter,
) -> Result<(), Failure> {
    let Some(name) = given.as_deref().filter(|name| !names.contains(name)) else { return Ok(()) };
    let rows = ledger.dead_list(&only(given.clone()), 1).await?;
    if rows.is_empty() { Err(unknown(what, name, names)) } else { Ok(()) }
}

pub(super) async fn invalid(
    place: &Place,
    ledger: &Ledger,
    which: &WhichInvalid,
    (code, state): (Option<&String>, Option<&str>),
) -> Result<InvalidFilter, Failure> {
    let filter = InvalidFilter {
        system: which.system.clone(),
        code: code.cloned(),
        subject: which.when.subject.clone(),
        from: which.when.since,
        until: which.when.until,
        state: state.map(str::to_owned),
        concern: which.concern.map(by_concern),
    };
    let names = place.council.systems.keys().map(String::as_str).collect();
    let only = |system| InvalidFilter { system, ..InvalidFilter::default() };
    known_invalid(ledger, ("system", &filter.system, names), only).await?;
    let names = Rule::ALL.iter().map(|rule| rule.code()).chain([FOREIGN]).collect();
    let only = |code| InvalidFilter { code, ..InvalidFilter::default() };
    known_invalid(ledger, ("code of an invalid event", &filter.code, names), only).await?;
    Ok(filter)
}

async fn known_invalid(
    ledger: &Ledger,
    (what, given, names): (&str, &Option<String>, Vec<&str>),
    only: impl FnOnce(Option<String>) -> InvalidFilter,
) -> Result<(), Failure> {
    let Some(name) = given.as_deref().filter(|name| !names.contains(name)) else { return Ok(()) };
    let rows = ledger.invalid_find(&only(given.clone()), 1).await?;
    if rows.is_empty() { Err(unknown(what, name, names)) } else { Ok(()) }
}

/// The state that a list is asked for; none is all.
pub(super) fn state(asked: &str) -> Option<&str> {
    (asked != "all").then_some(asked)
}

pub(crate) fn unknown(what: &str, given: &str, names: Vec<&str>) -> Failure {
    let hint = nearest(given, names).map(|near| format!("; did you mean `{near}`?"));
    Failure::Wrong(format!("no {what} is called `{given}`{}", hint.unwrap_or_default()))
}

/// That something must be named: what is meant is never everything by accident.
pub(super) fn nothing_named() -> Failure {
    Failure::Wrong("name what you mean, by ids or by filters: see --help".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_not_known_is_told_with_the_one_that_was_probably_meant() {
        let said = |given| unknown("target", given, vec!["press", "dock"]).to_string();
        assert_eq!(said("pres"), "no target is called `pres`; did you mean `press`?");
        assert_eq!(said("harbour"), "no target is called `harbour`");
    }
}
