//! A watermark as a source.

use std::collections::BTreeSet;

use postroom_connector::{Ending, Failure};

use crate::place::Place;
use crate::reading::{batch, column, error, keys, nothing, records, take};

promises!(
    rows_come_in_the_order_of_their_watermark_and_stay,
    ten_thousand_rows_of_one_watermark_are_all_read_once,
    what_was_written_late_is_read_within_the_overlap_and_nothing_comes_twice,
    a_restart_goes_on_from_the_cursor_and_what_it_reads_again_has_the_same_keys,
    a_page_that_was_not_put_away_comes_again,
    a_row_that_changes_under_the_same_watermark_is_another_record,
    a_row_of_the_future_is_read_and_moves_no_cursor,
    a_query_is_read_like_a_table,
    a_watermark_may_be_an_integer,
    a_key_of_several_columns_tells_rows_apart,
    a_cursor_of_another_column_is_refused,
    an_overlap_of_the_wrong_kind_is_told_with_its_setting,
    rows_without_a_watermark_are_not_read,
);

const CHANGED: &str = "watermark = { table = 'homes', column = 'changed', key = ['id'], overlap = '5min' }";
const VERSIONS: &str = "watermark = { table = 'homes', column = 'version', key = ['id'], overlap = 2 }";

async fn made(place: &Place) {
    let time = place.pick("DATETIME", "timestamptz", "datetime(6)");
    place
        .run(&format!("CREATE TABLE homes (id integer, version bigint, changed {time}, name varchar(40))"))
        .await;
}

/// Rows with id, minute of their change, and that also as their version.
async fn put(place: &Place, rows: &[(i64, u32)]) {
    let row = |(id, minute): &(i64, u32)| format!("({id}, {minute}, '2026-07-01 10:{minute:02}:00', 'a')");
    let rows: Vec<String> = rows.iter().map(row).collect();
    place.run(&format!("INSERT INTO homes VALUES {}", rows.join(","))).await;
}

async fn rows_come_in_the_order_of_their_watermark_and_stay(place: Place) {
    made(&place).await;
    put(&place, &[(1, 30), (3, 10), (2, 10), (4, 20)]).await;
    let mut source = place.source(CHANGED);
    let (read, cursor) = take(source.as_mut()).await;
    assert_eq!(column(&read, "id"), [2, 3, 4, 1]);
    let cursor = cursor.expect("a cursor");
    assert!(cursor.starts_with("2026-07-01 10:30:00") && cursor.ends_with(" of changed"), "{cursor}");
    assert_eq!(place.count("homes").await, 4);
    nothing(source.as_mut()).await;
}

async fn ten_thousand_rows_of_one_watermark_are_all_read_once(place: Place) {
    const ROWS: i64 = 10_000;
    made(&place).await;
    for chunk in (0..ROWS).collect::<Vec<_>>().chunks(2_000) {
        put(&place, &chunk.iter().map(|id| (*id, 10)).collect::<Vec<_>>()).await;
    }
    let mut source = place.source(CHANGED);
    let mut ids = Vec::new();
    while ids.len() < usize::try_from(ROWS).expect("few") {
        ids.extend(column(&take(source.as_mut()).await.0, "id"));
    }
    assert_eq!(ids, (0..ROWS).collect::<Vec<_>>());
    nothing(source.as_mut()).await;
}

async fn what_was_written_late_is_read_within_the_overlap_and_nothing_comes_twice(place: Place) {
    made(&place).await;
    put(&place, &[(1, 20), (2, 30)]).await;
    let mut source = place.source(CHANGED);
    take(source.as_mut()).await;
    nothing(source.as_mut()).await;
    put(&place, &[(3, 25), (4, 24), (5, 31)]).await;
    let (read, cursor) = take(source.as_mut()).await;
    assert_eq!(column(&read, "id"), [3, 5], "4 is too late by a minute");
    assert!(cursor.is_some_and(|cursor| cursor.starts_with("2026-07-01 10:31:00")));
    // The cursor is never moved back.
    put(&place, &[(6, 27)]).await;
    let (read, cursor) = take(source.as_mut()).await;
    assert_eq!(column(&read, "id"), [6]);
    assert!(cursor.is_some_and(|cursor| cursor.starts_with("2026-07-01 10:31:00")));
    nothing(source.as_mut()).await;
}

