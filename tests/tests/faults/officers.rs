//! What an officer decides on dead letters, by the command line, while the hub runs.

use postroom_event::{DispatchId, EventKey};
use postroom_ledger::{DeadLetter, Dispatch, Entry, HeldDispatch, Reason, Whole};
use postroom_router::SOURCE_HEADER;
use postroom_tests::council::{PARCEL, TestCouncil, parcel_event};
use postroom_tests::hub::wire::structured;
use postroom_tests::hub::{TestHub, until};
use serde_json::{Value, json};

use crate::work::{dock, ledger, number, publish, shop_exchange, small, small_ready, until_number};

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
    let source = "/systems/shop";
    let letter = letter(source, target);
    let id = letter.dispatch.id;
    let entries = vec![Entry::Dead(letter), Entry::Blocks { dispatch: id, source: source.into() }];
    ledger(hub).await.record(entries).await.unwrap();
    id.to_string()
}

/// A dead letter of `source` for `target`, about parcel a.
fn letter(source: &str, target: &str) -> DeadLetter {
    let route = format!("parcel-to-{target}");
    let id = DispatchId::new(source, "dead-1", &route);
    DeadLetter {
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
    }
}

fn decide(hub: &TestHub, what: &str, id: &str) -> (bool, String) {
    said(hub, &["dead", what, id, "--reason", "mended", "--yes"])
}

