//! The promises of every connector, on each database.

use std::ops::Range;

use async_trait::async_trait;
use postroom_connector::conformance::{
    CANARY, check_opens_nothing, settings_errors_name_their_key, sink, source,
};
use postroom_connector::{Settings, SinkKind, SourceKind};
use postroom_connector_sql::{SqlSink, SqlSource};
use serde_json::Value;

use crate::place::{Place, Promise};
use crate::proxy::{Does, Proxy};

promises!(
    nothing_of_an_outbox_is_lost_or_doubled,
    nothing_behind_a_watermark_is_lost_or_doubled,
    what_is_taken_is_not_read_again,
    what_came_to_nothing_comes_again,
    a_source_says_in_time_that_nothing_came,
    what_comes_again_takes_effect_once,
);

/// What is asked of servers only.
pub(crate) fn on_a_server() -> Vec<(&'static str, Promise)> {
    vec![
        ("each_trouble_has_its_meaning_and_costs_nothing", |place| Box::pin(troubles(place))),
        ("a_system_that_is_away_is_told", |place| Box::pin(away(place))),
    ]
}

const OUTBOX: &str = "outbox = { table = 'records', id = 'number', done = 'delete' }";
const WATERMARK: &str = "watermark = { table = 'records', column = 'number', key = ['number'], overlap = 2 }";
const WHOLE: &str = "whole = { table = 'records', order = ['number'] }";
const TARGET: &str = "receipts = { table = 'postroom_delivered', create = true }\ntimeout = '2s'\n\
                      statement = 'INSERT INTO messages (number, name) VALUES (:number, :name)'";

struct Records {
    place: Place,
    settings: &'static str,
}

async fn records(place: Place, settings: &'static str) -> Records {
    place.run("CREATE TABLE records (number bigint PRIMARY KEY, name varchar(40))").await;
    Records { place, settings }
}

#[async_trait]
impl source::Ground for Records {
    fn kind(&self) -> &dyn SourceKind {
        &SqlSource
    }

    fn settings(&self) -> Settings {
        // A whole table would come again and again.
        let pace = if self.settings == WHOLE { "every = '1d'" } else { "every = '20ms'\nrows = 5" };
        self.place.settings(&format!("{pace}\n{}", self.settings))
    }

    async fn put(&mut self, numbers: Range<u64>) {
        let rows: Vec<String> = numbers.map(|number| format!("({number}, '{CANARY}')")).collect();
        self.place.run(&format!("INSERT INTO records VALUES {}", rows.join(","))).await;
    }

    fn number(&self, record: &Value) -> u64 {
        record["number"].as_u64().expect("a number")
    }
}

async fn nothing_of_an_outbox_is_lost_or_doubled(place: Place) {
    let mut ground = records(place, OUTBOX).await;
    source::nothing_is_lost_or_doubled(&mut ground).await;
    assert_eq!(ground.place.count("records").await, 0);
}

async fn nothing_behind_a_watermark_is_lost_or_doubled(place: Place) {
    source::nothing_is_lost_or_doubled(&mut records(place, WATERMARK).await).await;
}

async fn what_is_taken_is_not_read_again(place: Place) {
    let mut ground = records(place, OUTBOX).await;
    source::what_is_taken_is_not_read_again(&mut ground).await;
    ground.settings = WHOLE;
    ground.place.run("DELETE FROM records").await;
    source::what_is_taken_is_not_read_again(&mut ground).await;
}

async fn what_came_to_nothing_comes_again(place: Place) {
    let mut ground = records(place, OUTBOX).await;
    source::what_came_to_nothing_comes_again(&mut ground).await;
    ground.settings = WATERMARK;
    ground.place.run("DELETE FROM records").await;
    source::what_came_to_nothing_comes_again(&mut ground).await;
    ground.settings = WHOLE;
    ground.place.run("DELETE FROM records").await;
    source::what_came_to_nothing_comes_again(&mut ground).await;
}

async fn a_source_says_in_time_that_nothing_came(place: Place) {
    let mut ground = records(place, OUTBOX).await;
    source::it_says_in_time_that_nothing_came(&mut ground).await;
    ground.settings = WATERMARK;
    source::it_says_in_time_that_nothing_came(&mut ground).await;
}

async fn away(place: Place) {
    let settings = place.settings_by(crate::place::free_port(), OUTBOX);
    let ground = records(place, OUTBOX).await;
    source::a_system_that_is_away_is_told(&ground, &settings).await;
}

