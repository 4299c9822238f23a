//! The client: a message is one report to the endpoint of another organisation.

use async_trait::async_trait;
use chrono::{Duration, SecondsFormat, Utc};
use postroom_connector::{
    ConnectorError, ExposeSecret, Failure, Fresh, Handover, PeerOf, Receipt, SecretString, Settings,
    SettingsError, Sink,
};
use postroom_request::header::CONTENT_TYPE;
use postroom_request::{Client, Peer, client};

use super::judge::{found, receipt};
use super::outgoing::Report;
use super::settings::{ClientSettings, LookUp};
use super::single;

/// Whoever is asked to take a report.
const TAKER: Peer = Peer { name: NAME, max_answer_bytes: 64 * 1024 };
/// Whoever is asked for a list of requests: a thousand with a description each have room.
const TELLER: Peer = Peer { name: NAME, max_answer_bytes: 8 * 1024 * 1024 };
const NAME: &str = "the endpoint";
/// How far back a request is looked for: longer than the hub tries again.
const BACK_DAYS: i64 = 14;
/// How far the clock of the endpoint may be ahead.
const AHEAD_DAYS: i64 = 1;
const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

pub(super) struct Endpoint {
    client: Client,
    key: Fresh<Option<SecretString>>,
    settings: ClientSettings,
}

impl Endpoint {
    pub(super) fn new(settings: &Settings, read: ClientSettings) -> Result<Self, SettingsError> {
        let key = {
            let (read, settings) = (read.clone(), settings.clone());
            Fresh::new(read.key_file(&settings), move || read.key(&settings))?
        };
        let client = client(PeerOf::new(settings, "target.base_url"), read.timeout)?;
        Ok(Self { client, key, settings: read })
    }

    fn address(&self) -> String {
        format!("{}/requests.{}", self.settings.base_url, self.settings.format.ending())
    }

    /// The report as a form, with what the endpoint asks of everybody.
    fn form(&self, report: &Report) -> Result<String, ConnectorError> {
        let key = self.key.current().map_err(|error| {
            ConnectorError::new(Failure::Down, "the API key of the endpoint cannot be read", error)
        })?;
        let key = key.as_ref().as_ref().map(|key| ("api_key", key.expose_secret()));
        Ok(report.form(&key.into_iter().chain(self.jurisdiction()).collect::<Vec<_>>()))
    }

    /// Where the endpoint lists the requests of a service that are young enough.
    fn list_of(&self, code: &str) -> String {
        let day = |days| (Utc::now() + Duration::days(days)).to_rfc3339_opts(SecondsFormat::Secs, true);
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(self.jurisdiction());
        query.append_pair("service_code", code);
        query.append_pair("start_date", &day(-BACK_DAYS)).append_pair("end_date", &day(AHEAD_DAYS));
        format!("{}?{}", self.address(), query.finish())
    }

    fn jurisdiction(&self) -> Option<(&str, &str)> {
        self.settings.jurisdiction.as_deref().map(|id| ("jurisdiction_id", id))
    }
}

#[async_trait]
impl Sink for Endpoint {
    async fn deliver(&self, handover: &Handover) -> Result<Receipt, ConnectorError> {
        let report = Report::read(single(handover)?)?;
        let report = match self.settings.look_up {
            LookUp::Description => report.marked(&handover.id),
            LookUp::Off => report,
        };
        let request = self.client.post(self.address()).header(CONTENT_TYPE, FORM);
        let answer = TAKER.ask(request.body(self.form(&report)?)).await?;
        receipt(&answer, self.settings.format)
    }

    async fn look_up(&self, handover: &Handover) -> Result<Option<Receipt>, ConnectorError> {
        if self.settings.look_up == LookUp::Off {
            return Ok(None);
        }
        let report = Report::read(single(handover)?)?;
        let request = self.client.get(self.list_of(report.code()));
        found(&TELLER.ask(request).await?, self.settings.format, &handover.id)
    }

    fn concurrency(&self) -> Option<usize> {
        Some(self.settings.concurrency)
    }
}
