//! The house in this process: the broker in memory, the till, and the hub with its ledger, which is started, stopped and
//! killed. It knows no schedule.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::Utc;
use postroom_broker::Broker;
use postroom_broker::memory::Server;
use postroom_connector::Connectors;
use postroom_council::Council;
use postroom_ledger::Ledger;
use postroom_router::{Connect, Hub, HubError};
use postroom_tests::council::{PARCEL, TestCouncil};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::schedule::{Last, Schedule, Temper};
use crate::shop::NOWHERE;
use crate::till::Till;

/// The broker user of the hub.
const HUB: &str = "hub";
/// Longest wait for what must happen by itself.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);
/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Longest wait for the moment of a kill.
const MOMENT: Duration = Duration::from_millis(30);
/// Where files are in memory, on systems that have it.
const IN_MEMORY: &str = "/dev/shm";

/// What every run has in common.
pub(crate) struct Ground {
    pub(crate) council: Arc<Council>,
    /// The broker user of the shop.
    pub(crate) publisher: String,
    /// What the hubs note beside their ledgers.
    _data: TempDir,
}

/// One run's own.
pub(crate) struct World {
    pub(crate) ground: Arc<Ground>,
    pub(crate) server: Server,
    pub(crate) till: Till,
    /// How much was done: attempts at the till, and events confirmed to the shop.
    pub(crate) moves: Arc<watch::Sender<u64>>,
    breaks: Arc<AtomicU64>,
    /// The breaks when the last session was opened.
    opened_at: Arc<AtomicU64>,
    folder: TempDir,
    /// Ledgers that were left behind.
    ledgers: u32,
    running: Option<Running>,
}

/// A folder that costs no disk, where the system has one.
fn folder() -> TempDir {
    let place = Path::new(IN_MEMORY);
    let place = if place.is_dir() { place.to_owned() } else { std::env::temp_dir() };
    let folder = tempfile::Builder::new().prefix("postroom-simulation-").tempdir_in(place);
    folder.expect("a folder in memory or for files that pass")
}

/// The hub at work.
struct Running {
    ledger: Ledger,
    /// Held while it connects; false when it is killed.
    alive: Arc<Mutex<bool>>,
    stop: CancellationToken,
    hub: JoinHandle<Result<(), HubError>>,
}

impl Ground {
    /// A shop that publishes, a till with a lane and a dock that reads its own queue.
    pub(crate) fn lay() -> Self {
        let council = TestCouncil::small();
        for gone in ["systems/yard", "systems/book", "routes/parcel-to-book"] {
            std::fs::remove_dir_all(council.folder().join(gone)).expect("a folder of the small council");
        }
        council.edit("council.toml", "[limits]\n", "[limits]\nin_place = \"300ms\"\n");
        council.write("systems/till/system.toml", "title = \"Till\"\n[target]\nconnector = \"till\"\n");
        let read = |path: &str| std::fs::read_to_string(council.folder().join(path)).expect("a file of it");
        council.write(
            "systems/till/messages/parcel.schema.json",
            &read("systems/dock/messages/parcel.schema.json"),
        );
        council.write("routes/parcel-to-till/mapping.vrl", &read("routes/parcel-to-dock/mapping.vrl"));
        let retry = vec!["\"20ms\""; 100].join(", ");
        for (target, more) in [("till", "after_dead_letter = \"continue\"\n"), ("dock", "")] {
            let route = format!(
                "from = \"{PARCEL}\"\nto = \"{target}\"\nmessage = \"parcel\"\nwhen = '.place != \"{NOWHERE}\"'\n\
                 retry = [{retry}]\n{more}"
            );
            council.write(&format!("routes/parcel-to-{target}/route.toml"), &route);
        }
        let temper = Temper { seed: 0, transient: 0, unknown: 0, permanent: 0, down: (0, 0) };
        let till = Till::new(temper, Arc::default(), Arc::new(watch::Sender::new(0)));
        let connectors = Connectors::default().with_sink(till);
        let read = Council::load(&council.folder(), Some(&council.data()), &connectors);
        let read = read.map_err(|problems| {
            problems.iter().map(|problem| problem.render(&council.folder())).collect::<Vec<_>>()
        });
        let publisher = council.publisher.clone();
        let (data, read) = (folder(), read.expect("a council without problems"));
        let council = Arc::new(Council { data: data.path().to_owned(), ..read });
        Self { council, publisher, _data: data }
    }
}

impl World {
    pub(crate) fn new(ground: &Arc<Ground>, schedule: &Schedule) -> Self {
        let (moves, breaks) = (Arc::new(watch::Sender::new(0)), Arc::default());
        let till = Till::new(schedule.temper, Arc::clone(&breaks), Arc::clone(&moves));
        let server = Server::new();
        // What the journal dates longer ago than the ledger remembers is not taken in again.
        server.set_time(Utc::now().timestamp().unsigned_abs());
        Self {
            ground: Arc::clone(ground),
            server,
            till,
            moves,
            breaks,
            opened_at: Arc::default(),
            folder: folder(),
            ledgers: 0,
            running: None,
        }
    }

    /// The full name of an object on the broker.
    pub(crate) fn name(&self, object: &str) -> String {
        format!("{}{object}", self.ground.council.prefix)
    }

    /// The ledger of the hub that runs.
    pub(crate) fn ledger(&self) -> &Ledger {
        &self.running.as_ref().expect("the hub runs").ledger
    }

    fn ledger_file(&self) -> PathBuf {
        self.folder.path().join(format!("ledger-{}.db", self.ledgers))
    }

