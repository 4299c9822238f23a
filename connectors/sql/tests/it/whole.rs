//! A whole table as a source.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use postroom_connector::{Batch, Ending, Failure, Source, SourceKind};
use postroom_connector_sql::SqlSource;
use postroom_event::Reading;
use serde_json::json;

use crate::place::{DEADLINE, Place};
use crate::reading::{batch, column, error, nothing, readings, records};

promises!(
    all_rows_come_once_in_their_order_as_one_batch,
    the_same_content_is_the_same_batch_and_another_is_not,
    what_is_committed_while_a_table_is_read_is_whole_or_absent,
    a_hundred_thousand_rows_come_in_chunks_that_are_never_longer_than_asked,
    rows_of_many_bytes_come_a_few_at_a_time,
    a_view_is_read_as_a_table_is,
    a_table_without_rows_is_an_empty_batch,
    a_row_that_cannot_be_shown_is_refused_alone_under_its_number,
    a_table_that_is_gone_is_told_and_read_once_it_is_there,
    a_column_that_is_absent_is_told_with_its_setting,
    a_batch_is_put_away_after_it_was_read_to_its_end,
    numbers_with_a_fraction_are_the_same_to_the_last_bit,
);

const WHOLE: &str = "whole = { table = 'homes', order = ['id'] }";

async fn made(place: &Place) {
    place.run("CREATE TABLE homes (id bigint PRIMARY KEY, version bigint, name varchar(40))").await;
}

async fn put(place: &Place, ids: impl Iterator<Item = i64>) {
    let rows: Vec<String> = ids.map(|id| format!("({id}, 0, 'a name')")).collect();
    place.run(&format!("INSERT INTO homes VALUES {}", rows.join(","))).await;
}

/// So many rows, made by the database.
async fn fill(place: &Place, rows: u32) {
    let numbers = place.pick(
        format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) SELECT i, 0, 'a' FROM n"),
        format!("SELECT i, 0, 'a' FROM generate_series(1, {rows}) AS n(i)"),
        format!("SELECT seq, 0, 'a' FROM seq_1_to_{rows}"),
    );
    place.run(&format!("INSERT INTO homes {numbers}")).await;
}

/// A source that looks once a day.
fn daily(place: &Place) -> Box<dyn Source> {
    SqlSource.build(&place.settings(WHOLE)).expect("a source")
}

async fn put_away(mut batch: Box<dyn Batch>) {
    while !batch.read(500).await.expect("records").is_empty() {}
    batch.finish(Ending::Done).await.expect("put away");
}

async fn all_rows_come_once_in_their_order_as_one_batch(place: Place) {
    made(&place).await;
    put(&place, [30, 4, 100, 7].into_iter()).await;
    let mut source = daily(&place);
    let mut first = batch(source.as_mut()).await;
    assert_eq!((first.label(), first.len(), first.cursor()), ("homes", 4, None));
    let read = records(first.as_mut()).await;
    assert_eq!(column(&read, "id"), [4, 7, 30, 100]);
    assert_eq!(read[1].value, json!({"id": 7, "version": 0, "name": "a name"}));
    assert_eq!(read.iter().map(|record| record.number).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert!(read.iter().all(|record| record.key.is_none()), "a row has no key of its own");
    first.finish(Ending::Done).await.expect("put away");
    assert_eq!(place.count("homes").await, 4);
    // It is a day until the next.
    nothing(source.as_mut()).await;
    let kept = std::fs::read_dir(place.data.path().join("sql/housing")).expect("a folder");
    assert_eq!(kept.count(), 0, "nothing of the table is left in the data folder");
}

async fn the_same_content_is_the_same_batch_and_another_is_not(place: Place) {
    made(&place).await;
    put(&place, 1..=3).await;
    let mut source = place.source(WHOLE);
    let mut ids = Vec::new();
    for change in
        [None, Some("UPDATE homes SET name = 'b' WHERE id = 2"), Some("DELETE FROM homes WHERE id = 3")]
    {
        if let Some(change) = change {
            place.run(change).await;
        }
        for _ in 0..2 {
            let again = batch(source.as_mut()).await;
            ids.push(again.id().to_owned());
            // What the hub has recognised is put away unread.
            again.finish(Ending::Repeated).await.expect("put away");
        }
    }
    assert!(ids[0] == ids[1] && ids[2] == ids[3] && ids[4] == ids[5], "{ids:?}");
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 3, "{ids:?}");
    // The same cells under other names are other records.
    place.run("ALTER TABLE homes RENAME COLUMN name TO called").await;
    let renamed = batch(source.as_mut()).await;
    assert_ne!(renamed.id(), ids[5]);
}

