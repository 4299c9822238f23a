//! What the hub itself holds of a person is shown to whom it concerns, and erased: from everything that the ledger keeps on disk, and
//! of nobody else; and once an older ledger is put back it tells what to erase again.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Output;

use postroom_event::EventKey;
use postroom_ledger::{Entry, EventOutcome};
use postroom_tests::council::{PARCEL, parcel_event};
use postroom_tests::hub::TestHub;
use serde_json::{Value, json};

use crate::work::{ledger, number, publish, publish_body, small, small_ready, until_number};

const SUBJECT: &str = "parcel:zebediah-8841";
const NAME: &str = "Zebediah Canary";
/// What no file of the ledger may hold once it is erased: values, the subject, and the ids of its events.
const PLANTED: [&str; 4] = [NAME, "07700 900123", "zebediah-8841", "of-zebediah"];
/// The files of the ledger.
const FILES: [&str; 3] = ["ledger.db", "ledger.db-wal", "ledger.db-shm"];

fn event(id: &str, change: impl Fn(&mut Value)) -> Value {
    let mut event = parcel_event(id, "zebediah-8841", 1);
    event["data"]["owner"] = json!(NAME);
    event["data"]["telephone"] = json!("07700 900123");
    change(&mut event);
    event
}

/// Plants a person into events that arrive, that are invalid with a subject and without one, and that are dead for two targets.
async fn plant(hub: &TestHub) {
    publish(hub, &[event("of-zebediah-1", |_| {})]).await;
    let invalid = event("of-zebediah-2", |event| event["data"]["number"] = json!(NAME));
    publish_body(hub, invalid.to_string().as_bytes()).await;
    let broken = event("of-zebediah-3", |_| {}).to_string().replace("\"data\":", "\"data\"");
    publish_body(hub, broken.as_bytes()).await;
    let dead = |event: &mut Value| event["data"]["place"] = json!(format!("a place with {NAME}"));
    publish(hub, &[event("of-zebediah-4", dead), parcel_event("of-another", "b", 7)]).await;
    until_number(hub, "/targets/book/dead", 1);
    until_number(hub, "/targets/dock/dead", 1);
    until_number(hub, "/targets/book/delivered", 2);
    until_number(hub, "/sources/shop/events/invalid", 2);
}

fn subject(hub: &TestHub, arguments: &[&str]) -> (Output, String) {
    let output = hub.run(&[&["subject", SUBJECT], arguments].concat());
    let said = [output.stdout.clone(), output.stderr.clone()].concat();
    (output, String::from_utf8_lossy(&said).into_owned())
}

/// The files of the ledger in which `text` stands.
fn found(hub: &TestHub, text: &str) -> Vec<&'static str> {
    let holds = |name: &&str| {
        let bytes = fs::read(hub.council.data().join(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).contains(text)
    };
    FILES.into_iter().filter(holds).collect()
}

#[tokio::test]
async fn what_is_held_of_a_person_is_shown_in_a_file_for_its_owner_alone_and_that_somebody_looked_is_kept() {
    let hub = small_ready();
    plant(&hub).await;
    let file = hub.council.data().join("export.json");
    let path = file.to_str().unwrap();
    let asked = ["export", "--json", "--to", path, "--reason", "request 7"];
    let (output, said) = subject(&hub, &asked);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("subject.exported") && said.contains("request 7"), "{said}");
    assert!(PLANTED[..2].iter().all(|value| !said.contains(value)), "{said}");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let document: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    let parts = ["events", "dead_letters", "invalid_events", "holds", "work_items", "mentions"];
    let counts = parts.map(|part| document[part].as_array().unwrap().len());
    assert_eq!(counts, [2, 2, 1, 0, 3, 1], "{document:#}");
    assert!(document["dead_letters"][0]["event"]["data"]["place"].as_str().unwrap().contains(NAME));
    assert!(document["invalid_events"].to_string().contains("of-zebediah-2"));
    assert_eq!(document["mentions"][0]["in"], "invalid-event", "what is no JSON claims nothing");
    assert!(!document.to_string().contains("of-zebediah-3"), "it may be somebody else's");
    assert_eq!(document["elsewhere"]["targets"]["book"]["deliveries"], 1);
    assert!(document["elsewhere"]["not_before"].as_i64().is_some());
    assert!(!document.to_string().contains("of-another"));
    let (again, said) = subject(&hub, &asked);
    assert!(!again.status.success() && said.contains("export.json"), "nothing is written over: {said}");
    let (listing, said) = subject(&hub, &["export", "--reason", "request 7"]);
    assert!(listing.status.success());
    for told in [NAME, "of-zebediah-2", "delivered to its queue", "dock had 1 delivery", "the journal"] {
        assert!(said.contains(told), "{told}: {said}");
    }
    let jobs = hub.json(&["jobs", "list", "--json"]);
    assert!(
        jobs.as_array()
            .unwrap()
            .iter()
            .any(|job| job["kind"] == "subject-export" && job["reason"] == "request 7")
    );
    let unknown = hub.run(&["subject", "parcel:nobody", "export", "--reason", "request 8"]);
    assert_eq!(unknown.status.code(), Some(1));
}

