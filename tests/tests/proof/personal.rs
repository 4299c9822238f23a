//! What `postroom check` says of routes and source mappings that carry personal data where they may not: five of each kind.

use postroom_tests::council::TestCouncil;
use serde_json::{Value, json};

use super::assert_told;

const VISIT: &str = "visit.made.v1";
/// A purpose that allows `P`, one that allows all, and one by which a mail may tell `P`.
const PURPOSES: &str = "[purposes.visits]\ntitle = \"Visits\"\nlawful_basis = \"public task\"\nclasses = [\"P\"]\n\
    [purposes.care]\ntitle = \"Care\"\nlawful_basis = \"public task\"\nclasses = [\"P\", \"S\"]\n\
    [purposes.mail]\ntitle = \"Telling\"\nlawful_basis = \"public task\"\nclasses = [\"P\", \"S\"]\nmay_mail = [\"P\"]\n";

fn field(kind: &str, class: &Value) -> Value {
    json!({"type": kind, "description": "A field.", "x-class": class})
}

/// The event type; with a field of which nobody has said the class where `meta` is one.
fn event(meta: Option<Value>) -> Value {
    let (none, personal, special) = (json!("none"), json!("P"), json!(["P", "S"]));
    let mut event = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "description": "A visit.",
        "additionalProperties": false, "required": ["number", "name"],
        "properties": {
            "number": field("integer", &none), "person_reference": field("string", &personal),
            "name": field("string", &personal), "health": field("string", &special),
            "home": {"type": "object", "description": "Where.", "additionalProperties": false, "properties": {
                "street": field("string", &personal), "uprn": field("integer", &none)}},
            "people": {"type": "array", "description": "With whom.", "items": {
                "type": "object", "additionalProperties": false, "properties": {
                    "name": field("string", &personal), "need": field("string", &special)}}}
        }
    });
    if let Some(meta) = meta {
        event["properties"]["meta"] = meta;
    }
    event
}

fn message() -> Value {
    json!({"type": "object", "additionalProperties": false, "properties": {
        "number": {"type": "integer", "x-class": "none"}, "who": {"type": "string", "x-class": "P"},
        "note": {"type": "string", "x-class": ["P", "S"]}, "free": {"x-class": "none"}, "bare": {},
        "list": {"type": "array", "items": {"type": "string", "x-class": "P"}}}})
}

