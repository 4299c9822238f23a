//! `postroom status`: the three sums, per source and per target, and what waits where.

mod tables;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use postroom_broker::{Broker, Depth};
use postroom_ledger::{JobFilter, JobState, Ledger, Sums};
use postroom_router::sums::{self, decided};
use postroom_router::{Exceptions, PROPOSED_REPLAY};
use serde_json::{Value, json};

use crate::cli::{Cli, StatusArgs};
use crate::commands::standing::Standing;
use crate::failure::Failure;
use crate::output;
use crate::place::Place;

/// How often `--wait` looks.
const LOOK_EVERY: Duration = Duration::from_millis(300);
/// How many looks in a row must find nothing waiting and nothing changed: what is in a consumer's hands is not counted
/// by the broker.
const QUIET_LOOKS: u32 = 3;

/// Proposed replays that are shown.
const MOST_PROPOSALS: u32 = 100;

/// What was found at one moment.
#[derive(PartialEq)]
struct Found {
    sums: Sums,
    /// Depth of `ingress.<system>`, by source; absent where the broker was not reached.
    ingress: BTreeMap<String, Depth>,
    /// Depth of `lane.<system>` or `to.<system>`, by target.
    targets: BTreeMap<String, Depth>,
    /// Inputs that no connector has taken yet, by source.
    inputs: BTreeMap<String, u64>,
    /// Systems whose own queue was deleted, and who should get a replay.
    proposed_replays: Vec<String>,
    /// Messages that reached no queue; the hub puts them back at once, so there are none.
    unrouted: u32,
    /// What is kept because a person must decide.
    exceptions: Exceptions,
    /// What of the work list is to be stated as events yet.
    untold: u64,
    /// Sources of which the journal may have events that are not taken in yet: the hub is reading it.
    reading: Vec<String>,
}

pub(crate) async fn status(cli: &Cli, args: &StatusArgs) -> Result<ExitCode, Failure> {
    let place = Place::load(cli)?;
    let ledger = place.ledger().await?;
    let broker = place.broker().await;
    let found = if args.wait {
        let broker = broker?;
        let found = wait(&place, &ledger, broker.as_ref(), args.timeout).await?;
        broker.close().await;
        found
    } else {
        let session = broker.as_ref().ok();
        if session.is_none() {
            output::complaint("the broker cannot be reached: depths are not shown");
        }
        look(&place, &ledger, session.map(AsRef::as_ref)).await?
    };
    let standing = Standing::look(&place, &ledger).await?;
    if args.form.json {
        output::json(&as_json(&place, &found, &standing));
    } else {
        print(&place, &found, &standing);
    }
    Ok(ExitCode::SUCCESS)
}

/// Looks until nothing waits anywhere.
async fn wait(
    place: &Place,
    ledger: &Ledger,
    broker: &dyn Broker,
    timeout: Duration,
) -> Result<Found, Failure> {
    let deadline = Instant::now() + timeout;
    let mut found = look(place, ledger, Some(broker)).await?;
    let mut quiet = 0;
    while quiet < QUIET_LOOKS {
        if Instant::now() >= deadline {
            print(place, &found, &Standing::look(place, ledger).await?);
            let waited = format!("after {} s something still waits", timeout.as_secs());
            return Err(Failure::TimedOut(waited));
        }
        tokio::time::sleep(LOOK_EVERY).await;
        let next = look(place, ledger, Some(broker)).await?;
        quiet = if next.is_quiet(place) && next == found { quiet + 1 } else { 0 };
        found = next;
    }
    Ok(found)
}

async fn look(place: &Place, ledger: &Ledger, broker: Option<&dyn Broker>) -> Result<Found, Failure> {
    let mut found = Found {
        sums: ledger.sums().await?,
        ingress: BTreeMap::new(),
        targets: BTreeMap::new(),
        inputs: BTreeMap::new(),
        proposed_replays: proposed_replays(ledger).await?,
        unrouted: 0,
        exceptions: Exceptions::look(ledger).await?,
        untold: if place.council.tells_work() { ledger.work_untold().await? } else { 0 },
        reading: if place.council.journal { ledger.journals_being_read().await? } else { Vec::new() },
    };
    found.reading.retain(|system| place.council.sources().any(|(source, _)| source.name == *system));
    if let Some(broker) = broker
        && let Ok(depth) = broker.depth(&broker.names().unrouted()).await
    {
        found.unrouted = depth.messages;
    }
    for (system, source) in place.council.sources() {
        let kind = place.connectors.source(&source.connector);
        if let Some(Ok(inputs)) = kind.map(|kind| kind.waiting(&source.settings)) {
            found.inputs.insert(system.name.clone(), inputs);
        }
        if let Some(broker) = broker
            && let Ok(depth) = broker.depth(&broker.names().ingress(&system.name)).await
        {
            found.ingress.insert(system.name.clone(), depth);
        }
    }
    for (system, target) in place.council.targets() {
        let Some(broker) = broker else { break };
        let names = broker.names();
        let queue = if target.is_queue() { names.to(&system.name) } else { names.lane(&system.name) };
        if let Ok(depth) = broker.depth(&queue).await {
            found.targets.insert(system.name.clone(), depth);
        }
    }
    Ok(found)
}

