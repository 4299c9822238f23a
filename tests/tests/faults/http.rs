//! A real HTTP target that fails in every way, under load: nothing is lost, the order of a subject is kept, and what
//! comes twice comes under one key and only where the answer was lost.

use std::time::Duration;

use postroom_tests::http_target::TestTarget;
use postroom_tests::http_target::oracle::Asked;
use postroom_tests::http_target::orders::{Does, Order};

use crate::rig::{
    Asking, EVENTS, PATIENT, Rig, add_target, assert_in_order, http_target, keys, landed, landed_again,
};
use crate::work::until_number;

/// A fault meets every so manieth request, so often.
const EVERY: u64 = 5;
const TIMES: u64 = 25;
/// How long the hub waits for the answer of a target that may hang.
const IMPATIENT: &str = "1s";

/// The hub at work, with a target that fails as it is told, and one that is well.
struct Pair {
    rig: Rig,
    gate: TestTarget,
}

impl Pair {
    fn new(timeout: &str, asking: Asking) -> Self {
        let (mut rig, gate) = (Rig::new(timeout, asking), http_target());
        add_target(&rig.hub.council, "gate", &gate, &format!("timeout = \"{PATIENT}\"\n"));
        rig.start();
        Self { rig, gate }
    }

    /// Waits until everything was delivered to both; nothing is held or dead, and every event landed in its order.
    async fn assert_all_landed(&self) {
        let Self { rig, gate } = self;
        rig.until_delivered(&["till", "gate"]).await;
        let asked = gate.asked();
        assert_eq!(asked.len() as u64, rig.published, "the healthy target is asked once for each");
        assert_in_order(&asked, &keys("parcel-to-gate", rig.published));
        assert_in_order(&rig.till.asked(), &keys("parcel-to-till", rig.published));
    }
}

/// How often the fault was met.
fn met(asked: &[Asked]) -> u64 {
    asked.iter().filter(|one| one.did.is_some()).count() as u64
}

/// How many messages landed that had landed before; the answer to each of them had been lost.
fn duplicates(asked: &[Asked]) -> usize {
    let again = landed_again(asked);
    for one in &again {
        let lost = landed(asked)
            .any(|before| before.key == one.key && before.times < one.times && before.did.is_some());
        assert!(lost, "{} came again though its answer had not been lost", one.key);
    }
    again.len()
}

/// The fault meets many requests of a load, and all of it arrives: what the target was asked.
async fn check(does: Does, timeout: &str, asking: Asking) -> Vec<Asked> {
    let mut pair = Pair::new(timeout, asking);
    pair.rig.till.order(&[Order::new(does).every(EVERY).times(TIMES)]);
    pair.rig.publish(EVENTS).await;
    pair.assert_all_landed().await;
    pair.rig.till.asked()
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
    let mut pair = Pair::new(PATIENT, Asking::CannotLookUp);
    pair.rig.till.order(&[Order::new(Does::Busy(WAIT.as_secs())).about("parcel:0").times(1)]);
    pair.rig.publish(EVENTS).await;
    pair.assert_all_landed().await;
    let asked = pair.rig.till.asked();
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
    let mut pair = Pair::new(PATIENT, Asking::CannotLookUp);
    pair.rig.publish(EVENTS).await;
    until_number(&pair.rig.hub, "/targets/till/delivered", 1);
    pair.rig.till.kill();
    pair.rig.publish(EVENTS).await;
    let down = pair.rig.hub.wait_for("target.down");
    assert_eq!((&down["target"], down["since"].is_string()), (&"till".into(), true));
    until_number(&pair.rig.hub, "/targets/gate/delivered", 2 * EVENTS);
    pair.rig.till.start_again();
    let back = pair.rig.hub.wait_for("target.back");
    assert_eq!((&back["target"], back["seconds"].is_number()), (&"till".into(), true));
    pair.rig.publish(EVENTS).await;
    pair.assert_all_landed().await;
    assert_eq!((pair.rig.hub.heard("target.down"), pair.rig.hub.heard("target.back")), (1, 1));
}

#[tokio::test]
async fn a_target_whose_secret_is_missing_keeps_nobody_waiting_and_gets_everything_once_it_is_there() {
    let (mut rig, gate) = (Rig::new(PATIENT, Asking::CannotLookUp), http_target());
    add_target(&rig.hub.council, "gate", &gate, "bearer = { file = \"gate-secret\" }\n");
    rig.start();
    rig.publish(EVENTS).await;
    until_number(&rig.hub, "/targets/till/delivered", EVENTS);
    let down = rig.hub.wait_for("target.down");
    assert_eq!(down["target"], "gate", "{down}");
    assert_eq!(gate.asked().len(), 0, "without its secret the target is not asked");
    std::fs::write(rig.hub.council.data().join("gate-secret"), "quite secret").expect("a secret");
    rig.until_delivered(&["till", "gate"]).await;
    assert_in_order(&gate.asked(), &keys("parcel-to-gate", rig.published));
}
