//! Added latency at a steady rate: the bare pump, the hub from queue to queue and through a lane, in turns; and of a
//! healthy target while another is dead.

use std::process::Stdio;

use postroom_event::DispatchId;
use serde_json::{Value, json};
use tokio::process::Command;

use super::arrivals::{Arrivals, latency};
use super::broker::Bench;
use super::council::{Plan, Reach};
use super::embedded::{ROUTE, Rig};
use super::figure::{Figure, Target};
use super::sample::{EVENT_TYPE, SOURCE, SYSTEM, Sample};
use super::{Outcome, RUNS};

/// Events a second.
const RATE: f64 = 1_000.0;
/// Events a second where each goes to two targets by HTTP.
const RATE_TO_TWO: f64 = 500.0;
/// One run is one in so many of the events of a drain: five seconds, unless the command line says otherwise.
const SHARE: usize = 4;

/// Percentiles 50 and 99 of every run, in milliseconds.
type Runs = Vec<(f64, f64)>;

/// Measures with one in [`SHARE`] of `events` a run, and says how it stands to the targets.
pub(crate) async fn measure(bench: &Bench, events: usize) -> Outcome<(Value, Vec<Target>)> {
    let count = (events / SHARE).max(1);
    let queues = Rig::new(bench, "latency-queue", 1, Reach::Queue).await?;
    let lane = Rig::new(bench, "latency-lane", 1, Reach::InProcess).await?;
    let plain =
        (format!("{}pump.from", queues.names().ingress("")), format!("{}pump.to", queues.names().to("")));
    for queue in [&plain.0, &plain.1] {
        bench.queue(queue).await?;
    }
    let (mut pump, mut queue, mut sink) = (Runs::new(), Runs::new(), Runs::new());
    for run in 0..RUNS {
        let sample = Sample::new(&format!("latency-{run}"))?;
        pump.push(by_pump(bench, &plain, &sample, count).await?);
        queue.push(to_queue(bench, &queues, &sample, count).await?);
        sink.push(to_sink(bench, &lane, &sample, count).await?);
    }
    bench.delete(&[plain.0, plain.1]).await?;
    queues.delete().await?;
    lane.delete().await?;
    let (before, meanwhile) = while_dead(bench, count).await?;
    let ratio =
        |hub: &Runs, other: &Runs| Figure::of(hub.iter().zip(other).map(|(hub, other)| hub.1 / other.1), 2);
    let (to_queue, to_sink, dead) = (ratio(&queue, &pump), ratio(&sink, &pump), ratio(&meanwhile, &before));
    let figures = json!({
        "events_a_run": count,
        "events_per_second": RATE,
        "pump": side(&pump),
        "hub_to_queue": side(&queue),
        "hub_to_in_process_sink": side(&sink),
        "hub_to_queue_p99_to_pump": to_queue,
        "hub_to_in_process_sink_p99_to_pump": to_sink,
        "two_http_targets_events_per_second": RATE_TO_TWO,
        "healthy_target_before": side(&before),
        "healthy_target_while_another_is_dead": side(&meanwhile),
        "healthy_target_p99_while_another_is_dead_to_before": dead,
    });
    let targets = vec![
        Target::at_most("p99 from queue to queue, of the pump", to_queue.median, 2.0),
        Target::at_most("p99 through a lane, of the pump", to_sink.median, 2.0),
        Target::at_most("p99 of a healthy target, another dead, of before", dead.median, 1.5),
    ];
    Ok((figures, targets))
}

async fn by_pump(
    bench: &Bench,
    plain: &(String, String),
    sample: &Sample,
    count: usize,
) -> Outcome<(f64, f64)> {
    let (from, to) = plain;
    let mut pump = Command::new(std::env::current_exe()?)
        .args(["pump-child", &bench.url, "", from, to])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    bench.consumed(from).await?;
    let arrivals = Arrivals::default();
    let consuming = arrivals.consume(&bench.url, to).await?;
    let published = bench.pace(("", from), sample, (count, RATE)).await?;
    let arrived = arrivals.take(count).await?;
    drop(consuming);
    pump.kill().await?;
    Ok(latency(&published, &arrived, |number| sample.id(number)))
}

async fn to_queue(bench: &Bench, rig: &Rig<'_>, sample: &Sample, count: usize) -> Outcome<(f64, f64)> {
    let hub = rig.ready().await?;
    let arrivals = Arrivals::default();
    let consuming = arrivals.consume(&bench.url, &rig.names().to(&Plan::target(0))).await?;
    let published = bench.pace((&rig.names().in_exchange(SYSTEM), EVENT_TYPE), sample, (count, RATE)).await?;
    let arrived = arrivals.take(count).await?;
    drop(consuming);
    hub.stop().await?;
    Ok(latency(&published, &arrived, |number| sample.id(number)))
}

async fn to_sink(bench: &Bench, rig: &Rig<'_>, sample: &Sample, count: usize) -> Outcome<(f64, f64)> {
    let hub = rig.ready().await?;
    let result = paced(bench, rig, &rig.arrivals, sample, (count, RATE)).await;
    hub.stop().await?;
    result
}

/// Latency at `arrivals`, which get what the first route makes.
async fn paced(
    bench: &Bench,
    rig: &Rig<'_>,
    arrivals: &Arrivals,
    sample: &Sample,
    pace: (usize, f64),
) -> Outcome<(f64, f64)> {
    let published = bench.pace((&rig.names().in_exchange(SYSTEM), EVENT_TYPE), sample, pace).await?;
    let arrived = arrivals.take(pace.0).await?;
    let key = |number: usize| DispatchId::new(SOURCE, &sample.id(number), ROUTE).to_string();
    Ok(latency(&published, &arrived, key))
}

/// Of a healthy HTTP target: beside another that is well, and beside one that is dead.
async fn while_dead(bench: &Bench, count: usize) -> Outcome<(Runs, Runs)> {
    let (mut before, mut meanwhile) = (Runs::new(), Runs::new());
    for run in 0..RUNS {
        let (healthy, other) = (Arrivals::default(), Arrivals::default());
        let (url, _serving) = healthy.serve().await?;
        let (other_url, dying) = other.serve().await?;
        let reach = Reach::Http(vec![url, other_url]);
        let rig = Rig::new(bench, &format!("dead-{run}"), 2, reach).await?;
        let hub = rig.ready().await?;
        let pace = (count, RATE_TO_TWO);
        let sample = Sample::new("both")?;
        before.push(paced(bench, &rig, &healthy, &sample, pace).await?);
        drop(dying);
        let sample = Sample::new("dead")?;
        meanwhile.push(paced(bench, &rig, &healthy, &sample, pace).await?);
        hub.stop().await?;
        rig.delete().await?;
    }
    Ok((before, meanwhile))
}

fn side(runs: &Runs) -> Value {
    json!({
        "p50_milliseconds": Figure::of(runs.iter().map(|(p50, _)| *p50), 1),
        "p99_milliseconds": Figure::of(runs.iter().map(|(_, p99)| *p99), 1),
    })
}