async fn proposed_replays(ledger: &Ledger) -> Result<Vec<String>, Failure> {
    let (kind, state) = (Some(PROPOSED_REPLAY.to_owned()), Some(JobState::Submitted));
    let filter = JobFilter { kind, state, ..JobFilter::default() };
    Ok(ledger.jobs(&filter, MOST_PROPOSALS).await?.into_iter().map(|job| job.target).collect())
}

impl Found {
    /// Whether nothing waits for the hub: what lies in a queue that its system reads itself is delivered.
    fn is_quiet(&self, place: &Place) -> bool {
        let open = self.sums.sources.values().any(|source| source.batches_open > 0);
        let waiting =
            self.sums.targets.values().any(|target| target.waiting + target.staged + target.held > 0);
        let in_ingress = self.ingress.values().any(|depth| depth.messages > 0);
        let in_lanes = self
            .targets
            .iter()
            .any(|(name, depth)| depth.messages > 0 && !place.council.is_queue_target(name));
        let inputs = self.inputs.values().any(|inputs| *inputs > 0);
        let on_the_way = place.council.sources().any(|(system, _)| {
            self.sums.sources.get(&system.name).is_some_and(|source| source.published > decided(source))
        });
        !(open || waiting || in_ingress || in_lanes || inputs || on_the_way)
            && self.reading.is_empty()
            && self.untold == 0
    }
}

fn print(place: &Place, found: &Found, standing: &Standing) {
    tables::sources(place, found);
    ignored(found);
    tables::targets(place, found, standing);
    standing.print(place);
    for system in unread(place, found) {
        output::line(format!("UNREAD: messages lie in the queue of {system}, and nobody reads it"));
    }
    for target in &found.proposed_replays {
        output::line(format!(
            "REPLAY: the queue of {target} was deleted: postroom replay --to {target} --again"
        ));
    }
    for system in &found.reading {
        output::line(format!("READING: the journal is read for events of {system} that its queue has lost"));
    }
    if found.exceptions.business > 0 {
        output::line(format!("WORKLIST: {} for officers: postroom worklist", found.exceptions.business));
    }
    if found.exceptions.technical > 0 {
        let technical = found.exceptions.technical;
        output::line(format!(
            "TECHNICAL: {technical} for operators: postroom dead|invalid list --concern technical"
        ));
    }
    if found.unrouted > 0 {
        output::line(format!("ERROR: {} messages reached no queue", found.unrouted));
    }
    differences(found).iter().for_each(|difference| output::line(format!("DIFFERENCE: {difference}")));
}

/// Sources of which nobody counts what they publish before it is in their queue.
fn publish_themselves(place: &Place) -> Vec<&str> {
    let sources = place.council.sources().filter(|(_, side)| side.is_queue());
    sources.map(|(system, _)| system.name.as_str()).collect()
}

fn ignored(found: &Found) {
    for (system, source) in &found.sums.sources {
        for (rule, records) in &source.ignored {
            output::line(format!("  {system}: {records} ignored by the rule \"{rule}\""));
        }
    }
}

/// Targets that read their own queue, in which messages lie while nobody reads it.
fn unread<'a>(place: &'a Place, found: &'a Found) -> impl Iterator<Item = &'a str> {
    let unread = found.targets.iter().filter(|(_, depth)| depth.messages > 0 && depth.consumers == 0);
    unread.map(|(system, _)| system.as_str()).filter(|system| place.council.is_queue_target(system))
}

/// Where one of the three sums does not add up.
fn differences(found: &Found) -> Vec<String> {
    let ingress = |system: &str| found.ingress.get(system).map(|depth| u64::from(depth.messages));
    sums::differences(&found.sums, ingress)
}

fn as_json(place: &Place, found: &Found, standing: &Standing) -> Value {
    let depths = |depths: &BTreeMap<String, Depth>| -> Value {
        let each = depths.iter().map(|(name, depth)| {
            (name.clone(), json!({"messages": depth.messages, "consumers": depth.consumers}))
        });
        Value::Object(each.collect())
    };
    json!({
        "sources": found.sums.sources, "targets": found.sums.targets, "ingress": depths(&found.ingress),
        "queues": depths(&found.targets), "inputs": found.inputs, "differences": differences(found),
        "publish_themselves": publish_themselves(place), "standing": standing,
        "proposed_replays": found.proposed_replays.len(), "unrouted": found.unrouted,
        "exceptions": found.exceptions,
        "reading": found.reading,
    })
}
