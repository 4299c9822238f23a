//! What there is to say of the certificates in use that was not said before. Pure.

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};

use super::{DAY, InUse, days};

/// So many days before its end it is said that a certificate ends; the most first.
pub(crate) const WARN_DAYS: [i64; 3] = [30, 14, 7];

/// A certificate by what names it: the system and the setting.
pub(crate) type Name = (String, String);

/// What is said about a certificate.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Word<'a> {
    /// It ends then, in so many days; the one that is begun counts.
    Ends(&'a InUse, i64, i64),
    /// It ended then, so many whole days ago.
    Ended(&'a InUse, i64, i64),
    /// It cannot be used, for this reason.
    Unusable(&'a InUse, &'a str),
    /// It can be used again.
    Usable(Name),
}

/// How near the end of a certificate is, in the steps in which it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    /// So many of [`WARN_DAYS`] have come.
    Warned(usize),
    /// Over for so many whole days.
    Over(i64),
}

impl Step {
    /// Of what holds for so many microseconds yet.
    fn of(left: i64) -> Self {
        match left {
            ..0 => Self::Over(left.saturating_neg() / DAY),
            _ => Self::Warned(WARN_DAYS.iter().filter(|days| left <= **days * DAY).count()),
        }
    }
}

/// What was said.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// The last step that was told of each certificate, by its end: of two that a system shows in turn each is told once.
    steps: BTreeMap<(Name, i64), Step>,
    /// The troubles of the last look, each with the reason that was told, if any.
    troubles: BTreeMap<Name, Option<String>>,
}

impl Told {
    /// What there is to say of `found` at `now`, which counts as said.
    pub(crate) fn words<'a>(&mut self, found: &'a [InUse], now: i64) -> Vec<Word<'a>> {
        let mut words: Vec<_> =
            found.iter().flat_map(|one| [self.trouble(one), self.end(one, now)]).flatten().collect();
        words.extend(self.over(found));
        // What was shown for the last time long ago needs no memory.
        self.steps.retain(|(_, until), _| {
            *until > now.saturating_sub(DAY * WARN_DAYS[0]) || {
                found.iter().any(|one| one.until == Some(*until))
            }
        });
        words
    }

    fn trouble<'a>(&mut self, one: &'a InUse) -> Option<Word<'a>> {
        let reason = one.trouble.as_ref()?;
        match self.troubles.entry(name(one)) {
            // A file may be in the middle of being replaced: the next look tells.
            Entry::Vacant(unseen) => {
                unseen.insert(None);
                None
            }
            Entry::Occupied(told) if told.get().as_ref() == Some(reason) => None,
            Entry::Occupied(mut told) => {
                told.insert(Some(reason.clone()));
                Some(Word::Unusable(one, reason))
            }
        }
    }

    /// The troubles that are over; of those that were not told there is nothing to say.
    fn over(&mut self, found: &[InUse]) -> Vec<Word<'static>> {
        let there: BTreeSet<Name> = found.iter().filter(|one| one.trouble.is_some()).map(name).collect();
        let over = self.troubles.extract_if(.., |name, _| !there.contains(name));
        over.filter_map(|(name, told)| told.map(|_| Word::Usable(name))).collect()
    }

    fn end<'a>(&mut self, one: &'a InUse, now: i64) -> Option<Word<'a>> {
        let (until, left) = (one.until?, one.left(now)?);
        let step = Step::of(left);
        let key = (name(one), until);
        let last = self.steps.get(&key).copied().unwrap_or(Step::Warned(0));
        if step <= last {
            return None;
        }
        self.steps.insert(key, step);
        Some(match step {
            Step::Warned(_) => Word::Ends(one, until, days(left)),
            Step::Over(ago) => Word::Ended(one, until, ago),
        })
    }
}

