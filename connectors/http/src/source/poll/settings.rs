//! The settings of a poll as the council wrote them, and what is made of them.

use std::time::Duration;

use chrono_tz::Europe::London;
use postroom_connector::{CertificateAt, Settings, SettingsError, keys_of, parse_duration};
use postroom_format::Format;
use postroom_request::header::HeaderValue;
use postroom_request::{Method, Plain, Url, check_address};
use serde::Deserialize;

use super::access::{Access, WrittenAccess};
use super::cursor::Kind;
use super::rounds::{CursorFrom, CursorRule, Pages, Rules};
use super::template::{CURSOR, PAGE, Place, Template};
use crate::headers::{Headers, WrittenBasic, WrittenHeaders};
use crate::sink::oauth2::WrittenOauth2;
use crate::source::content::{Content, WrittenKey};

/// Time between two rounds, unless the settings say otherwise, and its bounds.
const EVERY: Duration = Duration::from_secs(60);
const EVERY_BOUNDS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(7 * 86_400));
/// How long an answer may take, unless the settings say otherwise, and its bounds.
const TIMEOUT: Duration = Duration::from_secs(30);
const TIMEOUT_BOUNDS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(300));
/// The longest overlap.
const MOST_OVERLAP: Duration = Duration::from_secs(31 * 86_400);
/// Longest cursor, in bytes.
pub(super) const MAX_CURSOR_BYTES: usize = 4 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    format: Option<toml::Value>,
    records: Option<String>,
    key: Option<WrittenKey>,
    poll: WrittenPoll,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPoll {
    url: String,
    #[serde(default)]
    plain: bool,
    body: Option<String>,
    content_type: Option<String>,
    #[serde(default)]
    headers: WrittenHeaders,
    bearer: Option<toml::Value>,
    basic: Option<WrittenBasic>,
    oauth2: Option<WrittenOauth2>,
    ca: Option<toml::Value>,
    certificate: Option<toml::Value>,
    key: Option<toml::Value>,
    every: Option<String>,
    timeout: Option<String>,
    pages: Option<Pages>,
    cursor: Option<WrittenCursor>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCursor {
    at: Option<String>,
    max: Option<String>,
    kind: Option<Kind>,
    start: String,
    overlap: Option<String>,
    zone: Option<String>,
}

/// Settings of a poll, checked.
#[derive(Debug, Clone)]
pub(in crate::source) struct PollSettings {
    pub(in crate::source) content: Content,
    pub(super) format: Format,
    pub(super) address: Template,
    pub(super) body: Option<(HeaderValue, Template)>,
    pub(super) headers: Headers,
    pub(super) access: Access,
    pub(super) every: Duration,
    pub(super) timeout: Duration,
    pub(super) rules: Rules,
    /// The name of its answers for people: host and path, without what is filled in behind them.
    pub(super) label: String,
}

/// The keys that the settings may have.
pub(in crate::source) fn keys() -> Vec<&'static str> {
    keys_of::<Written>()
}

impl PollSettings {
    /// Whether each answer is all that there is.
    pub(in crate::source) fn is_whole(&self) -> bool {
        self.rules.cursor.is_none() && self.rules.pages.is_none()
    }

    pub(in crate::source) fn read(settings: &Settings) -> Result<Self, SettingsError> {
        let Written { format, records, key, poll } = settings.read()?;
        let content = Content::new(format, records, key)?;
        let Some(format) = content.format().cloned() else {
            return Err(SettingsError::new(
                "format",
                "an answer is no form: `json`, or a format such as XML",
            ));
        };
        one_authorization(&poll)?;
        let plain = Plain::Setting(poll.plain);
        let (address, label) = address(poll.url, plain)?;
        let WrittenPoll { ca, certificate, key, oauth2, .. } = poll;
        let access = Access::read(WrittenAccess { ca, certificate, key, oauth2 }, plain)?;
        let body = body(poll.body, poll.content_type, &format)?;
        let rules = Rules {
            cursor: poll.cursor.map(|written| cursor(written, &format)).transpose()?,
            pages: poll.pages.map(|pages| check_pages(pages, &format)).transpose()?,
        };
        check_places(&rules, &address, body.as_ref().map(|(_, body)| body))?;
        let key = "poll.every";
        Ok(Self {
            content,
            format,
            address,
            body,
            headers: headers(poll.headers, poll.bearer, poll.basic)?,
            access,
            every: duration(key, poll.every.as_deref(), EVERY, EVERY_BOUNDS)?,
            timeout: duration("poll.timeout", poll.timeout.as_deref(), TIMEOUT, TIMEOUT_BOUNDS)?,
            rules,
            label,
        })
    }

    /// The certificates that it names.
    pub(in crate::source) fn certificates(&self, settings: &Settings) -> Vec<CertificateAt> {
        self.access.certificates(settings)
    }

    /// A body is posted; without one the answer is got.
    pub(super) fn method(&self) -> Method {
        if self.body.is_some() { Method::POST } else { Method::GET }
    }
}

