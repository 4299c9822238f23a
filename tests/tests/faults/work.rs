//! The small council at work: what every fault is tried on, and what must be true after each.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use postroom_ledger::Ledger;
use postroom_tests::council::TestCouncil;
use postroom_tests::hub::wire::{Arrived, Wire, structured};
use postroom_tests::hub::{TestHub, until};
use postroom_tests::rabbitmq::Rabbit;
use serde_json::Value;

pub(crate) const PASSWORD: &str = "a-password";

/// The small council with a broker user for the shop, not started.
pub(crate) fn small() -> TestHub {
    let (rabbit, council) = (Rabbit::shared(), TestCouncil::small());
    let shop = format!("^{}in\\.shop$", council.prefix.replace('.', r"\."));
    rabbit.add_user(&council.publisher, PASSWORD, ["^$", &shop, "^$"]);
    TestHub::new(council, rabbit.url())
}

/// The same, ready.
pub(crate) fn small_ready() -> TestHub {
    let mut hub = small();
    hub.start();
    hub.wait_for("hub.ready");
    hub
}

/// A session of the shop's own with the broker.
pub(crate) async fn shop(hub: &TestHub) -> Wire {
    Wire::open(&Rabbit::shared().url_as(&hub.council.publisher, PASSWORD)).await
}

/// The exchange of the shop.
pub(crate) fn shop_exchange(hub: &TestHub) -> String {
    format!("{}in.shop", hub.council.prefix)
}

/// Publishes events as the shop does, one after the other.
pub(crate) async fn publish(hub: &TestHub, events: &[Value]) {
    shop(hub).await.publish_events(&shop_exchange(hub), &hub.council.publisher, events).await;
}

/// Publishes a body as the shop does, as an event in structured mode.
pub(crate) async fn publish_body(hub: &TestHub, body: &[u8]) {
    let properties = structured(&hub.council.publisher);
    assert!(shop(hub).await.publish(&shop_exchange(hub), properties, body).await);
}

/// What the dock reads from its queue: at least so many messages.
pub(crate) async fn dock(hub: &TestHub, least: usize) -> Vec<Arrived> {
    Wire::open(Rabbit::shared().url()).await.read(&format!("{}to.dock", hub.council.prefix), least).await
}

/// A number of the status, e.g. `/sources/shop/events/invalid`; 0 where there is none.
pub(crate) fn number(status: &Value, pointer: &str) -> u64 {
    status.pointer(pointer).and_then(Value::as_u64).unwrap_or_default()
}

/// Waits until a number of the status is at least `least`, and gives the status.
pub(crate) fn until_number(hub: &TestHub, pointer: &str, least: u64) -> Value {
    until(&format!("{pointer} to reach {least}"), || {
        let status = hub.json(&["status", "--json"]);
        (number(&status, pointer) >= least).then_some(status)
    })
}

/// A session with the ledger of the hub, to look into it or to prepare it.
pub(crate) async fn ledger(hub: &TestHub) -> Ledger {
    Ledger::open(&hub.council.data().join("ledger.db")).await.expect("the ledger")
}

/// Every move of the yard's `count` rows is in the book exactly once, and those of one parcel in their order.
pub(crate) fn assert_booked_once_and_in_order(hub: &TestHub, count: u64) {
    let lines = hub.council.outbox_lines("book/out");
    let moves: Vec<_> =
        lines.iter().map(|line| (line["parcel"].to_string(), line["number"].as_u64())).collect();
    let mut last = HashMap::new();
    for (parcel, number) in &moves {
        let before = last.insert(parcel, *number).flatten();
        assert!(before < *number, "{parcel}: {number:?} came after {before:?}");
    }
    let numbers: BTreeSet<_> = moves.iter().filter_map(|(_, number)| *number).collect();
    assert_eq!(moves.len() as u64, count, "each dispatch stands in the book once");
    assert!(numbers.into_iter().eq(1..=count), "no dispatch is missing");
}

/// Every move reached the dock, those of one parcel in their order, each event under one id; some may have come twice.
pub(crate) fn assert_docked_in_order(messages: &[Arrived], count: u64) {
    let mut ids: BTreeMap<u64, BTreeSet<(&str, &str)>> = BTreeMap::new();
    let mut last: HashMap<String, u64> = HashMap::new();
    for message in messages {
        let number = message.body["number"].as_u64().expect("a number");
        let known = ids.entry(number).or_default();
        if known.is_empty() {
            let before = last.insert(message.body["parcel"].to_string(), number).unwrap_or_default();
            assert!(before < number, "{number} came after {before}");
        }
        known.insert((&message.message_id, &message.correlation_id));
    }
    assert!(ids.keys().copied().eq(1..=count), "no message is missing");
    assert!(ids.values().all(|ids| ids.len() == 1), "one id an event, however often it comes");
}