async fn a_restart_goes_on_from_the_cursor_and_what_it_reads_again_has_the_same_keys(place: Place) {
    made(&place).await;
    put(&place, &[(1, 10), (2, 27), (3, 30)]).await;
    let (first, cursor) = take(place.source(CHANGED).as_mut()).await;
    put(&place, &[(4, 31)]).await;
    let mut source = place.source(CHANGED);
    source.resume(cursor.as_deref().expect("a cursor")).expect("its own");
    let mut again = batch(source.as_mut()).await;
    let (id, read) = (again.id().to_owned(), records(again.as_mut()).await);
    assert_eq!(column(&read, "id"), [2, 3, 4]);
    assert_eq!(keys(&read)[..2], keys(&first)[1..]);
    drop(again);
    // Killed here, it reads the same from the same cursor: the same batch.
    let mut source = place.source(CHANGED);
    source.resume(cursor.as_deref().expect("a cursor")).expect("its own");
    let mut same = batch(source.as_mut()).await;
    assert_eq!(same.id(), id);
    records(same.as_mut()).await;
    same.finish(Ending::Done).await.expect("put away");
    nothing(source.as_mut()).await;
}

async fn a_page_that_was_not_put_away_comes_again(place: Place) {
    made(&place).await;
    put(&place, &[(1, 10), (2, 10), (3, 10), (4, 11), (5, 12)]).await;
    let mut source = place.source(&format!("rows = 2\n{CHANGED}"));
    assert_eq!(column(&take(source.as_mut()).await.0, "id"), [1, 2]);
    drop(batch(source.as_mut()).await);
    assert_eq!(column(&take(source.as_mut()).await.0, "id"), [3, 4]);
    let mut last = batch(source.as_mut()).await;
    assert_eq!(last.read(1).await.expect("a record").len(), 1);
    last.finish(Ending::Done).await.expect("put away");
    nothing(source.as_mut()).await;
}

async fn a_row_that_changes_under_the_same_watermark_is_another_record(place: Place) {
    made(&place).await;
    put(&place, &[(1, 10)]).await;
    let mut source = place.source(CHANGED);
    let (before, _) = take(source.as_mut()).await;
    place.run("UPDATE homes SET name = 'b'").await;
    let (after, _) = take(source.as_mut()).await;
    assert_eq!(after[0].value["name"], "b");
    assert_ne!(before[0].key, after[0].key);
    nothing(source.as_mut()).await;
}

async fn a_row_of_the_future_is_read_and_moves_no_cursor(place: Place) {
    made(&place).await;
    put(&place, &[(1, 10)]).await;
    place.run("INSERT INTO homes VALUES (2, 2, '2999-01-01 00:00:00', 'a')").await;
    let mut source = place.source(CHANGED);
    let (read, cursor) = take(source.as_mut()).await;
    assert_eq!(column(&read, "id"), [1, 2]);
    assert!(cursor.is_some_and(|cursor| cursor.starts_with("2026-07-01 10:10:00")));
    put(&place, &[(3, 11)]).await;
    assert_eq!(column(&take(source.as_mut()).await.0, "id"), [3]);
    nothing(source.as_mut()).await;
}

