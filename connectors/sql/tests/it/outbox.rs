//! An outbox as a source.

use postroom_connector::{Ending, Failure};

use crate::place::Place;
use crate::reading::{batch, column, error, keys, nothing, records, take};

promises!(
    rows_come_in_the_order_of_their_ids_and_are_deleted_once_they_were_put_away,
    rows_that_are_marked_stay_and_are_not_read_again,
    rows_that_were_read_and_not_deleted_come_again_under_the_same_keys,
    a_batch_takes_its_own_rows_away_and_no_other,
    what_waits_comes_page_by_page,
    an_id_may_be_text,
    a_record_holds_the_columns_that_are_named,
    a_batch_is_put_away_after_it_was_read_to_its_end,
    a_table_that_is_absent_is_told_and_read_once_it_is_there,
    a_column_that_is_absent_is_told_with_its_setting,
);

const DELETED: &str = "outbox = { table = 'outbox', done = 'delete' }";
const MARKED: &str = "outbox = { table = 'outbox', id = 'id', done = { mark = 'taken_at' } }";

async fn made(place: &Place) {
    let id = place.pick("INTEGER PRIMARY KEY AUTOINCREMENT", "bigint PRIMARY KEY", "bigint PRIMARY KEY");
    let time = place.pick("DATETIME", "timestamptz", "datetime(6)");
    place
        .run(&format!("CREATE TABLE outbox (id {id}, uprn bigint, name varchar(40), taken_at {time})"))
        .await;
}

async fn put(place: &Place, ids: impl Iterator<Item = i64>) {
    let rows: Vec<String> = ids.map(|id| format!("({id}, {}, 'a name')", id * 10)).collect();
    place.run(&format!("INSERT INTO outbox (id, uprn, name) VALUES {}", rows.join(","))).await;
}

async fn rows_come_in_the_order_of_their_ids_and_are_deleted_once_they_were_put_away(place: Place) {
    made(&place).await;
    put(&place, [3, 10, 2].into_iter()).await;
    let mut source = place.source(DELETED);
    let mut first = batch(source.as_mut()).await;
    assert_eq!((first.label(), first.len(), first.cursor()), ("outbox", 3, None));
    let read = records(first.as_mut()).await;
    assert_eq!(column(&read, "uprn"), [20, 30, 100]);
    assert_eq!(keys(&read), ["2", "3", "10"]);
    assert_eq!(place.count("outbox").await, 3);
    first.finish(Ending::Done).await.expect("put away");
    assert_eq!(place.count("outbox").await, 0);
    nothing(source.as_mut()).await;
}

async fn rows_that_are_marked_stay_and_are_not_read_again(place: Place) {
    made(&place).await;
    put(&place, 1..=2).await;
    let mut source = place.source(MARKED);
    assert_eq!(take(source.as_mut()).await.0.len(), 2);
    nothing(source.as_mut()).await;
    let second = "SELECT count(*) FROM outbox WHERE taken_at IS NOT NULL";
    assert_eq!(place.numbers(second).await, [2]);
    // The time is the database's own: a little while ago.
    let old = place.pick(
        "datetime('now', '-1 hour')",
        "now() - interval '1 hour'",
        "utc_timestamp() - interval 1 hour",
    );
    let soon = place.pick(
        "datetime('now', '+1 hour')",
        "now() + interval '1 hour'",
        "utc_timestamp() + interval 1 hour",
    );
    let recent = format!("SELECT count(*) FROM outbox WHERE taken_at > {old} AND taken_at < {soon}");
    assert_eq!(place.numbers(&recent).await, [2]);
    put(&place, 3..=3).await;
    assert_eq!(keys(&take(place.source(MARKED).as_mut()).await.0), ["3"]);
}

async fn rows_that_were_read_and_not_deleted_come_again_under_the_same_keys(place: Place) {
    made(&place).await;
    put(&place, 1..=3).await;
    let mut killed = place.source(DELETED);
    let mut first = batch(killed.as_mut()).await;
    let (id, read) = (first.id().to_owned(), records(first.as_mut()).await);
    // All was confirmed, and the hub dies before anything was deleted.
    drop(first);
    drop(killed);
    let mut source = place.source(DELETED);
    let mut again = batch(source.as_mut()).await;
    assert_eq!(again.id(), id, "the same rows are the same batch");
    assert_eq!(records(again.as_mut()).await, read);
    drop(again);
    drop(source);
    // With a row more it is another batch, of the same records.
    put(&place, 4..=4).await;
    let mut source = place.source(DELETED);
    let mut more = batch(source.as_mut()).await;
    assert_ne!(more.id(), id);
    assert_eq!(records(more.as_mut()).await[..3], read);
    // What the hub has recognised is put away unread.
    more.finish(Ending::Repeated).await.expect("put away");
    assert_eq!(place.count("outbox").await, 0);
}

