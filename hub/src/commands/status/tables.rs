//! The two tables of `postroom status`: a row a source, and a row a target.

use postroom_ledger::{SourceSums, TargetSums};
use postroom_router::sums::decided;

use super::Found;
use crate::commands::standing::{Standing, TargetStanding};
use crate::output;
use crate::place::Place;

pub(super) fn sources(place: &Place, found: &Found) {
    let head = [
        "source",
        "inputs",
        "records",
        "mapped",
        "refused",
        "ignored",
        "published",
        "events",
        "waiting",
        "routed",
        "no route",
        "invalid",
        "duplicate",
    ];
    let mut table = output::table(&head);
    for (system, side) in place.council.sources() {
        let none = SourceSums::default();
        let source = found.sums.sources.get(&system.name).unwrap_or(&none);
        let ingress = found.ingress.get(&system.name).map_or(0, |depth| depth.messages);
        let inputs = found.inputs.get(&system.name).copied().unwrap_or(0);
        table.add_row(vec![
            system.name.clone(),
            waiting_inputs(source, inputs),
            source.records_read.to_string(),
            source.mapped.to_string(),
            source.refused.to_string(),
            source.ignored.values().sum::<u64>().to_string(),
            if side.is_queue() || side.is_own() { "itself".to_owned() } else { source.published.to_string() },
            (decided(source) + u64::from(ingress)).to_string(),
            ingress.to_string(),
            source.events.routed.to_string(),
            source.events.no_route.to_string(),
            source.events.invalid.to_string(),
            source.events.duplicate.to_string(),
        ]);
    }
    output::line(table.to_string());
}

pub(super) fn targets(place: &Place, found: &Found, standing: &Standing) {
    let head = [
        "target",
        "dispatches",
        "waiting",
        "staged",
        "held",
        "delivered",
        "dead",
        "discarded",
        "in its queue",
        "consumers",
        "oldest",
        "last delivered",
        "circuit",
    ];
    let mut table = output::table(&head);
    for (system, target) in place.council.targets() {
        let none = TargetSums::default();
        let sums = found.sums.targets.get(&system.name).unwrap_or(&none);
        let depth = found.targets.get(&system.name);
        // Of a lane the hub is the consumer.
        let readers = if target.is_queue() { depth } else { None };
        let cells = standing.targets.get(&system.name).map(TargetStanding::cells).unwrap_or_default();
        let shown = |number: Option<u32>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
        let mut row = vec![
            system.name.clone(),
            sums.dispatched.to_string(),
            sums.waiting.to_string(),
            sums.staged.to_string(),
            sums.held.to_string(),
            sums.delivered.to_string(),
            sums.dead.to_string(),
            sums.discarded.to_string(),
            shown(depth.map(|depth| depth.messages)),
            shown(readers.map(|depth| depth.consumers)),
        ];
        row.extend(cells);
        table.add_row(row);
    }
    output::line(table.to_string());
}

fn waiting_inputs(source: &SourceSums, waiting: u64) -> String {
    let mut text = format!("{} done", source.batches_done);
    for (count, what) in [
        (waiting, "waiting"),
        (source.batches_cut, "cut"),
        (source.batches_refused, "refused"),
        (source.batches_repeated, "repeated"),
    ] {
        if count > 0 {
            text.push_str(&format!(", {count} {what}"));
        }
    }
    text
}
