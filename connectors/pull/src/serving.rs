//! What listens for one system: holds its path, lets in who proves to be it, and answers from the shelf.

use std::mem::discriminant;
use std::sync::Arc;
use std::time::Duration;

use postroom_connector::{ConnectorError, Failure, Settings};
use postroom_listener::header::HeaderValue;
use postroom_listener::{
    Answer, Asked, Claim, ClaimError, Gate, Listeners, Rate, Reply, StatusCode, Strangers, Turned,
};
use tokio::sync::{oneshot, watch};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use crate::document::document;
use crate::page::Page;
use crate::refusal::Refusal;
use crate::request::Wish;
use crate::settings::PullSettings;
use crate::shelf::{Said, Shelf};

/// Time between two looks at the secrets.
const SECRETS_LOOK: Duration = Duration::from_secs(5);
/// Wait before the path is asked for again.
const CLAIM_AGAIN: Duration = Duration::from_millis(100);
/// Wait once it has been in vain for a while.
const CLAIM_LATER: Duration = Duration::from_secs(1);
/// How long the path may be somebody else's before that is told: the sink before this one may still let it go.
const CLAIM_WITHIN: Duration = Duration::from_secs(5);
/// Longest wait until an answer counts; its sender is told to come again then.
const HEARD_WITHIN: Duration = Duration::from_secs(10);

/// Whether the system can fetch anything.
#[derive(Debug, Clone)]
pub(crate) enum Standing {
    /// It is not known yet.
    Beginning,
    Open,
    /// Why it cannot.
    Closed(ConnectorError),
}

/// What listens for one system.
pub(crate) struct Serving {
    settings: PullSettings,
    /// As the council wrote them: where the secrets are read again.
    written: Settings,
    /// Nobody is let in where a secret cannot be read: it may have been withdrawn.
    gate: Option<Gate>,
    strangers: Strangers,
    rate: Option<Rate>,
    shelf: Arc<Shelf>,
}

impl Serving {
    pub(crate) fn new(settings: PullSettings, written: Settings, gate: Gate, shelf: Arc<Shelf>) -> Self {
        let rate = settings.rate.map(|rate| Rate::new(rate, std::time::Instant::now()));
        Self { settings, written, gate: Some(gate), strangers: Strangers::default(), rate, shelf }
    }

    /// Listens for ever, and tells how it stands.
    pub(crate) async fn run(mut self, tells: watch::Sender<Standing>) {
        let mut since = Instant::now();
        loop {
            match Listeners::shared().claim(self.settings.wanted.clone()).await {
                Ok(claim) => {
                    self.serve(claim, &tells).await;
                    since = Instant::now();
                }
                Err(error) if since.elapsed() >= CLAIM_WITHIN => {
                    tells.send_replace(Standing::Closed(unclaimed(&error)));
                    sleep(CLAIM_LATER).await;
                }
                Err(_) => {}
            }
            sleep(CLAIM_AGAIN).await;
        }
    }

    async fn serve(&mut self, mut claim: Claim, tells: &watch::Sender<Standing>) {
        let mut look = interval(SECRETS_LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                asked = claim.next() => match asked {
                    Some(asked) => self.answer(asked),
                    None => return,
                },
                _ = look.tick() => {
                    let standing = self.look_at_secrets().await;
                    let changes = discriminant(&standing) != discriminant(&*tells.borrow());
                    if changes {
                        tells.send_replace(standing);
                    }
                }
            }
        }
    }

    /// Takes up secrets that were changed.
    async fn look_at_secrets(&mut self) -> Standing {
        let (proofs, written) = (self.settings.proofs.clone(), self.written.clone());
        let read = spawn_blocking(move || Gate::new(&proofs, &written)).await;
        let told = match read {
            Ok(Ok(gate)) => {
                self.gate = Some(gate);
                return Standing::Open;
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "reading the secrets was interrupted".to_owned(),
        };
        self.gate = None;
        Standing::Closed(ConnectorError::new(Failure::Down, "nobody is let in", told))
    }

    fn answer(&mut self, asked: Asked) {
        match self.admit(&asked).and_then(|()| Wish::read(&asked, &self.settings.wanted.path)) {
            Err(refusal) => asked.reply.send(refusal.answer()),
            Ok(Wish::Document) => {
                let json = HeaderValue::from_static("application/json");
                let document = document(&self.settings.wanted.path);
                asked.reply.send(Answer::new(StatusCode::OK).body(json, document));
            }
            Ok(Wish::Look { limit, after }) => {
                let (seen, more) = self.shelf.look(after, limit);
                let page = Page::of(&seen, more);
                asked.reply.send(page.answer(&asked.headers));
            }
            Ok(Wish::Answer(dispatch, verdict)) => match self.shelf.say(dispatch, verdict) {
                Said::Heard(hears) => drop(tokio::spawn(tell(hears, asked.reply))),
                Said::Again => asked.reply.send(Answer::new(StatusCode::OK)),
                Said::Otherwise => asked.reply.send(Refusal::OtherAnswer.answer()),
                Said::NotOnOffer => asked.reply.send(Refusal::NotOnOffer.answer()),
            },
        }
    }

    fn admit(&mut self, asked: &Asked) -> Result<(), Refusal> {
        let Some(gate) = &self.gate else { return Err(Refusal::NotNow) };
        let now = std::time::Instant::now();
        let admitted = self.strangers.admit(asked.peer.ip(), now, || gate.admits(asked));
        admitted.map_err(|turned| match turned {
            Turned::Away | Turned::Again(_) => Refusal::Unknown(gate.challenge()),
            Turned::Later(wait) => Refusal::TooMany(wait),
        })?;
        match &mut self.rate {
            Some(rate) => rate.take(now).map_err(Refusal::TooMany),
            None => Ok(()),
        }
    }
}

/// Tells the sender of an answer that it counts, or to come again.
async fn tell(hears: oneshot::Receiver<()>, reply: Reply) {
    match timeout(HEARD_WITHIN, hears).await {
        Ok(Ok(())) => reply.send(Answer::new(StatusCode::OK)),
        Ok(Err(_)) | Err(_) => reply.send(Refusal::NotNow.answer()),
    }
}

/// What it means that the path cannot be had: nothing can be fetched, and no message is to blame.
fn unclaimed(error: &ClaimError) -> ConnectorError {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    ConnectorError::new(Failure::Down, error.to_string(), cause.unwrap_or_default())
}