struct Messages {
    place: Place,
    proxy: Option<Proxy>,
    is_renamed: bool,
}

async fn messages(place: Place) -> Messages {
    place.run("CREATE TABLE messages (number bigint, name varchar(40))").await;
    let proxy = if place.port() == 0 { None } else { Some(Proxy::to(place.port()).await) };
    Messages { place, proxy, is_renamed: false }
}

#[async_trait]
impl sink::Ground for Messages {
    fn kind(&self) -> &dyn SinkKind {
        &SqlSink
    }

    fn settings(&self) -> Settings {
        match &self.proxy {
            Some(proxy) => self.place.settings_by(proxy.port, TARGET),
            None => self.place.settings(TARGET),
        }
    }

    async fn order(&mut self, trouble: sink::Trouble) -> bool {
        let does = match trouble {
            sink::Trouble::Away => Does::Closes,
            sink::Trouble::Hangs => Does::Swallows,
            sink::Trouble::CutsAfter => Does::CutsAfter,
            sink::Trouble::CutsBefore => Does::CutsBefore,
            sink::Trouble::HalfAnswer => Does::Halves,
            sink::Trouble::Refuses => {
                self.place.run("ALTER TABLE messages RENAME TO others").await;
                self.is_renamed = true;
                return true;
            }
            _ => return false,
        };
        self.proxy.as_ref().expect("a server").order(does);
        true
    }

    async fn heal(&mut self) {
        self.proxy.as_ref().expect("a server").order(Does::Carries);
        if std::mem::take(&mut self.is_renamed) {
            self.place.run("ALTER TABLE others RENAME TO messages").await;
        }
    }

    async fn taken(&mut self) -> Vec<u64> {
        let numbers = self.place.numbers("SELECT number FROM messages ORDER BY number").await;
        numbers.into_iter().map(|number| u64::try_from(number).expect("above 0")).collect()
    }
}

async fn what_comes_again_takes_effect_once(place: Place) {
    sink::what_comes_again_takes_effect_once(&mut messages(place).await).await;
}

async fn troubles(place: Place) {
    sink::each_trouble_has_its_meaning_and_costs_nothing(&mut messages(place).await).await;
}

#[tokio::test]
async fn settings_that_are_wrong_are_told_with_their_key_and_checking_opens_nothing() {
    let place = Place::file().await;
    let text = "password = { file = 'password' }\n";
    let at = |port: u16, text: &str| {
        let table = format!("url = 'postgres://hub@127.0.0.1:{port}/council'\n{text}").parse().expect("TOML");
        Settings { table, data: place.data.path().to_owned(), system: "housing".to_owned() }
    };
    settings_errors_name_their_key(
        |settings| SqlSource.check(settings),
        &at(1, &format!("{text}{OUTBOX}")),
        &[
            ("url", "url = 'postgres://hub:quite-secret-5d1c@127.0.0.1/council'"),
            ("password", "password = 'quite-secret-5d1c'"),
            ("outbox.done", "outbox = { table = 'a', done = true }"),
            ("outbox", "watermark = { table = 'a', column = 'b', key = ['c'], overlap = 1 }"),
            ("every", "every = 'often'"),
            ("outbox", "whole = { table = 'a', order = ['b'] }"),
        ],
    );
    settings_errors_name_their_key(
        |settings| SqlSink.check(settings),
        &at(1, &format!("{text}{TARGET}")),
        &[("statement", "statement = 'SELECT 1'"), ("receipts.table", "receipts = { table = '' }")],
    );
    check_opens_nothing(
        |settings| SqlSource.check(settings),
        |address| at(address.port(), &format!("{text}{OUTBOX}")),
    );
    check_opens_nothing(
        |settings| SqlSource.check(settings),
        |address| at(address.port(), &format!("{text}{WHOLE}")),
    );
    check_opens_nothing(
        |settings| SqlSink.check(settings),
        |address| at(address.port(), &format!("{text}{TARGET}")),
    );
}

#[tokio::test]
async fn only_a_whole_table_gives_wholes() {
    let place = Place::file().await;
    let gives = |text: &str| SqlSource.gives_wholes(&place.settings(text));
    assert!(gives(WHOLE));
    assert!(!gives(OUTBOX));
    assert!(!gives(WATERMARK));
    assert!(!gives("whole = { table = 'homes' }"), "settings that are wrong give nothing");
}
