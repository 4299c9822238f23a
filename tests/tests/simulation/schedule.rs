//! What happens in a run, drawn from its seed: which events, which faults between them, how the target behaves. Pure:
//! the same seed gives the same schedule.

use postroom_broker::memory::Odds;
use postroom_tests::dice::Dice;

/// Fewest and most events of a run.
const EVENTS: (u64, u64) = (12, 40);
/// Parcels that they are about.
const PARCELS: u64 = 4;
/// Most faults of a run: each may cost a session, and sessions are opened after ever longer waits.
const MOST_FAULTS: usize = 5;
/// Kinds of faults that one run may have.
const MOST_KINDS: u64 = 4;
/// Most kills of a run: what has killed the hub three times is poison, and given up.
const MOST_KILLS: usize = 2;
/// How often a fault follows an event, in percent.
const FAULTS_PERCENT: u64 = 25;
/// Longest wait for the work to go on before the next step, in milliseconds.
const LONGEST_WAIT_MILLIS: u64 = 40;

/// What the shop publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Event {
    /// Its number in the run, by which it is known everywhere.
    pub(crate) number: u64,
    /// The parcel that it is about.
    pub(crate) parcel: u64,
    pub(crate) kind: Kind,
}

/// What becomes of an event when all goes well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It goes to the till and to the dock.
    Routed,
    /// No route matches.
    NoRoute,
    /// It breaks its schema.
    Invalid,
}

/// A queue that faults strike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Queue {
    Ingress,
    Lane,
}

impl Queue {
    /// Its name without the prefix.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ingress => "ingress.shop",
            Self::Lane => "lane.till",
        }
    }
}

/// What becomes of that which a killed hub asked its ledger to write last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Last {
    /// It is not written.
    Lost,
    /// It is written, perhaps after the next hub has opened the ledger.
    Written,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// The shop publishes, until it is confirmed.
    Publish(Event),
    /// The work goes on until so many more moves were seen, or for so long at most.
    GoOn { moves: u64, millis: u64 },
    /// Every session is cut.
    Cut,
    /// The broker cancels the consumers of a queue and takes back what they hold.
    Cancel(Queue),
    /// The broker cancels the active consumer of a queue, which keeps what it holds until its channel closes.
    Overlap(Queue),
    /// Somebody deletes a queue.
    Delete(Queue),
    /// A policy gives a queue this delivery limit.
    Limit(Queue, u64),
    /// The policy is taken away.
    Unlimit(Queue),
    /// The broker is short of memory.
    Block,
    /// It has enough again.
    Unblock,
    /// From now on publishes fail with these odds.
    Publishes(Odds),
    /// The hub is asked to stop.
    Stop,
    /// The hub ends in the middle of its work.
    Kill(Last),
    /// The hub is started, if it does not run.
    Start,
}

/// How the till behaves, in percent of its answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Temper {
    pub(crate) seed: u64,
    pub(crate) transient: u64,
    /// Half of these have arrived.
    pub(crate) unknown: u64,
    pub(crate) permanent: u64,
    /// From which attempt to before which it cannot be reached.
    pub(crate) down: (u64, u64),
}

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Cut,
    Cancel,
    Overlap,
    Delete,
    Policy,
    Block,
    Odds,
    Stop,
    Kill,
}

const TROUBLES: [Trouble; 9] = [
    Trouble::Cut,
    Trouble::Cancel,
    Trouble::Overlap,
    Trouble::Delete,
    Trouble::Policy,
    Trouble::Block,
    Trouble::Odds,
    Trouble::Stop,
    Trouble::Kill,
];

/// One run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Schedule {
    pub(crate) steps: Vec<Step>,
    pub(crate) temper: Temper,
    /// The seed of the faults that publishes meet by the odds.
    pub(crate) publishes: u64,
}

impl Schedule {
    pub(crate) fn draw(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let temper = temper(&mut dice);
        let publishes = dice.roll();
        let troubles: Vec<_> = (0..dice.below(MOST_KINDS + 1)).map(|_| dice.one_of(&TROUBLES)).collect();
        let mut drawing = Drawing { dice, troubles, steps: vec![Step::Start], faults: 0, events: Vec::new() };
        for _ in 0..drawing.between(EVENTS) {
            drawing.event();
            drawing.fault();
            drawing.wait();
        }
        Self { steps: drawing.steps, temper, publishes }
    }

    /// Every event that the shop publishes at least once.
    pub(crate) fn events(&self) -> impl Iterator<Item = Event> {
        let mut last = 0;
        self.steps.iter().filter_map(move |step| match step {
            Step::Publish(event) if event.number > last => {
                last = event.number;
                Some(*event)
            }
            _ => None,
        })
    }

    /// The subjects that its events may be about.
    pub(crate) fn parcels() -> impl Iterator<Item = u64> {
        0..PARCELS
    }

