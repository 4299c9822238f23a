//! The checks of the conformance kit can fail: each is shown a connector that breaks what it asks for.
#![expect(clippy::expect_used, reason = "tests")]

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use postroom_connector::conformance::{self, CANARY, SECRET, sink, source};
use postroom_connector::{
    Arrival, Batch, ConnectorError, Ending, Failure, Handover, Receipt, Settings, SettingsError, Sink,
    SinkKind, Source, SourceKind,
};
use postroom_event::{Reading, Record};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::timeout;

/// How long an empty shelf is looked at.
const PATIENCE: Duration = Duration::from_secs(1);

/// What opens the shelf.
const KEY: &str = "open sesame";

fn settings() -> Settings {
    let table = toml::Table::from_iter([("key".to_owned(), KEY.into())]);
    Settings { table, data: PathBuf::from("/nowhere"), system: "shelf".to_owned() }
}

/// What is wrong with a connector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    /// It takes what it reads off the shelf, before anybody has it.
    TakesAtOnce,
    /// A record has another key each time.
    NewKeys,
    /// It remembers no id.
    Forgets,
    /// It says for good where it should say that the target is down.
    WrongMeaning,
    /// It tells what it was given.
    Tells,
    /// It tells what opens it.
    TellsSecret,
}

/// A system in memory: what lies on it, and what was brought to it.
#[derive(Clone)]
struct Shelf {
    flaw: Flaw,
    lying: Arc<Mutex<Vec<u64>>>,
    brought: Arc<Mutex<Vec<(String, u64)>>>,
    reads: Arc<Mutex<u64>>,
    away: Arc<Mutex<bool>>,
    changed: Arc<Notify>,
}

impl Shelf {
    fn with(flaw: Flaw) -> Self {
        let (lying, brought, changed) = (Arc::default(), Arc::default(), Arc::default());
        Self { flaw, lying, brought, reads: Arc::default(), away: Arc::default(), changed }
    }

    fn away(flaw: Flaw) -> Self {
        let shelf = Self::with(flaw);
        *shelf.away.lock().expect("a shelf") = true;
        shelf
    }

    fn is_away(&self) -> ConnectorError {
        let detail = if self.flaw == Flaw::TellsSecret { KEY } else { "" };
        ConnectorError::new(Failure::Down, "the shelf is away", detail)
    }
}

impl SourceKind for Shelf {
    fn name(&self) -> &'static str {
        "shelf"
    }

    fn check(&self, _settings: &Settings) -> Result<(), SettingsError> {
        Ok(())
    }

    fn fields(&self, _settings: &Settings) -> Option<Vec<String>> {
        None
    }

    fn build(&self, _settings: &Settings) -> Result<Box<dyn Source>, SettingsError> {
        Ok(Box::new(self.clone()))
    }

    fn open(&self, _settings: &Settings, _path: &Path) -> Result<Arrival, ConnectorError> {
        Err(ConnectorError::new(Failure::Permanent, "a shelf has no files", ""))
    }
}

#[async_trait]
impl Source for Shelf {
    async fn next(&mut self) -> Result<Arrival, ConnectorError> {
        if *self.away.lock().expect("a shelf") {
            return Err(self.is_away());
        }
        if self.lying.lock().expect("a shelf").is_empty() {
            let _nothing = timeout(PATIENCE, self.changed.notified()).await;
            return Ok(Arrival::Idle);
        }
        let mut lying = self.lying.lock().expect("a shelf");
        let mut reads = self.reads.lock().expect("a count");
        *reads += 1;
        let salt = if self.flaw == Flaw::NewKeys { *reads } else { 0 };
        let taken = lying.clone();
        if self.flaw == Flaw::TakesAtOnce {
            lying.clear();
        }
        let id = format!("{:?}", taken.first());
        Ok(Arrival::Batch(Box::new(Pile { shelf: self.clone(), id, salt, left: taken.clone(), taken })))
    }
}

struct Pile {
    shelf: Shelf,
    id: String,
    salt: u64,
    left: Vec<u64>,
    taken: Vec<u64>,
}

#[async_trait]
impl Batch for Pile {
    fn label(&self) -> &'static str {
        "pile"
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn len(&self) -> u64 {
        self.taken.len() as u64
    }

    async fn read(&mut self, limit: usize) -> Result<Vec<Reading>, ConnectorError> {
        let rest = self.left.split_off(limit.min(self.left.len()));
        let read = std::mem::replace(&mut self.left, rest).into_iter().map(|number| {
            let value = json!({"number": number, "name": CANARY});
            Reading::Record(Record { number, line: 0, key: Some(format!("{number} {}", self.salt)), value })
        });
        Ok(read.collect())
    }

    async fn finish(self: Box<Self>, _ending: Ending) -> Result<(), ConnectorError> {
        self.shelf.lying.lock().expect("a shelf").retain(|number| !self.taken.contains(number));
        Ok(())
    }
}

#[async_trait]
impl source::Ground for Shelf {
    fn kind(&self) -> &dyn SourceKind {
        self
    }