fn council(meta: Option<Value>) -> TestCouncil {
    let council = TestCouncil::small();
    council.write("purposes.toml", PURPOSES);
    council.write(&format!("schemas/{VISIT}/schema.json"), &event(meta).to_string());
    council.write(&format!("schemas/{VISIT}/valid/plain.json"), r#"{"number": 1, "name": "A"}"#);
    council.write(&format!("schemas/{VISIT}/invalid/empty.json"), "{}");
    council.write("systems/desk/system.toml", "title = \"Desk\"\n[target]\nconnector = \"queue\"\n");
    council.write("systems/desk/messages/visit.schema.json", &message().to_string());
    council
}

/// Asserts what is said of a route for each mapping.
fn assert_routes(code: &str, council: TestCouncil, more: &str, mappings: [&str; 5]) {
    for (number, mapping) in (1..).zip(mappings) {
        let route = format!("from = \"{VISIT}\"\nto = \"desk\"\nmessage = \"visit\"\n{more}");
        council.write(&format!("routes/{number}-to-desk/route.toml"), &route);
        council.write(&format!("routes/{number}-to-desk/mapping.vrl"), &format!("{mapping}\n"));
    }
    assert_told(code, council);
}

const VISITS: &str = "purpose = \"visits\"\n";
const CARE: &str = "purpose = \"care\"\n";

#[test]
fn personal_data_without_a_purpose_is_told() {
    let mappings = [
        r#"{ "who": .name }"#,
        r#"{ "note": string(.health) ?? "" }"#,
        r#"{ "who": %subject }"#,
        r#"{ "number": { if .name == "A" { 1 } else { 2 } } }"#,
        r#"{ "list": map(array(.people) ?? []) -> |one| { string(one.name) ?? "" } }"#,
    ];
    assert_routes("no-purpose", council(None), "", mappings);
}

#[test]
fn a_class_that_the_purpose_does_not_allow_is_told() {
    let mappings = [
        r#"{ "note": string(.health) ?? "" }"#,
        r#"{ "number": { if exists(.health) { 1 } else { 2 } } }"#,
        r#"{ "note": .name }"#,
        r#"{ "number": count(array(.people) ?? []) -> |one| { one.need == "none" } }"#,
        r#"{ "note": slice("none some", length(string(.health) ?? "")) ?? "" }"#,
    ];
    assert_routes("purpose-class", council(None), VISITS, mappings);
}

#[test]
fn a_personal_field_that_reaches_what_is_not_called_so_is_told() {
    let mappings = [
        r#"{ "free": upcase(.name) }"#,
        r#"{ "bare": [.name, .health] }"#,
        r#"{ "who": string(.health) ?? "" }"#,
        r#"{ "free": filter(["A", "B"]) -> |it| { it == .name } }"#,
        r#"{ "list": map(filter(array(.people) ?? []) -> |one| { one.need == "lift" }) -> |one| { string(one.name) ?? "" } }"#,
    ];
    assert_routes("personal-field", council(None), CARE, mappings);
}

#[test]
fn a_field_of_which_nobody_has_said_the_class_is_told() {
    let mappings = [
        r#"{ "free": .meta }"#,
        r#"{ "number": int(.meta.count) ?? 0 }"#,
        r#"{ "note": string(.meta.note) ?? "" }"#,
        r#"{ "number": { if .meta.note == "x" { 1 } else { 2 } } }"#,
        r#"{ "who": upcase(string(.meta.who) ?? "") }"#,
    ];
    let meta = json!({"type": "object", "description": "What else.", "additionalProperties": false, "properties": {
        "note": {"type": "string", "description": "A field."}, "who": {"type": "string", "description": "A field."},
        "count": {"type": "integer", "description": "A field."}}});
    assert_routes("unclassed-field", council(Some(meta)), CARE, mappings);
}

#[test]
fn a_mail_that_tells_what_it_may_not_is_told() {
    let council = council(None);
    council.write(
        "systems/post/system.toml",
        "title = \"Post\"\n[target]\nconnector = \"mail\"\n[target.settings]\n\
         server = { host = \"127.0.0.1\", port = 1, tls = \"off\" }\nfrom = \"hub@zedshire.example\"\n\
         to = [\"desk@zedshire.example\"]\nfields = [\"number\", \"who\"]\n",
    );
    let (special, personal) =
        (json!({"type": "string", "x-class": ["P", "S"]}), json!({"type": "string", "x-class": "P"}));
    let routes = [
        ("visits", &personal, ".name"),
        ("care", &personal, ".name"),
        ("care", &special, "string(.health) ?? \"\""),
        ("mail", &special, "string(.health) ?? \"\""),
        ("mail", &json!({"type": "string"}), "\"somebody\""),
    ];
    for (number, (purpose, who, from)) in (1..).zip(routes) {
        let schema = json!({"type": "object", "additionalProperties": false, "required": ["number"],
            "properties": {"number": {"type": "integer", "x-class": "none"}, "who": who}});
        council.write(&format!("systems/post/messages/visit-{number}.schema.json"), &schema.to_string());
        let route = format!(
            "from = \"{VISIT}\"\nto = \"post\"\nmessage = \"visit-{number}\"\npurpose = \"{purpose}\"\n"
        );
        council.write(&format!("routes/{number}-to-post/route.toml"), &route);
        let mapping = format!("{{ \"number\": .number, \"who\": {from} }}\n");
        council.write(&format!("routes/{number}-to-post/mapping.vrl"), &mapping);
    }
    assert_told("reveals", council);
}

#[test]
fn a_subject_that_tells_something_of_a_person_is_told_and_a_reference_is_none() {
    let council = council(None);
    let data = r#"{ "number": parse_int(.id) ?? 0, "name": .name, "person_reference": .id,
    "home": { "street": .street, "uprn": parse_int(.uprn) ?? 0 } }"#;
    let mappings = [
        format!("{{ \"subject\": \"person:\" + .name, \"data\": {data} }}"),
        format!("who = .name + \" of \" + .street\n{{ \"subject\": who, \"data\": {data} }}"),
        format!("data = {data}\n{{ \"subject\": \"person:\" + data.name, \"data\": data }}"),
        format!("map([.]) -> |row| {{ {{ \"subject\": downcase(row.street), \"data\": {data} }} }}"),
        format!("{{ \"subject\": \"at:\" + (slice(.street, 0, 9) ?? \"\"), \"data\": {data} }}"),
        // A person's number, and a place.
        format!("{{ \"subject\": \"person:\" + .id, \"data\": {data} }}"),
        format!("{{ \"subject\": \"uprn:\" + .uprn, \"data\": {data} }}"),
    ];
    for (number, mapping) in (1..).zip(mappings) {
        let system = format!(
            "title = \"Visits\"\n[source]\nconnector = \"file\"\n[source.settings]\nfolder = \"{number}/in\"\n\
             [[source.settings.files]]\npattern = \"*.csv\"\nformat = {{ kind = \"csv\", delimiter = \",\", \
             encoding = \"utf-8\", header = true, required = [\"id\", \"name\", \"street\", \"uprn\"] }}\n\
             [[source.map]]\nrule = \"all\"\nevent = \"{VISIT}\"\n"
        );
        council.write(&format!("systems/visits-{number}/system.toml"), &system);
        council.write(&format!("systems/visits-{number}/events/{VISIT}.vrl"), &format!("{mapping}\n"));
    }
    assert_told("personal-subject", council);
}
