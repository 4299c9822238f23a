//! Files that no system should write: each is refused with its reason or its line, and the rest is delivered.

use std::fs;

use postroom_tests::council::{TestCouncil, YARD_HEAD, house, yard_rows};
use postroom_tests::hub::{TestHub, until};
use postroom_tests::rabbitmq::Rabbit;
use serde_json::{Value, json};

use crate::work::{dock, number, small, small_ready};

/// Waits until so many files have ended in whatever way.
fn until_ended(hub: &mut TestHub, files: usize) {
    until("every file to end", || {
        let ended = hub.heard("import.finished") + hub.heard("import.refused") + hub.heard("import.repeated");
        (ended == files).then_some(())
    });
}

/// The reason beside a refused file of an inbox: rule, line and words.
fn reason(hub: &TestHub, inbox: &str, name: &str) -> (String, u64, String) {
    let file = hub.council.data().join(inbox).join("refused").join(format!("{name}.why.json"));
    let reason: Value = serde_json::from_slice(&fs::read(file).expect("a reason")).expect("JSON");
    let text = |field: &str| reason[field].as_str().expect("a text").to_owned();
    (text("rule"), reason["line"].as_u64().expect("a line"), text("words"))
}

/// The refused records of a file, as line and rule.
fn refused(hub: &TestHub, label: &str) -> Vec<(u64, String)> {
    let all = hub.json(&["invalid", "list", "--json"]);
    let rows = all["records"].as_array().expect("a list").iter().filter(|row| row["label"] == label);
    let row = |row: &Value| {
        let record = &row["record"];
        (record["line"].as_u64().expect("a line"), record["rule"].as_str().expect("a rule").to_owned())
    };
    rows.map(row).collect()
}

#[test]
fn every_bad_sample_is_refused_with_its_reason_and_the_rest_is_delivered() {
    let council = TestCouncil::example();
    let samples = house().join("deploy/council/samples-bad");
    let systems =
        ["billing", "elections-dcounts", "elections-idox", "elections-xpress", "gazetteer", "planning"];
    let fed =
        systems.map(|system| council.feed_all(&samples.join(system), &format!("{system}/in"), |_| true));
    let mut hub = TestHub::ready(council, Rabbit::shared().url());
    until_ended(&mut hub, fed.iter().sum());
    let status = hub.settled();

    for (inbox, name, rule, line) in [
        ("gazetteer/in", "cut-off-insert.csv", "cut-off", 6),
        ("billing/in", "wrong-trailer.xml", "trailer-count", 166),
        ("elections-idox/in", "idox-error-page.csv", "wrong-kind", 1),
        ("elections-xpress/in", "xpress-missing-column.csv", "missing-header", 1),
        ("elections-xpress/in", "xpress-nul.csv", "nul-character", 2),
        ("elections-dcounts/in", "dcounts-districts-not-utf8.csv", "encoding", 2),
        ("planning/in", "cut-off.json", "not-json", 1),
    ] {
        let (told_rule, told_line, words) = reason(&hub, inbox, name);
        assert_eq!((told_rule.as_str(), told_line), (rule, line), "{name}: {words}");
    }
    let (_, _, words) = reason(&hub, "billing/in", "wrong-trailer.xml");
    assert!(words.contains('5') && words.contains('3'), "{words}");
    for (label, expected) in [
        ("unknown-record-insert.csv", vec![(3, "unknown-record".to_owned())]),
        ("unknown-code.xml", vec![(55, "no-rule".to_owned())]),
        ("dcounts-districts-uprn-not-a-number.csv", vec![(3, "schema".to_owned())]),
        ("unknown-stage.json", vec![(1, "no-rule".to_owned())]),
        ("no-reference.json", vec![(1, "schema".to_owned())]),
    ] {
        assert_eq!(refused(&hub, label), expected, "{label}");
    }
    let delivered = ["gazetteer", "billing", "elections-dcounts"]
        .map(|system| number(&status, &format!("/sources/{system}/events/routed")));
    assert_eq!(delivered, [2, 2, 4], "what is right is delivered");
    let items = hub.json(&["worklist", "--format", "json"]);
    let mut work: Vec<_> =
        items.as_array().expect("a list").iter().map(|item| item["code"].clone()).collect();
    work.sort_by_key(Value::to_string);
    assert_eq!(
        work,
        ["no-rule", "no-rule", "schema", "schema", "unknown-record"],
        "what only an officer can mend"
    );
    let told =
        hub.council.outbox("officers/out").iter().map(|(_, text)| text.lines().count() - 1).sum::<usize>();
    assert_eq!(told, work.len(), "the officers are told of the same");
}

