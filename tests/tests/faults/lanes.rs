//! A lane whose target fails: what waits, what goes on, and in which order all of it arrives in the end.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use postroom_broker::memory::Server;
use postroom_connector::{
    ConnectorError, Failure, Handover, Receipt, Settings, SettingsError, Sink, SinkKind,
};
use postroom_ledger::{DeadFilter, NewJob, Pause, TargetSums};
use postroom_router::{DISCARD, LetterSet, REDRIVE, lease};
use postroom_tests::council::{PARCEL, TestCouncil};
use tokio::sync::watch;

use crate::simulation::{Simulated, connectors, until};

/// A target that answers as it is told, and remembers what it took: parcel and number, in their order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Till {
    fails: Arc<Mutex<HashMap<String, Failure>>>,
    crashes: Arc<Mutex<HashSet<String>>>,
    asked: Arc<AtomicU64>,
    took: Arc<Mutex<Vec<(String, u64)>>>,
    shut: Arc<watch::Sender<Shut>>,
}

/// What it neither takes nor answers.
#[derive(Debug, Clone, Default)]
enum Shut {
    #[default]
    Nothing,
    Everything,
    About(String),
}

impl Till {
    pub(crate) fn fail(&self, parcel: &str, failure: Failure) {
        self.fails.lock().unwrap().insert(format!("parcel:{parcel}"), failure);
    }

    /// Whatever tries to hand it something about `parcel` crashes.
    pub(crate) fn crash(&self, parcel: &str) {
        self.crashes.lock().unwrap().insert(format!("parcel:{parcel}"));
    }

    /// How often it was asked to take something.
    pub(crate) fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    /// From now on it takes nothing and answers nothing, until [`Self::open`].
    pub(crate) fn shut(&self) {
        self.shut.send_replace(Shut::Everything);
    }

    /// From now on it takes everything but what is about `parcel`, until [`Self::open`].
    fn open_but(&self, parcel: &str) {
        self.shut.send_replace(Shut::About(format!("parcel:{parcel}")));
    }

    pub(crate) fn open(&self) {
        self.shut.send_replace(Shut::Nothing);
    }

    pub(crate) fn heal(&self) {
        self.fails.lock().unwrap().clear();
    }

    pub(crate) fn took(&self) -> Vec<(String, u64)> {
        self.took.lock().unwrap().clone()
    }

    pub(crate) fn numbers(&self, parcel: &str) -> Vec<u64> {
        let took = self.took().into_iter().filter(|(about, _)| *about == format!("parcel:{parcel}"));
        took.map(|(_, number)| number).collect()
    }
}

impl SinkKind for Till {
    fn name(&self) -> &'static str {
        "till"
    }

    fn check(&self, _settings: &Settings) -> Result<(), SettingsError> {
        Ok(())
    }

    fn build(&self, _settings: &Settings) -> Result<Box<dyn Sink>, SettingsError> {
        Ok(Box::new(self.clone()))
    }
}

#[async_trait]
impl Sink for Till {
    async fn deliver(&self, handover: &Handover) -> Result<Receipt, ConnectorError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let is_open = |shut: &Shut| match shut {
            Shut::Nothing => true,
            Shut::Everything => false,
            Shut::About(subject) => handover.items.iter().all(|item| item.subject != *subject),
        };
        self.shut.subscribe().wait_for(is_open).await.unwrap();
        for item in &handover.items {
            assert!(!self.crashes.lock().unwrap().contains(&item.subject), "the till is told to crash");
            if let Some(failure) = self.fails.lock().unwrap().get(&item.subject) {
                // It says no to what the message means.
                return Err(ConnectorError::new(*failure, "the till says no", "").business());
            }
            let number = item.message["number"].as_u64().unwrap();
            self.took.lock().unwrap().push((item.subject.clone(), number));
        }
        Ok(Receipt::default())
    }
}

