//! A real HTTP target that fails in every way, under load: nothing is lost, the order of a subject is kept, and what
//! comes twice comes under one key and only where the answer was lost.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::Duration;

use postroom_event::DispatchId;
use postroom_tests::council::{PARCEL, TestCouncil, parcel_event};
use postroom_tests::http_target::TestTarget;
use postroom_tests::http_target::oracle::Asked;
use postroom_tests::http_target::orders::{Does, Order};
use postroom_tests::hub::TestHub;
use serde_json::Value;

use crate::work::{number, publish, small, until_number};

/// Events of one test, and the parcels that they are about in turn.
const EVENTS: u64 = 300;
const PARCELS: u64 = 20;
/// A fault meets every so manieth request, so often.
const EVERY: u64 = 5;
const TIMES: u64 = 25;
/// How long the hub waits for the answer of a target that may hang.
const IMPATIENT: &str = "1s";
/// How long it waits for one that does not, however busy the machine is.
const PATIENT: &str = "50s";

/// The hub, a target that fails as it is told, and one that is well.
struct Rig {
    hub: TestHub,
    till: TestTarget,
    gate: TestTarget,
    published: u64,
}

/// Whether the hub can ask the target what has landed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asking {
    CanLookUp,
    CannotLookUp,
}

impl Rig {
    fn new(timeout: &str, asking: Asking) -> Self {
        let program = Path::new(env!("CARGO_BIN_EXE_http-target"));
        let (till, gate) = (TestTarget::start(program, "/parcel"), TestTarget::start(program, "/parcel"));
        let mut hub = small();
        hub.council.edit("council.toml", "[limits]\n", "[limits]\nin_place = \"20s\"\n");
        let look_up = match asking {
            Asking::CanLookUp => format!("look_up = {{ url = \"{}/moves/{{id}}\" }}\n", till.url()),
            Asking::CannotLookUp => String::new(),
        };
        target(&hub.council, "till", &till, &format!("timeout = \"{timeout}\"\n{look_up}"));
        target(&hub.council, "gate", &gate, &format!("timeout = \"{PATIENT}\"\n"));
        hub.start();
        hub.wait_for("hub.ready");
        Self { hub, till, gate, published: 0 }
    }

    /// Publishes so many events more.
    async fn publish(&mut self, count: u64) {
        let numbers = self.published + 1..=self.published + count;
        let event =
            |number: u64| parcel_event(&format!("event-{number}"), &(number % PARCELS).to_string(), number);
        let events: Vec<Value> = numbers.map(event).collect();
        self.published += count;
        publish(&self.hub, &events).await;
    }

    /// Waits until everything was delivered to both; nothing is held or dead, and every event landed in its order.
    fn assert_all_landed(&mut self) {
        for target in ["till", "gate"] {
            until_number(&self.hub, &format!("/targets/{target}/delivered"), self.published);
        }
        let status = self.hub.settled();
        for target in ["till", "gate"] {
            for state in ["held", "dead"] {
                assert_eq!(number(&status, &format!("/targets/{target}/{state}")), 0, "{status:#}");
            }
        }
        let gate = self.gate.asked();
        assert_eq!(gate.len() as u64, self.published, "the healthy target is asked once for each");
        assert_in_order(&gate, "parcel-to-gate", self.published);
        assert_in_order(&self.till.asked(), "parcel-to-till", self.published);
    }
}

/// A target of the small council at the address of `process`.
fn target(council: &TestCouncil, name: &str, process: &TestTarget, more: &str) {
    let url = process.url();
    let system = format!(
        "title = \"{name}\"\n[target]\nconnector = \"http\"\n[target.settings]\nurl = \"{url}/moves\"\n\
         reference = \"/reference\"\n{more}"
    );
    council.write(&format!("systems/{name}/system.toml"), &system);
    let schema = std::fs::read_to_string(council.folder().join("systems/dock/messages/parcel.schema.json"));
    council.write(&format!("systems/{name}/messages/parcel.schema.json"), &schema.unwrap());
    let route = format!(
        "from = \"{PARCEL}\"\nto = \"{name}\"\nmessage = \"parcel\"\nretry = [\"1s\", \"1s\", \"1s\", \"1h\"]\n"
    );
    council.write(&format!("routes/parcel-to-{name}/route.toml"), &route);
    let mapping = "{ \"number\": .number, \"place\": .place, \"parcel\": %subject }\n";
    council.write(&format!("routes/parcel-to-{name}/mapping.vrl"), mapping);
}

/// Every event up to `count` has landed, those of one parcel first in their order, and each in the same bytes always.
fn assert_in_order(asked: &[Asked], route: &str, count: u64) {
    let key = |number: u64| DispatchId::new("/systems/shop", &format!("event-{number}"), route).to_string();
    let numbers: HashMap<String, u64> = (1..=count).map(|number| (key(number), number)).collect();
    let (mut last, mut bodies) = (HashMap::new(), HashMap::new());
    for one in asked.iter().filter(|one| one.method == "POST") {
        let number = numbers[&one.key];
        assert_eq!(bodies.entry(&one.key).or_insert(&one.body), &&one.body, "one key, one message");
        if one.landed && one.times == 1 {
            let before = last.insert(&one.subject, number).unwrap_or_default();
            assert!(before < number, "{}: {number} came after {before}", one.subject);
        }
    }
    let landed: HashSet<&str> = landed(asked).map(|one| one.key.as_str()).collect();
    assert_eq!(landed.len() as u64, count, "nothing is missing");
}