async fn a_query_is_read_like_a_table(place: Place) {
    made(&place).await;
    put(&place, &[(1, 10), (2, 11), (3, 12)]).await;
    let mut source = place.source(
        "watermark = { query = \"SELECT id, changed, name AS called FROM homes WHERE id <> 2;\", column = 'changed', \
         key = ['id'], overlap = '1min' }\ncolumns = ['id', 'called']\nrows = 1",
    );
    for id in [1, 3] {
        let mut page = batch(source.as_mut()).await;
        assert_eq!(page.label(), "query");
        assert_eq!(records(page.as_mut()).await[0].value, serde_json::json!({"id": id, "called": "a"}));
        page.finish(Ending::Done).await.expect("put away");
    }
}

async fn a_watermark_may_be_an_integer(place: Place) {
    made(&place).await;
    put(&place, &[(1, 10), (2, 20)]).await;
    let mut source = place.source(VERSIONS);
    let (read, cursor) = take(source.as_mut()).await;
    assert_eq!((column(&read, "id"), cursor.as_deref()), (vec![1, 2], Some("20 of version")));
    put(&place, &[(3, 18), (4, 17), (5, 21)]).await;
    assert_eq!(column(&take(source.as_mut()).await.0, "id"), [3, 5]);
    nothing(source.as_mut()).await;
}

async fn a_key_of_several_columns_tells_rows_apart(place: Place) {
    made(&place).await;
    let rows = ["b", "a", "c"].iter().flat_map(|name| (1..=3).map(move |id| (id, name)));
    let rows: Vec<String> =
        rows.map(|(id, name)| format!("({id}, 5, '2026-07-01 10:00:00', '{name}')")).collect();
    place.run(&format!("INSERT INTO homes VALUES {}", rows.join(","))).await;
    let mut source = place.source(
        "watermark = { table = 'homes', column = 'changed', key = ['name', 'id'], overlap = '1min' }\nrows = 2",
    );
    let (mut seen, mut order) = (BTreeSet::new(), Vec::new());
    while order.len() < rows.len() {
        for record in take(source.as_mut()).await.0 {
            assert!(seen.insert(record.key));
            order.push(format!("{}{}", record.value["name"].as_str().expect("a name"), record.value["id"]));
        }
    }
    assert_eq!(order, ["a1", "a2", "a3", "b1", "b2", "b3", "c1", "c2", "c3"]);
    nothing(source.as_mut()).await;
}

async fn a_cursor_of_another_column_is_refused(place: Place) {
    made(&place).await;
    for (settings, cursor) in
        [(CHANGED, "20 of version"), (CHANGED, "20 of changed"), (VERSIONS, "x of version")]
    {
        let error = place.source(settings).resume(cursor).expect_err("an error");
        assert_eq!(error.failure, Failure::Permanent, "{cursor}");
    }
    place.source(VERSIONS).resume("20 of version").expect("its own");
}

async fn an_overlap_of_the_wrong_kind_is_told_with_its_setting(place: Place) {
    made(&place).await;
    put(&place, &[(1, 10)]).await;
    for (settings, key) in [
        (CHANGED.replace("'5min'", "5"), "watermark.overlap"),
        (VERSIONS.replace("2 }", "'5min' }"), "watermark.overlap"),
        (CHANGED.replace("'changed'", "'name'"), "watermark.column"),
        (CHANGED.replace("'changed'", "'seen'"), "watermark.column"),
        (CHANGED.replace("'id'", "'uprn'"), "watermark.key"),
    ] {
        let told = error(place.source(&settings).as_mut()).await;
        assert!(told.words.contains(&format!("`{key}`")), "{settings}: {told}");
    }
}

async fn rows_without_a_watermark_are_not_read(place: Place) {
    made(&place).await;
    put(&place, &[(1, 10)]).await;
    place.run("INSERT INTO homes VALUES (2, 2, NULL, 'a')").await;
    assert_eq!(column(&take(place.source(CHANGED).as_mut()).await.0, "id"), [1]);
    place.run("INSERT INTO homes VALUES (NULL, 2, '2026-07-01 10:30:00', 'a')").await;
    let told = error(place.source(CHANGED).as_mut()).await;
    assert!(told.words.contains("`watermark.key`"), "{told}");
}