    /// Whether a step of this kind is in it.
    pub(crate) fn has(&self, kind: impl Fn(&Step) -> bool) -> bool {
        self.steps.iter().any(kind)
    }
}

fn temper(dice: &mut Dice) -> Temper {
    let from = dice.below(60);
    let length = if dice.happens(15) { 2 + dice.below(5) } else { 0 };
    Temper {
        seed: dice.roll(),
        transient: dice.one_of(&[0, 0, 5, 15]),
        unknown: dice.one_of(&[0, 0, 6, 16]),
        permanent: dice.one_of(&[0, 0, 4]),
        down: (from, from + length),
    }
}

struct Drawing {
    dice: Dice,
    troubles: Vec<Trouble>,
    steps: Vec<Step>,
    faults: usize,
    events: Vec<Event>,
}

impl Drawing {
    const fn between(&mut self, (least, most): (u64, u64)) -> u64 {
        least + self.dice.below(most - least + 1)
    }

    fn event(&mut self) {
        if !self.events.is_empty() && self.dice.happens(5) {
            let again = self.dice.one_of(&self.events);
            self.steps.push(Step::Publish(again));
            return;
        }
        let kind = match self.dice.below(100) {
            0..5 => Kind::NoRoute,
            5..10 => Kind::Invalid,
            _ => Kind::Routed,
        };
        let (number, parcel) = (self.events.len() as u64 + 1, self.dice.below(PARCELS));
        let event = Event { number, parcel, kind };
        self.events.push(event);
        self.steps.push(Step::Publish(event));
    }

    fn wait(&mut self) {
        if self.dice.happens(30) {
            let (moves, millis) = (1 + self.dice.below(6), 1 + self.dice.below(LONGEST_WAIT_MILLIS));
            self.steps.push(Step::GoOn { moves, millis });
        }
    }

    fn fault(&mut self) {
        if self.troubles.is_empty() || self.faults >= MOST_FAULTS || !self.dice.happens(FAULTS_PERCENT) {
            return;
        }
        self.faults += 1;
        let queue = self.dice.one_of(&[Queue::Ingress, Queue::Lane]);
        match self.dice.one_of(&self.troubles) {
            Trouble::Cut => self.steps.push(Step::Cut),
            Trouble::Cancel => self.steps.push(Step::Cancel(queue)),
            Trouble::Overlap => self.steps.push(Step::Overlap(queue)),
            Trouble::Delete => self.steps.push(Step::Delete(queue)),
            Trouble::Policy => self.policy(queue),
            Trouble::Block => self.blocked(),
            Trouble::Odds => self.odds(),
            Trouble::Stop => self.ended(Step::Stop),
            Trouble::Kill if self.kills() < MOST_KILLS => {
                let last = if self.steps.len().is_multiple_of(2) { Last::Lost } else { Last::Written };
                self.ended(Step::Kill(last));
            }
            Trouble::Kill => {}
        }
    }

    fn kills(&self) -> usize {
        self.steps.iter().filter(|step| matches!(step, Step::Kill(_))).count()
    }

    /// A limit shows once something comes back.
    fn policy(&mut self, queue: Queue) {
        let limit = self.dice.below(3);
        self.steps.push(Step::Limit(queue, limit));
        self.event();
        self.wait();
        self.steps.push(Step::Cut);
        if self.dice.happens(70) {
            self.steps.push(Step::Unlimit(queue));
        }
    }

    fn blocked(&mut self) {
        self.steps.push(Step::Block);
        self.event();
        self.wait();
        if self.dice.happens(30) {
            self.steps.push(Step::Cut);
        }
        self.steps.push(Step::Unblock);
    }

    fn odds(&mut self) {
        let [nacked, lost, unanswered, partial] = [(); 4].map(|()| self.dice.one_of(&[0, 0, 20, 80]));
        self.steps.push(Step::Publishes(Odds { nacked, lost, unanswered, partial }));
    }

    /// The hub ends, and runs again at once or some steps later; what happens meanwhile it finds out when it starts.
    fn ended(&mut self, how: Step) {
        self.steps.push(how);
        if self.dice.happens(50) {
            self.event();
        }
        if self.dice.happens(25) {
            let queue = self.dice.one_of(&[Queue::Ingress, Queue::Lane]);
            self.steps.push(Step::Delete(queue));
            self.event();
        }
        self.steps.push(Step::Start);
    }
}

#[test]
fn a_seed_gives_the_same_schedule_again_and_another_seed_another() {
    assert_eq!(Schedule::draw(7), Schedule::draw(7));
    assert_ne!(Schedule::draw(7), Schedule::draw(8));
}

#[test]
fn every_kind_of_step_is_drawn_by_some_seed() {
    let all: Vec<Step> = (0..500).flat_map(|seed| Schedule::draw(seed).steps).collect();
    let kinds: std::collections::HashSet<_> = all.iter().map(std::mem::discriminant).collect();
    assert_eq!(kinds.len(), 14);
}
