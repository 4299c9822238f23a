//! What operators do while the hub runs: pause, resume, back up, put back, remove; and what it tells them.

use std::fs;

use postroom_ledger::{Entry, JournalPlace};
use postroom_tests::council::{TestCouncil, parcel_event};
use postroom_tests::hub::{TestHub, until};
use postroom_tests::rabbitmq::Rabbit;
use serde_json::{Value, json};

use crate::work::{dock, ledger, number, publish, small, small_ready, until_number};

/// More looks than a lane or an ingress would need to go on.
const MORE_LOOKS: usize = 5;

fn pause(hub: &mut TestHub, system: &str) -> Value {
    hub.say(&["pause", system, "--reason", "an upgrade"]);
    hub.wait_for("pause.begun")
}

fn resume(hub: &mut TestHub, system: &str) -> Value {
    hub.say(&["resume", system, "--reason", "it is done"]);
    hub.wait_for("pause.over")
}

#[tokio::test]
async fn a_paused_source_is_not_taken_in_across_a_restart_until_it_is_resumed_and_who_and_why_are_said() {
    let mut hub = small_ready();
    let line = pause(&mut hub, "shop");
    assert_eq!((&line["system"], &line["reason"]), (&json!("shop"), &json!("an upgrade")));
    publish(&hub, &[parcel_event("event-1", "a", 1)]).await;
    until_number(&hub, "/ingress/shop/messages", 1);
    assert!(hub.stop().success());
    hub.start();
    hub.wait_for("pause.begun");
    hub.wait_for("hub.ready");
    for _ in 0..MORE_LOOKS {
        let status = hub.json(&["status", "--json"]);
        assert_eq!(number(&status, "/sources/shop/events/routed"), 0);
        assert_eq!(status["standing"]["pauses"][0]["reason"], "an upgrade");
    }
    let line = resume(&mut hub, "shop");
    assert_eq!(line["reason"], "it is done");
    hub.settled();
    assert_eq!(dock(&hub, 1).await.len(), 1);
    let again = hub.run(&["resume", "shop", "--reason", "twice"]);
    assert!(!again.status.success());
}

#[tokio::test]
async fn a_paused_target_gets_nothing_while_the_others_go_on_and_then_all_of_it() {
    let mut hub = small_ready();
    pause(&mut hub, "book");
    let events: Vec<_> =
        (1..=5).map(|number| parcel_event(&format!("event-{number}"), "a", number)).collect();
    publish(&hub, &events).await;
    assert_eq!(dock(&hub, 5).await.len(), 5);
    let status = until_number(&hub, "/targets/book/dispatched", 5);
    assert_eq!(number(&status, "/targets/book/delivered"), 0);
    resume(&mut hub, "book");
    assert_eq!(number(&hub.settled(), "/targets/book/delivered"), 5);
}

