//! The codes that the router adds to those of events and formats, with what they mean and whose concern they are: the one place
//! that knows which reasons are an officer's work and which an operator's.

use std::sync::Arc;

use postroom_council::{OWN_SYSTEM, WORK_TYPES};
use postroom_event::{Concern, Rule};
use postroom_ledger::Business;

const UNKNOWN_CODE_MEANS: &str = "a code list does not know what stands in a field, has no answer for it, or the field is required and absent";
/// The code of what a connector gives up for good although the target did not say no to the message.
pub(crate) const SETTINGS: &str = "settings";

/// A code, whose concern it is, and what it means.
pub type Code = (&'static str, Concern, &'static str);

const fn business(code: &'static str, means: &'static str) -> Code {
    (code, Concern::Business, means)
}

const fn technical(code: &'static str, means: &'static str) -> Code {
    (code, Concern::Technical, means)
}

/// The rules of formats and connectors that are business's: what stands in a record is at fault, not how it is written.
const BUSINESS_INPUTS: [&str; 3] = ["unknown-record", "no-key", "local-time"];

/// Whose concern an invalid event is.
pub const fn of_rule(rule: Rule) -> Concern {
    match rule {
        Rule::Schema => Concern::Business,
        Rule::TooLarge
        | Rule::NotJson
        | Rule::DuplicateKey
        | Rule::NulCharacter
        | Rule::TooDeep
        | Rule::NumberOutOfRange
        | Rule::ContentType
        | Rule::SpecVersion
        | Rule::MissingAttribute
        | Rule::BadAttribute
        | Rule::NoData
        | Rule::ForbiddenProperty
        | Rule::Sender
        | Rule::Source
        | Rule::UnknownType
        | Rule::Poison => Concern::Technical,
    }
}

/// Whose concern it is that a format or a connector refuses a file, or a record of it, by the rule with this code.
pub fn of_input(code: &str) -> Concern {
    if BUSINESS_INPUTS.contains(&code) { Concern::Business } else { Concern::Technical }
}

/// Which reasons are business's, for the ledger, which knows none. What is wrong with the hub's own events is never one: a work
/// item about a work item would have no end.
pub fn business_reasons() -> Arc<Business> {
    let of = |codes: &[Code]| -> Vec<String> {
        let business = codes.iter().filter(|(_, concern, _)| *concern == Concern::Business);
        business.map(|(code, ..)| (*code).to_owned()).collect()
    };
    let rules = Rule::ALL.iter().filter(|rule| of_rule(**rule) == Concern::Business);
    let invalid: Vec<String> = rules.map(|rule| rule.code().to_owned()).collect();
    let mut records = of(RECORD_CODES);
    records.extend(invalid.iter().cloned().chain(BUSINESS_INPUTS.map(str::to_owned)));
    let (teller, told_as) = (OWN_SYSTEM.to_owned(), WORK_TYPES.map(str::to_owned).to_vec());
    Arc::new(Business { dead: of(DEAD_CODES), invalid, records, teller, told_as })
}

/// What a code of a dead letter, an invalid event or a refused record means, where it is the router's or an event's own.
pub fn meaning(code: &str) -> Option<&'static str> {
    let own = DEAD_CODES.iter().chain(RECORD_CODES).find(|(known, ..)| *known == code);
    let rule = || Rule::ALL.iter().find(|rule| rule.code() == code);
    own.map(|(.., means)| *means).or_else(|| rule().map(|rule| rule.meaning()))
}

/// Why a record is refused although it was read.
pub const RECORD_CODES: &[Code] = &[
    business(
        "no-rule",
        "no rule of `[[source.map]]` or `[[source.ignore]]` applies: an unknown code is an exception",
    ),
    business("mapping", "the source mapping of the rule could not be run on this record"),
    business("event", "the mapping gave something that is no event"),
    business("snapshot-key", "the key of a snapshot is absent or empty in the record"),
    technical("snapshot-duplicate-key", "the same key stands in a snapshot twice: it is refused whole"),
    technical(
        "snapshot-shrunk",
        "a snapshot lacks more of the known records than `shrink_at_most` allows: it is refused whole",
    ),
    technical(
        "snapshot-incomplete",
        "no refusal: a snapshot of which records were refused removes nothing, for one of them may be what it seems to lack",
    ),
    business("unknown-code", UNKNOWN_CODE_MEANS),
];