fn name(one: &InUse) -> Name {
    (one.system.clone(), one.setting.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: i64 = 1_900_000_000_000_000;
    const HOUR: i64 = DAY / 24;

    fn certificate(until: Option<i64>, trouble: Option<&str>) -> InUse {
        InUse {
            system: "till".to_owned(),
            setting: "target.certificate".to_owned(),
            role: "own",
            until,
            trouble: trouble.map(str::to_owned),
        }
    }

    /// What is said in `hours`, hour by hour, with the hour.
    fn said(told: &mut Told, one: &InUse, hours: std::ops::Range<i64>) -> Vec<(i64, String)> {
        let mut said = Vec::new();
        for hour in hours {
            let found = std::slice::from_ref(one);
            for word in told.words(found, END + hour * HOUR) {
                let word = match word {
                    Word::Ends(_, _, days) => format!("ends in {days}"),
                    Word::Ended(_, _, days) => format!("ended {days} ago"),
                    other => format!("{other:?}"),
                };
                said.push((hour, word));
            }
        }
        said
    }

    fn expected(words: &[(i64, &str)]) -> Vec<(i64, String)> {
        words.iter().map(|(hour, word)| (*hour, (*word).to_owned())).collect()
    }

    #[test]
    fn an_end_is_told_30_14_and_7_days_before_once_each_and_daily_once_it_is_over() {
        let mut told = Told::default();
        let one = certificate(Some(END), None);
        let words = said(&mut told, &one, -60 * 24..3 * 24);
        assert_eq!(
            words,
            expected(&[
                (-30 * 24, "ends in 30"),
                (-14 * 24, "ends in 14"),
                (-7 * 24, "ends in 7"),
                (1, "ended 0 ago"),
                (24, "ended 1 ago"),
                (48, "ended 2 ago"),
            ])
        );
    }

    #[test]
    fn a_hub_that_begins_late_tells_the_nearest_step_only() {
        let one = certificate(Some(END), None);
        let mut told = Told::default();
        assert_eq!(said(&mut told, &one, -5 * 24..-4 * 24), expected(&[(-5 * 24, "ends in 5")]));
        let mut told = Told::default();
        assert_eq!(said(&mut told, &one, 60 * 24..61 * 24 + 1).len(), 2);
    }

    #[test]
    fn one_that_is_replaced_is_told_anew_and_two_that_are_shown_in_turn_are_told_once_each() {
        let mut told = Told::default();
        let (old, new) = (certificate(Some(END), None), certificate(Some(END + 300 * DAY), None));
        assert_eq!(said(&mut told, &old, -24..-23), expected(&[(-24, "ends in 1")]));
        assert_eq!(said(&mut told, &new, -23..270 * 24), expected(&[]));
        assert_eq!(said(&mut told, &new, 270 * 24..280 * 24), expected(&[(270 * 24, "ends in 30")]));
        let mut told = Told::default();
        let (one, other) = (certificate(Some(END), None), certificate(Some(END + HOUR), None));
        let mut all = Vec::new();
        for hour in -24..-14 {
            all.extend(said(&mut told, if hour % 2 == 0 { &one } else { &other }, hour..hour + 1));
        }
        assert_eq!(all.len(), 2, "{all:?}");
    }

    #[test]
    fn a_trouble_that_stays_is_told_once_until_it_changes_and_so_is_its_end() {
        let mut told = Told::default();
        let mut kinds = |trouble| {
            // What is no certificate is found only while there is a trouble.
            let found = certificate(None, trouble);
            let found = if trouble.is_some() { vec![found] } else { Vec::new() };
            let words = told.words(&found, END - 90 * DAY);
            words.iter().map(|word| matches!(word, Word::Unusable(..))).collect::<Vec<_>>()
        };
        for (trouble, expected) in [
            (Some("is gone"), &[][..]),
            (Some("is gone"), &[true]),
            (Some("is gone"), &[]),
            (Some("is no PEM"), &[true]),
            (None, &[false]),
            (None, &[]),
            // While a file was being replaced.
            (Some("is no PEM"), &[]),
            (None, &[]),
        ] {
            assert_eq!(kinds(trouble), expected, "{trouble:?}");
        }
    }
}
