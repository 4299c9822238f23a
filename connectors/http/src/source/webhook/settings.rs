//! The settings of a webhook as the council wrote them, and what is made of them.

use std::time::Duration;

use postroom_connector::{Settings, SettingsError, keys_of, parse_duration};
use postroom_listener::{
    Limits, Proof, RateLimit, Wanted, WrittenBasic, WrittenCertificate, WrittenPlace, WrittenProofs,
    WrittenTls, path_fault, read_rate,
};
use serde::Deserialize;

use super::gate::Proofs;
use super::preset::{Preset, hmac};
use crate::source::content::{Content, WrittenKey};

/// Longest body, in bytes, unless the settings say otherwise.
const BODY_BYTES: usize = 1024 * 1024;
/// Longest body that the settings may allow, in bytes.
const MOST_BODY_BYTES: usize = 16 * 1024 * 1024;
/// Most requests that wait: two batches.
const WAITING: usize = 400;
/// How long a sender is kept waiting, unless the settings say otherwise.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Longest that the settings may say.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(120);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    listen: Option<String>,
    path: String,
    #[serde(default)]
    plain: bool,
    tls: Option<WrittenTls>,
    format: Option<toml::Value>,
    records: Option<String>,
    key: Option<WrittenKey>,
    preset: Option<String>,
    hmac: Option<WrittenHmac>,
    bearer: Option<toml::Value>,
    basic: Option<WrittenBasic>,
    client_certificate: Option<WrittenCertificate>,
    max_bytes: Option<usize>,
    rate: Option<String>,
    timeout: Option<String>,
}

/// The table `hmac`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenHmac {
    pub(super) header: Option<String>,
    pub(super) algorithm: Option<String>,
    pub(super) encoding: Option<String>,
    pub(super) prefix: Option<String>,
    pub(super) secret: toml::Value,
    pub(super) timestamp: Option<WrittenTimestamp>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenTimestamp {
    pub(super) header: String,
    pub(super) tolerance: Option<String>,
}

/// Settings of a webhook, checked.
#[derive(Debug, Clone)]
pub(in crate::source) struct WebhookSettings {
    pub(in crate::source) wanted: Wanted,
    pub(in crate::source) content: Content,
    pub(super) proofs: Proofs,
    pub(super) rate: Option<RateLimit>,
}

/// The keys that the settings may have.
pub(in crate::source) fn keys() -> Vec<&'static str> {
    keys_of::<Written>()
}

impl WebhookSettings {
    pub(in crate::source) fn read(settings: &Settings) -> Result<Self, SettingsError> {
        let written: Written = settings.read()?;
        let preset = written.preset.as_deref().map(Preset::of).transpose()?;
        let key = written.key.or_else(|| preset.map(Preset::key));
        let content = Content::new(written.format, written.records, key)?;
        if let Some(words) = path_fault(&written.path) {
            return Err(SettingsError::new("path", words));
        }
        let place = WrittenPlace { listen: written.listen, tls: written.tls, plain: written.plain };
        let (address, tls) = place.read("records", settings)?;
        let hmac = written.hmac.map(|written| hmac(written, preset)).transpose()?;
        let (bearer, basic) = (written.bearer, written.basic);
        let proofs = WrittenProofs { bearer, basic, client_certificate: written.client_certificate };
        let proofs = Proofs { hmac, others: proofs.read(tls.as_ref())? };
        check_proofs(&proofs, preset)?;
        let limits = Limits {
            body_bytes: body_bytes(written.max_bytes)?,
            waiting: WAITING,
            reply: timeout(written.timeout.as_deref())?,
        };
        let rate = read_rate(written.rate.as_deref())?;
        let (system, path) = (settings.system.clone(), written.path);
        Ok(Self { wanted: Wanted { system, address, path, tls, limits }, content, proofs, rate })
    }
}

/// What the preset asks for must be there, and at least something.
fn check_proofs(proofs: &Proofs, preset: Option<Preset>) -> Result<(), SettingsError> {
    let has_bearer = proofs.others.iter().any(|proof| matches!(proof, Proof::Bearer(_)));
    match preset {
        Some(Preset::GovukPay) if proofs.hmac.is_none() => {
            Err(SettingsError::new("hmac", "the preset signs: `hmac = { secret = { file = \"...\" } }`"))
        }
        Some(Preset::GovukNotify) if !has_bearer => {
            Err(SettingsError::new("bearer", "the preset sends a token: `bearer = { file = \"...\" }`"))
        }
        _ if proofs.hmac.is_none() && proofs.others.is_empty() => {
            let words = "who sends must be known: `hmac`, `bearer`, `basic` or `client_certificate`";
            Err(SettingsError::new("hmac", words))
        }
        _ => Ok(()),
    }
}

