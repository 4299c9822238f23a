//! The settings as the council wrote them, and what is made of them.

use std::sync::Arc;
use std::time::Duration;

use postroom_connector::{Settings, SettingsError, keys_of, parse_duration};
use postroom_request::{Method, Plain, Trust};
use serde::Deserialize;

use super::body::WrittenBody;
use super::credentials::Credentials;
use super::judge::{Judge, Pointers, Speech};
use super::oauth2::{Oauth2, WrittenOauth2};
use super::pace;
use super::request::{Purpose, Request, Terms, Written as WrittenRequest};
use super::rule::Rule;
use super::soap::WrittenSoap;
use crate::headers::{Headers, WrittenBasic, WrittenHeaders};

/// How long an answer may take, from the first try to connect, unless the settings say otherwise.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Longest time an answer may take: a look-up and a request together stay within one attempt of the hub.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(50);
/// Shortest time an answer may take: half of it is left to connect.
const SHORTEST_TIMEOUT: Duration = Duration::from_millis(100);
/// Most requests at the same time.
const MOST_AT_ONCE: usize = 64;
/// Requests at the same time where there is a rate and the settings do not say.
const AT_ONCE: usize = 16;

/// Headers that are the hub's own business where it delivers.
const OWN_HEADERS: [&str; 3] = ["idempotency-key", "soapaction", "traceparent"];

