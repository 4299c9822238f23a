//! A data folder of its own for each test, and few words to work in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use postroom_connector::{
    Arrival, Batch, ConnectorError, Ending, RefusedBatch, Settings, Sink, SinkKind, Source, SourceKind,
};
use postroom_connector_file::{FileSink, FileSource};
use postroom_event::Reading;
use serde_json::Value;
use tempfile::TempDir;

/// Longest time that a test waits for a condition.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) struct Room(TempDir);

impl Room {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    pub(crate) fn put(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, content).expect("a file");
    }

    pub(crate) fn get(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).expect("a file")
    }

    pub(crate) fn has(&self, path: &str) -> bool {
        self.path(path).exists()
    }

    /// The names in a folder, sorted.
    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry").file_name().into_string();
        let read = fs::read_dir(self.path(folder)).expect("a folder");
        let mut names: Vec<_> = read.map(|entry| name(entry).expect("UTF-8")).collect();
        names.sort();
        names
    }

    pub(crate) fn settings(&self, text: &str) -> Settings {
        let table = text.parse().expect("TOML");
        Settings { table, data: self.0.path().to_owned(), system: "gazetteer".to_owned() }
    }

    pub(crate) fn source(&self, text: &str) -> Box<dyn Source> {
        let settings = self.settings(text);
        FileSource.check(&settings).expect("settings");
        FileSource.build(&settings).expect("a source")
    }

    pub(crate) fn sink(&self, text: &str) -> Box<dyn Sink> {
        let settings = self.settings(text);
        FileSink.check(&settings).expect("settings");
        FileSink.build(&settings).expect("a sink")
    }

    pub(crate) fn open(&self, text: &str, path: &Path) -> Result<Arrival, ConnectorError> {
        FileSource.open(&self.settings(text), path)
    }
}

/// The next arrival that is not idle.
pub(crate) async fn arrival(source: &mut dyn Source) -> Arrival {
    let started = Instant::now();
    while started.elapsed() < DEADLINE {
        match source.next().await.expect("an arrival") {
            Arrival::Idle => {}
            arrival => return arrival,
        }
    }
    panic!("nothing arrived");
}

pub(crate) fn batch(arrival: Arrival) -> Box<dyn Batch> {
    match arrival {
        Arrival::Batch(batch) => batch,
        Arrival::Refused(refused) => panic!("{}: {}", refused.label, refused.fault),
        Arrival::Idle => panic!("idle"),
    }
}

pub(crate) fn refused(arrival: Arrival) -> RefusedBatch {
    match arrival {
        Arrival::Refused(refused) => refused,
        Arrival::Batch(batch) => panic!("{} was taken", batch.label()),
        Arrival::Idle => panic!("idle"),
    }
}

/// All records of a batch, which is read to its end.
pub(crate) async fn values(batch: &mut dyn Batch) -> Vec<Value> {
    let mut values = Vec::new();
    loop {
        let chunk = batch.read(2).await.expect("records");
        if chunk.is_empty() {
            return values;
        }
        values.extend(chunk.into_iter().filter_map(|reading| match reading {
            Reading::Record(record) => Some(record.value),
            Reading::Refused(_) => None,
        }));
    }
}

/// Takes the next batch, reads it to its end and puts it away: its label.
pub(crate) async fn take(source: &mut dyn Source) -> String {
    let mut batch = batch(arrival(source).await);
    values(batch.as_mut()).await;
    let label = batch.label().to_owned();
    batch.finish(Ending::Done).await.expect("put away");
    label
}
