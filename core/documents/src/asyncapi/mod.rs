//! AsyncAPI 3.0: the queues and exchanges of a council, who uses them, and what every message on them may be. Written from
//! the hub's side: it receives what systems publish and sends what they read. No secret and no address with one is in it.

mod channels;
mod messages;
mod schemas;

use postroom_council::Council;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;

/// The version of AsyncAPI.
const ASYNCAPI: &str = "3.0.0";
/// The version of the AMQP bindings.
const BINDINGS: &str = "0.3.0";
/// The name of the one server among the servers.
const BROKER: &str = "broker";
/// Where AMQP and AMQP over TLS are spoken, where an address names no port.
const PORTS: [(&str, u16); 2] = [("amqp", 5672), ("amqps", 5671)];
/// How many hex digits of its digest name the state of a document.
const VERSION_DIGITS: usize = 12;

/// What the program calls things on the broker.
#[derive(Clone, Copy)]
pub struct Wire<'a> {
    /// The exchange to which a source publishes.
    pub exchange: &'a dyn Fn(&str) -> String,
    /// The queue that a target reads.
    pub queue: &'a dyn Fn(&str) -> String,
    /// The headers of a message that a target reads, with what each tells.
    pub headers: &'a [(&'a str, &'a str)],
}

/// The document, as JSON. Two of the same `info.version` say the same.
pub fn asyncapi(council: &Council, wire: &Wire<'_>) -> Value {
    let (channels, operations) = channels::all(council, wire);
    let mut document = json!({
        "asyncapi": ASYNCAPI,
        "info": {
            "title": format!("{}: events and messages", council.name),
            "description": "What the hub takes and what it gives over RabbitMQ, written from the council's text by `postroom docs asyncapi`. \
                Systems that are reached by a connector have no channel of their own to read.",
        },
        "defaultContentType": "application/json",
        "servers": { BROKER: server(council) },
        "channels": channels,
        "operations": operations,
        "components": {
            "messages": messages::all(council, wire.headers),
            "schemas": schemas::all(council),
            "securitySchemes": {
                "brokerUser": {
                    "type": "userPassword",
                    "description": "Each system has a broker user of its own, which may publish to its own exchange and read its own queue only.",
                },
            },
        },
    });
    let digest = Sha256::digest(document.to_string());
    let version: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    document["info"]["version"] = version[..VERSION_DIGITS].into();
    document
}

/// The broker: its host and virtual host where the text tells them, and never a user or a password.
fn server(council: &Council) -> Value {
    let mut server = json!({
        "protocol": "amqp",
        "protocolVersion": "0-9-1",
        "title": "The council's RabbitMQ",
        "security": [{ "$ref": "#/components/securitySchemes/brokerUser" }],
    });
    let url = council.broker_url.as_deref().and_then(|text| Url::parse(text).ok());
    match url.as_ref().and_then(|url| Some((url, url.host_str()?))) {
        Some((url, host)) => {
            let port = PORTS.iter().find(|(scheme, _)| *scheme == url.scheme()).map(|(_, port)| *port);
            let port = url.port().or(port);
            server["host"] = port.map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")).into();
            server["protocol"] = url.scheme().into();
            if url.path().len() > 1 {
                server["pathname"] = url.path().into();
            }
        }
        None => {
            server["host"] = "{broker}".into();
            server["variables"] = json!({ BROKER: {
                "default": "localhost:5672",
                "description": "Host and port; each installation of the hub is told its own.",
            } });
        }
    }
    server
}

/// A text as a key of AsyncAPI, which takes letters, digits, `.`, `-` and `_` only.
fn key(text: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    text.chars().map(|c| if allowed(c) { c } else { '-' }).collect()
}
