//! Few words to read a source.

use std::time::Instant;

use postroom_connector::{Arrival, Batch, ConnectorError, Ending, Source};
use postroom_event::{Reading, Record};

use crate::place::DEADLINE;

/// The next batch.
pub(crate) async fn batch(source: &mut dyn Source) -> Box<dyn Batch> {
    let begun = Instant::now();
    while begun.elapsed() < DEADLINE {
        match source.next().await.expect("an arrival") {
            Arrival::Idle => {}
            Arrival::Batch(batch) => return batch,
            Arrival::Refused(refused) => panic!("refused: {}", refused.fault),
        }
    }
    panic!("nothing arrived");
}

/// The next error.
pub(crate) async fn error(source: &mut dyn Source) -> ConnectorError {
    let begun = Instant::now();
    while begun.elapsed() < DEADLINE {
        match source.next().await {
            Ok(Arrival::Idle) => {}
            Ok(_) => panic!("something arrived"),
            Err(error) => return error,
        }
    }
    panic!("nothing was told");
}

/// That nothing comes while the database is looked at a few times.
pub(crate) async fn nothing(source: &mut dyn Source) {
    for _ in 0..5 {
        assert!(matches!(source.next().await.expect("an arrival"), Arrival::Idle), "something came");
    }
}

/// What is left of a batch.
pub(crate) async fn readings(batch: &mut dyn Batch) -> Vec<Reading> {
    let mut readings = Vec::new();
    loop {
        let chunk = batch.read(7).await.expect("records");
        if chunk.is_empty() {
            return readings;
        }
        readings.extend(chunk);
    }
}

pub(crate) async fn records(batch: &mut dyn Batch) -> Vec<Record> {
    let record = |reading| match reading {
        Reading::Record(record) => record,
        Reading::Refused(fault) => panic!("refused: {fault}"),
    };
    readings(batch).await.into_iter().map(record).collect()
}

/// Takes the next batch, and puts it away: its records, and the cursor behind it.
pub(crate) async fn take(source: &mut dyn Source) -> (Vec<Record>, Option<String>) {
    let mut batch = batch(source).await;
    let (records, cursor) = (records(batch.as_mut()).await, batch.cursor());
    batch.finish(Ending::Done).await.expect("put away");
    (records, cursor)
}

/// The integers of a column.
pub(crate) fn column(records: &[Record], name: &str) -> Vec<i64> {
    records.iter().map(|record| record.value[name].as_i64().expect("an integer")).collect()
}

pub(crate) fn keys(records: &[Record]) -> Vec<&str> {
    records.iter().map(|record| record.key.as_deref().expect("a key")).collect()
}
