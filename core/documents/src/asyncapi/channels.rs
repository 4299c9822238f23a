//! The channels: the exchange of each source and the queue of each target that reads one, with the hub's operation on each.

use std::collections::BTreeSet;

use postroom_council::{Council, SourceSystem, System, Target};
use serde_json::{Map, Value, json};

use super::{BINDINGS, BROKER, Wire, messages};

/// Channels and operations, by the same names.
pub(super) fn all(council: &Council, wire: &Wire<'_>) -> (Map<String, Value>, Map<String, Value>) {
    let (mut channels, mut operations) = (Map::new(), Map::new());
    for (system, side) in council.sources() {
        let name = format!("in.{}", system.name);
        let types = types(council, side);
        let keys: Vec<String> = types.iter().flat_map(|name| messages::of_event(name)).collect();
        channels.insert(name.clone(), exchange(system, side, &(wire.exchange)(&system.name), &types));
        operations.insert(name.clone(), received(system, side, &name, &keys));
    }
    let reading = council.targets().filter(|(_, side)| side.is_queue());
    for (system, side) in reading {
        let name = format!("to.{}", system.name);
        let keys: Vec<String> =
            side.messages.keys().map(|name| messages::of_target(&system.name, name)).collect();
        channels.insert(name.clone(), queue(system, side, &(wire.queue)(&system.name)));
        operations.insert(name.clone(), sent(system, &name, &keys));
    }
    (channels, operations)
}

/// The types that a source states: any, where a system publishes itself and does not say which.
fn types<'a>(council: &'a Council, side: &'a SourceSystem) -> BTreeSet<&'a str> {
    let said = side.event_types();
    if said.is_empty() && side.is_queue() { council.vocabulary.names().collect() } else { said }
}

fn exchange(system: &System, side: &SourceSystem, exchange: &str, types: &BTreeSet<&str>) -> Value {
    let publisher = match &system.broker_user {
        Some(user) if side.is_queue() => {
            format!("The system publishes here itself, as the broker user `{user}`")
        }
        _ if side.is_queue() => "The system publishes here itself".to_owned(),
        _ if side.is_own() => "The hub states here what becomes of its own work list".to_owned(),
        _ => format!("The hub publishes here what its connector `{}` reads", side.connector),
    };
    let sources = side.owns.iter().map(|source| format!("`{source}`")).collect::<Vec<_>>().join(" or ");
    json!({
        "address": "{type}",
        "title": format!("Events of {}", system.title),
        "description": format!("{publisher}. The routing key is the event's type; its `source` is {sources}. `expiration`, `priority`, `CC` and `BCC` are refused."),
        "servers": [{ "$ref": format!("#/servers/{BROKER}") }],
        "parameters": { "type": { "enum": types, "description": "The event type, with its version." } },
        "messages": refs(types.iter().flat_map(|name| messages::of_event(name))),
        "bindings": { "amqp": {
            "is": "routingKey",
            "exchange": { "name": exchange, "type": "topic", "durable": true, "autoDelete": false },
            "bindingVersion": BINDINGS,
        } },
    })
}

fn queue(system: &System, side: &Target, queue: &str) -> Value {
    let reader =
        system.broker_user.as_ref().map(|user| format!(" as the broker user `{user}`")).unwrap_or_default();
    json!({
        "address": queue,
        "title": format!("Messages for {}", system.title),
        "description": format!("The system reads this quorum queue itself{reader}, and acks what it has kept. Of one source and subject the order is that of the events; \
            what comes twice comes with the same `message_id`."),
        "servers": [{ "$ref": format!("#/servers/{BROKER}") }],
        "messages": refs(side.messages.keys().map(|name| messages::of_target(&system.name, name))),
        "bindings": { "amqp": {
            "is": "queue",
            "queue": { "name": queue, "durable": true, "exclusive": false, "autoDelete": false },
            "bindingVersion": BINDINGS,
        } },
    })
}

fn received(system: &System, side: &SourceSystem, channel: &str, keys: &[String]) -> Value {
    let mut binding = json!({ "deliveryMode": 2, "ack": true, "bindingVersion": BINDINGS });
    if let Some(user) = system.broker_user.as_ref().filter(|_| side.is_queue()) {
        binding["userId"] = user.as_str().into();
    }
    json!({
        "action": "receive",
        "channel": { "$ref": format!("#/channels/{channel}") },
        "title": format!("{} states an event", system.title),
        "summary": "The hub checks envelope, sender and data, and acks once every target's queue and the ledger have it.",
        "messages": listed(channel, keys),
        "bindings": { "amqp": binding },
    })
}

fn sent(system: &System, channel: &str, keys: &[String]) -> Value {
    json!({
        "action": "send",
        "channel": { "$ref": format!("#/channels/{channel}") },
        "title": format!("{} gets a message", system.title),
        "summary": "Each message has been checked against its schema.",
        "messages": listed(channel, keys),
        "bindings": { "amqp": { "deliveryMode": 2, "bindingVersion": BINDINGS } },
    })
}

/// The messages of a channel, by their own keys.
fn refs(keys: impl Iterator<Item = String>) -> Map<String, Value> {
    keys.map(|key| (key.clone(), json!({ "$ref": format!("#/components/messages/{key}") }))).collect()
}

/// The messages of an operation, which are some of its channel's.
fn listed(channel: &str, keys: &[String]) -> Vec<Value> {
    keys.iter().map(|key| json!({ "$ref": format!("#/channels/{channel}/messages/{key}") })).collect()
}