/// The small council with the till, whose route says `more` about failure.
pub(crate) fn council(more: &str) -> TestCouncil {
    let council = TestCouncil::small();
    council.edit("council.toml", "[limits]\n", "[limits]\nin_place = \"200ms\"\n");
    council.write("systems/till/system.toml", "title = \"Till\"\n[target]\nconnector = \"till\"\n");
    let schema = std::fs::read_to_string(council.folder().join("systems/dock/messages/parcel.schema.json"));
    council.write("systems/till/messages/parcel.schema.json", &schema.unwrap());
    let route = format!("from = \"{PARCEL}\"\nto = \"till\"\nmessage = \"parcel\"\n{more}\n");
    council.write("routes/parcel-to-till/route.toml", &route);
    let mapping = "{ \"number\": .number, \"place\": .place, \"parcel\": %subject }\n";
    council.write("routes/parcel-to-till/mapping.vrl", mapping);
    council
}

pub(crate) async fn start(till: &Till, more: &str) -> Simulated {
    Simulated::at_work(council(more), Server::new(), connectors().with_sink(till.clone())).await
}

/// The pause of the till in [`with_till_paused`].
pub(crate) fn pause() -> Pause {
    Pause {
        system: "till".to_owned(),
        since: 1,
        until: None,
        actor: "an officer".to_owned(),
        reason: "so that nothing leaves its lane".to_owned(),
    }
}

/// The hub at work on a ledger in which the till is paused: one that starts knows it at once.
pub(crate) async fn with_till_paused(till: &Till) -> Simulated {
    let hub = start(till, "").await;
    hub.ledger.pause(pause()).await.unwrap();
    restarted(hub, till).await
}

pub(crate) async fn restarted(hub: Simulated, till: &Till) -> Simulated {
    let (council, server) = hub.stopped().await;
    Simulated::at_work(council, server, connectors().with_sink(till.clone())).await
}

/// Waits until the sums of the till are as `look` wants them.
pub(crate) async fn sums(hub: &Simulated, what: &str, look: impl Fn(&TargetSums) -> bool) {
    hub.until_sums("till", what, look).await;
}

/// Retries that a test can wait for.
const SOON: &str = "retry = [\"100ms\", \"100ms\", \"100ms\", \"1h\"]";

#[tokio::test(flavor = "multi_thread")]
async fn a_dispatch_refused_for_good_holds_its_subject_over_a_restart_and_delays_no_other() {
    let till = Till::default();
    till.fail("a", Failure::Permanent);
    let hub = start(&till, "").await;
    hub.put_about("a1", "a", 1);
    hub.put_about("a2", "a", 2);
    hub.put_about("b1", "b", 3);
    sums(&hub, "b delivered, a held", |till| (till.delivered, till.dead, till.held) == (1, 1, 1)).await;
    till.heal();
    let hub = restarted(hub, &till).await;
    hub.put_about("a3", "a", 4);
    hub.put_about("b2", "b", 5);
    sums(&hub, "a3 behind a2", |till| (till.delivered, till.dead, till.held) == (2, 1, 2)).await;
    assert_eq!((till.numbers("a"), till.numbers("b")), (vec![], vec![3, 5]));
    let dead = hub.ledger.dead_list(&DeadFilter::default(), 10).await.unwrap();
    assert_eq!((dead[0].code.as_str(), dead[0].attempts), ("refused", 1));
    hub.stopped().await;
}

/// A job on every open dead letter, for the holder of `lease`.
pub(crate) async fn decide(hub: &Simulated, kind: &str, lease: String) {
    let dead = hub.ledger.dead_list(&DeadFilter::default(), 10).await.unwrap();
    let open = dead.iter().filter(|row| row.state == "open");
    let dispatches: Vec<_> = open.map(|row| row.dispatch).collect();
    assert!(!dispatches.is_empty());
    let job = NewJob {
        kind: kind.to_owned(),
        target: lease,
        params: serde_json::to_value(LetterSet { dispatches, rate: 100, stale: false }).unwrap(),
        actor: "an officer".to_owned(),
        reason: "the till was mended".to_owned(),
        at: 1,
    };
    hub.ledger.submit(job).await.unwrap();
}

