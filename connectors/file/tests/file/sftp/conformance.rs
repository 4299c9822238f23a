//! What every connector must keep, on a folder of a real server, over a line that a test can cut.

use std::fs;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use async_trait::async_trait;
use postroom_connector::conformance::{self, CANARY, sink, source};
use postroom_connector::{Settings, SinkKind, SourceKind};
use postroom_connector_file::{FileSink, FileSource};
use serde_json::{Value, json};

use super::proxy::{Proxy, Way};
use super::server::{Server, sftp};
use crate::room::Room;

const KEY: &str = "key = { file = 'ssh/id' }";

struct Shore {
    room: Room,
    server: Server,
    line: Proxy,
    /// Whose host key the settings expect.
    expected: &'static str,
    /// Whether what comes from the server is kept back.
    hangs: Arc<AtomicBool>,
}

impl Shore {
    fn new() -> Self {
        let room = Room::new();
        let server = Server::start(&room);
        let line = Proxy::before(server.port);
        Self { room, server, line, expected: "host", hangs: Arc::default() }
    }

    fn sftp(&self) -> String {
        let host_key = self.server.fingerprint(self.expected);
        sftp(&self.room.path("remote"), self.line.port, &host_key, KEY)
    }

    fn of_source(&self) -> String {
        format!(
            "{}every = '100ms'\nsettle = '0s'\nfiles = [{{ pattern = '*', format = {{ kind = 'jsonl' }} }}]",
            self.sftp()
        )
    }

    fn of_sink(&self) -> String {
        format!("{}name = 'parcels-{{batch}}.jsonl'\nformat = {{ kind = 'jsonl' }}", self.sftp())
    }

    /// Cuts the line before the server says that a file more is there, once that is not kept back any more.
    fn cut_behind_the_next_file(&self) {
        let (folder, hangs) = (self.room.path("remote"), Arc::clone(&self.hangs));
        let before = written(&folder).len();
        self.line.cut_when(move |way, _| {
            let landed = way == Way::ToClient && written(&folder).len() > before;
            while landed && hangs.load(Ordering::SeqCst) {
                thread::yield_now();
            }
            landed
        });
    }
}

/// The names of the files that are whole.
fn written(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder)
        .expect("a folder")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter(|name| !name.starts_with('.')).collect()
}

#[async_trait]
impl source::Ground for Shore {
    fn kind(&self) -> &dyn SourceKind {
        &FileSource
    }

    fn settings(&self) -> Settings {
        self.room.settings(&self.of_source())
    }

    async fn put(&mut self, numbers: Range<u64>) {
        let name = format!("remote/parcels-{:09}.jsonl", numbers.start);
        let line = |number| format!("{}\n", json!({"number": number, "name": CANARY}));
        self.room.put(&format!("{name}.part"), numbers.map(line).collect::<String>());
        fs::rename(self.room.path(&format!("{name}.part")), self.room.path(&name)).expect("a whole file");
    }

    fn number(&self, record: &Value) -> u64 {
        record["number"].as_u64().expect("a number")
    }
}

#[async_trait]
impl sink::Ground for Shore {
    fn kind(&self) -> &dyn SinkKind {
        &FileSink
    }

    fn settings(&self) -> Settings {
        self.room.settings(&self.of_sink())
    }

    async fn order(&mut self, trouble: sink::Trouble) -> bool {
        use sink::Trouble;
        match trouble {
            Trouble::Away => self.server.kill(),
            Trouble::Hangs => {
                self.hangs.store(true, Ordering::SeqCst);
                self.cut_behind_the_next_file();
            }
            Trouble::CutsAfter => self.cut_behind_the_next_file(),
            Trouble::CutsBefore => self.line.cut_when(|_, _| true),
            Trouble::WrongCertificate => self.expected = "stranger",
            // A server of files answers with a status of its protocol and nothing else.
            Trouble::HalfAnswer
            | Trouble::Fails
            | Trouble::Busy
            | Trouble::Refuses
            | Trouble::Garbage
            | Trouble::Endless => return false,
        }
        true
    }

    async fn heal(&mut self) {
        self.hangs.store(false, Ordering::SeqCst);
        self.expected = "host";
        self.server.kill();
        self.server.begin();
    }

    async fn taken(&mut self) -> Vec<u64> {
        let names = written(&self.room.path("remote"));
        let text: String = names.iter().map(|name| self.room.get(&format!("remote/{name}"))).collect();
        let number = |line| serde_json::from_str::<Value>(line).expect("JSON")["number"].as_u64();
        text.lines().filter_map(number).collect()
    }
}

#[tokio::test]
async fn wherever_the_hub_dies_nothing_of_a_server_is_lost_or_doubled() {
    source::nothing_is_lost_or_doubled(&mut Shore::new()).await;
}

#[tokio::test]
async fn what_is_taken_from_a_server_is_not_read_again() {
    source::what_is_taken_is_not_read_again(&mut Shore::new()).await;
}

#[tokio::test]
async fn what_came_to_nothing_comes_again_from_a_server() {
    source::what_came_to_nothing_comes_again(&mut Shore::new()).await;
}

#[tokio::test]
async fn a_source_of_a_server_says_in_time_that_nothing_came() {
    source::it_says_in_time_that_nothing_came(&mut Shore::new()).await;
}

#[tokio::test]
async fn a_server_that_is_away_is_told() {
    let mut shore = Shore::new();
    shore.server.kill();
    source::a_system_that_is_away_is_told(&shore, &source::Ground::settings(&shore)).await;
}

#[tokio::test]
async fn what_comes_again_takes_effect_once_on_a_server() {
    sink::what_comes_again_takes_effect_once(&mut Shore::new()).await;
}

#[tokio::test]
async fn each_trouble_of_a_server_has_its_meaning_and_costs_nothing() {
    sink::each_trouble_has_its_meaning_and_costs_nothing(&mut Shore::new()).await;
}

#[test]
fn settings_of_a_server_are_refused_with_their_key_and_looking_at_them_opens_nothing() {
    let room = Room::new();
    let at =
        |port| sftp(Path::new("/remote"), port, "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", KEY);
    let of_source = |port| {
        room.settings(&format!("{}files = [{{ pattern = '*', format = {{ kind = 'jsonl' }} }}]", at(port)))
    };
    let of_sink =
        |port| room.settings(&format!("{}name = '{{batch}}'\nformat = {{ kind = 'jsonl' }}", at(port)));
    conformance::settings_errors_name_their_key(
        |s| FileSource.check(s),
        &of_source(22),
        &[("every", "every = 5")],
    );
    conformance::settings_errors_name_their_key(
        |s| FileSink.check(s),
        &of_sink(22),
        &[("name", "name = 'x'")],
    );
    conformance::check_opens_nothing(|s| FileSource.check(s), |address| of_source(address.port()));
    conformance::check_opens_nothing(|s| FileSink.check(s), |address| of_sink(address.port()));
}
