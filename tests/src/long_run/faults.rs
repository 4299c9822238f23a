//! The faults of a run: which there are, and what each may double. Pure.

use super::plan::{Plan, Reach, TARGETS_PER_EVENT};
use crate::dice::Dice;
use crate::http_target::orders::Does;

/// Something that goes wrong for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The hub is killed as by a power cut, and started.
    HubKilled,
    /// The hub stands still, and goes on.
    HubStill,
    /// The hub is stopped as an operator would, and started.
    HubRestarted,
    /// The broker is stopped in good order, and started.
    BrokerRestarted,
    /// The broker is killed, and started.
    BrokerKilled,
    /// The broker stands still, and goes on.
    BrokerStill,
    /// The broker has a memory alarm.
    BrokerAlarm,
    /// The wire between hub and broker is cut.
    WireCut,
    /// The wire is slow.
    WireSlow,
    /// The wire carries nothing, and neither end is told.
    WireDead,
    /// Somebody deletes the ingress of a source.
    IngressDeleted(usize),
    /// Somebody deletes the lane of a target.
    LaneDeleted(usize),
    /// Somebody deletes the queue that a target reads itself; what was in it is replayed.
    QueueDeleted(usize),
    /// A policy lowers the delivery limit of a lane, while the wire is cut again and again.
    LaneLimited(usize),
    /// A target does something else than taking messages.
    TargetDoes(usize, Does),
    /// A target is killed, and started.
    TargetKilled(usize),
}

/// A fault that was met, and when, in microseconds since the epoch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Met {
    /// Which.
    pub(super) fault: Fault,
    /// When it began.
    pub(super) begun: u64,
    /// When it was over.
    pub(super) ended: u64,
}

/// Events of one source whose dispatches may be published and not confirmed: four chunks of 200, and one that is decided.
const EVENTS_IN_FLIGHT: u64 = 1_000;
/// Attempts at one target that may be under way, for each fault: the order for a target that fails strikes so many.
const HTTP_IN_FLIGHT: u64 = 64;
/// How long a slow target takes, in milliseconds.
const SLOW: u64 = 700;
/// When a busy target says that it should be asked again, in seconds.
const BUSY: u64 = 1;

impl Fault {
    /// One of each kind, at a place that is drawn.
    pub(super) fn kinds(plan: &Plan, dice: &mut Dice) -> Vec<Self> {
        let mut to = |reach| {
            let all: Vec<usize> = (0..plan.targets).filter(|target| Plan::reach(*target) == reach).collect();
            dice.one_of(&all)
        };
        let mut kinds = vec![
            Self::HubKilled,
            Self::HubStill,
            Self::HubRestarted,
            Self::BrokerRestarted,
            Self::BrokerKilled,
            Self::BrokerStill,
            Self::BrokerAlarm,
            Self::WireCut,
            Self::WireSlow,
            Self::WireDead,
            Self::LaneDeleted(to(Reach::Http)),
            Self::LaneDeleted(to(Reach::File)),
            Self::QueueDeleted(to(Reach::Queue)),
            Self::LaneLimited(to(Reach::Http)),
            Self::TargetKilled(to(Reach::Http)),
        ];
        let does = [
            Does::Slow(SLOW),
            Does::Status(500),
            Does::Busy(BUSY),
            Does::Hangs,
            Does::CutsBefore,
            Does::CutsAfter,
            Does::Garbage,
        ];
        kinds.extend(does.map(|does| Self::TargetDoes(to(Reach::Http), does)));
        kinds
            .push(Self::IngressDeleted(usize::try_from(dice.below(plan.sources as u64)).unwrap_or_default()));
        kinds
    }

    /// In words, without the place.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::HubKilled => "hub killed",
            Self::HubStill => "hub standing still",
            Self::HubRestarted => "hub restarted",
            Self::BrokerRestarted => "broker restarted",
            Self::BrokerKilled => "broker killed",
            Self::BrokerStill => "broker standing still",
            Self::BrokerAlarm => "broker with a memory alarm",
            Self::WireCut => "wire cut",
            Self::WireSlow => "wire slow",
            Self::WireDead => "wire half-open",
            Self::IngressDeleted(_) => "ingress deleted",
            Self::LaneDeleted(_) => "lane deleted",
            Self::QueueDeleted(_) => "queue of a target deleted, and replayed",
            Self::LaneLimited(_) => "delivery limit of a lane lowered to 2, wire cut thrice",
            Self::TargetKilled(_) => "target killed",
            Self::TargetDoes(_, does) => match does {
                Does::Slow(_) => "target slow",
                Does::Status(_) => "target answers 500",
                Does::Busy(_) => "target answers 429",
                Does::Hangs => "target hangs",
                Does::CutsBefore => "target cuts the line before it takes a message",
                Does::CutsAfter => "target cuts the line after it took a message",
                Does::Garbage => "target answers garbage",
            },
        }
    }

    /// Whether what a source published may be lost through it on its way to a target, with a queue.
    pub(super) fn may_lose(self, source: usize, target: usize) -> bool {
        match self {
            Self::IngressDeleted(at) => at == source,
            Self::LaneDeleted(at) | Self::LaneLimited(at) | Self::QueueDeleted(at) => at == target,
            // RabbitMQ 3.10 loses what was declared right before its end.
            Self::BrokerKilled | Self::BrokerRestarted => true,
            _ => false,
        }
    }

    /// Most messages that come twice to targets of a reach through it: those whose confirms, or answers, were awaited. A session
    /// that ends may end again while the fault lasts.
    pub(super) fn most_doubles(self, plan: &Plan, reach: Reach) -> u64 {
        const SESSIONS: u64 = 4;
        let of_reach = (0..plan.targets).filter(|target| Plan::reach(*target) == reach);
        let struck = of_reach.filter(|target| self.may_double(*target)).count() as u64;
        match reach {
            Reach::File => 0,
            Reach::Http => struck * HTTP_IN_FLIGHT,
            Reach::Queue => {
                let events = plan.sources as u64 * EVENTS_IN_FLIGHT * SESSIONS;
                events * struck * TARGETS_PER_EVENT as u64 / plan.targets as u64
            }
        }
    }

    /// Whether what a target got may come again through it: an answer, or a confirm, may be lost.
    pub(super) fn may_double(self, target: usize) -> bool {
        match Plan::reach(target) {
            // A file is written under its id, once.
            Reach::File => false,
            Reach::Queue => !matches!(self, Self::TargetDoes(..) | Self::TargetKilled(_)),
            Reach::Http => match self {
                Self::HubKilled | Self::HubStill => true,
                Self::TargetDoes(at, does) => at == target && does.lands(),
                Self::TargetKilled(at) => at == target,
                _ => false,
            },
        }
    }
}