#[test]
fn a_row_that_cannot_be_read_is_refused_with_its_line_and_its_neighbours_are_delivered() {
    let mut hub = small_ready();
    let text = format!(
        "{YARD_HEAD}M,a,1,shelf,,\nM,a,two,shelf,,\nQ,a,3,shelf,,\nM,a,4,shelf\nS,a,5,shelf,,\nM,a,6,shelf,,\n"
    );
    hub.council.feed("yard/in", "moves.csv", text.as_bytes());
    until_ended(&mut hub, 1);
    let status = hub.settled();
    let expected =
        [(3, "schema"), (4, "no-rule"), (5, "missing-columns")].map(|(line, rule)| (line, rule.to_owned()));
    assert_eq!(refused(&hub, "moves.csv"), expected);
    let yard = &status["sources"]["yard"];
    let counted = ["records_read", "mapped", "refused"].map(|name| yard[name].clone());
    assert_eq!(counted, [json!(6), json!(2), json!(3)]);
    assert_eq!(yard["ignored"], json!({"a parcel that stays is no event": 1}));
    assert_eq!(hub.council.outbox_lines("book/out").len(), 2);
}

#[test]
fn a_missing_newline_at_the_very_end_is_not_a_cut_off_row() {
    let mut hub = small_ready();
    hub.council.feed("yard/in", "moves.csv", yard_rows(3, 1).trim_end().as_bytes());
    until_ended(&mut hub, 1);
    assert_eq!(number(&hub.settled(), "/sources/yard/mapped"), 3);
}

#[tokio::test]
async fn the_same_content_under_another_name_is_recognised_and_taken_once_more_only_when_told() {
    let mut hub = small_ready();
    let rows = yard_rows(20, 3);
    hub.council.feed("yard/in", "monday.csv", rows.as_bytes());
    until_ended(&mut hub, 1);
    hub.council.feed("yard/in", "tuesday.csv", rows.as_bytes());
    hub.wait_for("import.repeated");
    let status = hub.settled();
    assert_eq!(number(&status, "/sources/yard/batches_repeated"), 1);
    assert_eq!(number(&status, "/sources/yard/events/routed"), 20);
    assert!(hub.council.data().join("yard/in/done/tuesday.csv").is_file());

    let file = hub.council.data().join("wednesday.csv");
    fs::write(&file, &rows).expect("a file");
    let file = file.display().to_string();
    hub.say(&["publish", "--system", "yard", &file]);
    assert_eq!(number(&hub.settled(), "/sources/yard/events/routed"), 20, "it is recognised here as well");
    hub.say(&["publish", "--system", "yard", "--again", &file]);
    let status = hub.settled();
    assert_eq!(number(&status, "/sources/yard/events/routed"), 40);
    let messages = dock(&hub, 40).await;
    let ids: std::collections::BTreeSet<_> =
        messages.into_iter().map(|message| message.correlation_id).collect();
    assert_eq!(ids.len(), 40, "with ids of their own");
}

#[test]
fn a_file_that_is_still_being_written_is_not_taken() {
    let hub = small();
    hub.council.edit("systems/yard/system.toml", "settle = \"100ms\"", "complete = { marker = \".done\" }");
    hub.council.feed("yard/in", "growing.csv", yard_rows(2, 1).as_bytes());
    let mut hub = hub;
    hub.start();
    hub.wait_for("hub.ready");
    hub.council.feed("yard/in", "ready.csv", yard_rows(3, 1).as_bytes());
    hub.council.feed("yard/in", "ready.csv.done", b"");
    let finished = hub.wait_for("import.finished");
    assert_eq!(finished["label"], "ready.csv");
    let status = hub.json(&["status", "--json"]);
    assert_eq!(number(&status, "/sources/yard/mapped"), 3);
    assert!(hub.council.data().join("yard/in/growing.csv").is_file());
}
