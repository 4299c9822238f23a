//! Until when the certificates in use hold: those that settings name, looked at where they are now, and those that systems
//! show. It tells before one ends, and what cannot be used. It renews nothing, and knows no key.

mod telling;

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use postroom_connector::{CertificateAt, Connectors, Presented, SettingsError};
use postroom_telemetry as telemetry;
use serde::Serialize;
use tokio::task::spawn_blocking;

use self::telling::{Told, Word};
use crate::configuration::Configuration;
use crate::entries;

/// How often the certificates are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(15);
/// The role of what a system shows.
const PEER: &str = "peer";
/// The role of what is no certificate, but goes with one.
const KEY: &str = "key";
/// Whose the certificates are that the hub itself uses.
const OF_HUB: &str = "hub";
/// A second, in microseconds.
const SECOND: i64 = 1_000_000;
/// A day, in microseconds.
const DAY: i64 = 86_400 * SECOND;

/// A certificate in use, or a key that goes with one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InUse {
    /// The system whose settings name it or its peer; `hub` where the hub itself needs it.
    pub system: String,
    /// The side and the setting, such as `target.server.ca`.
    pub setting: String,
    /// `own`, `authority`, `client-authority`, `peer` or `key`.
    pub role: &'static str,
    /// Until when it holds, in microseconds since the epoch, where that is known.
    pub until: Option<i64>,
    /// Why it cannot be used, where it cannot.
    pub trouble: Option<String>,
}

/// Where the certificates in use are named.
#[derive(Clone)]
pub struct Certificates {
    configuration: Configuration,
    connectors: Arc<Connectors>,
    /// Those of the hub itself.
    own: Vec<CertificateAt>,
}

impl Certificates {
    /// Those of the systems, and the hub's `own`.
    pub fn new(configuration: Configuration, connectors: Arc<Connectors>, own: Vec<CertificateAt>) -> Self {
        Self { configuration, connectors, own }
    }

    /// Those that settings name, as they are now, in the order of the systems. Blocking.
    pub fn named(&self) -> Vec<InUse> {
        let council = self.configuration.now();
        let mut found: Vec<InUse> = self.own.iter().map(|at| read(OF_HUB, None, at)).collect();
        for (system, side) in council.sources() {
            let Some(kind) = self.connectors.source(&side.connector) else { continue };
            let named = kind.certificates(&side.settings);
            found.extend(named.iter().map(|at| read(&system.name, Some("source"), at)));
            for trouble in kind.troubles(&side.settings) {
                put(&mut found, (&system.name, "source"), &trouble);
            }
        }
        for (system, target) in council.targets() {
            let Some(kind) = self.connectors.sink(&target.connector) else { continue };
            let named = kind.certificates(&target.settings);
            found.extend(named.iter().map(|at| read(&system.name, Some("target"), at)));
            for trouble in kind.troubles(&target.settings) {
                put(&mut found, (&system.name, "target"), &trouble);
            }
        }
        found
    }

    /// Those that settings name and those that systems have shown to this process. Blocking.
    fn all(&self) -> Vec<InUse> {
        let mut found = self.named();
        let council = self.configuration.now();
        let shown = Presented::shared().all().into_iter();
        // One that was met before its system was taken away is not in use any more.
        let met = shown.filter(|(peer, _)| council.systems.contains_key(&peer.system));
        found.extend(met.map(|(peer, until)| InUse {
            system: peer.system,
            setting: peer.setting.to_owned(),
            role: PEER,
            until: Some(until.timestamp_micros()),
            trouble: None,
        }));
        found
    }

