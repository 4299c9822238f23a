//! What a decision would come to, counted and in words, before anything is done.

use std::collections::BTreeMap;

use postroom_router::{Outlook, Unmappable};

use crate::failure::count;

/// Most reasons that are told one by one.
const MOST_REASONS: usize = 10;

/// How many of what was asked for would fare how.
#[derive(Debug, Default)]
pub(super) struct Preview {
    accepted: usize,
    refused: Reasons,
    overtaken: usize,
    barred: Reasons,
}

/// How many fare so for each code and words.
type Reasons = BTreeMap<(&'static str, String), usize>;

/// How a preview names what it counts.
pub(super) struct Words {
    /// One of them.
    pub(super) thing: &'static str,
    /// What an accepted one would do now.
    pub(super) accepted: &'static str,
}

impl Preview {
    pub(super) fn add(&mut self, outlook: &Outlook) {
        match outlook {
            Outlook::Accepted => self.accepted += 1,
            Outlook::Refused(why) => add(&mut self.refused, why),
            Outlook::Barred(why) => add(&mut self.barred, why),
        }
    }

    pub(super) fn add_overtaken(&mut self) {
        self.overtaken += 1;
    }

    /// The preview, a line each.
    pub(super) fn lines(&self, words: &Words) -> Vec<String> {
        let (refused, barred) = (sum(&self.refused), sum(&self.barred));
        let total = self.accepted + refused + self.overtaken + barred;
        let mut head = format!(
            "{}: {} would now {}, {refused} would not",
            count(total, words.thing),
            self.accepted,
            words.accepted
        );
        if self.overtaken > 0 {
            head += &format!(", {} overtaken", self.overtaken);
        }
        if barred > 0 {
            head += &format!(", {barred} cannot be sent again");
        }
        let mut lines = vec![head];
        tell(&mut lines, "would not", &self.refused);
        if self.overtaken > 0 {
            let number = self.overtaken;
            lines.push(format!(
                "  overtaken: {number}: later events of the same subject went past (--stale sends all the same)"
            ));
        }
        tell(&mut lines, "cannot be sent again", &self.barred);
        lines
    }
}

fn add(reasons: &mut Reasons, why: &Unmappable) {
    *reasons.entry((why.code, why.words.clone())).or_default() += 1;
}

fn sum(reasons: &Reasons) -> usize {
    reasons.values().sum()
}

fn tell(lines: &mut Vec<String>, what: &str, reasons: &Reasons) {
    let mut reasons: Vec<_> = reasons.iter().collect();
    reasons.sort_by_key(|(_, number)| std::cmp::Reverse(**number));
    for ((code, words), number) in reasons.iter().take(MOST_REASONS) {
        lines.push(format!("  {what}, because {code}: {number}: {words}"));
    }
    if reasons.len() > MOST_REASONS {
        let more = count(reasons.len() - MOST_REASONS, "reason");
        lines.push(format!("  {what}, because of {more} more"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LETTERS: Words = Words { thing: "dead letter", accepted: "be accepted by the target's schema" };

    fn why(code: &'static str, words: &str) -> Unmappable {
        Unmappable { code, words: words.to_owned() }
    }

    #[test]
    fn a_preview_says_how_many_would_fare_how_and_why() {
        let mut preview = Preview::default();
        (0..211).for_each(|_| preview.add(&Outlook::Accepted));
        (0..2).for_each(|_| {
            preview.add(&Outlook::Refused(why("message", "/place: longer than 20 characters")));
        });
        preview.add(&Outlook::Refused(why("mapping", "line 3: cannot divide by zero")));
        assert_eq!(
            preview.lines(&LETTERS),
            [
                "214 dead letters: 211 would now be accepted by the target's schema, 3 would not",
                "  would not, because message: 2: /place: longer than 20 characters",
                "  would not, because mapping: 1: line 3: cannot divide by zero",
            ]
        );
    }

    #[test]
    fn a_preview_lists_what_was_overtaken_and_what_cannot_be_sent_again() {
        let mut preview = Preview::default();
        preview.add(&Outlook::Accepted);
        preview.add_overtaken();
        preview.add(&Outlook::Barred(why("poison", "it stopped the hub")));
        assert_eq!(
            preview.lines(&LETTERS),
            [
                "3 dead letters: 1 would now be accepted by the target's schema, 0 would not, 1 overtaken, \
                 1 cannot be sent again",
                "  overtaken: 1: later events of the same subject went past (--stale sends all the same)",
                "  cannot be sent again, because poison: 1: it stopped the hub",
            ]
        );
    }

    #[test]
    fn a_preview_of_many_reasons_tells_the_commonest_and_how_many_are_left_out() {
        let mut preview = Preview::default();
        for number in 0..12 {
            preview.add(&Outlook::Refused(why("message", &format!("/items/{number}: is missing"))));
        }
        let lines = preview.lines(&LETTERS);
        assert_eq!((lines.len(), lines[11].as_str()), (12, "  would not, because of 2 reasons more"));
    }
}
