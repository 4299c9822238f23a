//! A ledger that lost what it had recorded: an account does not add up any more, and that is said until it does again.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use postroom_broker::Broker;
use postroom_broker::memory::Server;
use postroom_council::Council;
use postroom_router::sums::{self, Checks, Told};
use postroom_router::{Halts, Publishing};
use postroom_telemetry as telemetry;
use postroom_tests::council::{TestCouncil, YARD_HEAD};
use serde_json::json;

use crate::simulation::{Simulated, connectors, until};
use crate::work::small_ready;

/// Rows of the yard: one is mapped, one is ignored by a rule, and no rule takes the last.
const ROWS: &str = "M,a,1,shelf,,\nS,a,2,shelf,,\nQ,a,3,shelf,,\n";
/// Checks in a row within which news is told, and without news where there is none.
const CHECKS: usize = 4;

/// What is lost, how it comes back from a copy, and what is said of it.
const LOSSES: [(&str, &str, &[&str]); 5] = [
    (
        "DELETE FROM ignored",
        "INSERT INTO ignored SELECT * FROM copy.ignored",
        &["yard: 3 records read, 2 accounted for"],
    ),
    (
        "DELETE FROM refused_record",
        "INSERT INTO refused_record SELECT * FROM copy.refused_record",
        &["yard: 3 records read, 2 accounted for"],
    ),
    (
        "DELETE FROM event",
        "INSERT INTO event SELECT * FROM copy.event",
        &["book: 0 dispatches, 1 more accounted for", "yard: 1 events published, 0 accounted for"],
    ),
    (
        "DELETE FROM receipt",
        "INSERT INTO receipt SELECT * FROM copy.receipt",
        &["book: 1 dispatches wait, 1 of them not in the lane"],
    ),
    // Of an event that was settled so long ago that nobody looks for what waits of it.
    (
        "DELETE FROM receipt; INSERT INTO settled SELECT 'book', max(id) FROM event",
        "INSERT INTO receipt SELECT * FROM copy.receipt; DELETE FROM settled",
        &["book: 1 dispatches wait, 1 of them not in the lane"],
    ),
];

/// Changes the ledger of a council behind the back of its hub.
fn meddle(council: &TestCouncil, sql: &str) {
    let script = "import sqlite3, sys\n\
                  connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)\n\
                  connection.executescript(sys.argv[2])\n\
                  connection.close()";
    let mut command = Command::new("python3");
    command.args(["-c", script]).arg(council.data().join("ledger.db")).arg(sql);
    assert!(command.status().unwrap().success(), "{sql}");
}

/// The ledger with a copy beside it, from which what is lost comes back.
fn from_copy(copy: &Path, sql: &str) -> String {
    format!("ATTACH '{}' AS copy; {sql}", copy.display())
}

/// What the hub checks.
fn ground(hub: &Simulated) -> Publishing {
    let council = Council::load(&hub.council.folder(), Some(&hub.council.data()), &connectors());
    let council = Arc::new(council.map_err(|problems| problems.len()).unwrap());
    let broker: Arc<dyn Broker> = Arc::new(hub.server.connect(&hub.council.prefix, "looker"));
    Publishing { council, ledger: hub.ledger.clone(), broker, halts: Halts::default() }
}

/// The news of the next checks; nothing moves between them, so that none has to be waited for.
async fn news(checks: &mut Checks, ground: &Publishing) -> Told {
    for _ in 0..CHECKS {
        let told = checks.check(ground).await.unwrap();
        if told != Told::Nothing {
            return told;
        }
    }
    Told::Nothing
}

/// How many lines of `event` this process has written.
fn logged(event: &str) -> u64 {
    let (text, head) =
        (telemetry::metrics_as_text(), format!("postroom_log_events_total{{event=\"{event}\"}} "));
    text.lines().find_map(|line| line.strip_prefix(&head)).map_or(0, |count| count.parse().unwrap())
}

/// The yard's rows are read, and what one of them came to has arrived.
async fn settled(hub: &Simulated) {
    hub.council.feed("yard/in", "moves.csv", format!("{YARD_HEAD}{ROWS}").as_bytes());
    until("the yard's batch", async || {
        let sums = hub.ledger.sums().await.unwrap();
        sums.sources.get("yard").is_some_and(|yard| (yard.batches_done, yard.events.routed) == (1, 1))
    })
    .await;
    hub.until_sums("book", "the book", |book| book.delivered == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_ledger_lost_is_an_error_in_the_log_once_and_its_return_is_told_too() {
    telemetry::keep_metrics().unwrap();
    let hub = Simulated::at_work(TestCouncil::small(), Server::new(), connectors()).await;
    settled(&hub).await;
    let copy = hub.council.data().join("copy.db");
    hub.ledger.backup(&copy).await.unwrap();
    let (ground, mut checks) = (ground(&hub), Checks::default());
    assert_eq!(news(&mut checks, &ground).await, Told::Nothing);
    for (lost, back, words) in LOSSES {
        let [differ, agree] = ["sums.differ", "sums.agree"].map(logged);
        meddle(&hub.council, lost);
        let words: Vec<String> = words.iter().map(|words| (*words).to_owned()).collect();
        let lines = words.len() as u64;
        assert_eq!(news(&mut checks, &ground).await, Told::Differ(words), "{lost}");
        assert_eq!(news(&mut checks, &ground).await, Told::Nothing, "{lost}: it is said once");
        meddle(&hub.council, &from_copy(&copy, back));
        assert_eq!(news(&mut checks, &ground).await, Told::Agree, "{back}");
        assert_eq!(news(&mut checks, &ground).await, Told::Nothing, "{back}: it is said once");
        assert_eq!(["sums.differ", "sums.agree"].map(logged), [differ + lines, agree + 1], "{lost}");
    }
    assert!(sums::differences(&hub.ledger.sums().await.unwrap(), |_| Some(0)).is_empty());
    hub.end().await;
}

#[test]
fn status_shows_what_does_not_add_up_and_of_whom_nobody_counts_what_they_publish() {
    let mut hub = small_ready();
    hub.council.feed("yard/in", "moves.csv", format!("{YARD_HEAD}{ROWS}").as_bytes());
    hub.wait_for("import.finished");
    assert_eq!(hub.settled()["publish_themselves"], json!(["shop"]));
    meddle(&hub.council, "DELETE FROM ignored; DELETE FROM event");
    let (records, events) =
        ("yard: 3 records read, 2 accounted for", "yard: 1 events published, 0 accounted for");
    let dispatches = "book: 0 dispatches, 1 more accounted for";
    let status = hub.json(&["status", "--json"]);
    assert_eq!(status["differences"], json!([records, events, dispatches]), "{status:#}");
    let said = hub.say(&["status"]);
    for words in [records, events, dispatches] {
        assert!(said.lines().any(|line| line == format!("DIFFERENCE: {words}")), "{said}");
    }
    let shop = said.lines().find(|line| line.trim_start().starts_with("shop ")).unwrap();
    assert!(shop.contains(" itself "), "{said}");
}
