//! Golden cases written from real events: nobody's data is in them, and they are cases like any other.

#![expect(clippy::unwrap_used, reason = "what goes wrong here fails the test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use postroom_connector::Connectors;
use postroom_connector_file::{FileSink, FileSource};
use postroom_council::Council;
use postroom_event::{Received, STRUCTURED, decode};
use postroom_router::{CaseAsked, CaseError, NewCase, Unclassed, new_case};
use postroom_tests::council::{PARCEL, TestCouncil, house, parcel_event};
use postroom_tests::hub::TestHub;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Routes for `resident.moved.v1` of the example council whose targets need no connector that is not here.
const ROUTES: [&str; 2] = ["resident-moved-to-counciltax", "resident-moved-to-waste"];
/// A case of the example, whose event is as a real one.
const EXAMPLE: &str = "deploy/council/routes/resident-moved-to-letters/cases/by-e-mail/event.json";

fn example() -> Value {
    serde_json::from_str(&fs::read_to_string(house().join(EXAMPLE)).unwrap()).unwrap()
}

/// The example council, without the systems whose connectors are not here.
fn council() -> &'static Arc<Council> {
    static COUNCIL: OnceLock<Arc<Council>> = OnceLock::new();
    COUNCIL.get_or_init(|| {
        let connectors = Connectors::default().with_source(FileSource).with_sink(FileSink);
        let read = Council::read(&house().join("deploy/council"), None, &connectors);
        Arc::new(read.map_err(|problems| problems.len()).unwrap().0)
    })
}

fn made(route: &str, event: &Value, seed: [u8; 16]) -> Result<NewCase, CaseError> {
    let body = event.to_string().into_bytes().into();
    let received = Received { content_type: Some(STRUCTURED), headers: &[], body: &body };
    let event = decode(&received, body.len()).unwrap();
    let route = council().routes.iter().find(|known| *known.name == *route).unwrap();
    new_case(council(), route, event, CaseAsked { unclassed: Unclassed::Refused, seed })
}

/// Everything that is written of a case.
fn written(case: &NewCase) -> String {
    format!("{}\n{}\n{:?}", case.event, case.message, case.lookups)
}

/// The words of a text that tell of somebody.
fn telling(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| word.chars().count() >= 4);
    words.map(str::to_lowercase).collect()
}

