//! A source at its work, and few words to try it.

use std::time::{Duration, Instant};

use postroom_connector::{Arrival, Batch, ConnectorError, Ending, Settings, Source, SourceKind};
use postroom_connector_http::HttpSource;
use postroom_event::{Reading, Record};
use tempfile::TempDir;

/// Longest wait of a test for anything.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);
/// What no error and no answer may hold.
pub(crate) const CANARY: &str = "Canary Q. Resident";
/// The secret in the file `secret`.
pub(crate) const SECRET: &str = "open sesame";

/// A data folder with a secret in it.
pub(crate) fn data() -> TempDir {
    let data = tempfile::tempdir().expect("a folder");
    std::fs::write(data.path().join("secret"), format!("{SECRET}\n")).expect("a file");
    data
}

pub(crate) fn settings(data: &TempDir, text: &str) -> Settings {
    let table = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
    Settings { table, data: data.path().to_owned(), system: "till".to_owned() }
}

pub(crate) fn source(settings: &Settings) -> Box<dyn Source> {
    HttpSource.check(settings).expect("settings");
    HttpSource.build(settings).expect("a source")
}

/// The next batch, or the error that comes first.
pub(crate) async fn next(source: &mut dyn Source) -> Result<Box<dyn Batch>, ConnectorError> {
    let began = Instant::now();
    while began.elapsed() < DEADLINE {
        match source.next().await? {
            Arrival::Idle => {}
            Arrival::Batch(batch) => return Ok(batch),
            Arrival::Refused(refused) => panic!("{}: {}", refused.label, refused.fault),
        }
    }
    panic!("nothing arrived");
}

/// The next batch.
pub(crate) async fn batch(source: &mut dyn Source) -> Box<dyn Batch> {
    next(source).await.expect("a batch")
}

/// The records of a batch, which is read to its end; none is refused.
pub(crate) async fn records(batch: &mut dyn Batch) -> Vec<Record> {
    let mut records = Vec::new();
    loop {
        let chunk = batch.read(2).await.expect("records");
        if chunk.is_empty() {
            return records;
        }
        records.extend(chunk.into_iter().map(|reading| match reading {
            Reading::Record(record) => record,
            Reading::Refused(fault) => panic!("{fault}"),
        }));
    }
}

/// The keys of the records of the next batch, which is taken.
pub(crate) async fn take(source: &mut dyn Source) -> Vec<String> {
    let mut batch = batch(source).await;
    let records = records(batch.as_mut()).await;
    batch.finish(Ending::Done).await.expect("taken");
    records.into_iter().map(|record| record.key.expect("a key")).collect()
}

/// An error that tells nothing of a person and no secret.
pub(crate) fn discreet(error: ConnectorError) -> ConnectorError {
    let told = format!("{error} {error:?}");
    assert!(!told.contains(CANARY) && !told.contains(SECRET), "{told}");
    error
}
