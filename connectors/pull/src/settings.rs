//! The settings of a system that pulls as the council wrote them, and what is made of them.

use std::time::Duration;

use postroom_connector::{Settings, SettingsError, keys_of};
use postroom_listener::{
    Limits, Proof, RateLimit, Wanted, WrittenBasic, WrittenCertificate, WrittenPlace, WrittenProofs,
    WrittenTls, path_fault, read_rate,
};
use serde::Deserialize;

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
        let place = WrittenPlace { listen: written.listen, tls: written.tls, plain: written.plain };
        let (address, tls) = place.read("messages", settings)?;
        let (bearer, basic) = (written.bearer, written.basic);
        let proofs = WrittenProofs { bearer, basic, client_certificate: written.client_certificate };
        let proofs = proofs.read(tls.as_ref())?;
        if proofs.is_empty() {
            let words = "who fetches must be known: `bearer`, `basic` or `client_certificate`";
            return Err(SettingsError::new("bearer", words));
        }
        let limits = Limits { body_bytes: BODY_BYTES, waiting: WAITING, reply: REPLY };
        let rate = read_rate(written.rate.as_deref())?;
        let wanted = Wanted { system: settings.system.clone(), address, path, tls, limits };
        Ok(Self { wanted, proofs, rate, on_offer: on_offer(written.on_offer)? })
    }
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
    use postroom_listener::LISTEN;

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