async fn what_is_committed_while_a_table_is_read_is_whole_or_absent(place: Place) {
    made(&place).await;
    fill(&place, 2_000).await;
    let (place, stop) = (Arc::new(place), Arc::new(AtomicBool::new(false)));
    let writing = tokio::spawn({
        let (place, stop) = (Arc::clone(&place), Arc::clone(&stop));
        async move {
            while !stop.load(Ordering::Relaxed) {
                place.run("UPDATE homes SET version = version + 1").await;
            }
        }
    });
    let mut source = place.source(WHOLE);
    let (begun, mut seen) = (Instant::now(), BTreeSet::new());
    while seen.len() < 3 {
        assert!(begun.elapsed() < DEADLINE, "nothing was committed meanwhile: {seen:?}");
        let mut whole = batch(source.as_mut()).await;
        let read = records(whole.as_mut()).await;
        whole.finish(Ending::Done).await.expect("put away");
        assert_eq!(read.len(), 2_000);
        let versions: BTreeSet<_> = column(&read, "version").into_iter().collect();
        assert_eq!(versions.len(), 1, "rows of more than one moment");
        seen.extend(versions);
    }
    stop.store(true, Ordering::Relaxed);
    writing.await.expect("written to the end");
}

async fn a_hundred_thousand_rows_come_in_chunks_that_are_never_longer_than_asked(place: Place) {
    const ROWS: u32 = 100_000;
    made(&place).await;
    fill(&place, ROWS).await;
    let mut source = daily(&place);
    let mut whole = batch(source.as_mut()).await;
    assert_eq!(whole.len(), u64::from(ROWS));
    let mut next = 1;
    loop {
        let chunk = whole.read(500).await.expect("records");
        assert!(chunk.len() <= 500);
        if chunk.is_empty() {
            break;
        }
        for reading in chunk {
            let Reading::Record(record) = reading else { panic!("refused") };
            assert_eq!((record.number, &record.value["id"]), (next, &json!(next)));
            next += 1;
        }
    }
    assert_eq!(next, u64::from(ROWS) + 1);
    whole.finish(Ending::Done).await.expect("put away");
}

async fn rows_of_many_bytes_come_a_few_at_a_time(place: Place) {
    let text = place.pick("text", "text", "longtext");
    place.run(&format!("CREATE TABLE homes (id bigint PRIMARY KEY, plan {text})")).await;
    let plan = "p".repeat(400_000);
    for id in 0..10 {
        place.run(&format!("INSERT INTO homes VALUES ({id}, '{plan}')")).await;
    }
    let mut source = daily(&place);
    let mut whole = batch(source.as_mut()).await;
    let mut read = 0;
    loop {
        let chunk = whole.read(500).await.expect("records");
        assert!(chunk.len() <= 3, "{} rows of 400,000 bytes at once", chunk.len());
        read += chunk.len();
        if chunk.is_empty() {
            break;
        }
    }
    assert_eq!(read, 10);
}

async fn a_view_is_read_as_a_table_is(place: Place) {
    made(&place).await;
    put(&place, 1..=5).await;
    place.run("CREATE VIEW odd AS SELECT id, id * 10 AS uprn FROM homes WHERE id % 2 = 1").await;
    let settings = "whole = { table = 'odd', order = ['id'] }\ncolumns = ['uprn']";
    let mut whole = batch(place.source(settings).as_mut()).await;
    let read = records(whole.as_mut()).await;
    assert_eq!(column(&read, "uprn"), [10, 30, 50]);
    assert_eq!(read[0].value, json!({"uprn": 10}), "what only orders the rows is not shown");
}

async fn a_table_without_rows_is_an_empty_batch(place: Place) {
    made(&place).await;
    let mut empty = batch(daily(&place).as_mut()).await;
    assert!(empty.is_empty());
    assert_eq!(empty.read(10).await.expect("records"), []);
    empty.finish(Ending::Done).await.expect("put away");
}

async fn a_row_that_cannot_be_shown_is_refused_alone_under_its_number(place: Place) {
    made(&place).await;
    place.run("INSERT INTO homes VALUES (1, 0, '{\"a\": 1}'), (2, 0, 'Canary-7f3a'), (3, 0, NULL)").await;
    let mut whole = batch(place.source(&format!("json = ['name']\n{WHOLE}")).as_mut()).await;
    assert_eq!(whole.len(), 3, "refused ones are counted");
    let read = readings(whole.as_mut()).await;
    let Reading::Refused(fault) = &read[1] else { panic!("no JSON was taken") };
    assert_eq!((fault.number, fault.rule, fault.place.as_str()), (2, "no-json", "name"));
    assert!(!fault.to_string().contains("Canary"), "{fault}");
    for (reading, name) in [(&read[0], json!({"a": 1})), (&read[2], json!(null))] {
        let Reading::Record(record) = reading else { panic!("refused") };
        assert_eq!(record.value["name"], name);
    }
}

