//! The topology against the table of DESIGN section 3.

use std::collections::BTreeMap;
use std::time::Duration;

use postroom_broker::{Argument, Arguments, Declaration, ExchangeKind, Names, Topology};

fn council() -> Vec<Declaration> {
    let topology = Topology {
        sources: vec!["gazetteer".to_owned()],
        lanes: vec!["council-tax".to_owned()],
        queues: vec!["waste".to_owned()],
        journal: true,
        journal_age: None,
    };
    topology.declarations(&Names::new("postroom."))
}

fn arguments(list: &[(&'static str, &str)]) -> Arguments {
    let typed = |text: &str| match text {
        "true" => Argument::Flag(true),
        _ => text.parse().map_or_else(|_| Argument::Text(text.to_owned()), Argument::Number),
    };
    list.iter().map(|(name, value)| (*name, typed(value))).collect()
}

fn check_queue(name: &str, expected: &[(&'static str, &str)]) {
    let found = council().into_iter().find_map(|one| match one {
        Declaration::Queue { name: queue, arguments } if queue == name => Some(arguments),
        _ => None,
    });
    assert_eq!(found, Some(arguments(expected)), "{name}");
}

fn check_exchange(name: &str, kind: ExchangeKind, expected: &[(&'static str, &str)]) {
    let found = council().into_iter().find_map(|one| match one {
        Declaration::Exchange { name: exchange, kind, arguments } if exchange == name => {
            Some((kind, arguments))
        }
        _ => None,
    });
    assert_eq!(found, Some((kind, arguments(expected))), "{name}");
}

const TARGET: [(&str, &str); 5] = [
    ("x-queue-type", "quorum"),
    ("x-delivery-limit", "1000000"),
    ("x-dead-letter-exchange", "postroom.unrouted"),
    ("x-dead-letter-strategy", "at-least-once"),
    ("x-overflow", "reject-publish"),
];

#[test]
fn queues_have_the_arguments_of_the_design() {
    let single: Vec<_> = TARGET.into_iter().chain([("x-single-active-consumer", "true")]).collect();
    check_queue("postroom.ingress.gazetteer", &single);
    check_queue("postroom.lane.council-tax", &single);
    check_queue("postroom.to.waste", &TARGET);
    check_queue("postroom.unrouted", &TARGET[..2]);
    let journal =
        [("x-queue-type", "stream"), ("x-max-age", "30D"), ("x-stream-max-segment-size-bytes", "16000000")];
    check_queue("postroom.journal", &journal);
}

fn check_age(seconds: u64, expected: &str) {
    let journal_age = Some(Duration::from_secs(seconds));
    let topology = Topology { journal: true, journal_age, ..Topology::default() };
    let found = topology.declarations(&Names::new("zed.")).into_iter().find_map(|one| match one {
        Declaration::Queue { name, arguments } if name == "zed.journal" => {
            arguments.get("x-max-age").cloned()
        }
        _ => None,
    });
    assert_eq!(found, Some(Argument::Text(expected.to_owned())), "{seconds} s");
}

#[test]
fn the_journal_has_the_age_that_is_given_in_the_largest_unit_of_rabbitmq_that_holds_it_whole() {
    check_age(7 * 86_400, "7D");
    check_age(36 * 3_600, "36h");
    check_age(90 * 60, "5400s");
}

#[test]
fn exchanges_have_the_kinds_of_the_design() {
    check_exchange("postroom.in.gazetteer", ExchangeKind::Topic, &[]);
    let alternate = [("alternate-exchange", "postroom.unrouted")];
    check_exchange("postroom.deliveries", ExchangeKind::Direct, &alternate);
    check_exchange("postroom.unrouted", ExchangeKind::Fanout, &[]);
    check_exchange("postroom.receipts", ExchangeKind::Topic, &[]);
}

#[test]
fn queues_are_bound_as_in_the_design() {
    let bindings: Vec<_> = council()
        .into_iter()
        .filter_map(|one| match one {
            Declaration::Binding { queue, exchange, routing_key } => Some([exchange, routing_key, queue]),
            _ => None,
        })
        .collect();
    let expected = [
        ["postroom.unrouted", "", "postroom.unrouted"],
        ["postroom.in.gazetteer", "#", "postroom.ingress.gazetteer"],
        ["postroom.in.gazetteer", "#", "postroom.journal"],
        ["postroom.deliveries", "postroom.lane.council-tax", "postroom.lane.council-tax"],
        ["postroom.deliveries", "postroom.to.waste", "postroom.to.waste"],
    ];
    assert_eq!(bindings, expected);
}

#[test]
fn nothing_is_bound_before_it_is_declared() {
    let mut declared = BTreeMap::new();
    for one in council() {
        match one {
            Declaration::Exchange { name, .. } => drop(declared.insert(("exchange", name), ())),
            Declaration::Queue { name, .. } => drop(declared.insert(("queue", name), ())),
            Declaration::Binding { queue, exchange, .. } => {
                assert!(declared.contains_key(&("queue", queue.clone())), "{queue}");
                assert!(declared.contains_key(&("exchange", exchange.clone())), "{exchange}");
            }
        }
    }
}

#[test]
fn a_council_without_a_journal_declares_none() {
    let list = Topology { sources: vec!["planning".to_owned()], ..Topology::default() };
    let names = Names::new("zed.");
    let text = format!("{:?}", list.declarations(&names));
    assert!(text.contains("zed.ingress.planning") && !text.contains("journal"));
}

#[test]
fn the_lock_of_a_hub_is_under_its_prefix() {
    assert_eq!(Names::new("postroom.").hub_lock(), "postroom.hub.lock");
}

#[test]
fn a_receipt_is_keyed_by_source_then_ending_then_type() {
    assert_eq!(
        Names::receipt_key("gazetteer", "dead", "street.created.v1"),
        "gazetteer.dead.street.created.v1"
    );
}
