//! Schemas that change: which routes that breaks, touches and leaves alone; versions of a type beside each other; and who still
//! has to do with an old one.

#![expect(clippy::unwrap_used, reason = "what goes wrong here fails the test")]

use std::fs;
use std::path::Path;
use std::process::Command;

use postroom_tests::council::{PARCEL, TestCouncil, copy};
use postroom_tests::hub::TestHub;
use serde_json::{Value, json};

const NEWER: &str = "parcel.moved.v2";
const PLAIN: &str = "{ \"number\": .number, \"place\": .place, \"parcel\": %subject }\n";

/// The small council, whose route to the dock reads number and place, and that to the book all fields.
fn small() -> TestHub {
    let council = TestCouncil::small();
    council.write("routes/parcel-to-dock/mapping.vrl", PLAIN);
    TestHub::new(council, "amqp://nobody@127.0.0.1:1")
}

fn checked(hub: &TestHub, more: &[&str]) -> (Option<i32>, String) {
    let output = hub.run(&[&["check"], more].concat());
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

fn change(hub: &TestHub, file: &str, change: impl Fn(&mut Value)) {
    let path = hub.council.folder().join(file);
    let mut schema: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    change(&mut schema);
    hub.council.write(file, &schema.to_string());
}

#[test]
fn a_changed_schema_breaks_those_that_read_what_is_gone_and_leaves_the_others_alone() {
    let (hub, older) = (small(), tempfile::tempdir().unwrap());
    copy(&hub.council.folder(), older.path());
    let against = ["--against", &older.path().display().to_string()].map(str::to_owned);
    let against = [against[0].as_str(), &against[1]];
    let (code, said) = checked(&hub, &against);
    assert!(code == Some(0) && said.contains("no schema differs"), "{said}");
    let schema = format!("schemas/{PARCEL}/schema.json");
    change(&hub, &schema, |schema| schema["properties"]["telephone"]["maxLength"] = json!(50));
    let (code, said) = checked(&hub, &against);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains(&format!("event type {PARCEL} differs: telephone (maxLength)")), "{said}");
    assert!(said.contains("touches parcel-to-book, which reads telephone"), "{said}");
    assert!(said.contains("does not touch parcel-to-dock"), "{said}");
    change(&hub, &schema, |schema| drop(schema["properties"].as_object_mut().unwrap().remove("telephone")));
    change(&hub, "systems/dock/messages/parcel.schema.json", |schema| schema["maxProperties"] = json!(9));
    let (code, said) = checked(&hub, &against);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("telephone is gone") && said.contains("breaks parcel-to-book: 1 problem"),
        "{said}"
    );
    assert!(said.contains("does not touch parcel-to-dock"), "{said}");
    assert!(said.contains("message parcel of dock differs: the whole (maxProperties)"), "{said}");
    assert!(said.contains("leaves to validation what parcel-to-dock makes of . (maxProperties)"), "{said}");
    let message = "systems/dock/messages/parcel.schema.json";
    change(&hub, message, |schema| drop(schema.as_object_mut().unwrap().remove("maxProperties")));
    change(&hub, message, |schema| schema["properties"]["number"]["minimum"] = json!(-1));
    let (_, said) = checked(&hub, &against);
    assert!(said.contains("message parcel of dock differs: number (minimum)"), "{said}");
    assert!(said.contains("no problem was found with parcel-to-dock"), "{said}");
    change(&hub, message, |schema| schema["properties"]["number"]["minimum"] = json!(1_000));
    let (_, said) = checked(&hub, &against);
    assert!(said.contains("leaves to validation what parcel-to-dock makes of .number (minimum)"), "{said}");
}

fn git(folder: &Path, line: &str) {
    let who = ["-c", "user.name=Nobody", "-c", "user.email=nobody@zedshire.example"];
    let output = Command::new("git").args(who).args(line.split(' ')).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "git {line}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_older_configuration_may_be_a_revision_of_which_nothing_is_left_behind() {
    let hub = small();
    let folder = hub.council.folder();
    for line in ["init --quiet", "add .", "commit --quiet --message first"] {
        git(&folder, line);
    }
    let schema = format!("schemas/{PARCEL}/schema.json");
    change(&hub, &schema, |schema| schema["properties"]["telephone"]["maxLength"] = json!(50));
    let (code, said) = checked(&hub, &["--against", "HEAD"]);
    assert!(code == Some(0) && said.contains("touches parcel-to-book, which reads telephone"), "{said}");
    let output = Command::new("git").args(["status", "--porcelain"]).current_dir(&folder).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), format!("M {schema}"));
    for wrong in ["no-such-revision", "--output=x"] {
        let (code, said) = checked(&hub, &[&format!("--against={wrong}")]);
        assert!(code == Some(1) && said.contains("neither a folder nor a revision"), "{said}");
    }
}