/// The head of `a` is dead, two more of it are held, and the till takes them again.
async fn blocked(till: &Till) -> Simulated {
    till.fail("a", Failure::Permanent);
    let hub = start(till, "").await;
    for number in 1..=3 {
        hub.put_about(&format!("a{number}"), "a", number);
    }
    sums(&hub, "a held", |till| (till.dead, till.held) == (1, 2)).await;
    till.heal();
    hub
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_that_is_redriven_goes_first_and_its_subject_behind_it() {
    let till = Till::default();
    let hub = blocked(&till).await;
    decide(&hub, REDRIVE, lease::of_lane("till")).await;
    sums(&hub, "all of a", |till| (till.delivered, till.held, till.dead) == (3, 0, 0)).await;
    assert_eq!(till.numbers("a"), [1, 2, 3]);
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redriven_dead_letter_that_fails_again_stays_first_over_a_restart() {
    let till = Till::default();
    till.fail("a", Failure::Permanent);
    let hub = start(&till, "retry = [\"1s\", \"1s\", \"1s\"]").await;
    for number in 1..=3 {
        hub.put_about(&format!("a{number}"), "a", number);
    }
    sums(&hub, "a held", |till| (till.dead, till.held) == (1, 2)).await;
    till.fail("a", Failure::Transient);
    decide(&hub, REDRIVE, lease::of_lane("till")).await;
    until("the first to wait again", async || {
        hub.ledger.holds("till").await.unwrap().iter().any(|hold| hold.next_at.is_some())
    })
    .await;
    till.heal();
    let hub = restarted(hub, &till).await;
    sums(&hub, "all of a", |till| (till.delivered, till.held, till.dead) == (3, 0, 0)).await;
    assert_eq!(till.numbers("a"), [1, 2, 3]);
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_behind_a_dead_letter_goes_on_when_it_is_discarded() {
    let till = Till::default();
    let hub = blocked(&till).await;
    decide(&hub, DISCARD, lease::of_lane("till")).await;
    sums(&hub, "the others", |till| (till.delivered, till.held, till.discarded) == (2, 0, 1)).await;
    assert_eq!(till.numbers("a"), [2, 3]);
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_that_goes_on_after_a_dead_letter_delivers_what_comes_behind_it() {
    let till = Till::default();
    till.fail("a", Failure::Permanent);
    let hub = start(&till, "after_dead_letter = \"continue\"").await;
    hub.put_about("a1", "a", 1);
    sums(&hub, "the dead letter", |till| till.dead == 1).await;
    till.heal();
    hub.put_about("a2", "a", 2);
    sums(&hub, "what comes behind", |till| (till.delivered, till.held) == (1, 0)).await;
    assert_eq!(till.numbers("a"), [2]);
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subject_that_fails_is_held_and_released_in_order_once_the_target_takes_it() {
    let till = Till::default();
    till.fail("a", Failure::Transient);
    let hub = start(&till, SOON).await;
    for number in 1..=3 {
        hub.put_about(&format!("a{number}"), "a", number);
    }
    hub.put_about("b1", "b", 9);
    sums(&hub, "b delivered, a held", |till| (till.delivered, till.held) == (1, 3)).await;
    hub.put_about("a4", "a", 4);
    sums(&hub, "a4 behind the others", |till| till.held == 4).await;
    till.heal();
    sums(&hub, "all of a", |till| (till.delivered, till.held, till.dead) == (5, 0, 0)).await;
    hub.put_about("a5", "a", 5);
    sums(&hub, "a5", |till| till.delivered == 6).await;
    assert_eq!(till.numbers("a"), [1, 2, 3, 4, 5]);
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_ends_after_its_session_is_written_and_not_made_again() {
    let till = Till::default();
    let hub = start(&till, "").await;
    till.shut();
    hub.put_about("first", "a", 1);
    hub.put_about("second", "b", 2);
    until("both to be under way", async || till.asked() == 2).await;
    hub.server.cut();
    till.open_but("b");
    sums(&hub, "the first to be written, and its ack to fail", |till| till.delivered == 1).await;
    till.open();
    sums(&hub, "the second to be written", |till| till.delivered == 2).await;
    hub.put_about("third", "b", 3);
    sums(&hub, "the next session to deliver", |till| till.delivered == 3).await;
    assert_eq!((till.numbers("a"), till.numbers("b"), till.asked()), (vec![1], vec![2, 3], 3));
    hub.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_survives_a_restart_and_is_released_in_order() {
    let till = Till::default();
    till.fail("a", Failure::Unknown);
    let hub = start(&till, SOON).await;
    for number in 1..=3 {
        hub.put_about(&format!("a{number}"), "a", number);
    }
    sums(&hub, "a held", |till| till.held == 3).await;
    till.heal();
    let hub = restarted(hub, &till).await;
    hub.put_about("a4", "a", 4);
    sums(&hub, "all of a", |till| (till.delivered, till.held, till.dead) == (4, 0, 0)).await;
    assert_eq!(till.numbers("a"), [1, 2, 3, 4]);
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dispatch_whose_schedule_ran_out_is_a_dead_letter_with_its_attempts() {
    let till = Till::default();
    till.fail("a", Failure::Transient);
    let hub = start(&till, "retry = [\"50ms\", \"50ms\"]").await;
    hub.put_about("a1", "a", 1);
    sums(&hub, "the dead letter", |till| (till.dead, till.held) == (1, 0)).await;
    let dead = hub.ledger.dead_list(&DeadFilter::default(), 10).await.unwrap();
    assert_eq!(dead[0].code, "exhausted");
    let shown = hub.ledger.dead_show(dead[0].dispatch).await.unwrap().unwrap();
    assert_eq!(shown.attempts.len() as u64, u64::try_from(dead[0].attempts).unwrap());
    assert!(shown.attempts.iter().all(|attempt| attempt.words == "the till says no"));
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_is_down_costs_a_backlog_and_never_a_dead_letter() {
    let till = Till::default();
    let parcels = ["a", "b", "c"];
    parcels.iter().for_each(|parcel| till.fail(parcel, Failure::Down));
    let hub = start(&till, "retry = [\"50ms\"]").await;
    for number in 1..=4 {
        for parcel in parcels {
            hub.put_about(&format!("{parcel}{number}"), parcel, number);
        }
    }
    sums(&hub, "everything on its way", |till| till.dispatched == 12).await;
    till.heal();
    sums(&hub, "all of it", |till| (till.delivered, till.held, till.dead) == (12, 0, 0)).await;
    for parcel in parcels {
        assert_eq!(till.numbers(parcel), [1, 2, 3, 4]);
    }
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_queue_of_a_lane_refuses_is_held_and_arrives_in_order_and_delays_no_other_target() {
    let till = Till::default();
    let hub = start(&till, "").await;
    hub.server.limit(&hub.name("lane.till"), 0);
    for (id, parcel, number) in [("a1", "a", 1), ("a2", "a", 2), ("b1", "b", 3)] {
        hub.put_about(id, parcel, number);
    }
    sums(&hub, "all to be held", |till| till.held == 3).await;
    until("the book", async || hub.delivered("book").await == 3).await;
    hub.server.unlimit(&hub.name("lane.till"));
    hub.put_about("a3", "a", 4);
    sums(&hub, "all of it", |till| (till.delivered, till.held, till.dead) == (4, 0, 0)).await;
    assert_eq!((till.numbers("a"), till.numbers("b")), (vec![1, 2, 4], vec![3]), "each once and in order");
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_lane_has_goes_before_what_its_queue_refused_over_a_kill() {
    let till = Till::default();
    till.shut();
    let hub = start(&till, "").await;
    hub.put_about("a1", "a", 1);
    until("the till to be asked", async || till.asked() == 1).await;
    hub.server.limit(&hub.name("lane.till"), 0);
    hub.put_about("a2", "a", 2);
    sums(&hub, "the second to be held", |till| till.held == 1).await;
    let (council, server) = hub.killed().await;
    let hub = Simulated::at_work(council, server, connectors().with_sink(till.clone())).await;
    until("the till to be asked again", async || till.asked() == 2).await;
    till.open();
    sums(&hub, "the first", |till| (till.delivered, till.held) == (1, 1)).await;
    hub.server.unlimit(&hub.name("lane.till"));
    sums(&hub, "the second", |till| (till.delivered, till.held) == (2, 0)).await;
    assert_eq!(till.numbers("a"), [1, 2]);
    hub.stopped().await;
}
