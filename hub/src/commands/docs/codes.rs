//! `postroom docs codes`: every code of a refusal or a dead letter, and whose concern it is.

use postroom_event::Rule;
use postroom_router::{Code, of_input, of_rule};

use crate::output;
use crate::registry::connectors;

pub(super) fn codes() {
    let rules: Vec<Code> =
        Rule::ALL.iter().map(|rule| (rule.code(), of_rule(*rule), rule.meaning())).collect();
    let inputs = [postroom_format::RULES, &connectors().rules()].concat();
    let inputs: Vec<Code> = inputs.iter().map(|(code, means)| (*code, of_input(code), *means)).collect();
    output::line("# Codes\n\nWritten by `postroom docs codes`. A code is stable: scripts may ask for it.");
    output::line(WHOSE);
    concerned("An event is invalid", &rules);
    concerned("A file, or a record of it, is refused", &inputs);
    concerned("A record is refused by its source mapping", postroom_router::RECORD_CODES);
    section("A dispatch is held", postroom_router::HOLD_CODES);
    concerned("A dispatch is dead", postroom_router::DEAD_CODES);
    section("A dead letter or an invalid event is left as it is", postroom_router::LEFT_CODES);
}

/// What the column of concerns means.
const WHOSE: &str = "\nWhose it is: a `business` exception is an officer's work and stands on the work list (worklist.md); a `technical` one is an\n\
    operator's. What is wrong with the hub's own events (`work.item...`) is always technical.";

fn concerned(title: &str, codes: &[Code]) {
    output::line(format!("\n## {title}\n\n| code | whose | what it means |\n|---|---|---|"));
    for (code, concern, meaning) in codes {
        output::line(format!("| `{code}` | {concern} | {meaning} |"));
    }
}

fn section(title: &str, codes: &[(&str, &str)]) {
    output::line(format!("\n## {title}\n\n| code | what it means |\n|---|---|"));
    for (code, meaning) in codes {
        output::line(format!("| `{code}` | {meaning} |"));
    }
}
