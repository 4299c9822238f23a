//! What is said of the differences that one check after the other finds. How they are found it does not know.

use std::collections::BTreeMap;

use postroom_ledger::LedgerError;
use postroom_telemetry as telemetry;

use super::{About, Found, look};
use crate::Publishing;

/// A difference that stands at so many checks in a row is no race between two counts.
const CHECKS: u32 = 3;

/// What was said after a check.
#[derive(Debug, PartialEq, Eq)]
pub enum Told {
    /// Nothing that was not said before.
    Nothing,
    /// What does not add up, each in words.
    Differ(Vec<String>),
    /// That everything adds up again.
    Agree,
}

/// The checks so far.
#[derive(Debug, Default)]
pub struct Checks {
    /// At how many checks in a row each difference stood, and what was still at the last.
    standing: BTreeMap<About, (String, u32)>,
    said: BTreeMap<About, String>,
}

impl Checks {
    /// Checks the sums once, and says in the log what is news: a difference that stands, and the end of all.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn check(&mut self, ground: &Publishing) -> Result<Told, LedgerError> {
        let told = self.next(look(ground).await?);
        match &told {
            Told::Differ(differences) => differences.iter().for_each(|words| telemetry::sums_differ(words)),
            Told::Agree => telemetry::sums_agree(),
            Told::Nothing => {}
        }
        Ok(told)
    }

    fn next(&mut self, found: Found) -> Told {
        let stood = |about: &About, still: &String| {
            let before = self.standing.get(about);
            let before = before.filter(|(same, _)| same == still || self.said.contains_key(about));
            before.map_or(0, |(_, checks)| *checks)
        };
        let counted = found
            .iter()
            .map(|(about, one)| (about.clone(), (one.still.clone(), stood(about, &one.still) + 1)));
        self.standing = counted.collect();
        let stands = |about: &About| self.standing.get(about).is_some_and(|(_, checks)| *checks >= CHECKS);
        let standing = found.into_iter().filter(|(about, _)| stands(about));
        let standing = standing.map(|(about, one)| (about, one.words)).collect();
        let before = std::mem::replace(&mut self.said, standing);
        let news = self.said.iter().filter(|(about, words)| before.get(*about) != Some(words));
        let news: Vec<_> = news.map(|(_, words)| words.clone()).collect();
        if !news.is_empty() {
            Told::Differ(news)
        } else if self.said.is_empty() && !before.is_empty() {
            Told::Agree
        } else {
            Told::Nothing
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Account, Difference};
    use super::*;

    fn found(words: &str, still: &str) -> Found {
        let (words, still) = (words.to_owned(), still.to_owned());
        Found::from([Difference { account: Account::Lane, words, still }.about("press")])
    }

    #[test]
    fn a_difference_is_told_once_when_it_stands_again_when_it_changes_and_when_it_is_over() {
        let mut checks = Checks::default();
        for _ in 1..CHECKS {
            assert_eq!(checks.next(found("2 missing", "")), Told::Nothing);
        }
        assert_eq!(checks.next(found("2 missing", "")), Told::Differ(vec!["2 missing".to_owned()]));
        assert_eq!(checks.next(found("2 missing", "")), Told::Nothing);
        assert_eq!(checks.next(found("2 missing", "moved")), Told::Nothing, "it was no race before");
        assert_eq!(checks.next(found("3 missing", "")), Told::Differ(vec!["3 missing".to_owned()]));
        assert_eq!(checks.next(Found::new()), Told::Agree);
        assert_eq!(checks.next(Found::new()), Told::Nothing);
    }

    #[test]
    fn a_difference_that_passes_or_moves_is_never_told() {
        let mut checks = Checks::default();
        for _ in 0..4 {
            assert_eq!(checks.next(found("2 missing", "")), Told::Nothing);
            assert_eq!(checks.next(Found::new()), Told::Nothing);
        }
        for moved in ["a", "b", "c", "d", "e"] {
            assert_eq!(checks.next(found("2 missing", moved)), Told::Nothing);
        }
    }
}
