//! The council of a run: sources that publish themselves, targets of every reach, and three routes to each target.

use serde_json::json;

use super::plan::{Plan, Reach};
use crate::council::{PARCEL, TestCouncil};

/// What stands in a field about a person in every event, and must be in no word of the hub.
pub(super) const CANARY: &str = "Canary-7f3a";
/// How long the hub waits for the answer of a target.
pub(super) const ANSWER_WITHIN: &str = "5s";
/// Waits of what is held, for longer than any fault lasts.
const RETRY_SECONDS: [u64; 6] = [1, 2, 3, 5, 8, 8];
/// How often the last of them comes again.
const RETRIES: usize = 90;

/// The name of a source.
pub(super) fn source(number: usize) -> String {
    format!("source-{number}")
}

/// The ingress of a source.
pub(super) fn ingress(number: usize) -> String {
    format!("ingress.{}", source(number))
}

/// The name of a target.
pub(super) fn target(number: usize) -> String {
    format!("target-{number:02}")
}

/// The name of the route from a group to a target.
pub(super) fn route(group: usize, to: usize) -> String {
    format!("group-{group:02}-to-{to:02}")
}

/// The broker user of a source.
pub(super) fn user(council: &TestCouncil, source: usize) -> String {
    format!("{}-{source}", council.publisher)
}

/// Writes the council; `urls` are the addresses of its HTTP targets, by number.
pub(super) fn write(plan: &Plan, urls: impl Fn(usize) -> String) -> TestCouncil {
    let council = TestCouncil::empty();
    council.write(
        "council.toml",
        &format!(
            "name = \"Long run\"\n[broker]\nprefix = \"{}\"\n[limits]\nin_place = \"2s\"\n",
            council.prefix
        ),
    );
    let schema = schema();
    council.write(&format!("schemas/{PARCEL}/schema.json"), &schema);
    council.write(&format!("schemas/{PARCEL}/valid/parcel.json"), r#"{"number": 1, "group": 0}"#);
    council.write(&format!("schemas/{PARCEL}/invalid/number-missing.json"), r#"{"group": 0}"#);
    for number in 0..plan.sources {
        let user = user(&council, number);
        let text = format!(
            "title = \"Source {number}\"\nbroker_user = \"{user}\"\n[source]\nconnector = \"queue\"\n"
        );
        council.write(&format!("systems/{}/system.toml", source(number)), &text);
    }
    for number in 0..plan.targets {
        let name = target(number);
        council.write(&format!("systems/{name}/system.toml"), &system(number, &urls));
        council.write(&format!("systems/{name}/messages/parcel.schema.json"), &message_schema());
    }
    for group in 0..plan.targets {
        for to in plan.targets_of(group) {
            let name = route(group, to);
            council.write(&format!("routes/{name}/route.toml"), &route_text(group, to));
            council.write(&format!("routes/{name}/mapping.vrl"), MAPPING);
        }
    }
    council
}

fn system(number: usize, urls: &impl Fn(usize) -> String) -> String {
    let name = target(number);
    let target = match Plan::reach(number) {
        Reach::Queue => "connector = \"queue\"\n".to_owned(),
        Reach::Http => format!(
            "connector = \"http\"\n[target.settings]\nurl = \"{}/parcels\"\nreference = \"/reference\"\n\
             timeout = \"{ANSWER_WITHIN}\"\n",
            urls(number)
        ),
        Reach::File => format!(
            "connector = \"file\"\n[target.settings]\nfolder = \"{name}\"\nname = \"{{batch}}.jsonl\"\n\
             format = {{ kind = \"jsonl\" }}\n[target.batch]\nevery = \"1s\"\nmax_items = 500\n"
        ),
    };
    format!("title = \"Target {number}\"\n[target]\n{target}")
}

fn route_text(group: usize, to: usize) -> String {
    let last = RETRY_SECONDS[RETRY_SECONDS.len() - 1];
    let waits = RETRY_SECONDS.into_iter().chain(std::iter::repeat_n(last, RETRIES));
    let retry: Vec<_> = waits.map(|seconds| format!("\"{seconds}s\"")).collect();
    format!(
        "from = \"{PARCEL}\"\nto = \"{}\"\nmessage = \"parcel\"\nwhen = '.group == {group}'\nretry = [{}]\n",
        target(to),
        retry.join(", ")
    )
}

const MAPPING: &str =
    "merge(compact({ \"owner\": .owner }), { \"number\": .number, \"parcel\": %subject })\n";

fn schema() -> String {
    let count = |most: u64, what: &str| json!({"type": "integer", "minimum": 0, "maximum": most, "description": what, "x-class": "none"});
    let fields = json!({
        "number": count(9_007_199_254_740_991, "Which event."),
        "group": count(1_000, "Which targets."),
        "owner": {"type": "string", "maxLength": 100, "description": "Whose.", "x-class": "none"},
    });
    object("A parcel was moved.", &fields, &["number", "group"])
}

fn message_schema() -> String {
    let fields = json!({
        "number": {"type": "integer", "minimum": 0, "maximum": 9_007_199_254_740_991_u64},
        "parcel": {"type": "string", "maxLength": 100},
        "owner": {"type": "string", "maxLength": 100},
    });
    object("What a target gets.", &fields, &["number", "parcel"])
}

fn object(description: &str, properties: &serde_json::Value, required: &[&str]) -> String {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object", "additionalProperties": false, "description": description,
        "required": required, "properties": properties,
    })
    .to_string()
}
