//! Two hubs on one broker and one ledger on a server: one of them works at a place, and the other takes over, whatever
//! was in flight to an HTTP target, in its batches and in its holds.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use postroom_event::DispatchId;
use postroom_ledger::{Ledger, LedgerUrl, Place, TargetSums};
use postroom_tests::council::yard_rows;
use postroom_tests::http_target::TestTarget;
use postroom_tests::http_target::oracle::Asked;
use postroom_tests::http_target::orders::{Does, Order};
use postroom_tests::hub::wire::Arrived;
use postroom_tests::hub::{DEADLINE, TestHub, until};
use tokio::time::{interval, timeout};

use crate::postgres::Server;
use crate::rig::{LOOK_EVERY, PATIENT, add_target, assert_in_order, http_target, landed, landed_again};
use crate::work::{
    assert_booked_once_and_in_order, assert_docked_in_order, dock, number, small, until_number,
};

/// Rows of one import, and the parcels that they are about.
const ROWS: u64 = 2_000;
const PARCELS: u64 = 97;
/// In this time what a killed hub did is done by another.
const TAKEN_OVER_WITHIN: Duration = Duration::from_secs(15);
/// Every lease of a hub for the council.
const LEASES: [&str; 5] = ["hub", "ingress.shop", "ingress.yard", "lane.book", "lane.till"];
/// Attempts at the till at the same time.
const AT_ONCE: usize = 8;
/// What the till takes before it keeps the hub waiting.
const TAKEN: u64 = ROWS / 8;
/// Parcels of which it takes nothing meanwhile, and when it asks to come back: later than it is tried in place, so that
/// they are held at once.
const HELD: [&str; 3] = ["parcel:1", "parcel:2", "parcel:3"];
const BACK_AFTER_SECONDS: u64 = 3;
const IN_PLACE: &str = "2s";
/// How long the till takes for the answers that its hub hears when it wakes, in milliseconds: it must be asleep by then.
const LATE_MILLISECONDS: u64 = 15_000;

/// Two hubs, ready, of which the first has every lease; and a target that fails as it is told.
struct Pair {
    first: TestHub,
    second: TestHub,
    till: TestTarget,
    ledger: Ledger,
    _server: Server,
}

impl Pair {
    async fn start() -> Self {
        let (server, mut first, till) = (Server::start(), small(), http_target());
        let limits = format!("[limits]\nin_place = \"{IN_PLACE}\"\n");
        first.council.edit("council.toml", "[limits]\n", &limits);
        let settings = format!("timeout = \"{PATIENT}\"\nconcurrency = {AT_ONCE}\n");
        add_target(&first.council, "till", &till, &settings);
        let soon = vec!["\"1s\""; 90].join(", ");
        first.council.edit("routes/parcel-to-till/route.toml", "\"1h\"", &soon);
        let url = server.database();
        first.ledger = Some(url.clone());
        let second = first.beside();
        first.start();
        first.wait_for("hub.ready");
        let ledger = Ledger::open_at(&Place::Url(LedgerUrl::new(url))).await.expect("the ledger");
        let mut pair = Self { first, second, till, ledger, _server: server };
        until_found("the first to have every lease", async || pair.holders().await.len() == LEASES.len())
            .await;
        pair.second.start();
        pair.second.wait_for("hub.ready");
        pair
    }

    /// Who holds which lease, by its how manieth taking.
    async fn holders(&self) -> BTreeMap<String, (String, u64)> {
        let leases = self.ledger.leases().await.expect("the leases").into_iter();
        leases.map(|lease| (lease.fence.name, (lease.owner, lease.fence.epoch))).collect()
    }

    /// What the ledger has counted of the till.
    async fn sums(&self) -> TargetSums {
        self.ledger.sums().await.expect("the sums").targets.remove("till").unwrap_or_default()
    }

    /// What the till met with `does`.
    fn met(&self, does: Does) -> Vec<Asked> {
        self.till.asked().into_iter().filter(|one| one.did == Some(does)).collect()
    }

    /// Has the first hub work until it waits for as many answers as it may, which the till gives by `last`: the till has taken
    /// some before, the ledger has the receipts of these, and some parcels are held.
    async fn work_until_stuck(&mut self, last: Does) {
        let held = HELD.map(|parcel| Order::new(Does::Busy(BACK_AFTER_SECONDS)).about(parcel));
        let others = [Order::new(Does::Slow(0)).times(TAKEN), Order::new(last)];
        self.till.order(&[&held[..], &others[..]].concat());
        self.first.council.feed("yard/in", "moves.csv", yard_rows(ROWS, PARCELS).as_bytes());
        let pair = &*self;
        let is_stuck = async || {
            let till = pair.sums().await;
            till.delivered == TAKEN && till.held > 0 && pair.met(last).len() == AT_ONCE
        };
        until_found("the till to keep the hub waiting", is_stuck).await;
    }