/// Gives the small council a second version of its event, in which a place is a location.
fn add_newer(council: &TestCouncil, up: &str, down: &str) {
    let folder = |version: &str| format!("schemas/{version}");
    let read = |file: &str| fs::read_to_string(council.folder().join(folder(PARCEL)).join(file)).unwrap();
    for file in ["schema.json", "valid/parcel.json", "invalid/number-missing.json"] {
        council.write(&format!("{}/{file}", folder(NEWER)), &read(file).replace("\"place\"", "\"location\""));
    }
    council.write(&format!("{}/upgrade.vrl", folder(NEWER)), up);
    council.write(&format!("{}/downgrade.vrl", folder(NEWER)), down);
}

const UP: &str = "merge(compact({ \"owner\": .owner, \"telephone\": .telephone }), { \"number\": .number, \"location\": .place })\n";
const DOWN: &str = "merge(compact({ \"owner\": .owner, \"telephone\": .telephone }), { \"number\": .number, \"place\": .location })\n";

#[test]
fn steps_between_versions_are_proved_against_both_schemas() {
    let check = |up: &str, down: &str, says: Option<(&str, &str)>| {
        let hub = small();
        add_newer(&hub.council, up, down);
        let (code, said) = checked(&hub, &[]);
        assert_eq!(code, Some(i32::from(says.is_some())), "{said}");
        if let Some((words, file)) = says {
            assert!(said.contains(words) && said.contains(file), "{said}");
        }
    };
    check(UP, DOWN, None);
    check(&UP.replace(".place", ".plaice"), DOWN, Some(("plaice", "upgrade.vrl")));
    check(UP, &DOWN.replace("\"place\"", "\"room\""), Some(("what it makes may be no", "downgrade.vrl")));
    check(UP, &DOWN.replace(".location", "\"\""), Some(("of valid/parcel.json", "downgrade.vrl")));
}

#[test]
fn an_upgrade_that_leads_nowhere_and_one_that_leads_back_to_itself_are_refused_by_name() {
    let hub = small();
    hub.council.write(&format!("schemas/{PARCEL}/upgrade.vrl"), ".\n");
    let (code, said) = checked(&hub, &[]);
    assert!(code == Some(1) && said.contains("has no older version"), "{said}");
    fs::remove_file(hub.council.folder().join(format!("schemas/{PARCEL}/upgrade.vrl"))).unwrap();
    add_newer(&hub.council, UP, DOWN);
    let schemas = hub.council.folder().join("schemas");
    fs::rename(schemas.join(NEWER), schemas.join("parcel.moved.v01")).unwrap();
    let (code, said) = checked(&hub, &[]);
    assert_eq!(code, Some(1));
    assert!(said.contains("cyclic-version") && said.contains("parcel.moved.v01"), "{said}");
}

#[test]
fn who_still_reads_and_publishes_an_old_version_is_told() {
    let hub = small();
    assert!(checked(&hub, &["--sunset"]).1.contains("no event type has a newer version"));
    add_newer(&hub.council, UP, DOWN);
    hub.council.edit("routes/parcel-to-book/route.toml", PARCEL, NEWER);
    hub.council.edit("routes/parcel-to-book/mapping.vrl", ".place", ".location");
    let (code, said) = checked(&hub, &["--sunset"]);
    assert_eq!(code, Some(0), "{said}");
    for line in [
        "parcel.moved.v1; the newest is parcel.moved.v2",
        "  read by parcel-to-dock",
        "  published by yard",
        "  perhaps published by shop, for they publish themselves",
        "  what is published becomes parcel.moved.v2",
        "  who reads it also gets parcel.moved.v2",
    ] {
        assert!(said.lines().any(|said| said == line), "{line}: {said}");
    }
}