#[test]
fn a_policy_that_does_harm_to_a_queue_of_the_hub_is_shown_and_where_nobody_can_ask_it_says_so() {
    let (rabbit, management) = Rabbit::start_with_management();
    let hub = TestHub::ready(TestCouncil::small(), rabbit.url());
    assert!(hub.say(&["status"]).contains("policies on the broker: unchecked"));
    let broker = format!("[broker]\nmanagement_url = \"{management}\"\n");
    hub.council.edit("council.toml", "[broker]\n", &broker);
    let lane = format!("^{}lane\\.book$", hub.council.prefix.replace('.', r"\."));
    rabbit.ctl(&["set_policy", "stray", &lane, r#"{"delivery-limit": 2}"#, "--apply-to", "queues"]);
    let told = until("the policy to be told", || {
        let said = hub.say(&["status"]);
        said.contains("POLICY").then_some(said)
    });
    let line = format!("POLICY: the policy `stray` gives {}lane.book delivery-limit 2", hub.council.prefix);
    assert!(told.contains(&line), "{told}");
    assert!(!told.contains("guest:guest"), "{told}");
}

#[tokio::test]
async fn what_may_be_in_the_journal_alone_is_waited_for_and_named_until_the_journal_is_read() {
    let mut hub = small_ready();
    assert!(hub.stop().success());
    let place = JournalPlace { position: 0, at: 0, is_reading: true };
    let read = vec![Entry::JournalRead { system: "shop".to_owned(), place }];
    ledger(&hub).await.record(read).await.expect("recorded");
    let waited = hub.run(&["status", "--wait", "--timeout", "2s"]);
    let told = String::from_utf8_lossy(&waited.stdout);
    assert!(!waited.status.success() && told.contains("READING: the journal is read for"), "{told}");
    hub.start();
    hub.settled();
}

#[tokio::test]
async fn a_pause_with_an_end_is_over_by_itself() {
    let mut hub = small_ready();
    hub.say(&["pause", "book", "--until", "3s", "--reason", "an upgrade"]);
    hub.wait_for("pause.begun");
    publish(&hub, &[parcel_event("event-1", "a", 1)]).await;
    assert_eq!(hub.wait_for("pause.over")["reason"], "its time is over");
    hub.settled();
}

#[tokio::test]
async fn a_source_that_is_silent_for_too_long_is_said_once_shown_and_said_again_when_it_is_over() {
    let mut hub = small();
    hub.council.edit(
        "systems/shop/system.toml",
        "title = \"Shop\"",
        "title = \"Shop\"\nexpect_every = \"15s\"",
    );
    hub.start();
    hub.wait_for("hub.ready");
    assert_eq!(hub.wait_for("source.silent")["system"], "shop");
    let standing = hub.json(&["status", "--json"])["standing"].clone();
    assert!(standing["silent"].as_object().is_some_and(|silent| silent.contains_key("shop")), "{standing}");
    publish(&hub, &[parcel_event("event-1", "a", 1)]).await;
    hub.wait_for("source.heard");
    assert_eq!(hub.heard("source.silent"), 1);
}

#[tokio::test]
async fn a_ledger_that_was_put_back_halts_everything_until_somebody_accepts_it() {
    let mut hub = small_ready();
    publish(&hub, &[parcel_event("event-1", "a", 1)]).await;
    hub.settled();
    let copy = hub.council.data().join("copy.db");
    hub.say(&["ledger", "backup", &copy.display().to_string()]);
    assert!(hub.stop().success());
    for end in ["", "-wal", "-shm"] {
        // Which of them are there is the database's own matter.
        let _ = fs::remove_file(hub.council.data().join(format!("ledger.db{end}")));
    }
    fs::rename(&copy, hub.council.data().join("ledger.db")).unwrap();
    publish(&hub, &[parcel_event("event-2", "a", 2)]).await;
    hub.start();
    hub.wait_for("ledger.restored");
    for _ in 0..MORE_LOOKS {
        let status = hub.json(&["status", "--json"]);
        assert_eq!(number(&status, "/sources/shop/events/routed"), 1);
        assert_eq!(status["standing"]["restored"], true);
    }
    hub.say(&["ledger", "accept-restore"]);
    hub.wait_for("ledger.accepted");
    until_number(&hub, "/sources/shop/events/routed", 2);
    hub.settled();
}

#[tokio::test]
async fn a_system_for_which_dispatches_wait_cannot_be_removed_and_check_and_run_say_so_alike() {
    let mut hub = small_ready();
    pause(&mut hub, "book");
    publish(&hub, &[parcel_event("event-1", "a", 1)]).await;
    until_number(&hub, "/targets/book/dispatched", 1);
    assert!(hub.stop().success());
    for gone in ["systems/book", "routes/parcel-to-book"] {
        fs::remove_dir_all(hub.council.folder().join(gone)).unwrap();
    }
    assert!(hub.run(&["check"]).status.success(), "the text alone is right");
    for command in [&["check", "--ledger"][..], &["run"]] {
        let output = hub.run(command);
        let words = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{words}");
        assert!(words.contains("system `book` is no target any more, and 1 dispatch still wait"), "{words}");
    }
}