fn one_authorization(poll: &WrittenPoll) -> Result<(), SettingsError> {
    let ways = [poll.bearer.is_some(), poll.basic.is_some(), poll.oauth2.is_some()];
    if ways.into_iter().filter(|given| *given).count() > 1 {
        return Err(SettingsError::new("poll.bearer", "one of `bearer`, `basic` and `oauth2`"));
    }
    Ok(())
}

fn headers(
    written: WrittenHeaders,
    bearer: Option<toml::Value>,
    basic: Option<WrittenBasic>,
) -> Result<Headers, SettingsError> {
    let headers = Headers::read("poll.headers", written, &["if-none-match"])?;
    headers.with_bearer("poll.bearer", bearer)?.with_basic("poll.basic", basic)
}

fn address(text: String, plain: Plain) -> Result<(Template, String), SettingsError> {
    let wrong = |words: &str| Err(SettingsError::new("poll.url", words));
    let filled = text.replace(CURSOR, "1").replace(PAGE, "1");
    let Ok(url) = Url::parse(&filled) else {
        return wrong("an address such as `https://host/changes?since={cursor}`");
    };
    if filled.contains(['{', '}']) {
        return wrong("only `{cursor}` and `{page}` are filled in");
    }
    check_address("poll.url", &url, plain)?;
    let label = format!("{}{}", url.host_str().unwrap_or_default(), url.path());
    Ok((Template { text, place: Place::Address }, label))
}

fn body(
    text: Option<String>,
    content_type: Option<String>,
    format: &Format,
) -> Result<Option<(HeaderValue, Template)>, SettingsError> {
    let key = "poll.content_type";
    let Some(text) = text else {
        return match content_type {
            None => Ok(None),
            Some(_) => Err(SettingsError::new(key, "`content_type` goes with `body`")),
        };
    };
    let usual = if matches!(format, Format::Xml(_)) { "text/xml; charset=utf-8" } else { "application/json" };
    let content_type = content_type.unwrap_or_else(|| usual.to_owned());
    let place = if content_type.contains("json") { Place::Json } else { Place::Xml };
    let header = HeaderValue::from_str(&content_type)
        .map_err(|_| SettingsError::new(key, "a media type such as `text/xml; charset=utf-8`"))?;
    Ok(Some((header, Template { text, place })))
}

fn cursor(written: WrittenCursor, format: &Format) -> Result<CursorRule, SettingsError> {
    let wrong = |key: &str, words: &str| Err(SettingsError::new(format!("poll.cursor.{key}"), words));
    let overlap = match written.overlap.as_deref() {
        None => Duration::ZERO,
        Some(text) => {
            duration("poll.cursor.overlap", Some(text), Duration::ZERO, (Duration::ZERO, MOST_OVERLAP))?
        }
    };
    let (from, kind) = match (written.at, written.max) {
        (Some(at), None) => (CursorFrom::Answer(place("poll.cursor.at", at, format)?), Kind::Text),
        (None, Some(max)) if max.starts_with('/') => {
            (CursorFrom::Furthest(max), written.kind.unwrap_or_default())
        }
        (None, Some(_)) => return wrong("max", "a JSON pointer into a record, such as `/updated`"),
        _ => return wrong("at", "either `at`, a place in the answer, or `max`, a field of the records"),
    };
    if matches!(from, CursorFrom::Answer(_)) && written.kind.is_some() {
        return wrong("kind", "`kind` goes with `max`: what the system says is taken as it is");
    }
    if !overlap.is_zero() && kind != Kind::Time {
        return wrong("overlap", "an overlap goes with `max` of the kind `time`");
    }
    let Ok(zone) = written.zone.map_or(Ok(London), |zone| zone.parse()) else {
        return wrong("zone", "a time zone such as `Europe/London`");
    };
    if written.start.len() > MAX_CURSOR_BYTES
        || (matches!(from, CursorFrom::Furthest(_)) && !kind.is(&written.start))
    {
        return wrong("start", "the first cursor, of the kind of the field");
    }
    Ok(CursorRule { from, kind, start: written.start, overlap, zone })
}

fn check_pages(pages: Pages, format: &Format) -> Result<Pages, SettingsError> {
    match pages {
        Pages::Next { at } => Ok(Pages::Next { at: place("poll.pages.at", at, format)? }),
        other => Ok(other),
    }
}

/// A place in the answer: a pointer of JSON, or an element of XML.
fn place(key: &str, text: String, format: &Format) -> Result<String, SettingsError> {
    let right = match format {
        Format::Json(_) => text.starts_with('/'),
        Format::Xml(xml) => {
            Format::Xml(postroom_format::Xml { record: text.clone(), ..xml.clone() }).check().is_ok()
        }
        _ => return Err(SettingsError::new(key, "an answer in JSON or XML has places")),
    };
    if right {
        return Ok(text);
    }
    Err(SettingsError::new(key, "a JSON pointer such as `/next`, or the local name of an XML element"))
}

