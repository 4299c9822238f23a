//! What the ledger still holds for systems and routes that the council's text names no longer.

use std::collections::BTreeMap;

use postroom_council::Council;
use postroom_ledger::{HoldFilter, Ledger};

use crate::failure::{Failure, count};

/// Most holds that are looked through for routes that are gone.
const HOLDS: u32 = 100_000;

/// Every system that was removed, or reads its own queue now, while dispatches still wait for it: who, how many, and what to
/// do. For a system that always read its queue, a replay that was cut off may have dispatches to go on with: it does.
pub(crate) async fn systems(council: &Council, ledger: &Ledger) -> Result<Vec<String>, Failure> {
    let (sums, replayed) = (ledger.sums().await?, postroom_router::replaying(ledger).await?);
    let is_replayed = |system: &str| {
        council.routes.iter().any(|route| *route.to == *system && replayed.contains(&*route.name))
    };
    let waiting = sums.targets.iter().filter_map(|(system, target)| {
        let waiting = target.waiting + target.staged + target.held;
        let side = council.systems.get(system).and_then(|system| system.target.as_ref());
        let what = match side {
            _ if waiting == 0 => return None,
            None => "is no target any more",
            Some(side) if !side.is_queue() || target.waiting + target.staged == 0 => return None,
            Some(_) if is_replayed(system) => return None,
            Some(_) => "reads its own queue now",
        };
        let dispatches = if waiting == 1 { "1 dispatch".to_owned() } else { format!("{waiting} dispatches") };
        Some(format!(
            "system `{system}` {what}, and {dispatches} still wait for it: put it back as it was until \
             `postroom status` shows none"
        ))
    });
    Ok(waiting.collect())
}

/// Every target that reads its own queue and has holds of a source that no system owns any more: nobody releases them.
pub(crate) async fn sources(council: &Council, ledger: &Ledger) -> Result<Vec<String>, Failure> {
    let mut held: BTreeMap<(String, String), usize> = BTreeMap::new();
    for hold in ledger.holds_list(&HoldFilter::default(), HOLDS).await? {
        if council.is_queue_target(&hold.target) && council.owner_of(&hold.hold.source).is_none() {
            *held.entry((hold.target, hold.hold.source)).or_default() += 1;
        }
    }
    let waiting = held.iter().map(|((target, source), holds)| {
        let holds = count(*holds, "held dispatch").replace("dispatchs", "dispatches");
        format!(
            "no system owns the source `{source}` any more, and {holds} of it for `{target}` would wait for ever: put it \
             back under `sources` until `postroom holds` shows none"
        )
    });
    Ok(waiting.collect())
}

/// Every system that is no source of snapshots any more, while the ledger keeps what its records were.
pub(crate) async fn snapshots(council: &Council, ledger: &Ledger) -> Result<Vec<String>, Failure> {
    let gives = |system: &str| {
        let side = council.systems.get(system).and_then(|system| system.source.as_ref());
        side.is_some_and(|side| side.snapshot.is_some())
    };
    let known = ledger.snapshot_systems().await?.into_iter().filter(|(system, _)| !gives(system));
    let warning = |(system, records): (String, u64)| {
        let records = count(usize::try_from(records).unwrap_or(usize::MAX), "record");
        format!(
            "`{system}` is no source of snapshots any more, and {records} of it are kept: `postroom ledger \
             forget-snapshot {system}` forgets them"
        )
    };
    Ok(known.map(warning).collect())
}

/// Every route that was removed while dispatches of it are held: they will be dead letters.
pub(crate) async fn routes(council: &Council, ledger: &Ledger) -> Result<Vec<String>, Failure> {
    let mut held: BTreeMap<String, usize> = BTreeMap::new();
    for hold in ledger.holds_list(&HoldFilter::default(), HOLDS).await? {
        *held.entry(hold.hold.route).or_default() += 1;
    }
    held.retain(|route, _| !council.routes.iter().any(|known| *known.name == **route));
    let warnings = held.iter().map(|(route, holds)| {
        let holds = count(*holds, "held dispatch").replace("dispatchs", "dispatches");
        format!("route `{route}` is gone: {holds} of it will be dead letters (`no-such-route`)")
    });
    Ok(warnings.collect())
}
