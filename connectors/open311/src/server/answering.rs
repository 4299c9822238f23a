//! What whoever has reported something hears: the id of the back office where it comes in time, and else a token.

use std::sync::Arc;
use std::time::Duration;

use postroom_listener::Reply;
use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::store::Store;
use crate::writing::{Item, Written, list};

/// Time between two looks whether an id has come.
const LOOK: Duration = Duration::from_millis(250);

/// A report that is safe, and whose sender waits.
pub(super) struct Pending {
    pub(super) token: String,
    pub(super) notice: String,
    pub(super) written: Written,
    pub(super) reply: Reply,
    pub(super) _place: OwnedSemaphorePermit,
}

/// Whoever answers.
#[derive(Clone)]
pub(super) struct Answering {
    pub(super) store: Arc<Store>,
    /// How long a sender waits for the id.
    pub(super) wait: Duration,
}

impl Answering {
    /// Answers each of them in time, beside whoever calls this.
    pub(super) fn answer(self, all: Vec<Pending>) {
        tokio::spawn(self.run(all));
    }

    async fn run(self, mut all: Vec<Pending>) {
        let until = Instant::now() + self.wait;
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !all.is_empty() {
            looks.tick().await;
            let is_last = Instant::now() >= until;
            let mut waiting = Vec::new();
            for pending in all {
                // A store that cannot be asked knows no id; the token is right all the same.
                match self.store.id_of(&pending.token).await.ok().flatten().flatten() {
                    Some(id) => pending.answer("service_request_id", &id),
                    None if is_last => pending.answer_with_token(),
                    None if pending.reply.is_awaited() => waiting.push(pending),
                    None => {}
                }
            }
            all = waiting;
        }
    }
}

impl Pending {
    fn answer_with_token(self) {
        let token = self.token.clone();
        self.answer("token", &token);
    }

    fn answer(self, name: &'static str, value: &str) {
        let item = Item::default()
            .with(name, value)
            .with("service_notice", Value::from(Some(self.notice).filter(|notice| !notice.is_empty())))
            .with("account_id", Value::Null);
        self.reply.send(list(self.written, "service_requests", "request", &[item]));
    }
}
