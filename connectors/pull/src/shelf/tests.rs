//! The shelf, tried without HTTP; nobody waits for a time.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use serde_json::json;

use super::*;
use crate::verdict::Retry;

fn shelf() -> Shelf {
    Shelf::new(LINGERS)
}

fn outgoing(number: u64) -> Outgoing {
    Outgoing {
        dispatch: DispatchId::new("/shop", &number.to_string(), "to-till"),
        event_type: "parcel.moved.v1".to_owned(),
        subject: format!("parcel:{number}"),
        message: Arc::new(json!({"number": number})),
        traceparent: None,
    }
}

fn success(reference: &str) -> Verdict {
    Verdict::Success { reference: Some(reference.to_owned()) }
}

fn failure() -> Verdict {
    Verdict::Failure { words: "not now".to_owned(), details: String::new(), retry: Retry::Later }
}

/// Whether it is done by now.
fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Option<F::Output> {
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => Some(done),
        Poll::Pending => None,
    }
}

fn seen(shelf: &Shelf) -> Vec<DispatchId> {
    shelf.look(0, usize::MAX).0.iter().map(|seen| seen.outgoing.dispatch).collect()
}

fn heard(said: Said) -> oneshot::Receiver<()> {
    match said {
        Said::Heard(hears) => hears,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_message_lies_on_the_shelf_until_it_is_answered_and_looking_takes_nothing_away() {
    let (shelf, one) = (shelf(), outgoing(1));
    let mut offer = pin!(shelf.offer(&one));
    assert_eq!(poll(offer.as_mut()), None);
    assert_eq!((seen(&shelf), seen(&shelf)), (vec![one.dispatch], vec![one.dispatch]));
    let mut hears = heard(shelf.say(one.dispatch, success("T-1")));
    assert!(hears.try_recv().is_err(), "it does not count before it is taken");
    assert_eq!(poll(offer.as_mut()), Some(success("T-1")));
    assert!(hears.try_recv().is_ok());
    assert_eq!(seen(&shelf), []);
}

#[tokio::test]
async fn what_is_said_again_is_known_and_something_else_is_refused() {
    let (shelf, one) = (shelf(), outgoing(1));
    assert!(matches!(shelf.say(one.dispatch, success("T-1")), Said::NotOnOffer));
    let mut offer = pin!(shelf.offer(&one));
    assert_eq!(poll(offer.as_mut()), None);
    let first = heard(shelf.say(one.dispatch, success("T-1")));
    let second = heard(shelf.say(one.dispatch, success("T-1")));
    assert!(matches!(shelf.say(one.dispatch, failure()), Said::Otherwise), "the first waits to be heard");
    assert!(poll(offer.as_mut()).is_some());
    assert!(first.await.is_ok() && second.await.is_ok());
    assert!(matches!(shelf.say(one.dispatch, success("T-1")), Said::Again));
    assert!(matches!(shelf.say(one.dispatch, success("T-2")), Said::Otherwise));
}

#[tokio::test]
async fn an_answer_whose_sender_was_told_to_come_again_does_not_count() {
    let (shelf, one) = (shelf(), outgoing(1));
    let mut offer = pin!(shelf.offer(&one));
    assert_eq!(poll(offer.as_mut()), None);
    drop(heard(shelf.say(one.dispatch, success("T-1"))));
    assert_eq!(poll(offer.as_mut()), None);
    let _hears = heard(shelf.say(one.dispatch, failure()));
    assert_eq!(poll(offer.as_mut()), Some(failure()));
}

#[tokio::test]
async fn a_success_that_could_not_be_written_down_is_told_again_and_a_failure_is_a_new_question() {
    let (shelf, one, two) = (shelf(), outgoing(1), outgoing(2));
    for (message, verdict) in [(&one, success("T-1")), (&two, failure())] {
        let mut offer = pin!(shelf.offer(message));
        assert_eq!(poll(offer.as_mut()), None);
        let _hears = heard(shelf.say(message.dispatch, verdict));
        assert!(poll(offer.as_mut()).is_some());
    }
    assert_eq!(poll(pin!(shelf.offer(&one))), Some(success("T-1")));
    let mut again = pin!(shelf.offer(&two));
    assert_eq!(poll(again.as_mut()), None);
    assert_eq!(seen(&shelf), [two.dispatch]);
    let _hears = heard(shelf.say(two.dispatch, success("T-2")));
    assert_eq!(poll(again.as_mut()), Some(success("T-2")));
}

#[tokio::test]
async fn what_is_taken_back_stays_in_its_place_for_a_while_and_what_is_said_then_counts_once_it_is_back() {
    let (shelf, one, two) = (shelf(), outgoing(1), outgoing(2));
    let mut other = pin!(shelf.offer(&two));
    {
        let mut offer = pin!(shelf.offer(&one));
        assert!(poll(offer.as_mut()).is_none() && poll(other.as_mut()).is_none());
    }
    assert_eq!(seen(&shelf), [one.dispatch, two.dispatch]);
    let mut hears = heard(shelf.say(one.dispatch, success("T-1")));
    assert!(hears.try_recv().is_err(), "nobody has taken it");
    assert_eq!(poll(pin!(shelf.offer(&one))), Some(success("T-1")));
    assert!(hears.try_recv().is_ok());
}

#[tokio::test]
async fn what_nobody_puts_back_is_gone_after_a_while_and_what_somebody_waits_for_stays() {
    let (shelf, one, two) = (Shelf::new(Duration::ZERO), outgoing(1), outgoing(2));
    let mut other = pin!(shelf.offer(&two));
    assert_eq!(poll(other.as_mut()), None);
    assert_eq!(poll(pin!(shelf.offer(&one))), None);
    assert_eq!(seen(&shelf), [two.dispatch]);
    assert!(matches!(shelf.say(one.dispatch, success("T-1")), Said::NotOnOffer));
}

#[tokio::test]
async fn pages_follow_each_other_though_what_was_seen_is_answered_meanwhile() {
    let (shelf, messages) = (shelf(), [1, 2, 3, 4, 5].map(outgoing));
    let mut offers: Vec<_> = messages.iter().map(|message| Box::pin(shelf.offer(message))).collect();
    assert!(offers.iter_mut().all(|offer| poll(offer.as_mut()).is_none()));
    let (first, more) = shelf.look(0, 2);
    assert_eq!((first.len(), more), (2, true));
    let _hears = heard(shelf.say(first[1].outgoing.dispatch, success("T-2")));
    assert!(poll(offers[1].as_mut()).is_some());
    let (second, more) = shelf.look(first[1].place, 3);
    let numbers: Vec<_> = second.iter().map(|seen| seen.outgoing.subject.as_str()).collect();
    assert_eq!((numbers, more), (vec!["parcel:3", "parcel:4", "parcel:5"], false));
}

#[tokio::test]
async fn only_so_many_answers_are_remembered() {
    let shelf = shelf();
    for number in 0..=MOST_REMEMBERED as u64 {
        let message = outgoing(number);
        let mut offer = pin!(shelf.offer(&message));
        assert_eq!(poll(offer.as_mut()), None);
        let _hears = heard(shelf.say(message.dispatch, success("T")));
        assert!(poll(offer.as_mut()).is_some());
    }
    assert!(matches!(shelf.say(outgoing(0).dispatch, success("T")), Said::NotOnOffer));
    assert!(matches!(shelf.say(outgoing(1).dispatch, success("T")), Said::Again));
    assert_eq!(shelf.lock().answered.len(), MOST_REMEMBERED);
}
