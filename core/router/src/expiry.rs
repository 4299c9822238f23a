//! Until when the certificates in use hold: those that settings name, looked at where they are now, and those that systems,
//! the broker and the ledger's server show. It tells before one ends, and what cannot be used. It renews nothing, and knows no key.

mod telling;

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use postroom_connector::{CertificateAt, Connectors, PeerOf, Presented, SettingsError, TlsServer};
use postroom_ledger::{Ledger, LedgerError, Peer};
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
pub const OF_HUB: &str = "hub";
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
    own: Own,
}

/// What the hub itself needs.
#[derive(Clone, Default)]
pub struct Own {
    /// What its settings name.
    pub certificates: Vec<CertificateAt>,
    /// The servers that it meets over TLS.
    pub servers: Vec<Arc<TlsServer>>,
}

impl Certificates {
    /// Those of the systems, and the hub's `own`.
    pub fn new(configuration: Configuration, connectors: Arc<Connectors>, own: Own) -> Self {
        Self { configuration, connectors, own }
    }

    /// Those that settings name, as they are now, in the order of the systems. Blocking.
    pub fn named(&self) -> Vec<InUse> {
        let council = self.configuration.now();
        let mut found: Vec<InUse> = self.own.certificates.iter().map(|at| read(OF_HUB, None, at)).collect();
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

    /// Those that settings name, and what the ledger has noted of what systems showed when hubs met them last. Blocking where
    /// it reads files.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn known(&self, ledger: &Ledger) -> Result<Vec<InUse>, LedgerError> {
        Ok(self.with(ledger.peers().await?))
    }

    /// Those that settings name, and those that `peers` showed which are still there. Blocking.
    fn with(&self, peers: Vec<Peer>) -> Vec<InUse> {
        let council = self.configuration.now();
        let is_own = |peer: &Peer| self.own.servers.iter().any(|own| is_of(peer, own.peer()));
        let is_there = |peer: &Peer| council.systems.contains_key(&peer.system) || is_own(peer);
        let mut found = self.named();
        found.extend(peers.into_iter().filter(is_there).map(InUse::shown));
        found
    }

    /// Looks, tells, and notes for others what systems show, for ever.
    pub(crate) async fn keep_looking(&self, ledger: &Ledger) -> Infallible {
        let (mut told, mut gauged, mut noted) = (Told::default(), BTreeSet::new(), BTreeSet::new());
        loop {
            for server in &self.own.servers {
                server.look().await;
            }
            let (certificates, shown) = (self.clone(), shown());
            let peers = shown.clone();
            // A look that ends on a defect is made again.
            if let Ok(found) = spawn_blocking(move || certificates.with(peers)).await {
                let now = entries::now();
                show_all(&mut gauged, &found, now);
                told.words(&found, now).iter().for_each(say);
            }
            for peer in shown {
                // What could not be noted is with the next look; a ledger that has failed is told by others.
                if !noted.contains(&peer) && ledger.note_peer(peer.clone()).await.is_ok() {
                    noted.retain(|old: &Peer| (&old.system, &old.setting) != (&peer.system, &peer.setting));
                    noted.insert(peer);
                }
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

fn is_of(peer: &Peer, named: &PeerOf) -> bool {
    (peer.system.as_str(), peer.setting.as_str()) == (named.system.as_str(), named.setting)
}

/// What systems have shown to this process.
fn shown() -> Vec<Peer> {
    let peer = |(peer, until): (PeerOf, DateTime<Utc>)| Peer {
        system: peer.system,
        setting: peer.setting.to_owned(),
        until: until.timestamp_micros(),
    };
    Presented::shared().all().into_iter().map(peer).collect()
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
    /// What a system showed.
    fn shown(peer: Peer) -> Self {
        Self {
            system: peer.system,
            setting: peer.setting,
            role: PEER,
            until: Some(peer.until),
            trouble: None,
        }
    }

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