/// Whether a command succeeds, and all that it says.
fn said(hub: &TestHub, arguments: &[&str]) -> (bool, String) {
    let output = hub.run(arguments);
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
    assert!(done && words.contains("discard 1 dead letter by lane.press"), "{words}");
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

const MESSAGE_SCHEMAS: [&str; 3] = ["dock", "book", "press"];

/// Lets the places of messages be as long as those of events.
fn mend_messages(hub: &TestHub) {
    for target in MESSAGE_SCHEMAS {
        let path = format!("systems/{target}/messages/parcel.schema.json");
        hub.council.edit(&path, "\"maxLength\":20", "\"maxLength\":99");
    }
}

/// An event whose place is too long for every target until the messages are mended.
fn far_away(id: &str, parcel: &str, number: u64) -> Value {
    let mut event = parcel_event(id, parcel, number);
    event["data"]["place"] = json!("a shelf in a hall far away");
    event
}

/// A hub that does not run, with one dead letter at each of its three kinds of target.
async fn three_dead() -> TestHub {
    three_dead_of(with_press()).await
}

async fn three_dead_of(mut hub: TestHub) -> TestHub {
    hub.start();
    hub.wait_for("hub.ready");
    publish(&hub, &[far_away("far", "a", 1)]).await;
    for target in MESSAGE_SCHEMAS {
        until_number(&hub, &format!("/targets/{target}/dead"), 1);
    }
    hub.stop();
    hub
}

#[tokio::test]
async fn a_redrive_is_previewed_with_the_configuration_as_it_is_and_then_reaches_every_kind_of_target() {
    let mut hub = three_dead().await;
    let redrive = ["dead", "redrive", "--code", "message", "--reason", "mended"];
    let (done, words) = said(&hub, &redrive);
    let expected = "3 dead letters: 0 would now be accepted by the target's schema, 3 would not\n  \
                    would not, because message: 3: /place: it is longer than 20 characters\nnothing to send again\n";
    assert_eq!((done, words.as_str()), (false, expected));

    mend_messages(&hub);
    let all = "3 dead letters: 3 would now be accepted by the target's schema, 0 would not\n";
    let (done, words) = said(&hub, &[&redrive[..4], &["--dry-run"]].concat());
    assert_eq!((done, words), (true, format!("{all}dry run: nothing was done\n")));
    let (done, words) = said(&hub, &redrive);
    let refusal = "postroom: nothing was done: there is no terminal to ask at, so say --yes\n";
    assert_eq!((done, words), (false, format!("{all}{refusal}")));
    let (done, words) = said(&hub, &[&redrive[..], &["--yes"]].concat());
    assert!(done, "{words}");
    for lease in ["ingress.shop", "lane.book", "lane.press"] {
        assert!(
            words.contains(&format!("redrive 1 dead letter by {lease}, at once when the hub runs")),
            "{words}"
        );
    }

    hub.start();
    let status = until_all_delivered(&hub);
    assert_eq!(dock(&hub, 1).await[0].body["place"], "a shelf in a hall far away");
    assert_eq!((printed(&hub), status["differences"].clone()), (vec![1], json!([])));
    let told = hub.say(&["trace", "far"]);
    assert!(
        told.contains("parcel-to-dock -> dock: sent again by") && told.contains(": mended (job "),
        "{told}"
    );
    let jobs = hub.json(&["jobs", "list", "--json"]);
    assert!(jobs.as_array().unwrap().iter().all(|job| job["state"] == "done"), "{jobs:#}");
}

/// Waits until each of the three targets has one dispatch.
fn until_all_delivered(hub: &TestHub) -> Value {
    for target in MESSAGE_SCHEMAS {
        until_number(hub, &format!("/targets/{target}/delivered"), 1);
    }
    hub.settled()
}

#[tokio::test]
async fn what_a_later_dispatch_went_past_is_left_and_listed_unless_stale_ones_are_asked_for() {
    let hub = with_press();
    let going_on = "after_dead_letter = \"continue\"\nmessage =";
    hub.council.edit("routes/parcel-to-dock/route.toml", "message =", going_on);
    let mut hub = three_dead_of(hub).await;
    mend_messages(&hub);
    hub.start();
    publish(&hub, &[parcel_event("near", "a", 2)]).await;
    until_number(&hub, "/targets/dock/delivered", 1);
    let redrive = ["dead", "redrive", "--target", "dock", "--reason", "late"];
    let (done, words) = said(&hub, &redrive);
    let expected = "1 dead letter: 0 would now be accepted by the target's schema, 0 would not, 1 overtaken\n  \
                    overtaken: 1: later events of the same subject went past (--stale sends all the same)\n\
                    nothing to send again\n";
    assert_eq!((done, words.as_str()), (false, expected));
    let (done, words) = said(&hub, &[&redrive[..], &["--stale", "--yes"]].concat());
    assert!(done, "{words}");
    until_number(&hub, "/targets/dock/delivered", 2);
    let read = dock(&hub, 2).await;
    assert_eq!((&read[0].body["number"], &read[1].body["number"]), (&json!(2), &json!(1)));
}

#[tokio::test]
async fn a_job_goes_on_where_it_stood_when_the_hub_was_killed_and_sends_nothing_twice() {
    let mut hub = with_press();
    hub.start();
    hub.wait_for("hub.ready");
    let events: Vec<_> =
        (1..=6).map(|number| far_away(&format!("far-{number}"), &format!("p{number}"), number)).collect();
    publish(&hub, &events).await;
    until_number(&hub, "/targets/press/dead", 6);
    hub.stop();
    mend_messages(&hub);
    let (done, words) =
        said(&hub, &["dead", "redrive", "--target", "press", "--reason", "mended", "--rate", "1/s", "--yes"]);
    assert!(done, "{words}");
    hub.start();
    until_number(&hub, "/targets/press/delivered", 2);
    hub.kill();
    assert_eq!(hub.json(&["jobs", "show", "1", "--json"])["state"], "running");
    hub.start();
    let told = hub.say(&["jobs", "show", "1", "--wait"]);
    assert!(told.contains("done 6 of 6") && told.contains("carried out 6, left as they were 0"), "{told}");
    until_number(&hub, "/targets/press/delivered", 6);
    assert_eq!(printed(&hub), [1, 2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn an_invalid_event_that_is_valid_now_goes_on_as_any_event_and_one_that_is_not_says_why() {
    let mut hub = small_ready();
    let mut nought = parcel_event("nought", "a", 1);
    nought["data"]["number"] = json!(0);
    let mut stray = parcel_event("stray", "b", 1);
    stray["source"] = json!("/systems/other");
    publish(&hub, &[nought, stray]).await;
    until_number(&hub, "/sources/shop/events/invalid", 2);
    hub.stop();
    let paths = ["dock", "book"].map(|target| format!("systems/{target}/messages/parcel.schema.json"));
    for path in paths.into_iter().chain([format!("schemas/{PARCEL}/schema.json")]) {
        hub.council.edit(&path, "\"minimum\":1", "\"minimum\":0");
    }
    let redrive = ["invalid", "redrive", "--system", "shop", "--all", "--reason", "mended", "--yes"];
    let (done, words) = said(&hub, &redrive);
    let expected = "2 invalid events: 1 would now be valid, 1 would not\n  would not, because source: 1: source: \
                    the CloudEvents source is not one that `shop` owns\n\
                    job 1: redrive 2 invalid events of shop, at once when the hub runs (postroom jobs show 1)\n";
    assert_eq!((done, words.as_str()), (true, expected));
    hub.start();
    let told = hub.say(&["jobs", "show", "1", "--wait"]);
    assert!(
        told.contains("carried out 1, left as they were 1") && told.contains("because source: 1"),
        "{told}"
    );
    let status = hub.settled();
    assert_eq!(
        status["sources"]["shop"]["events"],
        json!({"routed": 1, "no_route": 0, "invalid": 1, "duplicate": 0})
    );
    assert_eq!(dock(&hub, 1).await[0].body["number"], 0);
    let told = hub.say(&["trace", "nought"]);
    assert!(told.contains("taken from shop"), "{told}");
    let left = hub.json(&["invalid", "list", "--json"]);
    assert_eq!(
        (&left["events"][0]["code"], left["events"].as_array().map(Vec::len)),
        (&json!("source"), Some(1))
    );
    let id = left["events"][0]["id"].to_string();
    let (done, words) = said(&hub, &["invalid", "discard", &id, "--reason", "not ours", "--yes"]);
    assert!(done && words.contains("discarded 1 invalid event"), "{words}");
    let shown = hub.json(&["invalid", "show", &id, "--json"]);
    assert_eq!(
        (&shown["state"], &shown["decisions"][1]["reason"]),
        (&json!("discarded"), &json!("not ours"))
    );
}

#[tokio::test]
async fn a_sender_that_was_wrong_is_not_mended_by_a_redrive() {
    let mut hub = small_ready();
    let rabbit = postroom_tests::rabbitmq::Rabbit::shared();
    let wire = postroom_tests::hub::wire::Wire::open(rabbit.url()).await;
    let mut properties = structured("guest");
    properties = properties.with_priority(3);
    let body = parcel_event("forged", "a", 1).to_string();
    assert!(wire.publish(&shop_exchange(&hub), properties, body.as_bytes()).await);
    hub.wait_for("event.invalid");
    let (done, words) =
        said(&hub, &["invalid", "redrive", "--system", "shop", "--reason", "mended", "--yes"]);
    let expected = "1 invalid event: 0 would now be valid, 0 would not, 1 cannot be sent again\n  \
                    cannot be sent again, because by-its-sender: 1: who sent it, and how, cannot be mended here: \
                    its source publishes it again\nnothing to decide again\n";
    assert_eq!((done, words.as_str()), (false, expected));
}

#[tokio::test]
async fn lists_are_filtered_and_grouped_and_a_name_nobody_knows_is_an_error() {
    let hub = three_dead().await;
    let groups = hub.json(&["dead", "list", "--groups", "--json"]);
    let told: Vec<_> = groups.as_array().unwrap().iter().map(|group| &group["target"]).collect();
    assert_eq!(told, ["book", "dock", "press"]);
    assert_eq!((&groups[0]["code"], &groups[0]["count"]), (&json!("message"), &json!(1)));
    let count = |arguments: &[&str]| {
        let listed = hub.json(&[&["dead", "list", "--json"], arguments].concat());
        listed.as_array().unwrap().len()
    };
    assert_eq!(count(&["--target", "press", "--reason", "message", "--subject", "parcel:a"]), 1);
    assert_eq!(count(&["--since", "1h"]), 3);
    assert_eq!((count(&["--until", "1h"]), count(&["--state", "discarded"])), (0, 0));
    for (arguments, expected) in [
        (["--target", "pres"], "no target is called `pres`; did you mean `press`?"),
        (
            ["--route", "parcel-to-pres"],
            "no route is called `parcel-to-pres`; did you mean `parcel-to-press`?",
        ),
        (["--reason", "messages"], "no code of a dead letter is called `messages`; did you mean `message`?"),
    ] {
        let (done, words) = said(&hub, &[&["dead", "list"], &arguments[..]].concat());
        assert_eq!((done, words), (false, format!("postroom: {expected}\n")));
    }
    let (done, words) = said(&hub, &["invalid", "list", "--system", "shoop"]);
    assert_eq!(
        (done, words.as_str()),
        (false, "postroom: no system is called `shoop`; did you mean `shop`?\n")
    );
    let (done, words) = said(&hub, &["dead", "discard", "--reason", "all", "--yes"]);
    assert_eq!(
        (done, words.as_str()),
        (false, "postroom: name what you mean, by ids or by filters: see --help\n")
    );
    let (done, words) = said(&hub, &["dead", "discard", "--target", "dock", "--reason", "gone", "--dry-run"]);
    let expected = "1 dead letter would be given up for good: dock 1\n  \
                    1 hold their subjects up: what waits behind them goes on\ndry run: nothing was done\n";
    assert_eq!((done, words.as_str()), (true, expected));
}

#[tokio::test]
async fn holds_of_a_source_that_nobody_owns_any_more_are_told_before_they_wait_for_ever() {
    let hub = TestHub::new(TestCouncil::small(), "amqp://nowhere.invalid");
    std::fs::create_dir_all(hub.council.data()).unwrap();
    assert!(said(&hub, &["check", "--ledger"]).0);
    let (source, reason) =
        ("/systems/gone", Reason { code: "unconfirmed".into(), words: String::new(), detail: String::new() });
    let DeadLetter { dispatch, event, .. } = letter(source, "dock");
    let held = HeldDispatch {
        dispatch,
        source: source.into(),
        event,
        message: None,
        reason,
        attempts: 0,
        waits: 0,
        next_at: None,
        at: 1,
    };
    ledger(&hub).await.record(vec![Entry::Held(held)]).await.unwrap();
    let (well, words) = said(&hub, &["check", "--ledger"]);
    assert!(
        !well && words.contains("no system owns the source `/systems/gone` any more, and 1 held dispatch"),
        "{words}"
    );
}