/// That what is filled in has its place, and every place something to fill in.
fn check_places(rules: &Rules, address: &Template, body: Option<&Template>) -> Result<(), SettingsError> {
    let has = |what| address.has(what) || body.is_some_and(|body| body.has(what));
    if has(CURSOR) != rules.cursor.is_some() {
        let words = "`{cursor}` stands in the address or the body where there is a cursor, and only there";
        return Err(SettingsError::new("poll.cursor", words));
    }
    let numbered = matches!(rules.pages, Some(Pages::Number { .. } | Pages::Count { .. }));
    if has(PAGE) != numbered {
        let words =
            "`{page}` stands in the address or the body where pages go by number or count, and only there";
        return Err(SettingsError::new("poll.pages", words));
    }
    Ok(())
}

fn duration(
    key: &str,
    written: Option<&str>,
    usual: Duration,
    (least, most): (Duration, Duration),
) -> Result<Duration, SettingsError> {
    let Some(text) = written else { return Ok(usual) };
    parse_duration(text).filter(|duration| (least..=most).contains(duration)).ok_or_else(|| {
        SettingsError::new(key, format!("a duration such as `1min`, from {least:?} to {most:?}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RIGHT: &str = "key = '/id'\n[poll]\nurl = 'https://till.example/changes?since={cursor}'\n";
    const CURSORED: &str = "cursor = { max = '/at', start = '2026-01-01' }";

    fn read(text: &str) -> Result<PollSettings, SettingsError> {
        let table = text.parse().expect("TOML");
        PollSettings::read(&Settings { table, data: "/data".into(), system: "till".to_owned() })
    }

    #[test]
    fn what_is_not_said_is_a_get_of_json_every_minute() {
        let read = read(&format!("{RIGHT}{CURSORED}")).expect("settings");
        assert_eq!((read.method(), read.every, read.timeout), (Method::GET, EVERY, TIMEOUT));
        assert_eq!(read.label, "till.example/changes");
    }

    #[test]
    fn settings_that_cannot_work_are_refused_with_their_key() {
        for (more, key) in [
            ("", "poll.cursor"),
            ("cursor = { start = '' }", "poll.cursor.at"),
            ("cursor = { at = 'next', start = '' }", "poll.cursor.at"),
            ("cursor = { max = 'at', start = '2026-01-01' }", "poll.cursor.max"),
            ("cursor = { max = '/at', start = 'yesterday' }", "poll.cursor.start"),
            (
                "cursor = { max = '/at', start = '1', kind = 'number', overlap = '5min' }",
                "poll.cursor.overlap",
            ),
            ("cursor = { max = '/at', start = '2026-01-01', overlap = '5' }", "poll.cursor.overlap"),
            ("cursor = { max = '/at', start = '2026-01-01', zone = 'London' }", "poll.cursor.zone"),
            ("cursor = { at = '/next', start = '', kind = 'text' }", "poll.cursor.kind"),
            (&format!("{CURSORED}\npages = {{ by = 'number' }}"), "poll.pages"),
            (&format!("{CURSORED}\npages = {{ by = 'next', at = 'links' }}"), "poll.pages.at"),
            (&format!("{CURSORED}\nevery = '1ms'"), "poll.every"),
            (&format!("{CURSORED}\ntimeout = '1h'"), "poll.timeout"),
            (&format!("{CURSORED}\ncontent_type = 'text/xml'"), "poll.content_type"),
            (&format!("{CURSORED}\nbearer = 'quite-secret'"), "poll.bearer"),
            (&format!("{CURSORED}\nheaders = {{ X-Api-Key = 'quite-secret' }}"), "poll.headers.X-Api-Key"),
            (&format!("{CURSORED}\nca = 'quite-secret'"), "poll.ca"),
            (&format!("{CURSORED}\nkey = {{ file = 'key' }}"), "poll.certificate"),
            (
                &format!(
                    "{CURSORED}\nbearer = {{ file = 'a' }}\noauth2 = {{ token_url = 'https://a.example/', \
                     client_id = 'hub', client_secret = {{ file = 'b' }} }}"
                ),
                "poll.bearer",
            ),
            (
                &format!(
                    "{CURSORED}\noauth2 = {{ token_url = 'http://a.example/', client_id = 'hub', \
                     client_secret = {{ file = 'b' }} }}"
                ),
                "poll.oauth2.token_url",
            ),
            (
                &format!("{CURSORED}\nbasic = {{ user = 'u', password = 'quite-secret' }}"),
                "poll.basic.password",
            ),
        ] {
            let error = read(&format!("{RIGHT}{more}")).expect_err(more);
            assert_eq!(error.key, key, "{more}: {error}");
            assert!(!error.to_string().contains("quite-secret"), "{error}");
        }
        for url in [
            "till.example",
            "http://till.example/",
            "ftp://till.example/",
            "https://u:p@till.example/",
            "https://till.example/{x}",
        ] {
            assert_eq!(
                read(&format!("key = '/id'\npoll = {{ url = '{url}' }}")).expect_err(url).key,
                "poll.url"
            );
        }
        assert_eq!(read("poll = { url = 'https://till.example/' }").expect_err("an error").key, "key");
        let form = "format = 'form'\nkey = '/id'\npoll = { url = 'https://till.example/' }";
        assert_eq!(read(form).expect_err("an error").key, "format");
    }
}
