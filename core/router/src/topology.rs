//! What a council needs on the broker.

use postroom_broker::Topology;
use postroom_council::Council;

/// Every object on the broker that `council` needs.
pub fn topology(council: &Council) -> Topology {
    let names = |systems: Vec<&str>| systems.into_iter().map(str::to_owned).collect::<Vec<_>>();
    let targets = |queue: bool| {
        let all = council.targets().filter(move |(_, target)| target.is_queue() == queue);
        names(all.map(|(system, _)| system.name.as_str()).collect())
    };
    Topology {
        sources: names(council.sources().map(|(system, _)| system.name.as_str()).collect()),
        lanes: targets(false),
        queues: targets(true),
        journal: council.journal,
        journal_age: Some(council.journal_age),
    }
}