#[test]
fn a_case_has_the_form_of_the_event_and_tells_where_it_differs() {
    for route in ROUTES {
        let case = made(route, &example(), [3; 16]).unwrap();
        let event: Value = serde_json::from_str(&case.event).unwrap();
        let data = &event["data"];
        assert_eq!(data["tenure"], "owner-occupier", "what the schema lists stays");
        assert_eq!(event["type"], "resident.moved.v1");
        assert_eq!(
            (&event["source"], &event["channel"]),
            (&json!("/systems/customer-services"), &json!("online"))
        );
        assert_eq!(event["subject"], format!("person:{}", data["person_reference"].as_str().unwrap()));
        assert_eq!(event["effectivetime"], data["move_date"], "one value, one fictitious value");
        assert_eq!(data["name"]["family"], data["household"][0]["name"]["family"]);
        let family = data["name"]["family"].as_str().unwrap().to_lowercase();
        let email = data["contact"]["email"].as_str().unwrap();
        assert!(email.contains(&family) && email.ends_with("@example.org"), "{email}");
        assert!(!case.message.is_null());
        for place in ["name.family", "household[].name.given", "to_address.uprn", "id", "subject", "time"] {
            assert!(case.replaced.contains(place), "{place}: {:?}", case.replaced);
        }
        assert!(!case.replaced.contains("tenure") && !case.replaced.contains("channel"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Words are drawn so that no schema, mapping or field of the house holds one by chance.
    #[test]
    fn no_personal_value_of_the_event_stands_anywhere_in_what_is_written(
        names in proptest::collection::vec("[A-Z]?[a-z]{2,6}(qz|zx|xj)[a-z]{0,4}( [A-Z][a-z]{0,3}jq)?", 8),
        number in 4_000_000_u32..9_000_000, uprn in 100_000_000_000_i64..900_000_000_000,
        postcode in "[A-Z]{1,2}[0-9][0-9A-HJ]? [0-9][ABD-HJLNP-UW-Z]{2}",
        born in (1930..2020_i32, 1..13_u32, 1..29_u32),
        tail in "[0-9]{6}", seed: [u8; 16],
    ) {
        let mut event = example();
        let born = format!("{:04}-{:02}-{:02}", born.0, born.1, born.2);
        let (phone, email) = (format!("07911 {tail}"), format!("{}@{}.example", names[0].replace(' ', "."), "mail"));
        event["data"] = json!({
            "person_reference": number.to_string(),
            "name": {"title": names[7], "given": names[0], "family": names[1]},
            "date_of_birth": born,
            "from_address": {"street": names[2], "town": names[3], "postcode": postcode},
            "to_address": {"uprn": uprn, "saon": names[4], "street": names[2], "town": names[3], "postcode": postcode,
                "lines": [format!("{} {}", names[4], names[2]), names[3]]},
            "move_date": "2026-03-27",
            "household": [{"name": {"given": names[5], "family": names[1]}, "date_of_birth": born}],
            "contact": {"email": email, "phone": phone},
        });
        event["subject"] = json!(format!("person:{number}"));
        event["id"] = json!(format!("CS-{}", names[6]));
        event["correlationid"] = json!(names[6]);
        let whole = [born, phone, email, postcode, uprn.to_string(), number.to_string()];
        let words: BTreeSet<String> = names.iter().flat_map(|name| telling(name)).chain(whole).collect();
        for route in ROUTES {
            let text = written(&made(route, &event, seed).unwrap()).to_lowercase();
            for word in &words {
                prop_assert!(!text.contains(&word.to_lowercase()), "{word} stands in {text}");
            }
        }
    }
}

#[test]
fn every_source_mapping_and_every_route_of_the_example_has_a_case() {
    let council = house().join("deploy/council");
    let mut without = Vec::new();
    for system in folders(&council.join("systems")) {
        let cases = folders(&system.join("cases")).into_iter();
        let told: String =
            cases.filter_map(|case| fs::read_to_string(case.join("events.json")).ok()).collect();
        for mapping in files(&system.join("events")) {
            let event_type = mapping.trim_end_matches(".vrl");
            if !told.contains(&format!("\"{event_type}\"")) {
                without.push(format!("{}: {mapping}", system.display()));
            }
        }
    }
    for route in folders(&council.join("routes")) {
        if folders(&route.join("cases")).is_empty() {
            without.push(route.display().to_string());
        }
    }
    assert!(without.is_empty(), "{without:?}");
}

fn folders(folder: &Path) -> Vec<PathBuf> {
    files(folder).into_iter().map(|name| folder.join(name)).filter(|path| path.is_dir()).collect()
}

fn case_new(hub: &TestHub, event: &Value, more: &[&str]) -> (Option<i32>, String) {
    hub.council.write("event.json", &event.to_string());
    let file = hub.council.folder().join("event.json").display().to_string();
    let output = hub.run(&[&["case", "new"], more, &[&file]].concat());
    let said = [output.stdout, output.stderr].concat();
    fs::remove_file(hub.council.folder().join("event.json")).unwrap();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

fn files(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().map(Result::unwrap);
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn a_case_that_was_written_is_a_golden_case_and_is_never_written_over() {
    let hub = TestHub::new(TestCouncil::example(), "amqp://nobody@127.0.0.1:1");
    let line = ["resident-moved-to-letters", "--name", "from-a-real-one"];
    let (code, said) = case_new(&hub, &example(), &line);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("household[].name.given") && !said.contains("Penhallow"), "{said}");
    let folder = hub.council.folder().join("routes/resident-moved-to-letters/cases");
    assert_eq!(
        files(&folder.join("from-a-real-one")),
        ["event.json", "message.json"].map(str::to_owned).into()
    );
    let before = fs::read_to_string(folder.join("from-a-real-one/event.json")).unwrap();
    assert!(!before.contains("Penhallow") && !before.to_lowercase().contains("orla"));
    assert!(hub.say(&["check"]).contains("no problems"));
    let (code, said) = case_new(&hub, &example(), &line);
    assert_eq!(code, Some(1), "{said}");
    assert_eq!(fs::read_to_string(folder.join("from-a-real-one/event.json")).unwrap(), before);
    let (code, said) = case_new(&hub, &example(), &line[..1]);
    assert!(code == Some(0) && said.contains("case-1"), "{said}");
}

#[test]
fn a_field_without_a_class_and_a_form_that_cannot_be_kept_are_told_and_nothing_is_written() {
    let hub = TestHub::new(TestCouncil::small(), "amqp://nobody@127.0.0.1:1");
    let owner_is = |owner: Value| {
        let file = hub.council.folder().join("schemas").join(PARCEL).join("schema.json");
        let mut schema: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        schema["properties"]["owner"] = owner;
        fs::write(file, schema.to_string()).unwrap();
    };
    owner_is(json!({"type": "string", "description": "A text."}));
    let mut event = parcel_event("event-1", "a", 1);
    event["data"]["owner"] = json!("Zebediah");
    let cases = hub.council.folder().join("routes/parcel-to-dock/cases");
    let (code, said) = case_new(&hub, &event, &["parcel-to-dock"]);
    assert!(code == Some(1) && said.contains("owner") && said.contains("--unclassed"), "{said}");
    assert!(!cases.exists());
    let (code, said) = case_new(&hub, &event, &["parcel-to-dock", "--unclassed", "as-personal"]);
    assert!(code == Some(0) && said.contains("replaced: id, owner, subject, time"), "{said}");
    owner_is(json!({"type": "string", "description": "A text.", "x-class": "P", "pattern": "^Zebe"}));
    let (code, said) = case_new(&hub, &event, &["parcel-to-dock", "--name", "narrow"]);
    assert!(code == Some(1) && said.contains("/owner") && !said.contains("Zebe"), "{said}");
    assert_eq!(files(&cases), ["case-1".to_owned()].into());
}
