//! What policies on the broker make of the hub's queues (DESIGN 3.4), asked of RabbitMQ's management API where the council
//! names it. A policy wins over what a queue was declared with where it is smaller, and nobody else tells.

use std::time::Duration;

use postroom_connector::PeerOf;
use postroom_request::{Body, Peer, client};
use postroom_router::OF_HUB;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Longest wait for the management API.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// It tells some hundred bytes of each queue.
const API: Peer = Peer { name: "the management API", max_answer_bytes: 16 * 1024 * 1024 };
/// What a policy can say that loses, refuses or gives up messages.
const HARMFUL: [&str; 6] =
    ["delivery-limit", "max-length", "max-length-bytes", "message-ttl", "expires", "max-in-memory-length"];
/// The virtual host of an address without one.
const DEFAULT_VHOST: &str = "%2f";

/// What is known of policies.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Policies {
    /// The council names no management API.
    Unchecked,
    /// It did not answer as it should.
    Unanswered(String),
    /// What policies say of the hub's queues that does harm.
    Checked(Vec<Stray>),
}

/// A policy that does harm to a queue.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Stray {
    queue: String,
    /// The policies in force, an operator policy among them.
    policy: String,
    /// What they say, such as `delivery-limit 2`.
    says: String,
}

#[derive(Deserialize)]
struct Queue {
    name: String,
    policy: Option<String>,
    operator_policy: Option<String>,
    // RabbitMQ tells an empty definition as a list.
    #[serde(default)]
    effective_policy_definition: Value,
}

impl Policies {
    /// Asks at `management_url` about the queues under `prefix` in the virtual host of `broker_url`.
    pub(crate) async fn look(management_url: Option<&str>, broker_url: &str, prefix: &str) -> Self {
        let Some(base) = management_url else { return Self::Unchecked };
        let columns = "name,policy,operator_policy,effective_policy_definition";
        let url =
            format!("{}/api/queues/{}?columns={columns}", base.trim_end_matches('/'), vhost(broker_url));
        match ask(&url).await {
            Ok(queues) => Self::Checked(queues.iter().filter_map(|queue| stray(queue, prefix)).collect()),
            Err(words) => Self::Unanswered(words),
        }
    }

    /// What a person must know.
    pub(crate) fn lines(&self) -> Vec<String> {
        match self {
            Self::Unchecked => {
                vec!["policies on the broker: unchecked (no `management_url` under [broker])".to_owned()]
            }
            Self::Unanswered(words) => vec![format!("policies on the broker: unchecked ({words})")],
            Self::Checked(strays) => {
                let line = |stray: &Stray| {
                    let Stray { queue, policy, says } = stray;
                    format!("POLICY: {policy} gives {queue} {says}; take it away, or messages are given up")
                };
                strays.iter().map(line).collect()
            }
        }
    }
}

/// No error names the address: it may hold a password.
async fn ask(url: &str) -> Result<Vec<Queue>, String> {
    let peer = PeerOf { system: OF_HUB.to_owned(), setting: "broker.management_url" };
    let client = client(peer, ANSWER_TIMEOUT).map_err(|error| error.to_string())?;
    let answer = API.ask(client.get(url)).await.map_err(|error| error.to_string())?;
    if !answer.status.is_success() {
        return Err(format!("the management API answers {}", answer.said()));
    }
    let Body::Whole(body) = answer.body else {
        return Err("the answer of the management API did not come whole".to_owned());
    };
    serde_json::from_slice(&body).map_err(|_| "the management API answers something else".to_owned())
}

fn stray(queue: &Queue, prefix: &str) -> Option<Stray> {
    let none = Map::new();
    let definition = queue.effective_policy_definition.as_object().unwrap_or(&none);
    let harmful = HARMFUL.iter().filter_map(|key| Some(format!("{key} {}", definition.get(*key)?)));
    let says = harmful.collect::<Vec<_>>().join(", ");
    if says.is_empty() || !queue.name.starts_with(prefix) {
        return None;
    }
    let policies = [&queue.policy, &queue.operator_policy].into_iter().flatten();
    let policies = policies.filter(|name| !name.is_empty()).map(|name| format!("the policy `{name}`"));
    let policy = policies.collect::<Vec<_>>().join(" and ");
    Some(Stray { queue: queue.name.clone(), policy, says })
}

/// The virtual host of an AMQP address, as it stands there.
fn vhost(broker_url: &str) -> &str {
    let place = broker_url.split_once("://").map_or(broker_url, |(_, place)| place);
    let path = place.split_once('/').map_or("", |(_, path)| path);
    let path = path.split('?').next().unwrap_or_default();
    if path.is_empty() { DEFAULT_VHOST } else { path }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_virtual_host_is_that_of_the_address() {
        let check = |url, expected| assert_eq!(vhost(url), expected, "{url}");
        check("amqp://hub:secret@127.0.0.1:5672/%2f", "%2f");
        check("amqp://127.0.0.1", "%2f");
        check("amqps://hub@broker.example.org/zedshire?heartbeat=5", "zedshire");
    }

    #[test]
    fn a_policy_is_told_where_it_does_harm_to_a_queue_of_the_hub_and_nowhere_else() {
        let queue = |name: &str, definition: Value| Queue {
            name: name.to_owned(),
            policy: Some("stray".to_owned()),
            operator_policy: Some(String::new()),
            effective_policy_definition: definition,
        };
        let limit = serde_json::json!({"delivery-limit": 2});
        let found = stray(&queue("postroom.lane.waste", limit.clone()), "postroom.").unwrap();
        assert_eq!((found.policy.as_str(), found.says.as_str()), ("the policy `stray`", "delivery-limit 2"));
        assert_eq!(stray(&queue("other.lane.waste", limit), "postroom."), None);
        assert_eq!(stray(&queue("postroom.lane.waste", serde_json::json!([])), "postroom."), None);
    }
}