async fn a_table_that_is_gone_is_told_and_read_once_it_is_there(place: Place) {
    made(&place).await;
    put(&place, 1..=2).await;
    let mut source = place.source(WHOLE);
    put_away(batch(source.as_mut()).await).await;
    place.run("DROP TABLE homes").await;
    let told = error(source.as_mut()).await;
    assert_eq!(told.failure, Failure::Permanent, "{told}");
    let code = place.pick("SQLite 1", "SQLSTATE 42P01", "error 1146 (42S02)");
    assert_eq!(told.detail, code);
    made(&place).await;
    put(&place, 3..=3).await;
    let mut again = batch(source.as_mut()).await;
    assert_eq!(column(&records(again.as_mut()).await, "id"), [3]);
}

async fn a_column_that_is_absent_is_told_with_its_setting(place: Place) {
    made(&place).await;
    for (settings, key) in [
        ("whole = { table = 'homes', order = ['id', 'place'] }".to_owned(), "whole.order"),
        (format!("columns = ['name', 'first']\n{WHOLE}"), "columns"),
    ] {
        let told = error(place.source(&settings).as_mut()).await;
        assert!(told.words.contains(&format!("`{key}`")), "{told}");
        assert_eq!(told.failure, Failure::Permanent);
    }
}

async fn a_batch_is_put_away_after_it_was_read_to_its_end(place: Place) {
    made(&place).await;
    put(&place, 1..=2).await;
    let mut source = place.source(WHOLE);
    let mut first = batch(source.as_mut()).await;
    let id = first.id().to_owned();
    assert_eq!(first.read(1).await.expect("a record").len(), 1);
    assert_eq!(first.finish(Ending::Done).await.expect_err("an error").failure, Failure::Permanent);
    let again = batch(source.as_mut()).await;
    assert_eq!(again.id(), id);
    put_away(again).await;
}

async fn numbers_with_a_fraction_are_the_same_to_the_last_bit(place: Place) {
    let number = place.pick("REAL", "double precision", "double");
    place.run(&format!("CREATE TABLE homes (id bigint PRIMARY KEY, n {number})")).await;
    let numbers = [0.1 + 0.2, 9_007_199_254_740_994.0, -0.5];
    for (id, number) in numbers.iter().enumerate() {
        place.run(&format!("INSERT INTO homes VALUES ({id}, {number:e})")).await;
    }
    let mut whole = batch(daily(&place).as_mut()).await;
    let read = records(whole.as_mut()).await;
    let read: Vec<_> = read.iter().map(|record| record.value["n"].as_f64().expect("a number")).collect();
    assert_eq!(read, numbers);
}

#[tokio::test]
async fn a_whole_batch_that_came_to_nothing_does_not_wait_for_a_day() {
    let place = Place::file().await;
    made(&place).await;
    put(&place, 1..=2).await;
    let mut source = daily(&place);
    let first = batch(source.as_mut()).await;
    let id = first.id().to_owned();
    drop(first);
    let begun = Instant::now();
    let again = batch(source.as_mut()).await;
    assert_eq!(again.id(), id);
    assert!(begun.elapsed() > Duration::from_secs(1), "a table is not read without a pause");
    put_away(again).await;
}

#[tokio::test]
async fn a_whole_table_with_a_text_that_is_none_is_told_without_it() {
    let place = Place::file().await;
    made(&place).await;
    place.run("INSERT INTO homes VALUES (1, 0, CAST(x'43616e617279ff' AS TEXT))").await;
    let told = error(daily(&place).as_mut()).await;
    assert_eq!(told.failure, Failure::Permanent, "{told}");
    assert!(!format!("{told:?}").contains("Canary"), "{told:?}");
}

#[tokio::test]
async fn a_whole_table_that_cannot_be_kept_is_told_as_a_trouble_of_the_data_folder() {
    let place = Place::file().await;
    made(&place).await;
    // A file is where the folder should be.
    std::fs::write(place.data.path().join("sql"), "").expect("a file");
    let told = error(daily(&place).as_mut()).await;
    assert_eq!(told.failure, Failure::Transient, "{told}");
    assert!(told.words.contains("data folder"), "{told}");
}
