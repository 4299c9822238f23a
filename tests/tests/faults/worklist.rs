//! The work list of officers: what is an item, what they do about it, and that it is told once whatever dies.

use std::collections::BTreeSet;

use postroom_broker::memory::Server;
use postroom_connector::Failure;
use postroom_ledger::{DeadFilter, WorkFilter};
use postroom_router::{DISCARD, FailPoint, business_reasons, lease};
use postroom_tests::council::{TestCouncil, house, parcel_event};
use postroom_tests::hub::{TestHub, until};
use serde_json::{Value, json};

use crate::lanes::{self, Till, decide};
use crate::simulation::{Simulated, connectors};
use crate::work::{number, publish, publish_body, small};

/// A place that no message has room for, and no word of the hub may say.
const STRANGE: &str = "zebediah lives in a house with a long name";
/// The types of the hub's own events, and what each is called as a message.
const TOLD: [(&str, &str); 2] = [("raised", "null"), ("settled", ".outcome")];
const OFFICERS: &str = r#"
title = "Officers"
[target]
connector = "file"
[target.settings]
folder = "officers/out"
name = "work-{batch}.jsonl"
format = { kind = "jsonl" }
[target.batch]
every = "300ms"
"#;

/// Officers who are told of each item, in words of at most so many characters.
fn with_officers(council: &TestCouncil, longest: u64) {
    council.write("systems/officers/system.toml", OFFICERS);
    let text = |longest: u64| json!({"type": "string", "maxLength": longest, "description": "A text.", "x-class": "none"});
    let message = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema", "description": "An item.", "type": "object",
        "additionalProperties": false, "required": ["item", "kind", "system", "code", "words"],
        "properties": {
            "item": text(100), "kind": text(100), "system": text(100), "code": text(100), "words": text(longest),
            "outcome": text(100),
        },
    });
    council.write("systems/officers/messages/item.schema.json", &message.to_string());
    for (happened, outcome) in TOLD {
        let schema = house().join(format!("schemas/work.item.{happened}.v1"));
        for file in ["schema.json", "valid/minimal.json", "invalid/unknown-kind.json"] {
            let text = std::fs::read_to_string(schema.join(file)).expect("a file of the vocabulary");
            council.write(&format!("schemas/work.item.{happened}.v1/{file}"), &text);
        }
        let route = format!("from = \"work.item.{happened}.v1\"\nto = \"officers\"\nmessage = \"item\"\n");
        council.write(&format!("routes/{happened}-to-officers/route.toml"), &route);
        let mapping = format!(
            "merge(compact({{ \"outcome\": {outcome} }}), {{ \"item\": .item, \"kind\": .kind, \"system\": .system, \
             \"code\": .code, \"words\": .words }})\n"
        );
        council.write(&format!("routes/{happened}-to-officers/mapping.vrl"), &mapping);
    }
}

/// What the officers were told, once there are so many lines.
fn told(hub: &TestHub, least: usize) -> Vec<Value> {
    until("what the officers are told", || {
        let lines = hub.council.outbox_lines("officers/out");
        (lines.len() >= least).then_some(lines)
    })
}

fn items(hub: &TestHub) -> Vec<Value> {
    hub.json(&["worklist", "--format", "json"]).as_array().expect("a list").clone()
}

#[tokio::test]
async fn what_needs_an_officer_is_told_once_also_when_the_hub_dies_before_its_ledger_knows_that_it_was() {
    let mut hub = small();
    with_officers(&hub.council, 500);
    hub.through = vec!["env".to_owned(), format!("POSTROOM_FAIL_AT={}", FailPoint::WorkPublished.name())];
    hub.start();
    hub.wait_for("hub.ready");
    let mut long = parcel_event("long", "a", 1);
    long["data"]["place"] = json!(STRANGE);
    publish(&hub, &[long]).await;
    hub.ended();
    hub.through.clear();
    hub.start();
    hub.wait_for("hub.ready");
    let mut wrong = parcel_event("wrong", "b", 2);
    wrong["data"]["number"] = json!("two");
    publish(&hub, &[wrong]).await;
    publish_body(&hub, b"no event at all").await;
    told(&hub, 3);
    let status = hub.settled();
    let lines = told(&hub, 3);
    let what: BTreeSet<_> =
        lines.iter().map(|line| (line["kind"].as_str(), line["system"].as_str())).collect();
    let expected = [("dead-letter", "book"), ("dead-letter", "dock"), ("invalid-event", "shop")];
    assert_eq!((lines.len(), what), (3, expected.map(|(kind, system)| (Some(kind), Some(system))).into()));
    assert!(number(&status, "/sources/postroom/events/duplicate") >= 1, "it was told again: {status:#}");
    assert_eq!(status["exceptions"], json!({"business": 3, "technical": 1}));
    let list = items(&hub);
    assert_eq!(list.len(), 3);
    let all = format!(
        "{lines:?} {list:?} {} {}",
        hub.say(&["worklist"]),
        hub.say(&["worklist", "--format", "csv"])
    );
    assert!(!all.contains("zebediah"), "{all}");
    let technical = hub.json(&["invalid", "list", "--concern", "technical", "--json"]);
    assert_eq!(
        (&technical["events"][0]["code"], technical["events"].as_array().map(Vec::len)),
        (&json!("not-json"), Some(1))
    );
    assert_eq!(hub.json(&["dead", "list", "--concern", "technical", "--json"]), json!([]));
    settle(&hub, &list);
}

