//! A system that fetches its messages over HTTP from the real program, which is killed again and again meanwhile.

use std::collections::{HashMap, HashSet};
use std::net::TcpStream;

use postroom_tests::hub::http::ask;
use postroom_tests::hub::{TestHub, until};
use postroom_tests::ports;
use serde_json::{Value, json};

use crate::rig::{EVENTS, PARCELS, events, keys, route_to};
use crate::work::{number, publish, small, until_number};

/// How often the hub is killed, and how many messages are answered before each.
const KILLS: usize = 4;
const ANSWERED: usize = 7;
const TOKEN: &str = "of-the-hatch";

/// The hub, and the system that fetches.
struct Hatch {
    hub: TestHub,
    address: String,
}

impl Hatch {
    fn new() -> Self {
        let hub = small();
        let free = ports::address();
        let address = free.to_string();
        hub.council.feed("", "token", TOKEN.as_bytes());
        let system = format!(
            "title = \"hatch\"\n[target]\nconnector = \"pull\"\n[target.settings]\nlisten = \"{address}\"\n\
             path = \"/hatch\"\nbearer = {{ file = \"token\" }}\n"
        );
        hub.council.write("systems/hatch/system.toml", &system);
        route_to(&hub.council, "hatch");
        Self { hub, address }
    }

    fn start(&mut self) {
        self.hub.start();
        self.hub.wait_for("hub.ready");
    }

    /// What the hub answers; `None` where it does not, or not yet.
    fn ask(&self, what: &str, body: &str) -> Option<(u16, String)> {
        let head = format!(
            "{what} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {TOKEN}\r\ncontent-type: application/json",
            self.address
        );
        ask(TcpStream::connect(&self.address).ok()?, &head, body)
    }

    /// What is on offer: id and number, the oldest first.
    fn on_offer(&self) -> Vec<(String, u64)> {
        let Some((200, page)) = self.ask("GET /hatch", "") else { return Vec::new() };
        let page: Value = serde_json::from_str(&page).expect("JSON");
        let messages = page["messages"].as_array().expect("messages").iter();
        let told = |message: &Value| {
            let id = message["dispatch"].as_str().expect("an id").to_owned();
            (id, message["message"]["number"].as_u64().expect("a number"))
        };
        messages.map(told).collect()
    }

    /// Says that the message was taken; whether the hub heard it.
    fn answers(&self, id: &str) -> bool {
        let body = json!({"outcome": "success"}).to_string();
        self.ask(&format!("PUT /hatch/{id}"), &body).is_some_and(|(status, _)| status == 200)
    }
}

#[tokio::test]
async fn what_is_on_offer_when_the_hub_is_killed_is_on_offer_again_under_its_id_and_in_order() {
    let mut hatch = Hatch::new();
    hatch.start();
    let all = keys("parcel-to-hatch", EVENTS);
    publish(&hatch.hub, &events(1..=EVENTS)).await;
    let (mut taken, mut last) = (HashSet::new(), HashMap::<u64, u64>::new());
    let mut take = |hatch: &Hatch, most: usize| {
        for (id, number) in hatch.on_offer().into_iter().take(most) {
            assert_eq!(all.get(&id), Some(&number), "{number} is on offer under another id");
            // What was answered just before a kill may come again; nothing else does, and nothing is overtaken.
            let before = last.insert(number % PARCELS, number);
            let expected =
                before.map_or(number <= PARCELS, |before| [before, before + PARCELS].contains(&number));
            assert!(expected, "{number} came after {before:?}");
            if hatch.answers(&id) {
                taken.insert(id);
            }
        }
        taken.len() as u64
    };
    for _ in 0..KILLS {
        until("a message of each parcel", || (hatch.on_offer().len() as u64 == PARCELS).then_some(()));
        take(&hatch, ANSWERED);
        hatch.hub.kill();
        hatch.start();
    }
    until("the last message", || (take(&hatch, usize::MAX) == EVENTS).then_some(()));
    let status = until_number(&hatch.hub, "/targets/hatch/delivered", EVENTS);
    assert_eq!((number(&status, "/targets/hatch/held"), number(&status, "/targets/hatch/dead")), (0, 0));
    hatch.hub.settled();
}
