//! What every connector must keep, on a folder of this machine.

use std::fs;
use std::ops::Range;

use async_trait::async_trait;
use postroom_connector::conformance::{self, CANARY, sink, source};
use postroom_connector::{Settings, SinkKind, SourceKind};
use postroom_connector_file::{FileSink, FileSource};
use serde_json::{Value, json};

use crate::room::Room;

const SOURCE: &str = "folder = 'in'\nsettle = '0s'\nfiles = [{ pattern = '*', format = { kind = 'jsonl' } }]";
const SINK: &str = "folder = 'out'\nname = 'parcels-{batch}.jsonl'\nformat = { kind = 'jsonl' }";

#[async_trait]
impl source::Ground for Room {
    fn kind(&self) -> &dyn SourceKind {
        &FileSource
    }

    fn settings(&self) -> Settings {
        Room::settings(self, SOURCE)
    }

    async fn put(&mut self, numbers: Range<u64>) {
        let name = format!("in/parcels-{:09}.jsonl", numbers.start);
        let line = |number| format!("{}\n", json!({"number": number, "name": CANARY}));
        Room::put(self, &format!("{name}.part"), numbers.map(line).collect::<String>());
        fs::rename(self.path(&format!("{name}.part")), self.path(&name)).expect("a file that is whole");
    }

    fn number(&self, record: &Value) -> u64 {
        record["number"].as_u64().expect("a number")
    }
}

#[async_trait]
impl sink::Ground for Room {
    fn kind(&self) -> &dyn SinkKind {
        &FileSink
    }

    fn settings(&self) -> Settings {
        Room::settings(self, SINK)
    }

    /// A folder of this machine does nothing of what a target may do.
    async fn order(&mut self, _trouble: sink::Trouble) -> bool {
        false
    }

    async fn heal(&mut self) {}

    async fn taken(&mut self) -> Vec<u64> {
        let files = self.names("out").into_iter().filter(|name| !name.starts_with('.'));
        let text: String = files.map(|name| self.get(&format!("out/{name}"))).collect();
        let number = |line| serde_json::from_str::<Value>(line).expect("JSON")["number"].as_u64();
        text.lines().filter_map(number).collect()
    }
}

#[tokio::test]
async fn wherever_the_hub_dies_nothing_is_lost_or_doubled() {
    source::nothing_is_lost_or_doubled(&mut Room::new()).await;
}

#[tokio::test]
async fn what_is_taken_is_not_read_again() {
    source::what_is_taken_is_not_read_again(&mut Room::new()).await;
}

#[tokio::test]
async fn what_came_to_nothing_comes_again() {
    source::what_came_to_nothing_comes_again(&mut Room::new()).await;
}

#[tokio::test]
async fn a_source_says_in_time_that_nothing_came() {
    source::it_says_in_time_that_nothing_came(&mut Room::new()).await;
}

#[tokio::test]
async fn what_comes_again_takes_effect_once() {
    sink::what_comes_again_takes_effect_once(&mut Room::new()).await;
}

#[test]
fn settings_that_cannot_work_are_refused_with_their_key_and_looking_at_them_opens_nothing() {
    let room = Room::new();
    let of_source = [("settle", "settle = 5"), ("folder", "folder = 5"), ("order", "order = 'size'")];
    conformance::settings_errors_name_their_key(|s| FileSource.check(s), &room.settings(SOURCE), &of_source);
    let of_sink = [("name", "name = 'always.jsonl'"), ("folder", "folder = 5")];
    conformance::settings_errors_name_their_key(|s| FileSink.check(s), &room.settings(SINK), &of_sink);
    conformance::check_opens_nothing(|s| FileSource.check(s), |_| room.settings(SOURCE));
    conformance::check_opens_nothing(|s| FileSink.check(s), |_| room.settings(SINK));
}
