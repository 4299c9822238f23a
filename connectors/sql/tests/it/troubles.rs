//! What only a server can suffer.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use postroom_connector::{Failure, Handover, PeerOf, Presented, Settings, Sink, SinkKind, SourceKind};
use postroom_connector_sql::{SqlSink, SqlSource};
use serde_json::json;

use crate::handing_over::{CANARY, handover};
use crate::place::{Home, PASSWORD, Place};
use crate::proxy::{Does, Proxy};
use crate::reading::{batch, error, records, take};

const SINK: &str = "receipts = { table = 'postroom_delivered', create = true }\ntimeout = '5s'\nreference = 'uprn'\n\
                    statement = 'INSERT INTO homes (uprn, name) VALUES (:uprn, :name) RETURNING uprn'";
const OUTBOX: &str = "outbox = { table = 'homes', id = 'uprn', done = 'delete' }\nevery = '20ms'\n";

/// What is promised of every server.
pub(crate) fn all() -> Vec<(&'static str, crate::place::Promise)> {
    vec![
        ("an_answer_to_the_commit_that_is_lost_is_unknown_and_the_message_is_stored_once", |place| {
            Box::pin(lost_answer(place))
        }),
        ("a_wrong_password_is_down_and_told_without_it", |place| Box::pin(wrong_password(place))),
        ("a_server_whose_certificate_nobody_trusts_is_down_and_one_of_the_authority_is_met", |place| {
            Box::pin(certificates(place))
        }),
        ("until_when_the_certificate_of_a_server_holds_is_noted_once_it_was_met", |place| {
            Box::pin(noted(place))
        }),
        ("a_lock_that_is_not_given_up_is_waited_for_no_longer_than_the_time_limit", |place| {
            Box::pin(locked(place))
        }),
        ("a_delete_whose_answer_is_lost_leaves_nothing_to_be_read_twice", |place| {
            Box::pin(lost_delete(place))
        }),
        ("a_procedure_is_called_in_the_transaction_of_its_receipt", |place| Box::pin(procedure(place))),
    ]
}

async fn made(place: &Place) {
    place.run("CREATE TABLE homes (uprn bigint PRIMARY KEY, name varchar(40))").await;
}

/// A machine that is busy may need longer than a short time limit, now and then.
async fn at_last_delivered(sink: &dyn Sink, number: u64) {
    let begun = Instant::now();
    while let Err(error) = sink.deliver(&message(number)).await {
        assert!(begun.elapsed() < crate::place::DEADLINE, "{error}");
    }
}

fn message(number: u64) -> Handover {
    handover(json!({"uprn": number, "name": CANARY}))
}

async fn lost_answer(place: Place) {
    made(&place).await;
    let proxy = Proxy::to(place.port()).await;
    let sink = || SqlSink.build(&place.settings_by(proxy.port, SINK)).expect("a sink");
    for (number, does, landed) in [
        (1, Does::CutsAfter, true),
        (2, Does::Swallows, true),
        (3, Does::Halves, true),
        (4, Does::CutsBefore, false),
    ] {
        let handed = message(number);
        proxy.order(does);
        let error = sink().deliver(&handed).await.expect_err("an error");
        assert_eq!(error.failure, Failure::Unknown, "{does:?}: {error}");
        proxy.order(Does::Carries);
        let stored = format!("SELECT count(*) FROM homes WHERE uprn = {number}");
        assert_eq!(place.numbers(&stored).await, [i64::from(landed)], "{does:?}");
        let found = sink().look_up(&handed).await.expect("looked up");
        assert_eq!(found.is_some(), landed, "{does:?}");
        // Whether it was looked up or not: it is delivered again, and is there once.
        let receipt = sink().deliver(&handed).await.expect("delivered");
        assert_eq!(receipt.reference.as_deref(), Some(number.to_string().as_str()));
        assert_eq!(place.numbers(&stored).await, [1], "{does:?}");
    }
    assert_eq!(place.count("postroom_delivered").await, 4);
}

