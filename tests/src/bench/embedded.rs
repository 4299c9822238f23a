//! The hub in this process, with sinks of the bench's own: what goes through a lane can then be seen as it arrives.

use std::sync::Arc;

use postroom_broker::{Amqp, Broker, Names, Options};
use postroom_connector::Connectors;
use postroom_connector_file::FileSource;
use postroom_connector_http::HttpSink;
use postroom_council::Council;
use postroom_event::{DispatchId, EventKey};
use postroom_ledger::{Dispatch, Entry, HeldDispatch, Ledger, Message, Reason, Whole};
use postroom_router::{Connect, Hub, HubError};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::Outcome;
use super::arrivals::Arrivals;
use super::broker::Bench;
use super::council::{Mappings, Plan, Reach};
use super::drain::topology;
use super::sample::{EVENT_TYPE, SOURCE, SYSTEM, Sample};

/// The route to the first target.
pub(crate) const ROUTE: &str = "route-0000";
/// Holds that are recorded at once.
const HOLDS_AT_ONCE: usize = 1_000;
/// When a hold of the bench is due, in microseconds since the epoch: never, for a bench.
const NEVER: i64 = 4_102_444_800_000_000;

/// A council, and what its targets got.
pub(crate) struct Rig<'a> {
    bench: &'a Bench,
    plan: Plan,
    folder: TempDir,
    council: Arc<Council>,
    connectors: Arc<Connectors>,
    /// What arrived at the sink in this process.
    pub(crate) arrivals: Arrivals,
}

/// The hub at work.
pub(crate) struct Running {
    stop: CancellationToken,
    hub: JoinHandle<Result<(), HubError>>,
}

impl<'a> Rig<'a> {
    /// A council of that name, whose route to each of `targets` matches every event; everything is declared.
    pub(crate) async fn new(bench: &'a Bench, name: &str, targets: usize, reach: Reach) -> Outcome<Self> {
        let prefix = format!("bench-{}-{name}.", std::process::id());
        let (user, mappings) = (bench.user.clone(), Mappings::Shared);
        let plan = Plan {
            prefix,
            user,
            routes: targets,
            matching: targets,
            targets,
            reach,
            mappings,
            journal: false,
        };
        let folder = tempfile::tempdir()?;
        plan.write(folder.path())?;
        let arrivals = Arrivals::default();
        let connectors = Connectors::default();
        let connectors = connectors.with_source(FileSource).with_sink(HttpSink).with_sink(arrivals.clone());
        let council = Council::load(folder.path(), None, &connectors)
            .map_err(|problems| format!("{} problems in the council of the bench", problems.len()))?;
        council.compile();
        let (council, connectors) = (Arc::new(council), Arc::new(connectors));
        let rig = Self { bench, plan, folder, council, connectors, arrivals };
        // The objects on the broker, before anything is published.
        let broker = Amqp::connect(&bench.url, rig.options()).await?;
        broker.declare(&topology(&rig.plan).1).await?;
        broker.close().await;
        Ok(rig)
    }

    /// The names of its objects on the broker.
    pub(crate) fn names(&self) -> Names {
        Names::new(self.plan.prefix.clone())
    }

    fn options(&self) -> Options {
        Options { names: self.names(), connection_name: "postroom bench".to_owned() }
    }

    /// Its ledger.
    pub(crate) async fn ledger(&self) -> Outcome<Ledger> {
        Ok(Ledger::open(&self.folder.path().join("ledger.db")).await?)
    }

    /// Starts the hub.
    pub(crate) async fn start(&self) -> Outcome<Running> {
        let (url, options) = (self.bench.url.clone(), self.options());
        let connect: Connect = Box::new(move || {
            let (url, options) = (url.clone(), options.clone());
            Box::pin(async move { Ok(Arc::new(Amqp::connect(&url, options).await?) as Arc<dyn Broker>) })
        });
        let (council, connectors) = (Arc::clone(&self.council), Arc::clone(&self.connectors));
        let stop = CancellationToken::new();
        let hub = Hub::new(council, connectors, self.ledger().await?, connect, stop.clone());
        Ok(Running { stop, hub: tokio::spawn(async move { hub.run().await }) })
    }

    /// Starts the hub and waits until it is at its queues.
    pub(crate) async fn ready(&self) -> Outcome<Running> {
        let running = self.start().await?;
        let names = self.names();
        self.bench.consumed(&names.ingress(SYSTEM)).await?;
        if !matches!(self.plan.reach, Reach::Queue) {
            for target in 0..self.plan.targets {
                self.bench.consumed(&names.lane(&Plan::target(target))).await?;
            }
        }
        Ok(running)
    }

    /// Holds one dispatch of each of `count` subjects that no event of the bench is about.
    pub(crate) async fn hold(&self, count: usize) -> Outcome<()> {
        let ledger = self.ledger().await?;
        let sample = Sample::new("held")?;
        let numbers: Vec<usize> = (0..count).collect();
        for numbers in numbers.chunks(HOLDS_AT_ONCE) {
            ledger.record(numbers.iter().map(|number| held(&sample, *number)).collect()).await?;
        }
        Ok(())
    }

    /// Deletes what it declared.
    pub(crate) async fn delete(self) -> Outcome<()> {
        let (names, topology) = topology(&self.plan);
        self.bench.delete_all(&names, &topology).await
    }
}

impl Running {
    /// Stops the hub.
    pub(crate) async fn stop(self) -> Outcome<()> {
        self.stop.cancel();
        Ok(self.hub.await??)
    }
}

fn held(sample: &Sample, number: usize) -> Entry {
    let (id, body) = (sample.id(number), sample.event(number));
    Entry::Held(HeldDispatch {
        dispatch: Dispatch {
            id: DispatchId::new(SOURCE, &id, ROUTE),
            event: EventKey::new(SOURCE, &id),
            route: ROUTE.into(),
            target: Plan::target(0).into(),
            event_type: EVENT_TYPE.into(),
            subject: format!("person:held-{number}"),
        },
        source: SOURCE.into(),
        event: Whole { content_type: None, headers: Vec::new(), body: body.clone() },
        message: Some(Message { bytes: body, content_type: None }),
        reason: Reason {
            code: "failed-in-place".into(),
            words: "it is measured".into(),
            detail: String::new(),
        },
        attempts: 4,
        waits: 1,
        next_at: Some(NEVER),
        at: 0,
    })
}
