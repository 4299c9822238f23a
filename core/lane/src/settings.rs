//! The limits of a lane, each with its unit, and how long to wait. Waits are spread without a random number: the
//! spread is drawn from the dispatch, the number of the attempt and a seed.

use std::time::Duration;

use crate::input::DispatchKey;

/// Unacked dispatches of one lane; constant for ever (DESIGN 3.5).
pub const PREFETCH: usize = 200;
/// Attempts that run at the same time, on one lane.
pub const CONCURRENCY: usize = 16;
/// How long a dispatch is retried in place, of the time in which its lane could work.
pub const IN_PLACE: Duration = Duration::from_secs(60);
/// First wait between two attempts in place.
pub const FIRST_WAIT: Duration = Duration::from_millis(250);
/// Longest wait between two attempts in place.
pub const LONGEST_WAIT: Duration = Duration::from_secs(15);
/// Longest `Retry-After` that is kept; a longer one counts as this.
pub const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(2 * 24 * 3600);
/// First wait of an open circuit before a probe.
pub const FIRST_PROBE: Duration = Duration::from_secs(1);
/// Longest wait of an open circuit between two probes.
pub const LONGEST_PROBE: Duration = Duration::from_secs(60);
/// No unacked dispatch grows older than this (DESIGN 3.8).
pub const OLDEST_UNACKED: Duration = Duration::from_secs(20 * 60);
/// What a rotation needs at most: the longest attempt, 120 s, and a minute to record and ack.
pub const ROTATION_NEEDS: Duration = Duration::from_secs(180);
/// Waits of a held dispatch between its attempts: a minute, five, an hour, a day, two days.
pub const RETRY: [Duration; 5] = [
    Duration::from_secs(60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(3600),
    Duration::from_secs(24 * 3600),
    Duration::from_secs(2 * 24 * 3600),
];
/// Waiting dispatches may fill one part in so many of the prefetch.
const WAITERS_SHARE: usize = 4;
/// How far a wait may lie from its nominal length, in percent of it.
const SPREAD_PERCENT: u64 = 50;

/// The limits of one lane.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Attempts that run at the same time; at least one does.
    pub concurrency: usize,
    /// Unacked dispatches that the broker hands out; the caller never takes more.
    pub prefetch: usize,
    /// How long a dispatch is retried in place.
    pub in_place: Duration,
    /// First and longest wait between two attempts in place.
    pub waits: (Duration, Duration),
    /// First and longest wait between two probes.
    pub probes: (Duration, Duration),
    /// Longest `Retry-After` that is kept.
    pub longest_retry_after: Duration,
    /// Age of the oldest unacked dispatch at which the lane stops starting, to rotate its channel.
    pub rotate_after: Duration,
    /// How the owner before this one stopped.
    pub last_stop: LastStop,
    /// Spreads the waits of different hubs and lanes.
    pub seed: u64,
}

/// How the owner of a lane before this one stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastStop {
    /// In good order: nothing was under way.
    Clean,
    /// In the middle of its work: what comes again, and what is held and due, is tried one by one (DESIGN 3.11).
    Unclean,
}

/// What the route of a dispatch says about failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Waits between the attempts of a held dispatch; behind the last it is a dead letter. When empty, a dispatch
    /// that failed in place is a dead letter at once.
    pub retry: Vec<Duration>,
    /// What becomes of its subject then.
    pub after_dead_letter: AfterDeadLetter,
}

/// What becomes of a subject whose dispatch is a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterDeadLetter {
    /// The later ones are held until an officer redrives or discards the dead letter.
    HoldSubject,
    /// The later ones go on.
    Continue,
}

impl Default for Plan {
    fn default() -> Self {
        Self { retry: RETRY.to_vec(), after_dead_letter: AfterDeadLetter::HoldSubject }
    }
}

impl Plan {
    /// The wait that follows when `begun` waits of the schedule were begun.
    pub(crate) fn wait(&self, begun: u16) -> Option<Duration> {
        self.retry.get(usize::from(begun)).copied()
    }

    /// The wait that is under way when `begun` waits were begun: a failure that does not count repeats it.
    pub(crate) fn same_wait(&self, begun: u16) -> Option<Duration> {
        self.wait(begun.saturating_sub(1)).or(self.retry.last().copied())
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            concurrency: CONCURRENCY,
            prefetch: PREFETCH,
            in_place: IN_PLACE,
            waits: (FIRST_WAIT, LONGEST_WAIT),
            probes: (FIRST_PROBE, LONGEST_PROBE),
            longest_retry_after: LONGEST_RETRY_AFTER,
            rotate_after: OLDEST_UNACKED.saturating_sub(ROTATION_NEEDS),
            last_stop: LastStop::Clean,
            seed: 0,
        }
    }
}

impl Settings {
    /// Most dispatches in hand that may wait for a retry or behind one that does.
    pub fn most_waiters(&self) -> usize {
        (self.prefetch / WAITERS_SHARE).max(1)
    }

    /// The wait in place after the `tries`-th failure of `dispatch`, from 1.
    pub(crate) fn wait_in_place(&self, dispatch: DispatchKey, tries: u32) -> Duration {
        self.spread(self.waits, dispatch, tries)
    }

    /// The wait before the `tries`-th probe of an outage, from 1.
    pub(crate) fn wait_to_probe(&self, tries: u32) -> Duration {
        self.spread(self.probes, DispatchKey(0), tries)
    }

    fn spread(&self, (first, longest): (Duration, Duration), dispatch: DispatchKey, tries: u32) -> Duration {
        let doublings = tries.saturating_sub(1).min(31);
        let nominal = first.saturating_mul(1 << doublings).min(longest);
        let (high, low) = ((dispatch.0 >> 64) as u64, dispatch.0 as u64);
        let drawn = scramble(self.seed ^ high ^ low.rotate_left(32) ^ u64::from(tries));
        let percent = 100 - SPREAD_PERCENT + drawn % (2 * SPREAD_PERCENT + 1);
        (nominal * u32::try_from(percent).unwrap_or(100) / 100).min(longest)
    }
}

/// One step of SplitMix64 (Steele, Lea, Flood 2014): any two inputs give outputs that look unrelated.
fn scramble(input: u64) -> u64 {
    let mut mixed = input.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
