//! The settings of a system that pulls as the council wrote them, and what is made of them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use postroom_connector::{SecretsFrom, Settings, SettingsError, keys_of};
use postroom_listener::{Known, Limits, RateLimit, Tls, Wanted, path_fault};
use serde::Deserialize;

use crate::gate::Proof;

/// Where is listened, unless the settings say otherwise.
const LISTEN: &str = "127.0.0.1:8088";
/// Longest answer of a system, in bytes: more than the longest that can be right.
const BODY_BYTES: usize = 64 * 1024;
/// Most requests that wait.
const WAITING: usize = 400;
/// Longest wait for an answer of the hub.
const REPLY: Duration = Duration::from_secs(30);
/// Most messages that are on offer at the same time, and as many as are unless the settings say otherwise.
const MOST_ON_OFFER: usize = 200;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    listen: Option<String>,
    path: Option<String>,
    #[serde(default)]
    plain: bool,
    tls: Option<WrittenTls>,
    bearer: Option<toml::Value>,
    basic: Option<WrittenBasic>,
    client_certificate: Option<WrittenCertificate>,
    on_offer: Option<usize>,
    rate: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenTls {
    certificate: PathBuf,
    key: PathBuf,
    client_ca: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenBasic {
    user: String,
    password: toml::Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCertificate {
    fingerprint: Option<String>,
    subject: Option<String>,
}

/// Settings of a system that pulls, checked.
#[derive(Debug, Clone)]
pub(crate) struct PullSettings {
    pub(crate) wanted: Wanted,
    pub(crate) proofs: Vec<Proof>,
    pub(crate) rate: Option<RateLimit>,
    pub(crate) on_offer: usize,
}

/// The keys that the settings may have.
pub(crate) fn keys() -> Vec<&'static str> {
    keys_of::<Written>()
}

impl PullSettings {
    pub(crate) fn read(settings: &Settings) -> Result<Self, SettingsError> {
        let written: Written = settings.read()?;
        let path = written.path.unwrap_or_else(|| format!("/queues/{}", settings.system));
        if let Some(words) = path_fault(&path).or((path == "/").then_some("a path of its own")) {
            return Err(SettingsError::new("path", words));
        }
        let tls = written.tls.map(|tls| Tls {
            certificate: settings.path(&tls.certificate),
            key: settings.path(&tls.key),
            client_ca: tls.client_ca.map(|path| settings.path(&path)),
        });
        let address = address(written.listen.as_deref())?;
        if tls.is_none() && !address.ip().is_loopback() && !written.plain {
            let words =
                "without `tls` the messages are readable by anybody on the way: `tls`, or `plain = true`";
            return Err(SettingsError::new("listen", words));
        }
        let has_clients = tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
        let certificate = written.client_certificate.map(|written| certificate(written, has_clients));
        let mut proofs: Vec<Proof> = certificate.transpose()?.map(Proof::Certificate).into_iter().collect();
        proofs.extend(authorization(written.bearer, written.basic)?);
        if proofs.is_empty() {
            let words = "who fetches must be known: `bearer`, `basic` or `client_certificate`";
            return Err(SettingsError::new("bearer", words));
        }
        let limits = Limits { body_bytes: BODY_BYTES, waiting: WAITING, reply: REPLY };
        let rate = written.rate.as_deref().map(rate).transpose()?;
        let wanted = Wanted { address, path, tls, limits };
        Ok(Self { wanted, proofs, rate, on_offer: on_offer(written.on_offer)? })
    }
}

fn address(written: Option<&str>) -> Result<SocketAddr, SettingsError> {
    let text = written.unwrap_or(LISTEN);
    text.parse()
        .map_err(|_| SettingsError::new("listen", format!("an address with its port, such as `{LISTEN}`")))
}

fn certificate(written: WrittenCertificate, has_clients: bool) -> Result<Known, SettingsError> {
    let wrong = |words: &str| SettingsError::new("client_certificate", words);
    if !has_clients {
        return Err(wrong(
            "a system proves itself by a certificate where `tls.client_ca` says who signed it",
        ));
    }
    Known::read(written.fingerprint, written.subject).map_err(wrong)
}

fn authorization(
    bearer: Option<toml::Value>,
    basic: Option<WrittenBasic>,
) -> Result<Option<Proof>, SettingsError> {
    match (bearer, basic) {
        (Some(_), Some(_)) => Err(SettingsError::new("bearer", "either `bearer` or `basic`")),
        (Some(bearer), None) => Ok(Some(Proof::Bearer(SecretsFrom::read("bearer", bearer)?))),
        (None, Some(basic)) if basic.user.is_empty() || basic.user.contains(':') => {
            Err(SettingsError::new("basic.user", "a name without a colon"))
        }
        (None, Some(basic)) => {
            let password = SecretsFrom::read("basic.password", basic.password)?;
            Ok(Some(Proof::Basic(basic.user, password)))
        }
        (None, None) => Ok(None),
    }
}

fn rate(text: &str) -> Result<RateLimit, SettingsError> {
    RateLimit::parse(text)
        .ok_or_else(|| SettingsError::new("rate", "requests in a time, such as `50/s` or `600/min`"))
}

fn on_offer(written: Option<usize>) -> Result<usize, SettingsError> {
    let most = written.unwrap_or(MOST_ON_OFFER);
    if (1..=MOST_ON_OFFER).contains(&most) {
        return Ok(most);
    }
    Err(SettingsError::new("on_offer", format!("a number of messages from 1 to {MOST_ON_OFFER}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RIGHT: &str = "bearer = { env = 'A' }";

    fn read(text: &str) -> Result<PullSettings, SettingsError> {
        let table = text.parse().expect("TOML");
        PullSettings::read(&Settings { table, data: "/data".into(), system: "library".to_owned() })
    }

    #[test]
    fn what_is_not_said_is_a_path_by_the_name_of_the_system_on_this_machine() {
        let read = read(RIGHT).expect("settings");
        assert_eq!(
            (read.wanted.address.to_string().as_str(), read.wanted.path.as_str()),
            (LISTEN, "/queues/library")
        );
        assert!(read.rate.is_none() && read.wanted.tls.is_none() && read.on_offer == MOST_ON_OFFER);
    }

    #[test]
    fn settings_that_cannot_work_are_refused_with_their_key() {
        for (more, key) in [
            ("listen = 'localhost'", "listen"),
            ("listen = '0.0.0.0:8088'", "listen"),
            ("path = 'queues'", "path"),
            ("path = '/'", "path"),
            ("tls = { certificate = 'a' }", "key"),
            ("basic = { user = 'u', password = { env = 'A' } }", "bearer"),
            ("client_certificate = { subject = 'CN=till' }", "client_certificate"),
            ("on_offer = 0", "on_offer"),
            ("on_offer = 201", "on_offer"),
            ("rate = 'often'", "rate"),
            ("pth = '/in'", "pth"),
        ] {
            let error = read(&format!("{RIGHT}\n{more}")).expect_err(more);
            assert_eq!(error.key, key, "{more}: {error}");
        }
        for (text, key) in [
            ("", "bearer"),
            ("bearer = 'quite-secret'", "bearer"),
            ("basic = { user = 'u', password = 'quite-secret' }", "basic.password"),
            ("basic = { user = 'u:v', password = { env = 'A' } }", "basic.user"),
        ] {
            let error = read(text).expect_err(text);
            assert_eq!(error.key, key, "{text}: {error}");
            assert!(!error.to_string().contains("quite-secret"), "{error}");
        }
    }
}
