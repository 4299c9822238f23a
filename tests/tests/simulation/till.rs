//! The target with a lane: a sink that fails by its temper, and remembers what it was handed, in its order.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use postroom_connector::{
    ConnectorError, Failure, Handover, Outgoing, Receipt, Settings, SettingsError, Sink, SinkKind,
};
use postroom_event::DispatchId;
use postroom_tests::dice::Dice;
use tokio::sync::watch;
use tokio::task::yield_now;

use crate::schedule::Temper;

/// Most times that an attempt gives way to others before it arrives, and again before it is answered.
const MOST_YIELDS: u64 = 6;

/// Clones are the same till.
#[derive(Debug, Clone)]
pub(crate) struct Till {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    temper: Temper,
    healed: AtomicBool,
    /// How often the hub lost its hold on what was under way.
    breaks: Arc<AtomicU64>,
    moves: Arc<watch::Sender<u64>>,
    book: Mutex<Book>,
}

/// What the till remembers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Book {
    attempts: u64,
    by_dispatch: HashMap<DispatchId, u64>,
    under_way: HashSet<String>,
    /// What arrived, in its order.
    pub(crate) landings: Vec<Landing>,
    /// The numbers of what it refused for good.
    pub(crate) refused: HashSet<u64>,
    /// Subjects of which two were handed over at the same time.
    pub(crate) crowded: Vec<String>,
}

/// One arrival.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Landing {
    pub(crate) dispatch: DispatchId,
    pub(crate) subject: String,
    pub(crate) number: u64,
    /// The breaks before it.
    pub(crate) breaks: u64,
    /// Whether the hub was told so.
    pub(crate) answered: bool,
}

/// What an attempt meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Taken,
    /// It arrives, and the answer does not.
    TakenUnknown,
    Failed(Failure),
}

impl Till {
    pub(crate) fn new(temper: Temper, breaks: Arc<AtomicU64>, moves: Arc<watch::Sender<u64>>) -> Self {
        let (healed, book) = (AtomicBool::new(false), Mutex::default());
        Self { shared: Arc::new(Shared { temper, healed, breaks, moves, book }) }
    }

    /// From now on it takes everything.
    pub(crate) fn heal(&self) {
        self.shared.healed.store(true, Ordering::SeqCst);
    }

    pub(crate) fn book(&self) -> Book {
        self.shared.book.lock().unwrap().clone()
    }

    /// How many are in hands of the hub, besides this one.
    pub(crate) fn lent(&self) -> usize {
        Arc::strong_count(&self.shared) - 1
    }
}

impl SinkKind for Till {
    fn name(&self) -> &'static str {
        "till"
    }

    fn check(&self, _settings: &Settings) -> Result<(), SettingsError> {
        Ok(())
    }

    fn build(&self, _settings: &Settings) -> Result<Box<dyn Sink>, SettingsError> {
        Ok(Box::new(self.clone()))
    }
}

#[async_trait]
impl Sink for Till {
    async fn deliver(&self, handover: &Handover) -> Result<Receipt, ConnectorError> {
        for item in &handover.items {
            let _under_way = UnderWay::begin(&self.shared, &item.subject);
            self.shared.take(item).await?;
        }
        Ok(Receipt::default())
    }
}

impl Shared {
    async fn take(&self, item: &Outgoing) -> Result<(), ConnectorError> {
        let (fate, yields) = self.fate(item.dispatch);
        self.moves.send_modify(|moves| *moves += 1);
        for _ in 0..yields {
            yield_now().await;
        }
        let number = item.message["number"].as_u64().unwrap_or_default();
        let failure = match fate {
            Fate::Taken => {
                let landing = self.land(item, number);
                for _ in 0..yields {
                    yield_now().await;
                }
                self.book.lock().unwrap().landings[landing].answered = true;
                return Ok(());
            }
            Fate::TakenUnknown => {
                self.land(item, number);
                Failure::Unknown
            }
            Fate::Failed(failure) => failure,
        };
        if failure == Failure::Permanent {
            self.book.lock().unwrap().refused.insert(number);
        }
        Err(ConnectorError::new(failure, "the till says no", "").business())
    }

    fn land(&self, item: &Outgoing, number: u64) -> usize {
        let breaks = self.breaks.load(Ordering::SeqCst);
        let (dispatch, subject) = (item.dispatch, item.subject.clone());
        let mut book = self.book.lock().unwrap();
        book.landings.push(Landing { dispatch, subject, number, breaks, answered: false });
        book.landings.len() - 1
    }

    /// What the next attempt of a dispatch meets, and how long it takes.
    fn fate(&self, dispatch: DispatchId) -> (Fate, u64) {
        let (attempt, tries) = self.book.lock().unwrap().count(dispatch);
        let Temper { seed, transient, unknown, permanent, down } = self.temper;
        let own = dispatch.0.as_u64_pair().1;
        let mut dice = Dice::new(seed ^ own ^ tries);
        let yields = dice.below(MOST_YIELDS);
        if self.healed.load(Ordering::SeqCst) {
            return (Fate::Taken, yields);
        }
        if (down.0..down.1).contains(&attempt) {
            return (Fate::Failed(Failure::Down), yields);
        }
        let drawn = dice.below(100);
        let fate = if drawn < permanent && tries == 1 {
            Fate::Failed(Failure::Permanent)
        } else if drawn < permanent + transient {
            Fate::Failed(Failure::Transient)
        } else if drawn < permanent + transient + unknown / 2 {
            Fate::Failed(Failure::Unknown)
        } else if drawn < permanent + transient + unknown {
            Fate::TakenUnknown
        } else {
            Fate::Taken
        };
        (fate, yields)
    }
}

impl Book {
    /// Counts an attempt: how many there were before it, and the how many-eth of its dispatch it is.
    fn count(&mut self, dispatch: DispatchId) -> (u64, u64) {
        let tries = self.by_dispatch.entry(dispatch).or_default();
        *tries += 1;
        self.attempts += 1;
        (self.attempts - 1, *tries)
    }
}

/// One attempt, until it is answered or given up by the hub.
struct UnderWay<'t> {
    shared: &'t Shared,
    subject: &'t str,
}

impl<'t> UnderWay<'t> {
    fn begin(shared: &'t Shared, subject: &'t str) -> Self {
        let mut book = shared.book.lock().unwrap();
        if !book.under_way.insert(subject.to_owned()) {
            book.crowded.push(subject.to_owned());
        }
        Self { shared, subject }
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.shared.book.lock().unwrap().under_way.remove(self.subject);
    }
}
