//! The decide step alone, on one core: bytes in, messages out; no broker, no ledger.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use postroom_broker::Delivery;
use postroom_connector::Connectors;
use postroom_connector_file::FileSource;
use postroom_council::Council;
use postroom_event::{Event, Received, STRUCTURED, decode};
use postroom_router::{Decider, Table, Verdict};
use postroom_transform::Data;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::council::{Mappings, Plan, Reach};
use super::figure::{Figure, Target, rounded};
use super::process::ThreadClock;
use super::sample::{EVENT_TYPE, SYSTEM, Sample};
use super::{Outcome, RUNS};

/// Events of one run. The kernel counts a thread's time by ticks of up to 4 ms, which is 0.4 us of each.
const EVENTS: usize = 10_000;
/// Events that are prepared outside the clock at a time.
const PREPARED: usize = 500;
/// Councils by the number of their routes, of which [`MATCHING`] match.
const ROUTES: [usize; 3] = [10, 100, 1_000];
const MATCHING: usize = 3;
const USER: &str = "bench";

/// A council, and one event for it.
struct Rig {
    _folder: TempDir,
    council: Arc<Council>,
    decider: Decider,
    delivery: Delivery,
    event: Event<Data>,
    /// What the first event of the type waited for: filters and matching mappings compile.
    first: Duration,
}

impl Rig {
    fn new(routes: usize, matching: usize) -> Outcome<Self> {
        let plan = Plan {
            prefix: "bench.".to_owned(),
            user: USER.to_owned(),
            routes,
            matching,
            reach: Reach::Queue,
            targets: 3.min(routes),
            mappings: Mappings::Own,
            journal: false,
        };
        let folder = tempfile::tempdir()?;
        plan.write(folder.path())?;
        let connectors = Connectors::default().with_source(FileSource);
        let council = Council::load(folder.path(), None, &connectors).map_err(|problems| {
            problems.into_iter().map(|problem| problem.words).collect::<Vec<_>>().join("; ")
        })?;
        let council = Arc::new(council);
        let table = Arc::new(Table::new(Arc::clone(&council)));
        let decider = Decider::new(Arc::clone(&council), table, USER.to_owned());
        let delivery = Delivery {
            content_type: Some(STRUCTURED.to_owned()),
            user_id: Some(USER.to_owned()),
            body: Sample::new("decide")?.event(1).into(),
            ..Delivery::default()
        };
        let event = decoded(&delivery)?;
        let mut rig = Self { _folder: folder, council, decider, delivery, event, first: Duration::ZERO };
        let clock = ThreadClock::start();
        rig.expect(matching)?;
        rig.first = clock.elapsed();
        Ok(rig)
    }

    fn expect(&mut self, matching: usize) -> Outcome<()> {
        match self.decider.decide(SYSTEM, &self.delivery).verdict {
            Verdict::Routed(dispatches) if dispatches.len() == matching => Ok(()),
            other => Err(format!("{matching} dispatches were expected, and not {other:?}").into()),
        }
    }

    /// Microseconds an event of the whole step.
    fn whole(&mut self) -> f64 {
        let Self { decider, delivery, .. } = self;
        each(|| drop(black_box(decider.decide(SYSTEM, black_box(delivery)))))
    }
}

fn decoded(delivery: &Delivery) -> Outcome<Event<Data>> {
    Ok(decode(&received(delivery), delivery.body.len())?)
}

fn received(delivery: &Delivery) -> Received<'_> {
    Received {
        content_type: delivery.content_type.as_deref(),
        headers: &delivery.headers,
        body: &delivery.body,
    }
}

/// Microseconds that `step` takes, over [`EVENTS`] of them.
fn each(mut step: impl FnMut()) -> f64 {
    let clock = ThreadClock::start();
    (0..EVENTS).for_each(|_| step());
    micros(clock.elapsed())
}

