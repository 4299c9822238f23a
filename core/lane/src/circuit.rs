//! Whether the target can be reached: the breaker of a lane. It judges failures of connection only, counts no
//! attempt, and starts nothing itself.

use std::time::Duration;

use crate::input::{DispatchKey, SubjectKey};
use crate::moment::Moment;

#[derive(Debug)]
pub(crate) struct Circuit {
    state: State,
    /// Outages that are over: an attempt that began before the last one ended says nothing about now.
    era: u32,
}

#[derive(Debug)]
enum State {
    /// The target can be reached, for all that is known; one subject may have failed to, since a moment.
    Closed(Option<(SubjectKey, Moment)>),
    Open(Outage),
}

#[derive(Debug)]
struct Outage {
    since: Moment,
    /// The next probe may start at this moment.
    probe_at: Moment,
    probes: u32,
    probing: Option<DispatchKey>,
}

impl Circuit {
    pub(crate) fn new() -> Self {
        Self { state: State::Closed(None), era: 0 }
    }

    pub(crate) fn era(&self) -> u32 {
        self.era
    }

    pub(crate) fn is_open(&self) -> bool {
        matches!(self.state, State::Open(_))
    }

    /// A dispatch arrived: what failed before it was not an outage.
    pub(crate) fn succeeded(&mut self) {
        if let State::Closed(suspect) = &mut self.state {
            *suspect = None;
        }
    }

    /// `subject` could not be delivered for lack of a connection. The answer says since when the target is out of
    /// reach, if this opens the circuit: the second subject in a row does.
    pub(crate) fn suspect(&mut self, subject: SubjectKey, now: Moment, probe_at: Moment) -> Option<Moment> {
        let State::Closed(suspect) = &mut self.state else { return None };
        let (first, since) = *suspect.get_or_insert((subject, now));
        if first == subject {
            return None;
        }
        self.state = State::Open(Outage { since, probe_at, probes: 1, probing: None });
        Some(since)
    }

    /// When the next probe may start; nothing while one is under way.
    pub(crate) fn probe_at(&self) -> Option<Moment> {
        match &self.state {
            State::Open(outage) if outage.probing.is_none() => Some(outage.probe_at),
            _ => None,
        }
    }

    pub(crate) fn probe(&mut self, dispatch: DispatchKey) {
        if let State::Open(outage) = &mut self.state {
            outage.probing = Some(dispatch);
        }
    }

    pub(crate) fn is_probe(&self, dispatch: DispatchKey) -> bool {
        matches!(&self.state, State::Open(outage) if outage.probing == Some(dispatch))
    }

    /// The probe found the target out of reach; the next one starts after `wait` of the number of probes so far.
    pub(crate) fn probe_failed(&mut self, now: Moment, wait: impl FnOnce(u32) -> Duration) {
        if let State::Open(outage) = &mut self.state {
            outage.probes += 1;
            outage.probe_at = now + wait(outage.probes);
            outage.probing = None;
        }
    }

    /// The probe never reached for the target; the next one starts at once.
    pub(crate) fn probe_was_idle(&mut self, now: Moment) {
        if let State::Open(outage) = &mut self.state {
            outage.probe_at = now;
            outage.probing = None;
        }
    }

    /// The target answered. Says how long it was out of reach.
    pub(crate) fn close(&mut self, now: Moment) -> Option<Duration> {
        let State::Open(outage) = &self.state else { return None };
        let after = now.since(outage.since);
        self.state = State::Closed(None);
        self.era += 1;
        Some(after)
    }
}
