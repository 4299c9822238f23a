//! The client: a message is one report to the endpoint of another organisation.

use async_trait::async_trait;
use chrono::{Duration, SecondsFormat, Utc};
use postroom_connector::{
    ConnectorError, ExposeSecret, Handover, Receipt, SecretString, Settings, SettingsError, Sink,
};
use reqwest::Client;
use reqwest::header::CONTENT_TYPE;

use super::judge::{found, receipt};
use super::outgoing::Report;
use super::settings::{ClientSettings, LookUp};
use super::single;
use crate::request::{ask, client};

/// Longest answer to a report that is read, in bytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// Longest list of requests that is read, in bytes: a thousand with a description each have room.
const MAX_LIST_BYTES: usize = 8 * 1024 * 1024;
/// How far back a request is looked for: longer than the hub tries again.
const BACK_DAYS: i64 = 14;
/// How far the clock of the endpoint may be ahead.
const AHEAD_DAYS: i64 = 1;
const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

pub(super) struct Endpoint {
    client: Client,
    key: Option<SecretString>,
    settings: ClientSettings,
}

impl Endpoint {
    pub(super) fn new(settings: &Settings, read: ClientSettings) -> Result<Self, SettingsError> {
        let key = read.key(settings)?;
        let client = client(read.timeout).map_err(|error| {
            SettingsError::new("base_url", format!("no client can be made for it: {error}"))
        })?;
        Ok(Self { client, key, settings: read })
    }

    fn address(&self) -> String {
        format!("{}/requests.{}", self.settings.base_url, self.settings.format.ending())
    }

    /// What the endpoint asks of everybody.
    fn common(&self) -> Vec<(&str, &str)> {
        let key = self.key.as_ref().map(|key| ("api_key", key.expose_secret()));
        key.into_iter().chain(self.jurisdiction()).collect()
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
        let answer = ask(request.body(report.form(&self.common())), MAX_ANSWER_BYTES).await?;
        receipt(&answer, self.settings.format)
    }

    async fn look_up(&self, handover: &Handover) -> Result<Option<Receipt>, ConnectorError> {
        if self.settings.look_up == LookUp::Off {
            return Ok(None);
        }
        let report = Report::read(single(handover)?)?;
        let request = self.client.get(self.list_of(report.code()));
        found(&ask(request, MAX_LIST_BYTES).await?, self.settings.format, &handover.id)
    }

    fn concurrency(&self) -> Option<usize> {
        Some(self.settings.concurrency)
    }
}
