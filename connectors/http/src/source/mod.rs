//! The source: webhooks that a system sends, and answers that a system gives when it is asked.
//!
//! A webhook is answered 200 only when the broker has confirmed its events; what is asked for has a cursor that moves only
//! then. It does not know what a record means, and repeats no value of one.

mod content;
mod form;
mod poll;
mod webhook;

use std::path::Path;

use bytes::Bytes;
use postroom_connector::{
    Arrival, CertificateAt, ConnectorError, Failure, HeldBatch, Settings, SettingsError, Source, SourceKind,
    digest,
};
use postroom_event::{Fault, Reading};
use postroom_format::ReadError;
use postroom_listener::Listeners;

use crate::NAME;
use content::Content;
use poll::{PollSettings, Polling};
use webhook::{Webhook, WebhookSettings};

/// What a record breaks that has no key: it could not be known again.
const NO_KEY: &str = "no-key";

/// The rules that the source can name in a fault, beside those of the formats, with what each means.
pub(crate) const RULES: &[(&str, &str)] =
    &[(NO_KEY, "nothing stands where the settings say that the key of a record is")];

/// Largest input that is read from a file, in bytes.
const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024;

/// Settings to begin with.
const BEGINNING: &str = r#"path = "/hooks/SYSTEM"
key = "/id"
bearer = { file = "SYSTEM/secret" }
"#;

/// The kind of source that is sent records by HTTP, or asks for them.
#[derive(Debug, Clone, Copy, Default)]
pub struct HttpSource;

/// Which of the two the settings describe.
enum Way {
    Webhook(Box<WebhookSettings>),
    Poll(Box<PollSettings>),
}

impl Way {
    fn read(settings: &Settings) -> Result<Self, SettingsError> {
        if settings.table.contains_key("poll") {
            return PollSettings::read(settings).map(|read| Self::Poll(Box::new(read)));
        }
        WebhookSettings::read(settings).map(|read| Self::Webhook(Box::new(read)))
    }

    /// The keys of either.
    fn keys() -> Vec<&'static str> {
        let mut keys = [webhook::keys(), poll::keys()].concat();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    fn content(&self) -> &Content {
        match self {
            Self::Webhook(webhook) => &webhook.content,
            Self::Poll(poll) => &poll.content,
        }
    }

    fn records(&self, body: &Bytes) -> Result<Vec<Reading>, ReadError> {
        match self {
            Self::Webhook(webhook) => webhook.content.read(body),
            Self::Poll(poll) => poll.records(body),
        }
    }
}

impl SourceKind for HttpSource {
    fn name(&self) -> &'static str {
        NAME
    }

    fn rules(&self) -> &'static [(&'static str, &'static str)] {
        RULES
    }

    fn check(&self, settings: &Settings) -> Result<(), SettingsError> {
        Way::read(settings).map(drop)
    }

    fn keys(&self) -> Vec<&'static str> {
        Way::keys()
    }

    fn beginning(&self) -> &'static str {
        BEGINNING
    }

    fn fields(&self, settings: &Settings) -> Option<Vec<String>> {
        Way::read(settings).ok()?.content().fields()
    }

    /// A poll that asks for everything, in one answer.
    fn gives_wholes(&self, settings: &Settings) -> bool {
        matches!(Way::read(settings), Ok(Way::Poll(read)) if read.is_whole())
    }

    /// Whoever posts before the path is held is told to come again.
    fn announce(&self, settings: &Settings) {
        if let Ok(Way::Webhook(read)) = Way::read(settings) {
            Listeners::shared().expect(read.wanted.address, &read.wanted.path);
        }
    }

    fn certificates(&self, settings: &Settings) -> Vec<CertificateAt> {
        match Way::read(settings) {
            Ok(Way::Webhook(webhook)) => webhook.wanted.certificates(),
            Ok(Way::Poll(poll)) => poll.certificates(settings),
            Err(_) => Vec::new(),
        }
    }

    fn troubles(&self, settings: &Settings) -> Vec<SettingsError> {
        match Way::read(settings) {
            Ok(Way::Webhook(webhook)) => webhook.wanted.troubles(&Listeners::shared().troubles()),
            Ok(Way::Poll(_)) | Err(_) => Vec::new(),
        }
    }

    fn build(&self, settings: &Settings) -> Result<Box<dyn Source>, SettingsError> {
        Ok(match Way::read(settings)? {
            Way::Webhook(read) => Box::new(Webhook::new(*read, settings)?),
            Way::Poll(read) => Box::new(Polling::new(*read, settings)?),
        })
    }

    fn open(&self, settings: &Settings, path: &Path) -> Result<Arrival, ConnectorError> {
        let permanent = |words: &str, error: &dyn ToString| {
            ConnectorError::new(Failure::Permanent, words, error.to_string())
        };
        let way = Way::read(settings).map_err(|error| permanent("the settings are wrong", &error))?;
        let size = std::fs::metadata(path).map(|metadata| metadata.len());
        if size.is_ok_and(|size| size > MAX_FILE_BYTES) {
            return Err(permanent("the file is too large for the body of a request", &""));
        }
        let body = std::fs::read(path).map_err(|error| permanent("the file cannot be read", &error))?;
        let body = Bytes::from(body);
        let content = way.content();
        let readings =
            way.records(&body).map_err(|error| permanent("the file cannot be understood", &error))?;
        let readings = readings.into_iter().map(|reading| with_key(content, reading)).collect();
        let label = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Arrival::Batch(Box::new(HeldBatch::new(label, digest([body.as_ref()]), readings))))
    }
}

/// A record with its key; refused where it has none.
fn with_key(content: &Content, reading: Reading) -> Reading {
    let Reading::Record(record) = reading else { return reading };
    match content.key(&record.value) {
        Ok(key) => Reading::Record(postroom_event::Record { key: Some(key), ..record }),
        Err(pointer) => Reading::Refused(Fault {
            number: record.number,
            line: record.line,
            place: pointer.to_owned(),
            rule: NO_KEY,
            words: "nothing stands where the settings say that the key is".to_owned(),
        }),
    }
}
