//! One run: what its schedule says happens, then everything heals, the backlog drains by itself, and the oracle judges.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use postroom_broker::Broker;
use postroom_broker::memory::Odds;
use postroom_ledger::JobFilter;
use postroom_router::sums::differences;
use postroom_router::{PROPOSED_REPLAY, RECONCILE};

use crate::facts::Facts;
use crate::schedule::{Kind, Queue, Schedule, Step};
use crate::shop::{self, Sender, Shop};
use crate::world::{Ground, World, until};

/// The queues in which nothing may be left. What a stop leaves in the ingress was decided before, and comes again as known.
const QUEUES: [&str; 2] = [Queue::Lane.name(), "unrouted"];

/// What is wrong after the run of `seed`; nothing when all is well.
pub(crate) async fn run(seed: u64, ground: Arc<Ground>) -> Vec<String> {
    let schedule = Schedule::draw(seed);
    let mut world = World::new(&ground, &schedule);
    match carried_out(&schedule, &mut world).await {
        Ok(facts) => facts.judge(),
        Err(words) => vec![words],
    }
}

async fn carried_out(schedule: &Schedule, world: &mut World) -> Result<Facts, String> {
    world.start().await;
    declared(world).await?;
    let shop = Shop::open(Sender {
        server: world.server.clone(),
        prefix: world.ground.council.prefix.clone(),
        user: world.ground.publisher.clone(),
        moves: Arc::clone(&world.moves),
    });
    for step in &schedule.steps {
        take(*step, schedule, world, &shop).await?;
    }
    heal(schedule, world).await;
    let troubled = shop.closed().await;
    drained(schedule, world).await?;
    let mut facts = Facts::gather(schedule, world, troubled).await.map_err(|error| error.to_string())?;
    world.stop().await?;
    facts.left = QUEUES
        .into_iter()
        .map(|queue| (queue, world.server.ready(&world.name(queue)).len()))
        .filter(|(_, left)| *left > 0)
        .collect();
    Ok(facts)
}

/// The first start declares every object; before, nobody can publish.
async fn declared(world: &World) -> Result<(), String> {
    let looker = world.server.connect(&world.ground.council.prefix, "looker");
    let ingress = world.name(Queue::Ingress.name());
    until("the queues to be declared", async || {
        Ok(looker.depth(&ingress).await.is_ok_and(|depth| depth.consumers == 1))
    })
    .await
}

async fn take(step: Step, schedule: &Schedule, world: &mut World, shop: &Shop) -> Result<(), String> {
    let server = &world.server;
    match step {
        Step::Publish(event) => shop.publish(event),
        Step::GoOn { moves, millis } => {
            let mut seen = world.moves.subscribe();
            let goal = *seen.borrow() + moves;
            let limit = Duration::from_millis(millis);
            // Whether it came so far is not of interest.
            let _came_so_far = tokio::time::timeout(limit, seen.wait_for(|moves| *moves >= goal)).await;
        }
        Step::Cut => broken(world, || server.cut()),
        Step::Cancel(queue) => broken(world, || server.cancel(&world.name(queue.name()))),
        Step::Overlap(queue) => broken(world, || server.overlap(&world.name(queue.name()))),
        Step::Delete(queue) => broken(world, || server.delete(&world.name(queue.name()))),
        Step::Limit(queue, limit) => server.limit_deliveries(&world.name(queue.name()), limit),
        Step::Unlimit(queue) => server.unlimit_deliveries(&world.name(queue.name())),
        Step::Block => server.block(),
        Step::Unblock => server.unblock(),
        Step::Publishes(odds) => broken(world, || server.fail_by_chance(schedule.publishes, odds)),
        Step::Stop => {
            world.stop().await?;
            if schedule.has(|step| matches!(step, Step::Publishes(_))) {
                // A session may have ended for want of an answer, right before.
                world.breaks();
            }
        }
        Step::Kill(last) => world.kill(last).await?,
        Step::Start => world.start().await,
    }
    Ok(())
}

fn broken(world: &World, fault: impl FnOnce()) {
    fault();
    world.breaks();
}

/// Ends every fault that lasts.
async fn heal(schedule: &Schedule, world: &mut World) {
    world.server.fail_by_chance(schedule.publishes, Odds::default());
    world.server.unblock();
    for queue in [Queue::Ingress, Queue::Lane] {
        world.server.unlimit_deliveries(&world.name(queue.name()));
    }
    world.till.heal();
    world.start().await;
}

/// Waits until every event that was confirmed is decided and nothing of them waits.
async fn drained(schedule: &Schedule, world: &World) -> Result<(), String> {
    let routed: HashSet<u64> = numbers(schedule, Kind::Routed);
    let docked = until("everything at the dock", async || {
        let docked = world.server.ready(&world.name("to.dock"));
        let ids: HashSet<_> = docked.into_iter().filter_map(|one| one.correlation_id).collect();
        Ok(routed.iter().all(|number| ids.contains(&shop::id(*number))))
    })
    .await;
    if let Err(words) = docked {
        return Err(format!("{words}: {:?}; {}", world.ledger().sums().await, stuck(world).await));
    }
    let (no_route, invalid) =
        (numbers(schedule, Kind::NoRoute).len(), numbers(schedule, Kind::Invalid).len());
    let mut last = String::new();
    let waited = until("the backlog", async || {
        let sums = world.ledger().sums().await.map_err(|error| error.to_string())?;
        let events = sums.sources.get("shop").map(|shop| shop.events.clone()).unwrap_or_default();
        let decided = events.routed as usize == routed.len()
            && events.no_route as usize == no_route
            && events.invalid as usize >= invalid;
        let waits = sums.targets.values().any(|target| target.waiting + target.held > 0);
        last = format!("{sums:?}");
        Ok(decided && !waits && differences(&sums, |_| None).is_empty())
    })
    .await;
    match waited {
        Ok(()) => Ok(()),
        Err(words) => Err(format!("{words}: {last}; {}", stuck(world).await)),
    }
}

/// Where what does not drain may be.
async fn stuck(world: &World) -> String {
    let looker = world.server.connect(&world.ground.council.prefix, "looker");
    let mut told = Vec::new();
    for queue in QUEUES {
        told.push(format!("{queue}: {:?}", looker.depth(&world.name(queue)).await));
    }
    let ledger = world.ledger();
    for parcel in Schedule::parcels() {
        let known = ledger.trace(&shop::subject(parcel)).await.unwrap_or_default();
        let known: Vec<_> = known.into_iter().map(|journey| journey.id).collect();
        told.push(format!("{}: {known:?}", shop::subject(parcel)));
    }
    for kind in [RECONCILE, PROPOSED_REPLAY] {
        let jobs = JobFilter { kind: Some(kind.to_owned()), ..JobFilter::default() };
        told.push(format!("{kind}: {:?}", ledger.jobs(&jobs, 10).await));
    }
    told.push(format!("lanes: {:?}", ledger.lane_states().await));
    told.push(format!("holds: {:?}", ledger.holds("dock").await));
    told.push(format!("waiting: {:?}", ledger.unreceived("till", 0, 10).await));
    told.join("; ")
}

fn numbers(schedule: &Schedule, kind: Kind) -> HashSet<u64> {
    schedule.events().filter(|event| event.kind == kind).map(|event| event.number).collect()
}