const DELIVER: &[Method] = &[Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
const LOOK_UP: &[Method] = &[Method::GET, Method::POST];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    url: String,
    #[serde(default)]
    plain: bool,
    method: Option<String>,
    content_type: Option<String>,
    body: Option<WrittenBody>,
    soap: Option<WrittenSoap>,
    #[serde(default)]
    headers: WrittenHeaders,
    bearer: Option<toml::Value>,
    basic: Option<WrittenBasic>,
    oauth2: Option<WrittenOauth2>,
    certificate: Option<toml::Value>,
    key: Option<toml::Value>,
    ca: Option<toml::Value>,
    timeout: Option<String>,
    concurrency: Option<usize>,
    rate: Option<String>,
    reference: Option<String>,
    problem: Option<String>,
    answer: Option<WrittenAnswer>,
    look_up: Option<WrittenLookUp>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenAnswer {
    rule: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenLookUp {
    url: String,
    method: Option<String>,
    content_type: Option<String>,
    body: Option<WrittenBody>,
    soap: Option<WrittenSoap>,
    #[serde(default)]
    headers: WrittenHeaders,
    rule: Option<String>,
}

/// Settings of the sink, checked.
#[derive(Debug)]
pub(crate) struct SinkSettings {
    pub(crate) deliver: Way,
    pub(crate) look_up: Option<Way>,
    pub(crate) credentials: Credentials,
    pub(crate) timeout: Duration,
    /// The time between two requests, where there is a rate.
    pub(crate) interval: Option<Duration>,
    pub(crate) concurrency: Option<usize>,
}

/// A kind of request, and what its answers mean.
#[derive(Debug)]
pub(crate) struct Way {
    pub(crate) request: Request,
    pub(crate) judge: Judge,
}

/// The keys that the settings may have.
pub(crate) fn keys() -> Vec<&'static str> {
    keys_of::<Written>()
}

impl SinkSettings {
    pub(crate) fn read(settings: &Settings) -> Result<Self, SettingsError> {
        let written: Written = settings.read()?;
        one_authorization(&written)?;
        let plain = Plain::Setting(written.plain);
        let rule = written.answer.map(|answer| rule("answer.rule", &answer.rule)).transpose()?;
        let pointers = Pointers {
            reference: pointer("reference", written.reference)?,
            problem: pointer("problem", written.problem)?,
        };
        let deliver = WrittenRequest {
            url: written.url,
            method: written.method,
            content_type: written.content_type,
            body: written.body,
            soap: written.soap,
        };
        let terms = Terms { prefix: "", methods: DELIVER, purpose: Purpose::Deliver, plain };
        let deliver = Way::read(deliver, terms, &pointers, rule.clone())?;
        let (look_up, look_up_headers) = match written.look_up {
            None => (None, Headers::default()),
            Some(written) => {
                look_up(written, plain, &pointers, rule).map(|(way, headers)| (Some(way), headers))?
            }
        };
        let headers = Headers::read("headers", written.headers, &OWN_HEADERS)?;
        let credentials = Credentials {
            headers: headers.with_bearer("bearer", written.bearer)?.with_basic("basic", written.basic)?,
            look_up: look_up_headers,
            trust: Trust::read(written.ca, written.certificate, written.key)?,
            oauth2: written.oauth2.map(|oauth2| Oauth2::read(oauth2, plain)).transpose()?,
        };
        let timeout = timeout(written.timeout.as_deref())?;
        let interval = written.rate.as_deref().map(|rate| interval(rate, timeout)).transpose()?;
        let concurrency = concurrency(written.concurrency, interval, timeout)?;
        Ok(Self { deliver, look_up, credentials, timeout, interval, concurrency })
    }
}

impl Way {
    fn read(
        written: WrittenRequest,
        terms: Terms,
        pointers: &Pointers,
        rule: Option<Arc<Rule>>,
    ) -> Result<Self, SettingsError> {
        let request = Request::read(written, terms)?;
        let speech = if request.is_soap() { Speech::Soap } else { Speech::Any };
        let judge = Judge { purpose: terms.purpose, pointers: pointers.clone(), rule, speech };
        Ok(Self { request, judge })
    }
}

/// Reads `look_up`; `rule` is that of every answer, which holds where a look-up has none of its own.
fn look_up(
    written: WrittenLookUp,
    plain: Plain,
    pointers: &Pointers,
    rule: Option<Arc<Rule>>,
) -> Result<(Way, Headers), SettingsError> {
    let own = written.rule.map(|own| self::rule("look_up.rule", &own)).transpose()?;
    if own.is_none() && !written.url.contains("{id}") {
        let words = "an address without `{id}` finds more than this message: `look_up.rule` says what the answer means";
        return Err(SettingsError::new("look_up.url", words));
    }
    let headers = Headers::read("look_up.headers", written.headers, &OWN_HEADERS)?;
    let request = WrittenRequest {
        url: written.url,
        method: written.method,
        content_type: written.content_type,
        body: written.body,
        soap: written.soap,
    };
    let terms = Terms { prefix: "look_up.", methods: LOOK_UP, purpose: Purpose::LookUp, plain };
    let way = Way::read(request, terms, pointers, own.or(rule))?;
    if !way.request.tells_handovers_apart() {
        let words = "the address holds `{id}`, the idempotency key, or a field of the message";
        return Err(SettingsError::new("look_up.url", words));
    }
    Ok((way, headers))
}

fn rule(key: &str, source: &str) -> Result<Arc<Rule>, SettingsError> {
    Rule::read(key, source).map(Arc::new)
}

fn one_authorization(written: &Written) -> Result<(), SettingsError> {
    let ways = [
        written.bearer.as_ref().map(|_| "bearer"),
        written.basic.as_ref().map(|_| "basic"),
        written.oauth2.as_ref().map(|_| "oauth2"),
    ];
    let mut ways = ways.into_iter().flatten();
    match (ways.next(), ways.next()) {
        (Some(first), Some(_)) => Err(SettingsError::new(first, "one of `bearer`, `basic` and `oauth2`")),
        _ => Ok(()),
    }
}

fn timeout(written: Option<&str>) -> Result<Duration, SettingsError> {
    let Some(text) = written else { return Ok(TIMEOUT) };
    parse_duration(text)
        .filter(|timeout| (SHORTEST_TIMEOUT..=LONGEST_TIMEOUT).contains(timeout))
        .ok_or_else(|| SettingsError::new("timeout", "a duration from `100ms` to `50s`, such as `30s`"))
}

/// A request waits for its turn half of its time at most.
fn interval(rate: &str, timeout: Duration) -> Result<Duration, SettingsError> {
    let interval = pace::interval(rate)?;
    if interval > timeout / 2 {
        return Err(SettingsError::new("rate", "at least one request in half of `timeout`"));
    }
    Ok(interval)
}

/// As many as the settings say, and no more than have their turn in time.
fn concurrency(
    written: Option<usize>,
    interval: Option<Duration>,
    timeout: Duration,
) -> Result<Option<usize>, SettingsError> {
    if written.is_some_and(|at_once| !(1..=MOST_AT_ONCE).contains(&at_once)) {
        return Err(SettingsError::new("concurrency", format!("a number from 1 to {MOST_AT_ONCE}")));
    }
    let Some(interval) = interval else { return Ok(written) };
    let turns = (timeout / 2).as_nanos() / interval.as_nanos().max(1);
    let turns = usize::try_from(turns).unwrap_or(MOST_AT_ONCE);
    Ok(Some(written.unwrap_or(AT_ONCE).min(turns)))
}

fn pointer(key: &str, written: Option<String>) -> Result<Option<String>, SettingsError> {
    if written.as_ref().is_some_and(|pointer| !pointer.starts_with('/')) {
        return Err(SettingsError::new(key, "a JSON pointer into the answer, such as `/reference`"));
    }
    Ok(written)
}

#[cfg(test)]
mod tests;
