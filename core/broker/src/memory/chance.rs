//! Faults by a seed: the same seed and the same publishes give the same faults. Pure.

use super::Fault;

/// The whole, in thousandths.
const WHOLE: u64 = 1_000;

/// How many of a thousand publishes end with each fault; the rest end well.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Odds {
    /// [`Fault::Nacked`].
    pub nacked: u32,
    /// [`Fault::Lost`].
    pub lost: u32,
    /// [`Fault::Unanswered`].
    pub unanswered: u32,
    /// [`Fault::Partial`].
    pub partial: u32,
}

pub(super) struct Chance {
    /// The state of SplitMix64 (Steele, Lea and Flood, 2014).
    state: u64,
    odds: Odds,
}

impl Chance {
    pub(super) const fn new(seed: u64, odds: Odds) -> Self {
        Self { state: seed, odds }
    }

    /// What happens to the next publish.
    pub(super) fn next_fault(&mut self) -> Option<Fault> {
        let Odds { nacked, lost, unanswered, partial } = self.odds;
        let faults = [
            (nacked, Fault::Nacked),
            (lost, Fault::Lost),
            (unanswered, Fault::Unanswered),
            (partial, Fault::Partial),
        ];
        let mut drawn = self.draw() % WHOLE;
        for (share, fault) in faults {
            match drawn.checked_sub(u64::from(share)) {
                Some(rest) => drawn = rest,
                None => return Some(fault),
            }
        }
        None
    }

    const fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(seed: u64) -> Vec<Option<Fault>> {
        let mut chance = Chance::new(seed, Odds { nacked: 100, unanswered: 50, ..Odds::default() });
        (0..1_000).map(|_| chance.next_fault()).collect()
    }

    #[test]
    fn a_seed_gives_the_same_faults_again_and_another_seed_others() {
        assert_eq!(faults(7), faults(7));
        assert_ne!(faults(7), faults(8));
    }

    #[test]
    fn faults_come_about_as_often_as_the_odds_say_and_others_never() {
        let faults = faults(7);
        let count = |fault| faults.iter().filter(|one| **one == Some(fault)).count();
        assert!((60..140).contains(&count(Fault::Nacked)), "{}", count(Fault::Nacked));
        assert!((20..90).contains(&count(Fault::Unanswered)), "{}", count(Fault::Unanswered));
        assert_eq!(count(Fault::Lost) + count(Fault::Partial), 0);
    }
}