#[tokio::test]
async fn a_person_is_erased_from_all_that_the_ledger_keeps_on_disk_while_the_hub_runs() {
    let hub = small_ready();
    plant(&hub).await;
    hub.settled();
    for planted in PLANTED {
        assert!(!found(&hub, planted).is_empty(), "{planted} is planted");
    }
    let (refused, said) = subject(&hub, &["erase", "--reason", "request 7", "--yes"]);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("events: 2") && said.contains("postroom dead discard"), "{said}");
    let (before, another) = (hub.json(&["status", "--json"]), hub.say(&["trace", "parcel:b", "--json"]));

    let mention =
        &hub.json(&["invalid", "list", "--code", "not-json", "--json"])["events"][0]["id"].to_string();
    hub.say(&["invalid", "discard", mention, "--reason", "request 7", "--yes"]);
    let asked = ["erase", "--discard-open", "--mentions", "--reason", "request 7", "--yes"];
    let (erased, said) = subject(&hub, &asked);
    assert!(erased.status.success(), "{said}");
    assert!(said.contains("subject.erased") && said.contains("book had 1 delivery"), "{said}");
    for planted in PLANTED {
        assert_eq!(found(&hub, planted), [""; 0], "{planted}");
    }
    assert_eq!(found(&hub, "of-another").len(), 1, "what is looked for would be found");
    assert_eq!(hub.say(&["trace", "parcel:b", "--json"]), another);
    let after = hub.json(&["status", "--json"]);
    assert_eq!(after["sources"]["shop"]["events"], before["sources"]["shop"]["events"]);
    for target in ["book", "dock"] {
        let of = |status: &Value, what: &str| number(status, &format!("/targets/{target}/{what}"));
        for sum in ["dispatched", "delivered"] {
            assert_eq!(of(&after, sum), of(&before, sum), "{target} {sum}");
        }
        assert_eq!(["discarded", "dead", "waiting", "excess"].map(|sum| of(&after, sum)), [1, 0, 0, 0]);
    }

    publish(&hub, &[event("of-zebediah-1", |_| {}), parcel_event("of-another-2", "b", 8)]).await;
    let status =
        until_number(&hub, "/targets/book/delivered", number(&before, "/targets/book/delivered") + 1);
    assert_eq!(number(&status, "/sources/shop/events/duplicate"), 1, "what comes again is known");
    let erasures = hub.json(&["subject", SUBJECT, "erasures", "--json"]);
    assert_eq!(erasures[0]["in_this_ledger"], true);
    assert_eq!(hub.json(&["subject", "parcel:b", "erasures", "--json"]), json!([]));
}

#[tokio::test]
async fn a_ledger_from_before_that_is_put_back_tells_whom_to_erase_again() {
    let hub = small();
    fs::create_dir_all(hub.council.data()).unwrap();
    let copy = hub.council.data().join("copy.db");
    {
        let ledger = ledger(&hub).await;
        for (id, subject) in [("of-zebediah-1", SUBJECT), ("of-another", "parcel:b")] {
            ledger.record(vec![Entry::Event(outcome(id, subject))]).await.unwrap();
        }
        ledger.backup(&copy).await.unwrap();
    }
    let (erased, said) = subject(&hub, &["erase", "--reason", "request 7", "--yes"]);
    assert!(erased.status.success(), "{said}");
    assert_eq!(hub.run(&["subject", "erasures"]).status.code(), Some(0));
    for file in FILES {
        // Which of them are there is the database's own matter.
        let _ = fs::remove_file(hub.council.data().join(file));
    }
    fs::rename(&copy, hub.council.data().join("ledger.db")).unwrap();
    let told = hub.run(&["subject", "erasures"]);
    let words = String::from_utf8_lossy(&told.stdout);
    assert_eq!(told.status.code(), Some(1));
    assert!(
        words.contains(&format!("postroom subject {SUBJECT} erase")) && !words.contains("parcel:b"),
        "{words}"
    );
    let (again, said) = subject(&hub, &["erase", "--reason", "request 7", "--yes"]);
    assert!(again.status.success(), "{said}");
    assert_eq!(hub.run(&["subject", "erasures"]).status.code(), Some(0));
}

/// An event of the shop that nobody wants.
fn outcome(id: &str, subject: &str) -> EventOutcome {
    EventOutcome {
        key: EventKey::new("/systems/shop", id),
        system: "shop".into(),
        source: "/systems/shop".into(),
        id: id.to_owned(),
        event_type: PARCEL.into(),
        subject: subject.to_owned(),
        correlation: None,
        received_at: 1,
        dispatches: Vec::new(),
    }
}
