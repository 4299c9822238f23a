//! A webhook is answered 200 when the broker has confirmed its event, and not before: the broker hears nothing, or the hub is
//! killed, and a sender that is not answered 200 sends again.

use std::net::{SocketAddr, TcpStream};
use std::thread;

use postroom_tests::council::TestCouncil;
use postroom_tests::hub::http::ask;
use postroom_tests::hub::proxy::Proxy;
use postroom_tests::hub::{TestHub, until};
use postroom_tests::ports;
use postroom_tests::rabbitmq::Rabbit;

use crate::sources::over_http;

/// A hub behind a wire to its broker, with a webhook of the yard.
struct Rig {
    hub: TestHub,
    wire: Proxy,
    gate: SocketAddr,
}

impl Rig {
    fn ready(answer_within: &str) -> Self {
        let council = TestCouncil::small();
        let gate = ports::address();
        std::fs::create_dir_all(council.data()).expect("a folder");
        std::fs::write(council.data().join("token"), "quite-secret").expect("a secret");
        let settings = format!(
            "listen = '{gate}'\npath = '/yard'\nkey = '/number'\nbearer = {{ file = 'token' }}\n\
             timeout = '{answer_within}'"
        );
        over_http(&council, "yard", &settings);
        let mut hub = TestHub::new(council, Rabbit::shared().url());
        let wire = Proxy::to(&hub.url);
        hub.url = wire.url(&hub.url);
        wire.mend();
        hub.start();
        hub.wait_for("hub.ready");
        Self { hub, wire, gate }
    }

    /// Posts again and again until it is heard.
    fn heard(&self, number: u64) {
        until("a webhook that is answered 200", || (post(self.gate, number) == Some(200)).then_some(()));
    }

    /// What the book got of the parcels.
    fn booked(&self) -> Vec<u64> {
        self.hub.settled();
        let lines = self.hub.council.outbox_lines("book/out");
        lines.iter().filter_map(|line| line["number"].as_u64()).collect()
    }
}

/// The status with which one attempt is answered; nothing where it is not.
fn post(gate: SocketAddr, number: u64) -> Option<u16> {
    let head = format!(
        "POST /yard HTTP/1.1\r\nhost: {gate}\r\nauthorization: Bearer quite-secret\r\ncontent-type: application/json"
    );
    let body = format!("{{\"parcel\": \"a\", \"number\": {number}}}");
    Some(ask(TcpStream::connect(gate).ok()?, &head, &body)?.0)
}

#[test]
fn a_webhook_is_told_to_come_again_while_the_broker_confirms_nothing() {
    let mut rig = Rig::ready("2s");
    rig.heard(1);
    rig.wire.swallow();
    let status = post(rig.gate, 2);
    assert_eq!(status, Some(503), "what nobody confirmed is not safe");
    rig.wire.mend();
    rig.heard(2);
    assert_eq!(rig.booked(), [1, 2], "each once, whatever became of the first attempt");
    assert!(rig.hub.stop().success());
}

#[test]
fn a_webhook_of_a_hub_that_is_killed_before_the_broker_confirmed_is_not_answered_and_comes_again() {
    let mut rig = Rig::ready("20s");
    rig.heard(1);
    rig.wire.swallow();
    let gate = rig.gate;
    let sender = thread::spawn(move || post(gate, 2));
    rig.hub.wait_for("import.started");
    rig.hub.kill();
    assert_eq!(sender.join().expect("a sender"), None);
    rig.wire.mend();
    rig.hub.start();
    rig.hub.wait_for("hub.ready");
    rig.heard(2);
    assert_eq!(rig.booked(), [1, 2]);
    assert!(rig.hub.stop().success());
}
