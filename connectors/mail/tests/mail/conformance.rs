//! The checks that every connector runs. A mail takes effect once for each `Message-ID`: that is how one that came twice
//! is recognised.

use std::collections::BTreeMap;
use std::net::TcpListener;

use async_trait::async_trait;
use postroom_connector::conformance::sink::{
    Ground, Trouble, each_trouble_has_its_meaning_and_costs_nothing, what_comes_again_takes_effect_once,
};
use postroom_connector::conformance::{SECRET, check_opens_nothing, settings_errors_name_their_key};
use postroom_connector::{Settings, SinkKind};
use postroom_connector_mail::MailSink;
use tempfile::TempDir;

use crate::server::{Certificates, MailServer};

struct Desk {
    folder: TempDir,
    server: MailServer,
    untrusted: MailServer,
    /// The recipient now: an order to the server.
    to: &'static str,
    port: u16,
    tls: &'static str,
    mails: BTreeMap<String, u64>,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let files = Certificates::new(folder.path());
        let server = MailServer::plain();
        let untrusted = MailServer::start(&["required", &files.certificate, &files.key]);
        let (port, mails) = (server.port, BTreeMap::new());
        Self { folder, server, untrusted, to: "waste", port, tls: "off", mails }
    }
}

#[async_trait]
impl Ground for Desk {
    fn kind(&self) -> &dyn SinkKind {
        &MailSink
    }

    fn settings(&self) -> Settings {
        settings(&self.folder, self.port, self.tls, self.to)
    }

    async fn order(&mut self, trouble: Trouble) -> bool {
        match trouble {
            Trouble::Away => {
                let closed = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
                self.port = closed.expect("a port").port();
            }
            Trouble::WrongCertificate => (self.port, self.tls) = (self.untrusted.port, "required"),
            Trouble::Hangs => self.to = "silent",
            Trouble::CutsAfter => self.to = "cut",
            Trouble::HalfAnswer => self.to = "half",
            Trouble::Fails => self.to = "full",
            Trouble::Refuses => self.to = "spam",
            Trouble::Garbage => self.to = "garbage",
            Trouble::Endless => self.to = "endless",
            // `failing` has it, at each step; and SMTP has no word for when to come again.
            Trouble::CutsBefore | Trouble::Busy => return false,
        }
        true
    }

    async fn heal(&mut self) {
        (self.to, self.port, self.tls) = ("waste", self.server.port, "off");
    }

    async fn taken(&mut self) -> Vec<u64> {
        for mail in self.server.mails() {
            let number = mail.header("subject").parse().expect("a number");
            self.mails.insert(mail.header("message-id").to_owned(), number);
        }
        self.mails.values().copied().collect()
    }
}

fn settings(folder: &TempDir, port: u16, tls: &str, to: &str) -> Settings {
    let text = format!(
        "server = {{ host = 'localhost', port = {port}, tls = '{tls}', timeout = '5s' }}\n\
         from = 'hub@zedshire.example'\nto = ['{to}@zedshire.example']\n\
         fields = ['number', 'name']\nsubject = '{{{{ items[0].message.number }}}}'\n\
         attachment = {{ name = 'a.csv' }}"
    );
    let table = text.parse().expect("TOML");
    Settings { table, data: folder.path().to_owned(), system: "waste".to_owned() }
}

#[tokio::test]
async fn each_trouble_of_a_mail_server_has_its_meaning_and_costs_nothing() {
    each_trouble_has_its_meaning_and_costs_nothing(&mut Desk::new()).await;
}

#[tokio::test]
async fn a_mail_that_comes_again_is_recognised_by_its_message_id() {
    what_comes_again_takes_effect_once(&mut Desk::new()).await;
}

#[test]
fn settings_of_a_mail_that_are_wrong_name_their_key_and_checking_them_opens_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let literal = format!("server = {{ host = 'localhost', user = 'u', password = '{SECRET}' }}");
    settings_errors_name_their_key(
        |settings| MailSink.check(settings),
        &settings(&folder, 1, "off", "waste"),
        &[
            ("server.password", &literal),
            ("server.tls", "server = { host = 'mail.example', tls = 'off' }"),
            ("subject", "subject = '{{ items[0].message.surname }}'"),
            ("to", "to = []"),
        ],
    );
    check_opens_nothing(
        |settings| MailSink.check(settings),
        |address| settings(&folder, address.port(), "off", "waste"),
    );
}
