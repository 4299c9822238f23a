//! Checks of sinks: each trouble of a target has its meaning, nothing is lost or doubled behind it, and nothing is told.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use postroom_event::DispatchId;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{CANARY, Secrets};
use crate::{ConnectorError, Failure, Handover, Outgoing, Receipt, Settings, Sink, SinkKind};

/// How long one attempt may take, whatever the target does: what the hub gives it.
const ATTEMPT_WITHIN: Duration = Duration::from_secs(60);

/// What a target can be ordered to do to the next attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing listens.
    Away,
    /// It takes the message and never answers.
    Hangs,
    /// It takes the message and cuts the line.
    CutsAfter,
    /// It cuts the line before it took anything.
    CutsBefore,
    /// It takes the message, and its answer breaks off.
    HalfAnswer,
    /// It has failed by itself.
    Fails,
    /// It is busy, and says when it may be asked again.
    Busy,
    /// It refuses the message for good.
    Refuses,
    /// It answers something else than it should.
    Garbage,
    /// It answers far more than anybody should read.
    Endless,
    /// It shows a certificate that nobody trusts.
    WrongCertificate,
}

impl Trouble {
    const ALL: [Self; 11] = [
        Self::Away,
        Self::Hangs,
        Self::CutsAfter,
        Self::CutsBefore,
        Self::HalfAnswer,
        Self::Fails,
        Self::Busy,
        Self::Refuses,
        Self::Garbage,
        Self::Endless,
        Self::WrongCertificate,
    ];

    /// What an attempt may be that meets it; `None`: it may have been delivered.
    fn may_be(self) -> &'static [Option<Failure>] {
        use Failure::{Down, Permanent, Transient, Unknown};
        match self {
            Self::Away => &[Some(Down)],
            Self::Hangs | Self::CutsAfter | Self::HalfAnswer => &[Some(Unknown)],
            Self::CutsBefore => &[Some(Unknown), Some(Down), Some(Transient)],
            Self::Fails | Self::Busy => &[Some(Transient)],
            Self::Refuses => &[Some(Permanent)],
            Self::Garbage => &[Some(Unknown), Some(Permanent), Some(Transient), None],
            Self::Endless => &[Some(Unknown), Some(Permanent), None],
            Self::WrongCertificate => &[Some(Down), Some(Permanent)],
        }
    }
}

/// A real target with a sink in front of it.
#[async_trait]
pub trait Ground: Send + Sync {
    /// The kind of sink.
    fn kind(&self) -> &dyn SinkKind;

    /// Settings that are right.
    fn settings(&self) -> Settings;

    /// Has the target do that from now on; false where it is nothing that this kind of target can do.
    async fn order(&mut self, trouble: Trouble) -> bool;

    /// Has it be well again.
    async fn heal(&mut self);

    /// The numbers of the messages that took effect at the target, each as often as it did.
    async fn taken(&mut self) -> Vec<u64>;

    /// The secrets that its settings name.
    fn secrets(&self) -> Vec<String> {
        Vec::new()
    }

    /// The message of that number, valid for the target, with [`CANARY`] in it.
    fn message(&self, number: u64) -> Value {
        json!({"number": number, "name": CANARY})
    }
}

/// Each trouble has its meaning and ends in time; once the target is well, the same handover takes effect, once.
pub async fn each_trouble_has_its_meaning_and_costs_nothing(ground: &mut dyn Ground) {
    let mut met = 0;
    for (number, trouble) in (1..).zip(Trouble::ALL) {
        if !ground.order(trouble).await {
            continue;
        }
        met += 1;
        let handover = handover(ground, number);
        let sink = built(ground);
        let outcome = attempt(ground, sink.as_ref(), &handover).await;
        let failure = outcome.as_ref().err().map(|error| error.failure);
        assert!(trouble.may_be().contains(&failure), "{trouble:?} is {failure:?}: {outcome:?}");
        if trouble == Trouble::Busy {
            let wait = outcome.as_ref().err().and_then(|error| error.retry_after);
            assert!(wait.is_some(), "a busy target said when it may be asked again");
        }
        drop(sink);
        ground.heal().await;
        again(ground, &handover, failure).await;
        let taken = ground.taken().await;
        let times = taken.iter().filter(|taken| **taken == number).count();
        assert_eq!(times, 1, "{trouble:?}: the message took effect {times} times");
    }
    assert!(met > 0, "a target that can be in no trouble proves nothing");
}

/// A handover that comes again after its receipt was lost takes effect once, and has the same receipt.
pub async fn what_comes_again_takes_effect_once(ground: &mut dyn Ground) {
    let handover = handover(ground, 1);
    let mut receipts = Vec::new();
    for _ in 0..3 {
        let sink = built(ground);
        receipts.push(attempt(ground, sink.as_ref(), &handover).await.expect("a target that is well"));
    }
    assert_eq!(ground.taken().await, [1]);
    assert!(receipts.iter().all(|receipt| *receipt == receipts[0]), "{receipts:?}");
}

/// As a hub does: what may have landed is looked up before it is sent again.
async fn again(ground: &dyn Ground, handover: &Handover, failure: Option<Failure>) {
    let sink = built(ground);
    if failure == Some(Failure::Unknown) {
        let found = timeout(ATTEMPT_WITHIN, sink.look_up(handover)).await.expect("an answer in time");
        let found = found.inspect_err(|error| secrets_of(ground).untold_by(error));
        if found.expect("a target that is well").is_some() {
            return;
        }
    }
    attempt(ground, sink.as_ref(), handover).await.expect("a target that is well");
}

async fn attempt(
    ground: &dyn Ground,
    sink: &dyn Sink,
    handover: &Handover,
) -> Result<Receipt, ConnectorError> {
    let outcome = timeout(ATTEMPT_WITHIN, sink.deliver(handover)).await.expect("an answer in time");
    outcome.inspect_err(|error| secrets_of(ground).untold_by(error))
}

fn secrets_of(ground: &dyn Ground) -> Secrets {
    Secrets::of(&ground.settings(), ground.secrets())
}

fn built(ground: &dyn Ground) -> Box<dyn Sink> {
    ground.kind().build(&ground.settings()).expect("settings that are right")
}

/// One message under the id of its dispatch.
fn handover(ground: &dyn Ground, number: u64) -> Handover {
    let dispatch = DispatchId::new("/systems/conformance", &number.to_string(), "a-route");
    let item = Outgoing {
        dispatch,
        event_type: "parcel.sent.v1".to_owned(),
        subject: format!("parcel:{number}"),
        message: Arc::new(ground.message(number)),
        traceparent: None,
    };
    Handover { id: dispatch.to_string(), items: vec![item] }
}