async fn wrong_password(place: Place) {
    std::fs::write(place.data.path().join("password"), format!("{PASSWORD}-not")).expect("a file");
    let error = place.sink(SINK).deliver(&message(1)).await.expect_err("an error");
    assert_eq!(error.failure, Failure::Down, "{error}");
    let code = place.pick("", "SQLSTATE 28P01", "error 1045 (28000)");
    assert_eq!(error.detail, code);
    assert!(!format!("{error:?}").contains(PASSWORD) && !format!("{error:?}").contains("Canary"));
    let mut source = SqlSource.build(&place.settings(OUTBOX)).expect("a source");
    let told = self::error(source.as_mut()).await;
    assert!(told.failure == Failure::Down && !format!("{told:?}").contains(PASSWORD), "{told:?}");
    // One that was mended counts from the next connection.
    std::fs::write(place.data.path().join("password"), PASSWORD).expect("a file");
    assert_eq!(self::error(source.as_mut()).await.failure, Failure::Permanent, "the table is absent");
}

async fn certificates(place: Place) {
    made(&place).await;
    let authority = authority(&place);
    let error =
        place.sink(&format!("tls = 'required'\n{SINK}")).deliver(&message(1)).await.expect_err("an error");
    assert_eq!(error.failure, Failure::Down, "{error}");
    assert!(error.detail.contains("UnknownIssuer"), "{error}");
    let trusting = format!("ca = 'ca.pem'\n{SINK}");
    // An authority that is replaced counts from the next connection.
    let ca = place.data.path().join("ca.pem");
    let other = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    std::fs::write(&ca, other.cert.pem()).expect("a file");
    let sink = place.sink(&trusting);
    assert_eq!(sink.deliver(&message(1)).await.expect_err("an error").failure, Failure::Down);
    std::fs::copy(authority, &ca).expect("a copy");
    sink.deliver(&message(1)).await.expect("delivered");
    // The certificate is for 127.0.0.1 alone.
    let mut settings = place.settings(&trusting);
    let url = settings.table["url"].as_str().expect("an address").replace("127.0.0.1", "localhost");
    settings.table.insert("url".to_owned(), url.into());
    let error = SqlSink.build(&settings).expect("a sink").deliver(&message(2)).await.expect_err("an error");
    assert_eq!(error.failure, Failure::Down, "{error}");
    assert_eq!(place.count("homes").await, 1);
}

fn authority(place: &Place) -> PathBuf {
    match place.home() {
        Home::Postgres(server) => server.authority(),
        Home::MariaDb(server) => server.authority(),
        Home::File => panic!("a file has no certificate"),
    }
}

async fn noted(place: Place) {
    made(&place).await;
    std::fs::copy(authority(&place), place.data.path().join("ca.pem")).expect("a copy");
    let system = place.pick("", "noted-postgres", "noted-mariadb").to_owned();
    let settings = |text: &str| Settings { system: system.clone(), ..place.settings(text) };
    let noted = |setting| {
        let peer = PeerOf { system: system.clone(), setting };
        Presented::shared().all().get(&peer).map(chrono::DateTime::to_rfc3339)
    };
    let until_noted = async |setting| {
        let begun = Instant::now();
        while noted(setting).is_none() {
            assert!(begun.elapsed() < crate::place::DEADLINE, "{setting} was not noted");
            tokio::task::yield_now().await;
        }
        assert_eq!(noted(setting).as_deref(), Some("2041-01-01T00:00:00+00:00"));
    };
    let sink = SqlSink.build(&settings(&format!("ca = 'ca.pem'\n{SINK}"))).expect("a sink");
    assert_eq!(noted("target.url"), None, "nobody was met yet");
    sink.deliver(&message(1)).await.expect("delivered");
    until_noted("target.url").await;
    let mut source = SqlSource.build(&settings(&format!("ca = 'ca.pem'\n{OUTBOX}"))).expect("a source");
    batch(source.as_mut()).await;
    until_noted("source.url").await;
}

async fn locked(place: Place) {
    made(&place).await;
    let sink = place.sink(&SINK.replace("5s", "3s"));
    at_last_delivered(sink.as_ref(), 1).await;
    let held = place.hold("INSERT INTO homes VALUES (2, 'another')").await;
    let begun = Instant::now();
    let error = sink.deliver(&message(2)).await.expect_err("an error");
    assert_eq!(error.failure, Failure::Transient, "{error}");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    drop(held);
    at_last_delivered(sink.as_ref(), 2).await;
    assert_eq!(place.count("homes").await, 2);
}