/// An officer takes the first item, and settles all; each is told.
fn settle(hub: &TestHub, list: &[Value]) {
    let id = |item: &Value| item["id"].as_str().expect("an id").to_owned();
    hub.say(&["worklist", "take", &id(&list[0]), "--by", "Ada"]);
    let who = |item: &Value| item["taken_by"].as_str().unwrap_or_default().to_owned();
    assert_eq!(items(hub).iter().map(who).collect::<Vec<_>>(), ["Ada", "", ""]);
    hub.say(&["worklist", "release", &id(&list[0])]);
    for item in list {
        assert!(hub.say(&["worklist", "show", &id(item)]).contains(item["code"].as_str().expect("a code")));
        hub.say(&["worklist", "done", &id(item), "--reason", "corrected by hand", "--yes"]);
    }
    until("the list to be empty", || items(hub).is_empty().then_some(()));
    let settled = told(hub, 6);
    let outcomes: Vec<_> = settled.iter().skip(3).map(|line| line["outcome"].as_str()).collect();
    assert_eq!((settled.len(), outcomes), (6, vec![Some("discarded"); 3]));
    assert_eq!(hub.settled()["exceptions"]["business"], 0);
}

#[test]
fn records_that_are_refused_are_one_item_of_their_file_until_somebody_has_looked() {
    let mut hub = small();
    hub.start();
    hub.wait_for("hub.ready");
    let rows = format!("{}Q,a,1,shelf,,\nM,a,2,shelf,,\nQ,a,3,shelf,,\n", postroom_tests::council::YARD_HEAD);
    hub.council.feed("yard/in", "moves.csv", rows.as_bytes());
    hub.wait_for("import.finished");
    let list = items(&hub);
    let [item] = list.as_slice() else { panic!("{list:#?}") };
    let words = item["words"].as_str().expect("words");
    assert!(words.starts_with("moves.csv: 2 records were refused, the first in line 2: "), "{words}");
    let id = item["id"].as_str().expect("an id");
    assert!(hub.say(&["worklist", "show", id]).contains("line 4: no-rule"));
    hub.say(&["worklist", "done", id, "--reason", "the yard sends it again", "--yes"]);
    assert_eq!(items(&hub), [json!(null); 0]);
    let shown = hub.json(&["worklist", "show", id, "--json"]);
    assert_eq!(shown["decisions"][0]["reason"], "the yard sends it again");
    assert!(!hub.run(&["worklist", "done", id, "--reason", "again", "--yes"]).status.success());
    assert_eq!(hub.settled()["sources"].get("postroom"), None, "nobody is told where no route asks");
}

/// The council of the till with officers.
async fn with_till(till: &Till, longest: u64) -> Simulated {
    let council = lanes::council("");
    with_officers(&council, longest);
    Simulated::at_work(council, Server::new(), connectors().with_sink(till.clone())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_target_says_no_to_is_raised_and_is_settled_when_it_is_given_up() {
    let till = Till::default();
    till.fail("a", Failure::Permanent);
    let hub = with_till(&till, 500).await;
    hub.put_about("a1", "a", 1);
    hub.until_sums("officers", "the item", |officers| officers.delivered == 1).await;
    decide(&hub, DISCARD, lease::of_lane("till")).await;
    hub.until_sums("officers", "its end", |officers| officers.delivered == 2).await;
    let lines = hub.council.outbox_lines("officers/out");
    let told = |line: &Value| (line["words"].clone(), line["outcome"].clone());
    let words = json!("the till says no");
    assert_eq!(
        lines.iter().map(told).collect::<Vec<_>>(),
        [(words.clone(), json!(null)), (words, json!("discarded"))]
    );
    assert_eq!(hub.ledger.work_untold().await.unwrap(), 0);
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_that_the_officers_cannot_be_told_of_raises_no_further_item() {
    let till = Till::default();
    for parcel in ["a", "b"] {
        till.fail(parcel, Failure::Permanent);
    }
    let hub = with_till(&till, 3).await;
    for (dead, parcel) in [(1, "a"), (2, "b")] {
        hub.put_about(parcel, parcel, dead);
        hub.until_sums("officers", "what is too long for them", |officers| officers.dead == dead).await;
    }
    let sums = hub.until_routed("postroom", 2).await;
    assert_eq!((sums.sources["postroom"].events.routed, sums.targets["officers"].dispatched), (2, 2));
    let list = hub.ledger.work_list(&business_reasons(), &WorkFilter::default(), 10).await.unwrap();
    assert!(list.len() == 2 && list.iter().all(|item| item.system == "till"), "{list:?}");
    assert_eq!(
        hub.ledger.dead_list(&DeadFilter::default(), 10).await.unwrap().len(),
        4,
        "they are an operator's"
    );
    hub.stopped().await;
}