fn landed(asked: &[Asked]) -> impl Iterator<Item = &Asked> {
    asked.iter().filter(|one| one.landed)
}

/// How often the fault was met.
fn met(asked: &[Asked]) -> u64 {
    asked.iter().filter(|one| one.did.is_some()).count() as u64
}

/// How many messages landed that had landed before; the answer to each of them had been lost.
fn duplicates(asked: &[Asked]) -> usize {
    let again: Vec<&Asked> = landed(asked).filter(|one| one.times > 1).collect();
    for one in &again {
        let lost = landed(asked)
            .any(|before| before.key == one.key && before.times < one.times && before.did.is_some());
        assert!(lost, "{} came again though its answer had not been lost", one.key);
    }
    again.len()
}

/// The fault meets many requests of a load, and all of it arrives: what the target was asked.
async fn check(does: Does, timeout: &str, asking: Asking) -> Vec<Asked> {
    let mut rig = Rig::new(timeout, asking);
    rig.till.order(&[Order::new(does).every(EVERY).times(TIMES)]);
    rig.publish(EVENTS).await;
    rig.assert_all_landed();
    rig.till.asked()
}

/// A fault that loses no message: each lands once.
async fn check_once(does: Does, asking: Asking) {
    let asked = check(does, PATIENT, asking).await;
    assert_eq!((met(&asked), duplicates(&asked)), (TIMES, 0));
}

/// A fault that loses answers: those messages, and no other, land again.
async fn check_lost_answers(does: Does, timeout: &str) {
    let asked = check(does, timeout, Asking::CannotLookUp).await;
    assert_eq!(met(&asked), TIMES);
    assert!(duplicates(&asked) > 0, "nothing came again");
}

#[tokio::test]
async fn a_target_that_answers_500_is_asked_again_and_gets_each_once_and_in_order() {
    check_once(Does::Status(500), Asking::CannotLookUp).await;
}

#[tokio::test]
async fn a_slow_target_gets_each_once_and_in_order() {
    check_once(Does::Slow(200), Asking::CannotLookUp).await;
}

#[tokio::test]
async fn a_message_whose_line_was_cut_before_it_was_taken_is_sent_again() {
    check_once(Does::CutsBefore, Asking::CannotLookUp).await;
}

#[tokio::test]
async fn a_message_whose_answer_was_cut_off_comes_again_under_its_key_and_no_other_does() {
    check_lost_answers(Does::CutsAfter, PATIENT).await;
}

#[tokio::test]
async fn a_message_whose_answer_is_garbage_comes_again_under_its_key_and_no_other_does() {
    check_lost_answers(Does::Garbage, PATIENT).await;
}

#[tokio::test]
async fn a_target_that_hangs_is_left_in_time_and_gets_what_it_may_have_under_its_key_again() {
    let asked = check(Does::Hangs, IMPATIENT, Asking::CannotLookUp).await;
    assert!(landed(&asked).any(|one| one.times > 1), "nothing came again");
}

#[tokio::test]
async fn a_message_that_landed_though_its_answer_was_lost_is_looked_up_and_not_sent_again() {
    check_once(Does::CutsAfter, Asking::CanLookUp).await;
}

#[tokio::test]
async fn a_message_that_is_looked_up_in_vain_is_sent_again() {
    check_once(Does::CutsBefore, Asking::CanLookUp).await;
}

#[tokio::test]
async fn a_target_that_says_when_to_come_back_is_left_alone_until_then_and_others_go_on() {
    const WAIT: Duration = Duration::from_secs(3);
    let mut rig = Rig::new(PATIENT, Asking::CannotLookUp);
    rig.till.order(&[Order::new(Does::Busy(WAIT.as_secs())).about("parcel:0").times(1)]);
    rig.publish(EVENTS).await;
    rig.assert_all_landed();
    let asked = rig.till.asked();
    let busy = asked.iter().position(|one| !one.landed).expect("a refusal");
    let again =
        asked.iter().skip(busy + 1).find(|one| one.subject == asked[busy].subject).expect("an attempt");
    assert_eq!(again.key, asked[busy].key);
    let waited = Duration::from_micros(again.at - asked[busy].at);
    assert!(waited >= WAIT, "it came back after {waited:?}");
    let meanwhile =
        asked.iter().filter(|one| (asked[busy].at..again.at).contains(&one.at) && one.landed).count();
    assert!(meanwhile > 0, "the others waited, too");
}

#[tokio::test]
async fn a_target_that_is_gone_costs_a_backlog_and_two_lines_of_the_log() {
    let mut rig = Rig::new(PATIENT, Asking::CannotLookUp);
    rig.publish(EVENTS).await;
    until_number(&rig.hub, "/targets/till/delivered", 1);
    rig.till.kill();
    rig.publish(EVENTS).await;
    let down = rig.hub.wait_for("target.down");
    assert_eq!((&down["target"], down["since"].is_string()), (&"till".into(), true));
    until_number(&rig.hub, "/targets/gate/delivered", 2 * EVENTS);
    rig.till.start_again();
    let back = rig.hub.wait_for("target.back");
    assert_eq!((&back["target"], back["seconds"].is_number()), (&"till".into(), true));
    rig.publish(EVENTS).await;
    rig.assert_all_landed();
    assert_eq!((rig.hub.heard("target.down"), rig.hub.heard("target.back")), (1, 1));
}