    /// Notes that the hub loses its hold on what is under way.
    pub(crate) fn breaks(&self) {
        self.breaks.fetch_add(1, Ordering::SeqCst);
    }

    /// Starts the hub, if it does not run.
    pub(crate) async fn start(&mut self) {
        if self.running.is_some() {
            return;
        }
        let ledger = Ledger::open(&self.ledger_file()).await.expect("the ledger can be opened");
        let stop = CancellationToken::new();
        let connectors = Arc::new(Connectors::default().with_sink(self.till.clone()));
        let (council, alive) = (Arc::clone(&self.ground.council), Arc::new(Mutex::new(true)));
        let connect = self.connect(Arc::clone(&alive));
        let hub = Hub::new(council, connectors, ledger.clone(), connect, stop.clone());
        let hub = tokio::spawn(async move { hub.run().await });
        self.running = Some(Running { ledger, alive, stop, hub });
    }

    /// Every session but the first of a run of the hub follows a break.
    fn connect(&self, alive: Arc<Mutex<bool>>) -> Connect {
        let (server, prefix) = (self.server.clone(), self.ground.council.prefix.clone());
        let (breaks, opened_at) = (Arc::clone(&self.breaks), Arc::clone(&self.opened_at));
        let connected = AtomicBool::new(false);
        Box::new(move || {
            let alive = alive.lock().unwrap();
            if !*alive {
                return Box::pin(std::future::pending());
            }
            if connected.swap(true, Ordering::SeqCst) {
                breaks.fetch_add(1, Ordering::SeqCst);
            }
            opened_at.store(breaks.load(Ordering::SeqCst), Ordering::SeqCst);
            let broker: Arc<dyn Broker> = Arc::new(server.connect(&prefix, HUB));
            Box::pin(async move { Ok(broker) })
        })
    }

    /// Asks the hub to stop and waits until it has, if it runs. A session that met a fault has not stopped in good order.
    pub(crate) async fn stop(&mut self) -> Result<(), String> {
        let Some(Running { stop, hub, .. }) = self.running.take() else { return Ok(()) };
        stop.cancel();
        let ended = ended(hub).await;
        if self.breaks.load(Ordering::SeqCst) != self.opened_at.load(Ordering::SeqCst) {
            self.breaks();
        }
        ended
    }

    /// Ends the hub in the middle of its work, if it runs; nothing of it is left. Nothing is acked or declared after the
    /// cut, so the ledger may be left behind as it is then.
    pub(crate) async fn kill(&mut self, last: Last) -> Result<(), String> {
        let Some(Running { ledger, alive, hub, .. }) = self.running.take() else { return Ok(()) };
        if last == Last::Lost {
            self.next_published().await;
        }
        {
            let mut alive = alive.lock().unwrap();
            *alive = false;
            self.server.cut();
        }
        hub.abort();
        if last == Last::Lost {
            self.leave_ledger();
        }
        drop(ledger);
        if let Ok(ended) = hub.await {
            return Err(format!("the hub ended by itself: {ended:?}"));
        }
        until("the end of what was killed", async || Ok(self.till.lent() == 0)).await?;
        self.breaks();
        Ok(())
    }

    /// Waits for the next message to the dock, though not for long: right behind it the hub is between publish, record and
    /// ack.
    async fn next_published(&self) {
        let (dock, limit) = (self.name("to.dock"), Instant::now() + MOMENT);
        let before = self.server.ready(&dock).len();
        while self.server.ready(&dock).len() == before && Instant::now() < limit {
            tokio::task::yield_now().await;
        }
    }

    /// Goes on with a copy of the ledger as a power cut would leave it: what is half written is not in it.
    fn leave_ledger(&mut self) {
        let left = self.ledger_file();
        self.ledgers += 1;
        // A log that was begun anew between the two copies does not belong to the first.
        let begun = || {
            let log = std::fs::File::open(with(&left, "-wal")).expect("an open ledger has its log");
            let mut head = Vec::new();
            log.take(LOG_HEAD_BYTES).read_to_end(&mut head).expect("the head of a log");
            head
        };
        loop {
            let before = begun();
            for part in ["", "-wal"] {
                let copied = std::fs::copy(with(&left, part), with(&self.ledger_file(), part));
                copied.expect("an open ledger has its log beside it");
            }
            if begun() == before {
                return;
            }
        }
    }
}

/// The head of SQLite's log, which is another one each time that the log is begun anew.
const LOG_HEAD_BYTES: u64 = 32;

fn with(file: &Path, part: &str) -> PathBuf {
    PathBuf::from(format!("{}{part}", file.display()))
}

/// How the hub ends that was asked to stop.
async fn ended(hub: JoinHandle<Result<(), HubError>>) -> Result<(), String> {
    match tokio::time::timeout(DEADLINE, hub).await {
        Ok(Ok(Ok(()))) => Ok(()),
        Ok(ended) => Err(format!("the hub ended: {ended:?}")),
        Err(_) => Err("the hub does not stop".to_owned()),
    }
}

/// Looks until `look` finds it so, or says why it never will be.
pub(crate) async fn until(
    what: &str,
    mut look: impl AsyncFnMut() -> Result<bool, String>,
) -> Result<(), String> {
    let deadline = Instant::now() + DEADLINE;
    let mut looks = interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !look().await? {
        if Instant::now() >= deadline {
            return Err(format!("waited {} s in vain for {what}", DEADLINE.as_secs()));
        }
        looks.tick().await;
    }
    Ok(())
}