    /// Everything arrived, once where the target can tell, and in order; at the till what was in flight when the first hub
    /// ended came again, and nothing else did.
    async fn assert_all_arrived(&self, in_flight: &[Asked]) {
        let hub = &self.second;
        until_number(hub, "/targets/book/delivered", ROWS);
        let status = hub.settled();
        assert_eq!(number(&status, "/sources/yard/events/routed"), ROWS);
        assert_eq!(number(&status, "/sources/yard/events/invalid"), 0);
        assert_eq!(number(&status, "/targets/till/delivered"), ROWS);
        assert_booked_once_and_in_order(hub, ROWS);
        let docked = dock(hub, usize::try_from(ROWS).expect("a small number")).await;
        assert_docked_in_order(&docked, ROWS);
        let asked = self.till.asked();
        assert_in_order(&asked, &keys_at_till(&docked));
        let keys = |all: Vec<&Asked>| {
            let mut keys: Vec<String> = all.into_iter().map(|one| one.key.clone()).collect();
            keys.sort_unstable();
            keys
        };
        assert_eq!(in_flight.len(), AT_ONCE);
        assert_eq!(keys(landed_again(&asked)), keys(in_flight.iter().collect()));
        assert!(Arc::ptr_eq(&self.first.council, &self.second.council));
    }
}

/// Looks until what `what` names is found.
async fn until_found(what: &str, mut found: impl AsyncFnMut() -> bool) {
    let mut looks = interval(LOOK_EVERY);
    let looking = async {
        while !found().await {
            looks.tick().await;
        }
    };
    assert!(timeout(DEADLINE, looking).await.is_ok(), "waited in vain for {what}");
}

/// The keys of the moves at the till, and their numbers: what the dock read tells which event each of them was.
fn keys_at_till(docked: &[Arrived]) -> HashMap<String, u64> {
    let key = |event: &str| DispatchId::new("/systems/yard", event, "parcel-to-till").to_string();
    let number = |message: &Arrived| message.body["number"].as_u64().expect("a number");
    docked.iter().map(|message| (key(&message.correlation_id), number(message))).collect()
}

/// Waits for a line of `event` about each of `leases`, in any order.
fn wait_for_leases(hub: &mut TestHub, event: &str, leases: &[&str]) {
    let mut missing: BTreeSet<&str> = leases.iter().copied().collect();
    while !missing.is_empty() {
        let line = hub.wait_for(event);
        missing.remove(line["lease"].as_str().expect("a lease"));
    }
}

/// How long it is since the hub was killed, which is soon enough.
fn soon_enough(what: &str, killed: Instant) -> Duration {
    let taken_over = killed.elapsed();
    assert!(taken_over <= TAKEN_OVER_WITHIN, "{what} after {taken_over:?}");
    taken_over
}

#[tokio::test]
async fn a_hub_that_is_killed_is_taken_over_in_time_and_nothing_is_lost_or_out_of_order() {
    let mut pair = Pair::start().await;
    pair.work_until_stuck(Does::Hangs).await;
    let killed = Instant::now();
    pair.first.kill();
    let before = landed(&pair.till.asked()).count();
    pair.till.order(&[]);
    wait_for_leases(&mut pair.second, "lease.recovering", &["ingress.yard"]);
    println!("the intake was taken over within {:?}", soon_enough("the intake", killed));
    until("something to land", || (landed(&pair.till.asked()).count() > before).then_some(()));
    println!("the lane delivered within {:?}", soon_enough("the first delivery", killed));
    pair.assert_all_arrived(&pair.met(Does::Hangs)).await;
}

#[tokio::test]
async fn a_hub_that_sleeps_past_its_lease_writes_nothing_when_it_wakes() {
    let mut pair = Pair::start().await;
    let late = Does::Slow(LATE_MILLISECONDS);
    pair.work_until_stuck(late).await;
    pair.first.signal("-STOP");
    let in_flight = pair.met(late);
    // Nobody else can deliver anything meanwhile: a receipt would be the sleeper's.
    pair.till.order(&[Order::new(Does::Status(503))]);
    wait_for_leases(&mut pair.second, "lease.recovering", &LEASES);
    let taken_over = (pair.holders().await, pair.sums().await.delivered);
    assert_eq!(taken_over.1, TAKEN, "no answer was heard before it slept");
    pair.first.signal("-CONT");
    // By then it has heard its answers, and could not write its receipts.
    wait_for_leases(&mut pair.first, "lease.lost", &["lane.till"]);
    assert_eq!((pair.holders().await, pair.sums().await.delivered), taken_over);
    pair.till.order(&[]);
    pair.assert_all_arrived(&in_flight).await;
    assert!(pair.first.stop().success());
}