/// Why a dispatch is dead.
pub const DEAD_CODES: &[Code] = &[
    business(
        "filter",
        "the route's `when` could not be run on this event, or is false for it now that it can",
    ),
    business("mapping", "the route's mapping could not be run on this event"),
    business(
        "version",
        "the event could not be made the version of its type that the route reads: its upgrade or downgrade gives something that is invalid",
    ),
    business("unknown-code", UNKNOWN_CODE_MEANS),
    business(
        "unknown-reference",
        "the ledger knows no id of a system for a thing: `postroom xref import`, or wait until it is noted, and redrive",
    ),
    business("message", "what the mapping made does not fit the target's schema"),
    technical("no-such-route", "the route was removed while the dispatch waited"),
    technical("foreign", "something on a lane that this hub did not put there; it was not read again"),
    business("refused", "the target said no to what the message means"),
    technical(
        SETTINGS,
        "it can never be handed over, for no reason that lies in its data: an address, a template, a rule or the target itself must be mended",
    ),
    technical("exhausted", "it still failed when the retry schedule of its route had run out"),
    technical(
        "overtaken",
        "its queue lost it, or its event came late, and a later dispatch of its subject has arrived meanwhile: a declared skip",
    ),
    technical(
        "rejected",
        "its system rejected it from its own queue, or gave it back until the queue gave it up",
    ),
    technical("dropped", "a policy on the broker dropped it from the queue of its system"),
    technical("unrouted", "its queue did not keep it, however often it was put back"),
    technical("lost", "its queue was deleted, and the journal has its event no more"),
    technical(
        "poison",
        "the hub stopped three times while it had this dispatch in hand; it was not read again",
    ),
];

/// Why something stays as it is although an officer decided on it, beside the codes for which it would fail again.
pub const LEFT_CODES: &[(&str, &str)] = &[
    ("overtaken", "a later dispatch of the same subject went past it; `--stale` sends it all the same"),
    ("no-longer", "a replay: the configuration makes it no more, or no message of it"),
    ("lost", "a replay: the journal has its event no more"),
    ("decided", "it was discarded or sent again meanwhile"),
    ("not-found", "nothing is kept under this id any more"),
    ("not-kept", "its bytes are not kept: it was too large, or they have expired"),
    ("unreadable", "its event cannot be read"),
    ("poison", "the hub stopped three times while it had it in hand; it can be discarded only"),
    ("no-such-target", "the target is not in the configuration any more"),
    ("no-such-source", "the system is no source in the configuration"),
    ("no-owner", "no system owns the CloudEvents source of its event"),
    ("by-its-sender", "it broke a rule about its sender or its properties: its source publishes it again"),
];

/// Why a dispatch is held.
pub const HOLD_CODES: &[(&str, &str)] = &[
    ("failed-in-place", "it still failed after the retries in place (`in_place` under `[limits]`)"),
    ("out-of-reach", "it alone could not reach the target, for longer than the retries in place"),
    ("retry-after", "the target asked to come back later than the retries in place go on"),
    ("crowded", "too much was waiting for the target, and its subject had failed longest"),
    ("behind", "an earlier dispatch of its subject is held or dead"),
    ("unconfirmed", "the broker did not confirm it"),
    ("lane-full", "the queue of its lane takes no more messages, e.g. because of a policy on the broker"),
    ("paused", "it came while its target was paused, or the ledger was slow; it goes when that is over"),
    ("unrouted", "its lane gave it up, e.g. because of a policy on the broker; it goes before what waits"),
    ("redriven", "an officer sends the dead head of its subject again; it goes first"),
    ("redriven-late", "an officer sends it again after its subject went on without it; it goes last"),
    ("replayed", "a replay sends it to the queue of its target; it goes last"),
];
