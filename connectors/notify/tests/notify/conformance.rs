//! The checks that every connector runs.

use std::net::TcpListener;

use async_trait::async_trait;
use postroom_connector::conformance::sink::{
    Ground, Trouble, each_trouble_has_its_meaning_and_costs_nothing,
};
use postroom_connector::conformance::{CANARY, SECRET, check_opens_nothing, settings_errors_name_their_key};
use postroom_connector::{Settings, SinkKind};
use postroom_connector_notify::NotifySink;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::fake::{self, Fake, SERVICE};
use crate::sink::table;

struct Notify {
    folder: TempDir,
    fake: Fake,
    untrusted: Fake,
    /// Where the sink goes now.
    address: String,
}

impl Notify {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let key = format!("test-{SERVICE}-{}\n", fake::SECRET);
        std::fs::write(folder.path().join("key"), key).expect("a file");
        let (fake, untrusted) = (Fake::start(), Fake::with_a_certificate_of_its_own(folder.path()));
        Self { address: fake.address.clone(), folder, fake, untrusted }
    }
}

#[async_trait]
impl Ground for Notify {
    fn kind(&self) -> &dyn SinkKind {
        &NotifySink
    }

    fn settings(&self) -> Settings {
        settings(&self.folder, &self.address)
    }

    async fn order(&mut self, trouble: Trouble) -> bool {
        let word = match trouble {
            Trouble::Away => {
                self.address = nobody();
                return true;
            }
            Trouble::WrongCertificate => {
                self.address.clone_from(&self.untrusted.address);
                return true;
            }
            Trouble::Hangs => "slow",
            Trouble::CutsAfter => "cut",
            Trouble::CutsBefore => "vanished",
            Trouble::HalfAnswer => "half",
            Trouble::Fails => "broken",
            Trouble::Busy => "rate-limited",
            Trouble::Refuses => "refused",
            Trouble::Garbage => "garbage",
            Trouble::Endless => "endless",
        };
        self.fake.order(word);
        true
    }

    async fn heal(&mut self) {
        self.address.clone_from(&self.fake.address);
        self.fake.order("");
    }

    async fn taken(&mut self) -> Vec<u64> {
        let taken = self.fake.taken();
        taken.as_array().into_iter().flatten().filter_map(|values| values["number"].as_u64()).collect()
    }

    fn message(&self, number: u64) -> Value {
        json!({"channel": "email", "email_address": "a@example.org", "personalisation": {"number": number, "name": CANARY}})
    }
}

fn settings(folder: &TempDir, address: &str) -> Settings {
    let table = table(address, "timeout = '3s'");
    Settings { table, data: folder.path().to_owned(), system: "residents".to_owned() }
}

/// An address at which nobody listens.
fn nobody() -> String {
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    format!("http://{}", closed.expect("a port"))
}

#[tokio::test]
async fn each_trouble_of_notify_has_its_meaning_and_costs_nothing() {
    each_trouble_has_its_meaning_and_costs_nothing(&mut Notify::new()).await;
}

#[test]
fn settings_of_notify_that_are_wrong_name_their_key_and_checking_them_opens_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let literal = format!("api_key = '{SECRET}'");
    settings_errors_name_their_key(
        |settings| NotifySink.check(settings),
        &settings(&folder, "http://127.0.0.1:1"),
        &[
            ("api_key", &literal),
            ("timeout", "timeout = '3'"),
            ("base_url", "base_url = 'http://notify.example'"),
        ],
    );
    check_opens_nothing(
        |settings| NotifySink.check(settings),
        |address| settings(&folder, &format!("http://{address}")),
    );
}