    /// Looks and tells, for ever.
    pub(crate) async fn keep_looking(&self) -> Infallible {
        let (mut told, mut shown) = (Told::default(), BTreeSet::new());
        loop {
            let certificates = self.clone();
            // A look that ends on a defect is made again.
            if let Ok(found) = spawn_blocking(move || certificates.all()).await {
                let now = entries::now();
                show_all(&mut shown, &found, now);
                told.words(&found, now).iter().for_each(say);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

fn read(system: &str, side: Option<&str>, at: &CertificateAt) -> InUse {
    let setting = side.map_or_else(|| at.key.clone(), |side| format!("{side}.{}", at.key));
    let read = at.until();
    InUse {
        system: system.to_owned(),
        setting,
        role: at.role.name(),
        until: read.as_ref().ok().map(DateTime::timestamp_micros),
        trouble: read.err().map(|error| error.words),
    }
}

/// Notes a trouble of a side of a system beside the certificate that it is one of, or by itself.
fn put(found: &mut Vec<InUse>, (system, side): (&str, &str), trouble: &SettingsError) {
    let setting = format!("{side}.{}", trouble.key);
    let known = found.iter_mut().find(|one| one.system == system && one.setting == setting);
    match known {
        Some(known) => known.trouble = Some(trouble.words.clone()),
        None => found.push(InUse {
            system: system.to_owned(),
            setting,
            role: KEY,
            until: None,
            trouble: Some(trouble.words.clone()),
        }),
    }
}

impl InUse {
    /// How long it holds yet, in microseconds; below 0 once it has ended.
    pub fn left(&self, now: i64) -> Option<i64> {
        self.until.map(|until| until.saturating_sub(now))
    }

    /// Whether it is time to say that it ends, or it has ended.
    pub fn ends_soon(&self, now: i64) -> bool {
        self.left(now).is_some_and(|left| left <= telling::WARN_DAYS[0] * DAY)
    }
}

/// So many microseconds in days; what is begun counts as whole.
pub fn days(micros: i64) -> i64 {
    micros.saturating_add(DAY - 1).div_euclid(DAY)
}

/// A certificate as its gauge names it: system, setting, role.
type Named = (String, String, &'static str);

/// Shows those that were found, and no longer those that were shown before and are not in use any more.
fn show_all(shown: &mut BTreeSet<Named>, found: &[InUse], now: i64) {
    found.iter().for_each(|one| show(one, now));
    let known = found.iter().filter(|one| one.until.is_some());
    let found = known.map(|one| (one.system.clone(), one.setting.clone(), one.role)).collect();
    for (system, setting, role) in shown.difference(&found) {
        telemetry::show_certificate_left(system, setting, role, telemetry::GONE);
    }
    *shown = found;
}

#[expect(clippy::cast_precision_loss, reason = "a metric needs no more than 52 bits")]
fn show(one: &InUse, now: i64) {
    if let Some(left) = one.left(now) {
        let left = left / SECOND;
        telemetry::show_certificate_left(&one.system, &one.setting, one.role, left as f64);
    }
}

fn say(word: &Word<'_>) {
    let time = |until: i64| DateTime::<Utc>::from_timestamp_micros(until).unwrap_or_default().to_rfc3339();
    match word {
        Word::Ends(InUse { system, setting, role, .. }, until, days) => {
            telemetry::certificate_expiring(system, setting, role, &time(*until), *days);
        }
        Word::Ended(InUse { system, setting, role, .. }, until, days) => {
            telemetry::certificate_expired(system, setting, role, &time(*until), *days);
        }
        Word::Unusable(one, reason) => telemetry::certificate_unusable(&one.system, &one.setting, reason),
        Word::Usable((system, setting)) => telemetry::certificate_usable(system, setting),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_that_is_not_in_use_any_more_is_in_no_gauge() {
        telemetry::keep_metrics().expect("nothing else keeps them here");
        let one = |system: &str, until| InUse {
            system: system.to_owned(),
            setting: "target.url".to_owned(),
            role: PEER,
            until,
            trouble: None,
        };
        let mut shown = BTreeSet::new();
        let mut told = |found: &[InUse]| {
            show_all(&mut shown, found, 0);
            let text = telemetry::metrics_as_text();
            ["alpha", "beta", "gamma"].map(|system| text.contains(system))
        };
        let [alpha, beta, unread] = [one("alpha", Some(1)), one("beta", Some(1)), one("gamma", None)];
        assert_eq!(told(&[alpha.clone(), beta.clone(), unread.clone()]), [true, true, false]);
        assert_eq!(told(&[one("alpha", None), beta.clone()]), [false, true, false]);
        assert_eq!(told(&[alpha]), [true, false, false]);
    }
}
