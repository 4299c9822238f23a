//! Tells of requests of systems that were refused: counts each, and writes a line a minute at most for each system and reason,
//! whoever sends them and however often. It knows nothing that was in one.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use postroom_connector::{Refusals, Refused, RefusedRequests};
use postroom_telemetry as telemetry;
use tokio::time::Instant;

/// How often it is looked what was refused.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Least time between two lines about the same.
const LINE_EVERY: Duration = Duration::from_secs(60);

/// What a line is about.
type About = (String, Refused);

/// Counts and tells, for ever.
pub(crate) async fn keep_telling() -> Infallible {
    let mut lines = Lines::default();
    loop {
        let refused = Refusals::shared().take();
        for ((system, why), requests) in &refused {
            telemetry::count_refused_requests(system, why.name(), *requests);
        }
        for ((system, why), requests) in lines.due(refused, Instant::now()) {
            telemetry::requests_refused(&system, why.name(), requests);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// What is still to be told.
#[derive(Default)]
struct Lines(BTreeMap<About, Line>);

struct Line {
    requests: u64,
    /// When it may be told.
    from: Instant,
}

impl Lines {
    /// What is told at `now`, of what was `refused` since the last call and of what was not told yet.
    fn due(&mut self, refused: RefusedRequests, now: Instant) -> RefusedRequests {
        // What could not be taken has its cause in the hub, and that has its own line.
        for (about, requests) in refused.into_iter().filter(|((_, why), _)| *why != Refused::NotNow) {
            self.0.entry(about).or_insert(Line { requests: 0, from: now }).requests += requests;
        }
        let due = self.0.iter_mut().filter(|(_, line)| line.requests > 0 && line.from <= now);
        due.map(|(about, line)| {
            line.from = now + LINE_EVERY;
            (about.clone(), std::mem::take(&mut line.requests))
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(system: &str, why: Refused, requests: u64) -> RefusedRequests {
        BTreeMap::from([((system.to_owned(), why), requests)])
    }

    #[test]
    fn the_first_is_told_at_once_and_then_all_of_a_minute_in_one_line() {
        let (mut lines, start) = (Lines::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let one = |requests| refused("till", Refused::NotProved, requests);
        assert_eq!(lines.due(one(1), at(0)), one(1));
        assert_eq!(lines.due(one(400), at(1)), RefusedRequests::new());
        let other = refused("till", Refused::TooMany, 7);
        assert_eq!(lines.due(other.clone(), at(2)), other, "another reason is another line");
        assert_eq!(lines.due(one(5), at(59)), RefusedRequests::new());
        assert_eq!(lines.due(RefusedRequests::new(), at(60)), one(405), "although nothing comes any more");
        assert_eq!(lines.due(RefusedRequests::new(), at(600)), RefusedRequests::new());
        assert_eq!(lines.due(one(1), at(601)), one(1));
    }

    #[test]
    fn what_the_hub_could_not_take_is_told_by_its_cause() {
        let mut lines = Lines::default();
        let told = lines.due(refused("till", Refused::NotNow, 9), Instant::now());
        assert_eq!(told, RefusedRequests::new());
    }
}