    fn settings(&self) -> Settings {
        settings()
    }

    async fn put(&mut self, numbers: Range<u64>) {
        self.lying.lock().expect("a shelf").extend(numbers);
        self.changed.notify_one();
    }

    fn number(&self, record: &Value) -> u64 {
        record["number"].as_u64().expect("a number")
    }

    fn secrets(&self) -> Vec<String> {
        vec![KEY.to_owned()]
    }
}

impl SinkKind for Shelf {
    fn name(&self) -> &'static str {
        "shelf"
    }

    fn check(&self, _settings: &Settings) -> Result<(), SettingsError> {
        Ok(())
    }

    fn build(&self, _settings: &Settings) -> Result<Box<dyn Sink>, SettingsError> {
        Ok(Box::new(self.clone()))
    }
}

#[async_trait]
impl Sink for Shelf {
    async fn deliver(&self, handover: &Handover) -> Result<Receipt, ConnectorError> {
        let message = &handover.items[0].message;
        if *self.away.lock().expect("a shelf") {
            return Err(match self.flaw {
                Flaw::WrongMeaning => ConnectorError::new(Failure::Permanent, "the shelf is away", ""),
                Flaw::Tells => ConnectorError::new(Failure::Down, format!("nowhere to put {message}"), ""),
                _ => self.is_away(),
            });
        }
        let mut brought = self.brought.lock().expect("a shelf");
        if self.flaw == Flaw::Forgets || brought.iter().all(|(id, _)| *id != handover.id) {
            brought.push((handover.id.clone(), message["number"].as_u64().expect("a number")));
        }
        Ok(Receipt::default())
    }
}

#[async_trait]
impl sink::Ground for Shelf {
    fn kind(&self) -> &dyn SinkKind {
        self
    }

    fn settings(&self) -> Settings {
        settings()
    }

    async fn order(&mut self, trouble: sink::Trouble) -> bool {
        let away = trouble == sink::Trouble::Away;
        *self.away.lock().expect("a shelf") = away;
        away
    }

    async fn heal(&mut self) {
        *self.away.lock().expect("a shelf") = false;
    }

    async fn taken(&mut self) -> Vec<u64> {
        self.brought.lock().expect("a shelf").iter().map(|(_, number)| *number).collect()
    }

    fn secrets(&self) -> Vec<String> {
        vec![KEY.to_owned()]
    }
}

/// Which of the checks a connector with that flaw fails.
async fn failed(flaw: Flaw) -> BTreeSet<&'static str> {
    let checks = [
        (
            "lost or doubled",
            tokio::spawn(async move { source::nothing_is_lost_or_doubled(&mut Shelf::with(flaw)).await }),
        ),
        (
            "read again",
            tokio::spawn(
                async move { source::what_is_taken_is_not_read_again(&mut Shelf::with(flaw)).await },
            ),
        ),
        (
            "came to nothing",
            tokio::spawn(
                async move { source::what_came_to_nothing_comes_again(&mut Shelf::with(flaw)).await },
            ),
        ),
        (
            "away",
            tokio::spawn(async move {
                source::a_system_that_is_away_is_told(&Shelf::away(flaw), &settings()).await;
            }),
        ),
        (
            "trouble",
            tokio::spawn(async move {
                sink::each_trouble_has_its_meaning_and_costs_nothing(&mut Shelf::with(flaw)).await;
            }),
        ),
        (
            "comes again",
            tokio::spawn(
                async move { sink::what_comes_again_takes_effect_once(&mut Shelf::with(flaw)).await },
            ),
        ),
    ];
    let mut failed = BTreeSet::new();
    for (name, check) in checks {
        if check.await.is_err() {
            failed.insert(name);
        }
    }
    failed
}

#[tokio::test(start_paused = true)]
async fn each_check_fails_of_the_flaw_that_it_is_for_and_of_no_other() {
    for (flaw, fails) in [
        (Flaw::None, &[][..]),
        (Flaw::TakesAtOnce, &["came to nothing", "lost or doubled"]),
        (Flaw::NewKeys, &["lost or doubled"]),
        (Flaw::Forgets, &["comes again"]),
        (Flaw::WrongMeaning, &["trouble"]),
        (Flaw::Tells, &["trouble"]),
        (Flaw::TellsSecret, &["away", "trouble"]),
    ] {
        assert_eq!(failed(flaw).await, fails.iter().copied().collect(), "{flaw:?}");
    }
}

#[test]
fn a_secret_in_the_words_about_wrong_settings_is_found() {
    let tells = |settings: &Settings| match settings.table.iter().next() {
        None => Ok(()),
        Some((key, value)) => Err(SettingsError::new(key, format!("{value:?} is not known"))),
    };
    let none = Settings { table: toml::Table::new(), ..settings() };
    let told = std::panic::catch_unwind(|| conformance::settings_errors_name_their_key(tells, &none, &[]));
    let words = told.expect_err("a panic");
    assert!(words.downcast_ref::<String>().expect("words").contains(SECRET));
}
