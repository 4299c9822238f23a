//! What an officer decides on dead letters, by the command line, while the hub runs.

use postroom_event::{DispatchId, EventKey};
use postroom_ledger::{DeadLetter, Dispatch, Entry, Reason, Whole};
use postroom_router::SOURCE_HEADER;
use postroom_tests::council::{PARCEL, parcel_event};
use postroom_tests::hub::{TestHub, until};
use serde_json::json;

use crate::work::{ledger, number, publish, small, until_number};

const PRESS: &str = r#"
title = "Press"
[target]
connector = "file"
[target.settings]
folder = "press/out"
name = "parcel-{batch}.jsonl"
format = { kind = "jsonl" }
"#;

/// The small council with a target whose lane delivers one by one.
fn with_press() -> TestHub {
    let hub = small();
    let folder = hub.council.folder();
    hub.council.write("systems/press/system.toml", PRESS);
    for (from, to) in [
        ("systems/dock/messages/parcel.schema.json", "systems/press/messages/parcel.schema.json"),
        ("routes/parcel-to-dock/mapping.vrl", "routes/parcel-to-press/mapping.vrl"),
    ] {
        hub.council.write(to, &std::fs::read_to_string(folder.join(from)).unwrap());
    }
    let route = format!("from = \"{PARCEL}\"\nto = \"press\"\nmessage = \"parcel\"\n");
    hub.council.write("routes/parcel-to-press/route.toml", &route);
    hub
}

/// Leaves a dead letter of `target` about parcel a in the ledger, which blocks its subject; its id.
async fn dead(hub: &TestHub, target: &str) -> String {
    let (source, route) = ("/systems/shop", format!("parcel-to-{target}"));
    let id = DispatchId::new(source, "dead-1", &route);
    let letter = DeadLetter {
        dispatch: Dispatch {
            id,
            event: EventKey::new(source, "dead-1"),
            route: route.as_str().into(),
            target: target.into(),
            event_type: PARCEL.into(),
            subject: "parcel:a".to_owned(),
        },
        reason: Reason { code: "refused".into(), words: "no".into(), detail: String::new() },
        failed_at: 1,
        attempts: 1,
        event: Whole {
            content_type: Some("application/cloudevents+json".to_owned()),
            headers: vec![(SOURCE_HEADER.to_owned(), source.to_owned())],
            body: parcel_event("dead-1", "a", 1).to_string().into_bytes(),
        },
        message: None,
    };
    let entries = vec![Entry::Dead(letter), Entry::Blocks { dispatch: id, source: source.into() }];
    ledger(hub).await.record(entries).await.unwrap();
    id.to_string()
}

fn decide(hub: &TestHub, what: &str, id: &str) -> (bool, String) {
    let output = hub.run(&["dead", what, id, "--reason", "mended"]);
    let words = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&words).into_owned())
}

/// A hub with a dead letter, and one event more about its subject, which is held.
async fn blocked() -> (TestHub, String) {
    let mut hub = with_press();
    std::fs::create_dir_all(hub.council.data()).unwrap();
    let id = dead(&hub, "press").await;
    hub.start();
    hub.wait_for("hub.ready");
    publish(&hub, &[parcel_event("event-2", "a", 2)]).await;
    until_number(&hub, "/targets/press/held", 1);
    (hub, id)
}

fn printed(hub: &TestHub) -> Vec<u64> {
    hub.council.outbox_lines("press/out").iter().map(|line| line["number"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn a_dead_letter_is_discarded_while_the_hub_runs_and_what_waits_behind_it_is_delivered() {
    let (hub, id) = blocked().await;
    let (done, words) = decide(&hub, "discard", &id);
    assert!(done && words.contains("1 dead letter of press"), "{words}");
    let status = until_number(&hub, "/targets/press/delivered", 1);
    assert_eq!((number(&status, "/targets/press/discarded"), printed(&hub)), (1, vec![2]));
    let (again, words) = decide(&hub, "discard", &id);
    assert!(!again && words.contains("is discarded already"), "{words}");
}

#[tokio::test]
async fn a_dead_letter_is_redriven_while_the_hub_runs_before_what_waits_behind_it() {
    let (hub, id) = blocked().await;
    let holds = hub.json(&["holds", "--target", "press", "--json"]);
    assert_eq!((&holds[0]["code"], &holds[0]["behind_dead_letter"]), (&json!("behind"), &json!(true)));
    let (done, words) = decide(&hub, "redrive", &id);
    assert!(done, "{words}");
    until("both to be printed", || (printed(&hub).len() == 2).then_some(()));
    assert_eq!(printed(&hub), [1, 2]);
}

#[tokio::test]
async fn a_dead_letter_of_a_target_without_such_a_lane_is_left_and_the_officer_is_told_why() {
    let hub = with_press();
    std::fs::create_dir_all(hub.council.data()).unwrap();
    let id = dead(&hub, "dock").await;
    let (done, words) = decide(&hub, "redrive", &id);
    assert!(!done && words.contains("`dock` has no lane"), "{words}");
}
