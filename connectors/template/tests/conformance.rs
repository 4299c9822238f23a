//! The connector keeps what every connector must, on real files.
#![expect(clippy::expect_used, reason = "tests")]

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

use async_trait::async_trait;
use postroom_connector::conformance::{self, CANARY, sink, source};
use postroom_connector::{Settings, SinkKind, SourceKind};
use postroom_connector_template::{LineSink, LineSource};
use serde_json::{Value, json};
use tempfile::TempDir;

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().expect("a folder"));
        fs::write(place.file(), "").expect("a file");
        place
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("lines.txt")
    }

    fn settings(&self) -> Settings {
        let table = "file = 'lines.txt'\nevery = '10ms'".parse().expect("TOML");
        Settings { table, data: self.0.path().to_owned(), system: "template".to_owned() }
    }
}

#[async_trait]
impl source::Ground for Place {
    fn kind(&self) -> &dyn SourceKind {
        &LineSource
    }

    fn settings(&self) -> Settings {
        Place::settings(self)
    }

    async fn put(&mut self, numbers: std::ops::Range<u64>) {
        let mut file = OpenOptions::new().append(true).open(self.file()).expect("the file");
        for number in numbers {
            let record = json!({"number": number, "name": CANARY});
            writeln!(file, "{record}").expect("a line");
        }
    }

    fn number(&self, record: &Value) -> u64 {
        record["number"].as_u64().expect("a number")
    }
}

#[async_trait]
impl sink::Ground for Place {
    fn kind(&self) -> &dyn SinkKind {
        &LineSink
    }

    fn settings(&self) -> Settings {
        Place::settings(self)
    }

    async fn order(&mut self, trouble: sink::Trouble) -> bool {
        match trouble {
            // A folder stands where the file should be.
            sink::Trouble::Away => {
                fs::rename(self.file(), self.file().with_extension("away")).expect("a file");
                fs::create_dir(self.file()).expect("a folder");
                true
            }
            _ => false,
        }
    }

    async fn heal(&mut self) {
        fs::remove_dir(self.file()).expect("a folder");
        fs::rename(self.file().with_extension("away"), self.file()).expect("a file");
    }

    async fn taken(&mut self) -> Vec<u64> {
        let text = fs::read_to_string(self.file()).expect("a file");
        let number = |line: &str| serde_json::from_str::<Value>(line).ok()?["messages"][0]["number"].as_u64();
        text.lines().filter_map(number).collect()
    }
}

#[tokio::test]
async fn wherever_the_hub_dies_nothing_is_lost_or_doubled() {
    source::nothing_is_lost_or_doubled(&mut Place::new()).await;
}

#[tokio::test]
async fn what_is_taken_is_not_read_again() {
    source::what_is_taken_is_not_read_again(&mut Place::new()).await;
}

#[tokio::test]
async fn what_came_to_nothing_comes_again() {
    source::what_came_to_nothing_comes_again(&mut Place::new()).await;
}

#[tokio::test]
async fn it_says_in_time_that_nothing_came() {
    source::it_says_in_time_that_nothing_came(&mut Place::new()).await;
}

#[tokio::test]
async fn a_file_that_is_not_there_is_told() {
    let place = Place::new();
    fs::remove_file(place.file()).expect("a file");
    source::a_system_that_is_away_is_told(&place, &place.settings()).await;
}

#[tokio::test]
async fn each_trouble_has_its_meaning_and_costs_nothing() {
    sink::each_trouble_has_its_meaning_and_costs_nothing(&mut Place::new()).await;
}

#[tokio::test]
async fn what_comes_again_takes_effect_once() {
    sink::what_comes_again_takes_effect_once(&mut Place::new()).await;
}

#[tokio::test]
async fn a_line_that_a_crash_cut_off_is_written_anew() {
    let mut place = Place::new();
    fs::write(place.file(), r#"{"id": "half a li"#).expect("a file");
    sink::what_comes_again_takes_effect_once(&mut place).await;
}

#[test]
fn settings_that_cannot_work_are_refused_with_their_key_and_looking_at_them_opens_nothing() {
    let place = Place::new();
    let wrong =
        [("file", "file = 5"), ("file", "file = ''"), ("every", "every = 'soon'"), ("every", "every = '0s'")];
    conformance::settings_errors_name_their_key(|s| LineSource.check(s), &place.settings(), &wrong);
    conformance::settings_errors_name_their_key(|s| LineSink.check(s), &place.settings(), &wrong);
    conformance::check_opens_nothing(|s| LineSource.check(s), |_| place.settings());
    conformance::check_opens_nothing(|s| LineSink.check(s), |_| place.settings());
}