async fn lost_delete(place: Place) {
    made(&place).await;
    place.run("INSERT INTO homes VALUES (1, 'a'), (2, 'b')").await;
    let proxy = Proxy::to(place.port()).await;
    let mut source = SqlSource.build(&place.settings_by(proxy.port, OUTBOX)).expect("a source");
    for (does, left) in [(Does::CutsBefore, 2), (Does::CutsAfter, 0)] {
        proxy.order(does);
        let mut first = batch(source.as_mut()).await;
        assert_eq!(records(first.as_mut()).await.len(), 2);
        first.finish(postroom_connector::Ending::Done).await.expect_err("an answer that is lost");
        proxy.order(Does::Carries);
        assert_eq!(place.count("homes").await, left, "{does:?}");
    }
    place.run("INSERT INTO homes VALUES (3, 'c')").await;
    let (read, _) = take(source.as_mut()).await;
    assert_eq!(crate::reading::keys(&read), ["3"]);
}

async fn procedure(place: Place) {
    made(&place).await;
    place.run("CREATE TABLE log (n bigint)").await;
    place
        .run(place.pick(
            "",
            "CREATE PROCEDURE add_home(n bigint, called text, INOUT made text DEFAULT '') LANGUAGE plpgsql AS $$ BEGIN \
             INSERT INTO homes VALUES (n, called); INSERT INTO log VALUES (n); made := 'H' || n; END $$",
            "CREATE PROCEDURE add_home(n bigint, called text, made text) BEGIN \
             INSERT INTO homes VALUES (n, called); INSERT INTO log VALUES (n); SELECT concat('H', n) AS made; END",
        ))
        .await;
    let sink = place.sink(
        "receipts = { table = 'postroom_delivered', create = true }\nreference = 'made'\nprocedure = 'add_home'\n\
         parameters = ['uprn', 'name', 'none']",
    );
    for _ in 0..2 {
        let receipt = sink.deliver(&message(7)).await.expect("delivered");
        assert_eq!(receipt.reference.as_deref(), Some("H7"));
    }
    assert_eq!((place.count("homes").await, place.count("log").await), (1, 1));
    place.run("DELETE FROM log").await;
    // The home is there already: what the procedure did before is undone with it.
    let again = Handover { id: "another".to_owned(), ..message(7) };
    let error = sink.deliver(&again).await.expect_err("an error");
    assert_eq!(error.failure, Failure::Permanent);
    assert!(!format!("{error:?}").contains("Canary"), "{error:?}");
    assert_eq!((place.count("log").await, place.count("postroom_delivered").await), (0, 1));
}

/// A server that was stopped in the middle of everything: what waits for it ends in time, and it is met again.
pub(crate) async fn hanging(home: Home) {
    let place = Place::at(home).await;
    made(&place).await;
    let limits = "timeout = '3s'\nconnect_timeout = '2s'\n";
    let sink = place.sink(&SINK.replace("timeout = '5s'\n", limits));
    sink.deliver(&message(1)).await.expect("delivered");
    let mut source =
        place.source(&format!("{limits}outbox = {{ table = 'homes', id = 'uprn', done = 'delete' }}"));
    let mut waiting = batch(source.as_mut()).await;
    records(waiting.as_mut()).await;
    signal(&place, "-STOP");
    let begun = Instant::now();
    let handed = sink.deliver(&message(2)).await.expect_err("an error");
    let put_away = waiting.finish(postroom_connector::Ending::Done).await.expect_err("an error");
    let read = error(source.as_mut()).await;
    let looked_up = sink.look_up(&message(2)).await.expect_err("an error");
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    for error in [handed, put_away, read, looked_up] {
        assert!(matches!(error.failure, Failure::Transient | Failure::Down), "{error}");
    }
    signal(&place, "-CONT");
    at_last_delivered(sink.as_ref(), 2).await;
    let stored = "SELECT count(*) FROM homes WHERE uprn = 2";
    assert_eq!(place.numbers(stored).await, [1]);
}

fn signal(place: &Place, name: &str) {
    match place.home() {
        Home::Postgres(server) => server.signal(name),
        Home::MariaDb(server) => server.signal(name),
        Home::File => {}
    }
}