async fn a_batch_takes_its_own_rows_away_and_no_other(place: Place) {
    for settings in [DELETED, MARKED] {
        place.run("DROP TABLE IF EXISTS outbox").await;
        made(&place).await;
        put(&place, [2, 4].into_iter()).await;
        let mut source = place.source(settings);
        let mut first = batch(source.as_mut()).await;
        put(&place, [1, 3, 5].into_iter()).await;
        records(first.as_mut()).await;
        first.finish(Ending::Done).await.expect("put away");
        assert_eq!(keys(&take(source.as_mut()).await.0), ["1", "3", "5"], "{settings}");
    }
}

async fn what_waits_comes_page_by_page(place: Place) {
    made(&place).await;
    put(&place, 1..=25).await;
    let mut source = place.source(&format!("rows = 10\n{DELETED}"));
    for expected in [1..=10, 11..=20, 21..=25] {
        let (read, _) = take(source.as_mut()).await;
        assert_eq!(column(&read, "id"), expected.collect::<Vec<_>>());
    }
    nothing(source.as_mut()).await;
}

async fn an_id_may_be_text(place: Place) {
    let id = place.pick("TEXT", "uuid", "varchar(40)");
    place.run(&format!("CREATE TABLE letters (id {id} PRIMARY KEY, at integer)")).await;
    let ids = ["0a0a0a0a-0000-4000-8000-000000000001", "9a0a0a0a-0000-4000-8000-000000000002"];
    place.run(&format!("INSERT INTO letters VALUES ('{}', 2), ('{}', 1)", ids[1], ids[0])).await;
    let mut source = place.source("outbox = { table = 'letters', done = 'delete' }\nrows = 1");
    for id in ids {
        assert_eq!(keys(&take(source.as_mut()).await.0), [id]);
    }
    assert_eq!(place.count("letters").await, 0);
}

async fn a_record_holds_the_columns_that_are_named(place: Place) {
    made(&place).await;
    put(&place, 7..=7).await;
    let (read, _) = take(place.source(&format!("columns = ['uprn', 'name']\n{DELETED}")).as_mut()).await;
    assert_eq!(read[0].value, serde_json::json!({"uprn": 70, "name": "a name"}));
    assert_eq!((read[0].key.as_deref(), read[0].number), (Some("7"), 1));
}

async fn a_batch_is_put_away_after_it_was_read_to_its_end(place: Place) {
    made(&place).await;
    put(&place, 1..=2).await;
    let mut source = place.source(DELETED);
    let mut first = batch(source.as_mut()).await;
    assert_eq!(first.read(1).await.expect("a record").len(), 1);
    assert_eq!(first.finish(Ending::Done).await.expect_err("an error").failure, Failure::Permanent);
    assert_eq!(place.count("outbox").await, 2);
    assert_eq!(take(source.as_mut()).await.0.len(), 2);
}

async fn a_table_that_is_absent_is_told_and_read_once_it_is_there(place: Place) {
    let mut source = place.source(DELETED);
    let told = error(source.as_mut()).await;
    assert_eq!(told.failure, Failure::Permanent, "{told}");
    let code = place.pick("SQLite 1", "SQLSTATE 42P01", "error 1146 (42S02)");
    assert_eq!(told.detail, code);
    made(&place).await;
    put(&place, 1..=1).await;
    assert_eq!(take(source.as_mut()).await.0.len(), 1);
}

async fn a_column_that_is_absent_is_told_with_its_setting(place: Place) {
    made(&place).await;
    for (settings, key) in [
        ("outbox = { table = 'outbox', id = 'number', done = 'delete' }".to_owned(), "outbox.id"),
        ("outbox = { table = 'outbox', done = { mark = 'done' } }".to_owned(), "outbox.done.mark"),
        (format!("columns = ['name', 'first']\n{DELETED}"), "columns"),
    ] {
        let told = error(place.source(&settings).as_mut()).await;
        assert!(told.words.contains(&format!("`{key}`")), "{told}");
        assert_eq!(told.failure, Failure::Permanent);
    }
}

#[tokio::test]
async fn ids_that_sqlite_gives_again_are_refused_for_an_outbox_that_is_deleted() {
    let place = Place::file().await;
    place.run("CREATE TABLE Outbox (id INTEGER PRIMARY KEY, name TEXT, taken_at TEXT)").await;
    let told = error(place.source(DELETED).as_mut()).await;
    assert!(told.words.contains("AUTOINCREMENT"), "{told}");
    place.run("INSERT INTO outbox (name) VALUES ('a')").await;
    assert_eq!(take(place.source(MARKED).as_mut()).await.0.len(), 1);
}
