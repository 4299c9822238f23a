//! Of which systems there are gauges, by what each is. Once a system is gone, or is something else, they are not told any further:
//! their last value is no fact any more. What they show is not known here.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use postroom_council::Council;
use postroom_telemetry as telemetry;

/// What a system is, as far as gauges tell of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    Source,
    Target,
    /// A target with a lane.
    Lane,
    /// A target that reads its own queue.
    Queue,
}

impl Role {
    fn gauges(self) -> &'static [fn(&str, f64)] {
        match self {
            Self::Source => &[telemetry::show_ingress],
            Self::Target => &[
                telemetry::show_circuit_open,
                telemetry::show_dead,
                telemetry::show_held,
                telemetry::show_oldest_held,
            ],
            Self::Lane => &[telemetry::show_lane, telemetry::show_oldest_waiting],
            Self::Queue => &[telemetry::show_queue, telemetry::show_queue_consumers],
        }
    }
}

/// The systems of which gauges tell.
#[derive(Default)]
pub(crate) struct Gauges(Mutex<BTreeSet<(String, Role)>>);

impl Gauges {
    /// Tells of the systems of `council` from now on, and of no other.
    pub(crate) fn keep_to(&self, council: &Council) {
        let sources = council.sources().map(|(system, _)| (system.name.clone(), Role::Source));
        let targets = council.targets().flat_map(|(system, target)| {
            let side = if target.is_queue() { Role::Queue } else { Role::Lane };
            [Role::Target, side].map(|role| (system.name.clone(), role))
        });
        let now = sources.chain(targets).collect();
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (system, role) in told.difference(&now) {
            role.gauges().iter().for_each(|show| show(system, telemetry::GONE));
        }
        *told = now;
    }
}
