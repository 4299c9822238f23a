//! Checks of sources: nothing is lost or doubled wherever the hub dies, and a source stops in time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use tokio::time::{Instant, timeout};

use super::hub::{Hub, Run, Step};
use super::{DEADLINE, Secrets};
use crate::{Arrival, Settings, Source, SourceKind};

/// How long a source may take to say that nothing has come.
const IDLE_WITHIN: Duration = Duration::from_secs(5);
/// Records that are put into the system before each death: several chunks.
const RECORDS: u64 = 8;

/// A real system with a source in front of it.
#[async_trait]
pub trait Ground: Send + Sync {
    /// The kind of source.
    fn kind(&self) -> &dyn SourceKind;

    /// Settings that are right.
    fn settings(&self) -> Settings;

    /// Puts records of these numbers into the system, in their order, each with [`CANARY`](super::CANARY) in it. A system that
    /// pushes goes on beside the check until each is taken.
    async fn put(&mut self, numbers: std::ops::Range<u64>);

    /// The number of a record.
    fn number(&self, record: &Value) -> u64;

    /// The secrets that its settings name.
    fn secrets(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Wherever the hub dies, every record is published, in order, and always under one id.
pub async fn nothing_is_lost_or_doubled(ground: &mut dyn Ground) {
    let mut hub = self::hub(ground);
    let mut put = 0;
    for step in Step::ALL {
        for nth in [1, 2] {
            ground.put(put..put + RECORDS).await;
            put += RECORDS;
            let begun = Instant::now();
            let mut source = built(ground, &hub);
            // A batch may be too short for a second passing.
            while hub.run(source.as_mut(), Some((step, nth))).await.expect("a source that can be read")
                == Run::Quiet
                && hub.published.len() < usize::try_from(put).expect("few")
            {
                assert!(begun.elapsed() < DEADLINE, "what was put in before {step:?} {nth} never came");
            }
            drop(source);
            until_all(ground, &mut hub, put).await;
        }
    }
    judge(ground, &hub, put);
}

/// What was put away is not read again, even by a hub that is started anew.
pub async fn what_is_taken_is_not_read_again(ground: &mut dyn Ground) {
    let mut hub = self::hub(ground);
    ground.put(0..RECORDS).await;
    until_all(ground, &mut hub, RECORDS).await;
    let publishes = hub.publishes;
    let mut source = built(ground, &hub);
    for _ in 0..2 {
        hub.run(source.as_mut(), None).await.expect("a source that can be read");
    }
    assert_eq!(hub.publishes, publishes, "what was taken is read again");
}

/// A batch that came to nothing, because the broker could not be reached, comes again from the same source.
pub async fn what_came_to_nothing_comes_again(ground: &mut dyn Ground) {
    ground.put(0..RECORDS).await;
    let mut hub = self::hub(ground);
    let mut source = built(ground, &hub);
    let begun = Instant::now();
    let dies = Some((Step::Read, 1));
    while hub.run(source.as_mut(), dies).await.expect("a source that can be read") == Run::Quiet {
        assert!(begun.elapsed() < DEADLINE, "what was put in never came");
    }
    while (hub.published.len() as u64) < RECORDS {
        assert!(begun.elapsed() < DEADLINE, "{} of {RECORDS} records came", hub.published.len());
        hub.run(source.as_mut(), None).await.expect("a source that can be read");
    }
    judge(ground, &hub, RECORDS);
}

/// A source that has nothing says so in time, so that the hub can stop.
pub async fn it_says_in_time_that_nothing_came(ground: &mut dyn Ground) {
    let mut source = built(ground, &hub(ground));
    match timeout(IDLE_WITHIN, source.next()).await.expect("a source that says that nothing came") {
        Ok(Arrival::Idle) => {}
        Ok(_) => panic!("something came from an empty system"),
        Err(error) => panic!("an empty system is no failure: {error}"),
    }
}

/// A system that is not there is a failure that tells nothing of a person and no secret, in time; `settings` are those of one
/// where nothing listens.
pub async fn a_system_that_is_away_is_told(ground: &dyn Ground, settings: &Settings) {
    let mut source = ground.kind().build(settings).expect("settings that are right");
    let begun = Instant::now();
    loop {
        match timeout(DEADLINE, source.next()).await.expect("an answer in time") {
            Err(error) => return secrets_of(ground).untold_by(&error),
            Ok(Arrival::Idle) => assert!(begun.elapsed() < DEADLINE, "nobody was told"),
            Ok(_) => panic!("something came from nowhere"),
        }
    }
}

fn secrets_of(ground: &dyn Ground) -> Secrets {
    Secrets::of(&ground.settings(), ground.secrets())
}

fn hub(ground: &dyn Ground) -> Hub {
    Hub::new(secrets_of(ground))
}

fn built(ground: &dyn Ground, hub: &Hub) -> Box<dyn Source> {
    let mut source = ground.kind().build(&ground.settings()).expect("settings that are right");
    if let Some(cursor) = &hub.cursor {
        assert!(!cursor.contains("Canary-7f3a"), "a value of a person is in a cursor");
        source.resume(cursor).expect("a cursor of its own");
    }
    source
}

/// Runs the hub until so many records are published.
async fn until_all(ground: &dyn Ground, hub: &mut Hub, put: u64) {
    let begun = Instant::now();
    let mut source = built(ground, hub);
    while (hub.published.len() as u64) < put {
        assert!(begun.elapsed() < DEADLINE, "{} of {put} records came", hub.published.len());
        hub.run(source.as_mut(), None).await.expect("a source that can be read");
    }
    // What is put away last has been put away, too.
    hub.run(source.as_mut(), None).await.expect("a source that can be read");
}

fn judge(ground: &dyn Ground, hub: &Hub, put: u64) {
    let mut ids: BTreeMap<u64, BTreeSet<&str>> = BTreeMap::new();
    let mut last = None;
    for (id, record) in &hub.published {
        let number = ground.number(record);
        ids.entry(number).or_default().insert(id);
        assert!(last.is_none_or(|last| last < number) || ids[&number].len() > 1, "{number} came too late");
        last = Some(number);
    }
    let doubled: Vec<_> = ids.iter().filter(|(_, ids)| ids.len() > 1).map(|(number, _)| *number).collect();
    assert!(doubled.is_empty(), "under more than one id: {doubled:?}");
    let lost: Vec<_> = (0..put).filter(|number| !ids.contains_key(number)).collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
}