fn micros(whole: Duration) -> f64 {
    whole.as_secs_f64() * 1e6 / EVENTS as f64
}

/// Measures, and says how it stands to the targets.
pub(crate) fn measure() -> Outcome<(Value, Vec<Target>)> {
    let (one, split) = one_route()?;
    let per_second = rounded(1e6 / one.median, 0);
    let (many, ratio) = many_routes()?;
    let figures = json!({
        "event_bytes": Sample::new("decide")?.event(1).len(),
        "events_per_second": per_second,
        "microseconds": one,
        "split_microseconds": split,
        "routes_of_which_3_match_microseconds": many,
        "ratio_1000_to_10_routes": ratio,
    });
    let targets = vec![
        Target::at_least("decide, events a second on one core", per_second, 40_000.0),
        Target::at_most("decide, 1,000 routes to 10 routes", ratio.median, 1.2),
    ];
    Ok((figures, targets))
}

/// The whole step with one route, and its parts.
fn one_route() -> Outcome<(Figure, Value)> {
    let mut rig = Rig::new(1, 1)?;
    let mut runs: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for _ in 0..RUNS {
        runs.entry("whole").or_default().push(rig.whole());
        for (name, micros) in parts(&mut rig)? {
            runs.entry(name).or_default().push(micros);
        }
    }
    let whole = Figure::of(runs.remove("whole").unwrap_or_default(), 2);
    let parts: BTreeMap<_, _> = runs.into_iter().map(|(name, runs)| (name, Figure::of(runs, 2))).collect();
    Ok((whole, json!(parts)))
}

/// Microseconds an event of each part of the step.
fn parts(rig: &mut Rig) -> Outcome<[(&'static str, f64); 4]> {
    let Rig { council, decider, delivery, event, .. } = rig;
    let council = Arc::clone(council);
    let limit = council.max_body;
    let decode = each(|| drop(black_box(decode::<Data>(&received(black_box(delivery)), limit))));
    let known = council.vocabulary.get(EVENT_TYPE).ok_or("the event type is not known")?;
    let validate = each(|| drop(black_box(known.validator.validate(black_box(&event.data)))));
    let route = council.routes.first().ok_or("the council has no route")?;
    let message = decider.message(route, event.clone())?;
    let encode = each(|| drop(black_box(black_box(&message).to_bytes(1024))));
    let mut map = Duration::ZERO;
    for _ in 0..EVENTS / PREPARED {
        let events: Vec<Event<Data>> = (0..PREPARED).map(|_| event.clone()).collect();
        let clock = ThreadClock::start();
        for event in events {
            drop(black_box(decider.message(route, black_box(event))));
        }
        map += clock.elapsed();
    }
    Ok([
        ("decode", decode),
        ("validate", validate),
        ("map_and_validate_message", micros(map)),
        ("encode", encode),
    ])
}

/// The step with more and more routes, three of which match; and what the most cost to the fewest.
fn many_routes() -> Outcome<(Value, Figure)> {
    let mut rigs = Vec::new();
    for routes in ROUTES {
        rigs.push((routes, Rig::new(routes, MATCHING)?, Vec::new()));
    }
    for _ in 0..RUNS {
        for (_, rig, runs) in &mut rigs {
            runs.push(rig.whole());
        }
    }
    let ratios: Vec<f64> = match rigs.as_slice() {
        [(_, _, first), .., (_, _, last)] => {
            last.iter().zip(first).map(|(last, first)| last / first).collect()
        }
        _ => Vec::new(),
    };
    let figures: BTreeMap<String, Value> = rigs
        .into_iter()
        .map(|(routes, rig, runs)| {
            let first = rounded(rig.first.as_secs_f64() * 1e3, 0);
            (format!("{routes:04}"), json!({"event": Figure::of(runs, 2), "first_event_milliseconds": first}))
        })
        .collect();
    Ok((json!(figures), Figure::of(ratios, 2)))
}