fn body_bytes(written: Option<usize>) -> Result<usize, SettingsError> {
    let bytes = written.unwrap_or(BODY_BYTES);
    if (1..=MOST_BODY_BYTES).contains(&bytes) {
        return Ok(bytes);
    }
    Err(SettingsError::new("max_bytes", format!("a number of bytes from 1 to {MOST_BODY_BYTES}")))
}

fn timeout(written: Option<&str>) -> Result<Duration, SettingsError> {
    let Some(text) = written else { return Ok(TIMEOUT) };
    parse_duration(text)
        .filter(|timeout| (Duration::from_secs(1)..=LONGEST_TIMEOUT).contains(timeout))
        .ok_or_else(|| SettingsError::new("timeout", "a duration from `1s` to `2min`, such as `20s`"))
}

#[cfg(test)]
mod tests {
    use postroom_listener::LISTEN;

    use super::*;

    const RIGHT: &str = "path = '/hooks/pay'\nkey = '/id'\nbearer = { env = 'A' }";

    fn read(text: &str) -> Result<WebhookSettings, SettingsError> {
        let table = text.parse().expect("TOML");
        WebhookSettings::read(&Settings { table, data: "/data".into(), system: "till".to_owned() })
    }

    #[test]
    fn what_is_not_said_is_json_on_this_machine_within_limits() {
        let read = read(RIGHT).expect("settings");
        assert_eq!(read.wanted.address.to_string(), LISTEN);
        assert_eq!((read.wanted.limits.body_bytes, read.wanted.limits.reply), (BODY_BYTES, TIMEOUT));
        assert!(read.rate.is_none() && read.wanted.tls.is_none());
    }

    #[test]
    fn a_preset_brings_its_key_and_asks_for_its_secret() {
        for (preset, more, wrong) in [
            ("govuk-pay", "hmac = { secret = { env = 'A' } }", "hmac"),
            ("govuk-notify", "bearer = { env = 'A' }", "bearer"),
        ] {
            let text = format!("path = '/in'\npreset = '{preset}'");
            read(&format!("{text}\n{more}")).expect("settings");
            assert_eq!(read(&text).expect_err("an error").key, wrong, "{preset}");
        }
    }

    #[test]
    fn settings_that_cannot_work_are_refused_with_their_key() {
        for (more, key) in [
            ("listen = 'localhost'", "listen"),
            ("listen = '0.0.0.0:8088'", "listen"),
            ("tls = { certificate = 'a' }", "key"),
            ("preset = 'stripe'", "preset"),
            ("hmac = { header = 'X', secret = 'quite-secret' }", "hmac.secret"),
            ("hmac = { secret = { env = 'A' } }", "hmac.header"),
            ("hmac = { header = 'X Y', secret = { env = 'A' } }", "hmac.header"),
            ("hmac = { header = 'X', algorithm = 'md5', secret = { env = 'A' } }", "hmac.algorithm"),
            ("hmac = { header = 'X', encoding = 'text', secret = { env = 'A' } }", "hmac.encoding"),
            (
                "hmac = { header = 'X', secret = { env = 'A' }, timestamp = { header = '' } }",
                "hmac.timestamp.header",
            ),
            (
                "hmac = { header = 'X', secret = { env = 'A' }, timestamp = { header = 'T', tolerance = '5' } }",
                "hmac.timestamp.tolerance",
            ),
            (
                "hmac = { header = 'X', secret = [{ env = 'A' }, { env = 'B' }, { env = 'C' }] }",
                "hmac.secret",
            ),
            ("basic = { user = 'u', password = { env = 'A' } }", "bearer"),
            ("client_certificate = { subject = 'CN=till' }", "client_certificate"),
            ("max_bytes = 0", "max_bytes"),
            ("rate = 'often'", "rate"),
            ("timeout = '1h'", "timeout"),
            ("pth = '/in'", "pth"),
        ] {
            let error = read(&format!("{RIGHT}\n{more}")).expect_err(more);
            assert_eq!(error.key, key, "{more}: {error}");
            assert!(!error.to_string().contains("quite-secret"), "{error}");
        }
        for (text, key) in [
            ("path = 'in'\nkey = '/id'\nbearer = { env = 'A' }", "path"),
            ("path = '/in'\nkey = '/id'", "hmac"),
            ("path = '/in'\nbearer = { env = 'A' }", "key"),
            ("path = '/in'\nkey = '/id'\nbearer = 'quite-secret'", "bearer"),
        ] {
            let error = read(text).expect_err(text);
            assert_eq!(error.key, key, "{text}: {error}");
            assert!(!error.to_string().contains("quite-secret"), "{error}");
        }
    }
}
