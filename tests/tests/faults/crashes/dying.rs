//! A hub that dies at a named point and is started again, and the oracle outside it: what every target got in the end.

use std::collections::HashSet;
use std::os::unix::process::ExitStatusExt;

use postroom_ledger::State;
use postroom_router::FailPoint;
use postroom_tests::http_target::oracle::Asked;

use crate::rig::{Asking, EVENTS, PARCELS, PATIENT, Rig, assert_in_order, landed_again, till_keys};
use crate::work::{assert_booked_once_and_in_order, assert_docked_in_order, dock, ledger};

/// By which signal a process ends that aborts.
const SIGABRT: i32 = 6;

/// A rig whose hub dies.
pub(crate) struct Dying {
    pub(crate) rig: Rig,
    /// For each death, how often the till had been asked, and what had its receipt.
    deaths: Vec<(usize, HashSet<String>)>,
}

/// How many messages came that had come before, each under the key of the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Twice {
    /// In the queue of the dock.
    pub(crate) docked: usize,
    /// At the till.
    pub(crate) landed: usize,
}

/// The hub dies under a load: see [`Dying::under_load`].
pub(crate) async fn check(point: FailPoint, passes: &[u32]) -> Twice {
    Dying::new(Asking::CannotLookUp).under_load(point, passes).await
}

impl Dying {
    /// A hub that is not started.
    pub(crate) fn new(asking: Asking) -> Self {
        Self { rig: Rig::new(PATIENT, asking), deaths: Vec::new() }
    }

    /// The hub dies under a load once for each of `passes`: in that run, the so manieth time that it passes `point`. Started
    /// once more, it does the rest.
    pub(crate) async fn under_load(mut self, point: FailPoint, passes: &[u32]) -> Twice {
        let (first, others) = passes.split_first().expect("a death");
        self.start(point, *first);
        self.rig.hub.wait_for("hub.ready");
        self.rig.publish(EVENTS).await;
        self.died().await;
        for pass in others {
            self.dies_at(point, *pass).await;
        }
        self.rig.start();
        self.drained().await
    }

    /// Starts the hub, which is to die the `pass`-th time that it passes `point`.
    pub(crate) fn start(&mut self, point: FailPoint, pass: u32) {
        self.rig.hub.through = fail_at(point, pass);
        self.rig.hub.start();
        self.rig.hub.through.clear();
    }

    /// Waits until the hub has died, and notes what the ledger knows then.
    pub(crate) async fn died(&mut self) {
        let status = self.rig.hub.ended();
        assert_eq!(status.signal(), Some(SIGABRT), "{status}: {:#?}", self.rig.hub.lines);
        self.deaths.push((self.rig.till.asked().len(), self.receipts().await));
    }

    /// Starts the hub, and waits until it has died.
    pub(crate) async fn dies_at(&mut self, point: FailPoint, pass: u32) {
        self.start(point, pass);
        self.died().await;
    }

    /// Runs a command that dies the `pass`-th time that it passes `point`.
    pub(crate) fn command_dies_at(&mut self, arguments: &[&str], point: FailPoint, pass: u32) {
        self.rig.hub.through = fail_at(point, pass);
        let output = self.rig.hub.run(arguments);
        self.rig.hub.through.clear();
        assert_eq!(output.status.signal(), Some(SIGABRT), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// The keys of what was delivered to the till by the word of the ledger.
    async fn receipts(&self) -> HashSet<String> {
        let ledger = ledger(&self.rig.hub).await;
        let mut receipts = HashSet::new();
        for parcel in 0..PARCELS {
            let journeys = ledger.trace(&format!("parcel:{parcel}")).await.expect("the journeys of a parcel");
            let legs = journeys.iter().flat_map(|journey| &journey.legs);
            let over =
                legs.filter(|leg| leg.target == "till" && matches!(leg.state, State::Delivered { .. }));
            receipts.extend(over.map(|leg| leg.id.to_string()));
        }
        receipts
    }

    /// Waits until all was delivered: nothing is lost, every parcel's moves came first in their order, a second message
    /// has the key of the first, and nothing that had its receipt came again. What came twice.
    pub(crate) async fn drained(&self) -> Twice {
        let rig = &self.rig;
        rig.until_delivered(&["till", "book", "dock"]).await;
        assert_booked_once_and_in_order(&rig.hub, rig.published);
        let count = usize::try_from(rig.published).expect("a small number");
        let messages = dock(&rig.hub, count).await;
        assert_docked_in_order(&messages, rig.published);
        let asked = rig.till.asked();
        assert_in_order(&asked, &till_keys(&messages));
        self.assert_receipts_stood();
        Twice { docked: messages.len() - count, landed: landed_again(&asked).len() }
    }

    /// Nothing was sent to the till again once it had its receipt.
    pub(crate) fn assert_receipts_stood(&self) {
        let asked = self.rig.till.asked();
        for (before, receipts) in &self.deaths {
            let again = |one: &&Asked| one.method == "POST" && receipts.contains(&one.key);
            assert_eq!(asked.iter().skip(*before).find(again), None, "it had its receipt");
        }
    }
}

/// The command that has the program end at a point.
fn fail_at(point: FailPoint, pass: u32) -> Vec<String> {
    vec!["env".to_owned(), format!("POSTROOM_FAIL_AT={}:{pass}", point.name())]
}
