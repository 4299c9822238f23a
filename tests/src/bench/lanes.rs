//! Through a lane: how fast, with how many subjects held, and how soon after a start.

use serde_json::{Value, json};
use tokio::time::Instant;

use super::arrivals::{Arrivals, rate};
use super::broker::Bench;
use super::council::{Plan, Reach};
use super::embedded::{ROUTE, Rig};
use super::figure::{Figure, Target};
use super::sample::{EVENT_TYPE, SYSTEM, Sample};
use super::{Outcome, RUNS};

/// Waiting dispatches of a long drain, and held ones of a start, for each event of an ordinary run.
const MANY: usize = 5;
/// Subjects that are held beside a drain: one for so many of its events.
const EVENTS_PER_HELD_SUBJECT: usize = 2;

/// Measures with `events` a run, and says how it stands to the targets.
pub(crate) async fn measure(bench: &Bench, events: usize) -> Outcome<(Value, Vec<Target>)> {
    let in_process = through(bench, Reach::InProcess, None, events).await?;
    let arrivals = Arrivals::default();
    let (url, serving) = arrivals.serve().await?;
    let http = through(bench, Reach::Http(vec![url]), Some(arrivals), events).await?;
    drop(serving);
    let (waiting, subjects) = (MANY * events, events / EVENTS_PER_HELD_SUBJECT);
    let drained = drained(bench, waiting).await?;
    let beside = beside_held(bench, events, subjects).await?;
    let started = started(bench, waiting).await?;
    let cost = Figure::of(beside.iter().map(|(free, held)| (1.0 - held / free) * 100.0), 1);
    let figures = json!({
        "events_a_run": events,
        "ingress_to_in_process_sink_events_per_second": in_process,
        "ingress_to_http_sink_events_per_second": http,
        "waiting": waiting,
        "waiting_to_in_process_sink_events_per_second": drained,
        "held_subjects": subjects,
        "beside_no_held_subject_events_per_second": Figure::of(beside.iter().map(|(free, _)| *free), 0),
        "beside_held_subjects_events_per_second": Figure::of(beside.iter().map(|(_, held)| *held), 0),
        "held_subjects_cost_percent": cost,
        "held_at_start": waiting,
        "start_to_first_delivery_seconds": started,
    });
    let targets = vec![
        Target::at_least("a waiting lane into a sink, events/s", drained.median, 5_000.0),
        Target::at_most("held subjects cost the others, %", cost.median, 10.0),
        Target::at_most("start with many held to first delivery, s", started.median, 5.0),
    ];
    Ok((figures, targets))
}

/// From a full ingress through the router and a lane.
async fn through(bench: &Bench, reach: Reach, at: Option<Arrivals>, events: usize) -> Outcome<Figure> {
    let name = if at.is_some() { "http" } else { "sink" };
    let rig = Rig::new(bench, name, 1, reach).await?;
    let arrivals = at.unwrap_or_else(|| rig.arrivals.clone());
    let mut rates = Vec::new();
    for run in 0..RUNS {
        let sample = Sample::new(&format!("{name}-{run}"))?;
        bench.fill(&rig.names().in_exchange(SYSTEM), EVENT_TYPE, &sample, events).await?;
        let hub = rig.start().await?;
        rates.push(rate(&arrivals.take(events).await?));
        hub.stop().await?;
    }
    rig.delete().await?;
    Ok(Figure::of(rates, 0))
}

/// From a full lane.
async fn drained(bench: &Bench, waiting: usize) -> Outcome<Figure> {
    let rig = Rig::new(bench, "waiting", 1, Reach::InProcess).await?;
    let mut rates = Vec::new();
    for run in 0..RUNS {
        rates.push(drain(bench, &rig, &format!("waiting-{run}"), waiting).await?);
    }
    rig.delete().await?;
    Ok(Figure::of(rates, 0))
}

/// From a full lane beside no held subject and beside many, in turns.
async fn beside_held(bench: &Bench, events: usize, subjects: usize) -> Outcome<Vec<(f64, f64)>> {
    let free = Rig::new(bench, "free", 1, Reach::InProcess).await?;
    let held = Rig::new(bench, "held", 1, Reach::InProcess).await?;
    held.hold(subjects).await?;
    let mut rates = Vec::new();
    for run in 0..RUNS {
        let name = format!("beside-{run}");
        rates.push((drain(bench, &free, &name, events).await?, drain(bench, &held, &name, events).await?));
    }
    free.delete().await?;
    held.delete().await?;
    Ok(rates)
}

async fn drain(bench: &Bench, rig: &Rig<'_>, name: &str, events: usize) -> Outcome<f64> {
    bench.fill_lane(&rig.names(), (&Plan::target(0), ROUTE), &Sample::new(name)?, events).await?;
    let hub = rig.start().await?;
    let rate = rate(&rig.arrivals.take(events).await?);
    hub.stop().await?;
    Ok(rate)
}

/// Seconds from opening the ledger, in which so many are held, to the first delivery of what waits in the lane.
async fn started(bench: &Bench, held: usize) -> Outcome<Figure> {
    let rig = Rig::new(bench, "started", 1, Reach::InProcess).await?;
    rig.hold(held).await?;
    let mut seconds = Vec::new();
    for run in 0..RUNS {
        let sample = Sample::new(&format!("started-{run}"))?;
        bench.fill_lane(&rig.names(), (&Plan::target(0), ROUTE), &sample, 1).await?;
        let begun = Instant::now();
        let hub = rig.start().await?;
        let arrived = rig.arrivals.take(1).await?;
        seconds.extend(arrived.first().map(|(_, at)| (*at - begun).as_secs_f64()));
        hub.stop().await?;
    }
    rig.delete().await?;
    Ok(Figure::of(seconds, 2))
}
