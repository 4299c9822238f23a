//! How things stand beside the sums: pauses, circuits, leases, silent sources, what waits longest, certificates.

use std::collections::BTreeMap;

use chrono::Utc;
use postroom_ledger::{LaneState, Lease, Ledger, LedgerError, Pause};
use postroom_router::{InUse, days, is_silent};
use serde::Serialize;

use crate::management::Policies;
use crate::output;
use crate::place::Place;

/// What stands at one moment; times are microseconds since the epoch.
#[derive(Serialize)]
pub(crate) struct Standing {
    /// Whether the ledger is a backup that nobody has accepted yet.
    restored: bool,
    pauses: Vec<Pause>,
    leases: Vec<Lease>,
    /// Sources that are silent for longer than is expected of them, and when they were heard last.
    silent: BTreeMap<String, Option<i64>>,
    pub(crate) targets: BTreeMap<String, TargetStanding>,
    policies: Policies,
    /// The certificates that settings name, as they are now, and those that systems showed last.
    certificates: Vec<InUse>,
}

/// How one target stands.
#[derive(Default, Serialize)]
pub(crate) struct TargetStanding {
    /// When the event of the oldest dispatch that waits in its lane was taken.
    oldest_waiting: Option<i64>,
    last_delivered: Option<i64>,
    /// Since when it cannot be reached.
    down_since: Option<i64>,
}

impl Standing {
    pub(crate) async fn look(place: &Place, ledger: &Ledger) -> Result<Self, LedgerError> {
        let now = Utc::now().timestamp_micros();
        let mut silent = BTreeMap::new();
        for (system, _) in place.council.sources() {
            let Some(every) = system.expect_every else { continue };
            let last = ledger.last_recorded_at(&system.name).await?;
            if last.is_none_or(|last| is_silent(last, every, now)) {
                silent.insert(system.name.clone(), last);
            }
        }
        let lanes = ledger.lane_states().await?;
        let mut targets = BTreeMap::new();
        for (system, target) in place.council.targets() {
            let down = |lane: &LaneState| if lane.target == system.name { lane.down_since } else { None };
            let oldest_waiting =
                if target.is_queue() { None } else { ledger.oldest_waiting(&system.name).await? };
            let standing = TargetStanding {
                oldest_waiting,
                last_delivered: ledger.last_success(&system.name).await?,
                down_since: lanes.iter().find_map(down),
            };
            targets.insert(system.name.clone(), standing);
        }
        Ok(Self {
            restored: ledger.is_restored().await?,
            pauses: ledger.pauses(now).await?,
            leases: ledger.leases().await?,
            silent,
            targets,
            policies: place.policies().await,
            certificates: place.certificates().known(ledger).await?,
        })
    }

    /// What a person must know beside the tables.
    pub(crate) fn print(&self, place: &Place) {
        if self.restored {
            output::line(
                "RESTORED: the ledger is a backup that was put back, and nothing moves until somebody has looked and says \
                 `postroom ledger accept-restore`",
            );
        }
        for pause in &self.pauses {
            let until = pause.until.map_or_else(|| "it is resumed".to_owned(), output::time);
            let since = output::time(pause.since);
            let Pause { system, actor, reason, .. } = pause;
            output::line(format!("PAUSED: {system} since {since} until {until}, by {actor}: {reason}"));
        }
        for (system, last) in &self.silent {
            let every = place.council.systems.get(system).and_then(|system| system.expect_every);
            let last =
                last.map_or_else(|| "never heard".to_owned(), |last| format!("heard {}", output::time(last)));
            let every = every.unwrap_or_default().as_secs();
            output::line(format!("SILENT: {system}, {last}, expected every {every} s"));
        }
        for (system, target) in &self.targets {
            if let Some(since) = target.down_since {
                output::line(format!("DOWN: {system} cannot be reached since {}", output::time(since)));
            }
        }
        let now = Utc::now().timestamp_micros();
        self.certificates.iter().filter_map(|one| certificate(one, now)).for_each(output::line);
        self.policies.lines().iter().for_each(output::line);
        let mut table = output::table(&["lease", "held by", "until"]);
        for lease in &self.leases {
            table.add_row(vec![
                lease.fence.name.clone(),
                lease.owner.clone(),
                output::time(lease.expires_at),
            ]);
        }
        if !self.leases.is_empty() {
            output::line(table.to_string());
        }
    }
}

/// What a person must know of a certificate, if anything.
fn certificate(one: &InUse, now: i64) -> Option<String> {
    let InUse { system, setting, trouble, until, .. } = one;
    if let Some(trouble) = trouble {
        return Some(format!("UNUSABLE: {setting} of {system}: {trouble}"));
    }
    let (until, left) = (until.filter(|_| one.ends_soon(now))?, one.left(now)?);
    let time = output::time(until);
    Some(if left < 0 {
        format!("EXPIRED: the certificate {setting} of {system} ended {time}")
    } else {
        format!("EXPIRES: the certificate {setting} of {system} ends {time}, in {} days", days(left))
    })
}

impl TargetStanding {
    /// The cells of the table of targets: oldest, last delivered, circuit.
    pub(crate) fn cells(&self) -> [String; 3] {
        let time = |at: Option<i64>| at.map_or_else(|| "-".to_owned(), output::time);
        let circuit = if self.down_since.is_some() { "open" } else { "closed" };
        [time(self.oldest_waiting), time(self.last_delivered), circuit.to_owned()]
    }
}
