//! What a record holds of each type.

use postroom_event::Reading;
use serde_json::{Value, json};

use crate::place::Place;
use crate::reading::{batch, readings, take};

promises!(
    every_type_has_its_form_in_json,
    a_zone_is_applied_and_a_time_that_its_clocks_show_twice_or_never_is_refused_alone,
    a_column_named_as_json_holds_json_and_what_is_none_is_refused_alone,
);

const OUTBOX: &str = "outbox = { table = 'v', done = { mark = 'taken' } }";

async fn every_type_has_its_form_in_json(place: Place) {
    let (made, values, expected) = place.pick(
        (
            "a BOOLEAN, b INTEGER, c REAL, d TEXT, e BLOB, f DATETIME, g DATE, h TEXT",
            "1, 9007199254740993, 0.1, 'ä', x'00ff', '2026-07-01 12:00:00', '2026-07-01', NULL",
            json!({"a": true, "b": 9_007_199_254_740_993_i64, "c": 0.1, "d": "ä", "e": "AP8=", "f": "2026-07-01T12:00:00",
                "g": "2026-07-01", "h": null}),
        ),
        (
            "a boolean, b bigint, c double precision, d text, e bytea, f timestamp, g date, h text, i numeric(20,4), \
             j timestamptz, k jsonb, l uuid, m smallint, n real, o time, p integer[], q char(3), r inet",
            "true, 9007199254740993, 0.1, 'ä', '\\x00ff', '2026-07-01 12:00:00.5', '2026-07-01', NULL, 12.3000, \
             '2026-07-01 12:00:00+01', '{\"z\": [1.5]}', '0a0a0a0a-0000-4000-8000-000000000001', -3, 0.1, '12:30', \
             '{1,2}', 'ab', '10.0.0.1'",
            json!({"a": true, "b": 9_007_199_254_740_993_i64, "c": 0.1, "d": "ä", "e": "AP8=", "f": "2026-07-01T12:00:00.5",
                "g": "2026-07-01", "h": null, "i": "12.3000", "j": "2026-07-01T11:00:00Z", "k": {"z": [1.5]},
                "l": "0a0a0a0a-0000-4000-8000-000000000001", "m": -3, "n": 0.1, "o": "12:30:00", "p": "{1,2}",
                "q": "ab", "r": "10.0.0.1/32"}),
        ),
        (
            "a boolean, b bigint, c double, d text, e varbinary(9), f datetime(1), g date, h text, i decimal(20,4), \
             j timestamp NULL, l varchar(9) COLLATE utf8mb4_bin, m smallint unsigned, n float, o time, p enum('x','y'), \
             q bit(4), r bigint unsigned, s year",
            "true, 9007199254740993, 0.1, 'ä', x'00ff', '2026-07-01 12:00:00.5', '2026-07-01', NULL, 12.3000, \
             '2026-07-01 12:00:00', 'bin', 3, 0.1, '12:30', 'y', b'101', 18446744073709551615, 2026",
            json!({"a": true, "b": 9_007_199_254_740_993_i64, "c": 0.1, "d": "ä", "e": "AP8=", "f": "2026-07-01T12:00:00.5",
                "g": "2026-07-01", "h": null, "i": "12.3000", "j": "2026-07-01T12:00:00Z", "l": "bin", "m": 3, "n": 0.1,
                "o": "12:30:00", "p": "y", "q": 5, "r": u64::MAX, "s": 2026}),
        ),
    );
    place.run(&format!("CREATE TABLE v ({made}, id integer PRIMARY KEY, taken varchar(40))")).await;
    place.run(&format!("INSERT INTO v VALUES ({values}, 1, NULL)")).await;
    let (read, _) = take(place.source(&format!("columns = {}\n{OUTBOX}", names(&expected))).as_mut()).await;
    assert_eq!(read[0].value, expected);
}

fn names(expected: &Value) -> String {
    let names: Vec<&String> = expected.as_object().expect("an object").keys().collect();
    format!("{names:?}")
}

async fn a_zone_is_applied_and_a_time_that_its_clocks_show_twice_or_never_is_refused_alone(place: Place) {
    let time = place.pick("DATETIME", "timestamp", "datetime");
    place.run(&format!("CREATE TABLE v (id integer PRIMARY KEY, met {time}, taken varchar(40))")).await;
    let times = ["2026-07-01 12:00:00", "2026-10-25 01:30:00", "2026-01-01 12:00:00", "2026-03-29 01:30:00"];
    for (id, time) in times.iter().enumerate() {
        place.run(&format!("INSERT INTO v VALUES ({id}, '{time}', NULL)")).await;
    }
    let mut source = place.source(&format!("zone = 'Europe/London'\ncolumns = ['met']\n{OUTBOX}"));
    let mut batch = batch(source.as_mut()).await;
    let told: Vec<String> = readings(batch.as_mut())
        .await
        .into_iter()
        .map(|reading| match reading {
            Reading::Record(record) => record.value["met"].as_str().expect("a text").to_owned(),
            Reading::Refused(fault) => format!("{} {} {}", fault.number, fault.rule, fault.place),
        })
        .collect();
    assert_eq!(
        told,
        ["2026-07-01T12:00:00+01:00", "2 local-time met", "2026-01-01T12:00:00+00:00", "4 local-time met"]
    );
}

async fn a_column_named_as_json_holds_json_and_what_is_none_is_refused_alone(place: Place) {
    place.run("CREATE TABLE v (id integer PRIMARY KEY, data text, taken varchar(40))").await;
    place.run("INSERT INTO v VALUES (1, '{\"a\": 1}', NULL), (2, 'Canary-7f3a', NULL)").await;
    let mut source = place.source(&format!("json = ['data']\n{OUTBOX}"));
    let read = readings(batch(source.as_mut()).await.as_mut()).await;
    let Reading::Record(record) = &read[0] else { panic!("refused") };
    assert_eq!(record.value["data"], json!({"a": 1}));
    let Reading::Refused(fault) = &read[1] else { panic!("no JSON was taken") };
    assert_eq!(fault.rule, "no-json");
    assert!(!fault.to_string().contains("Canary"), "{fault}");
}
