//! Where a poll stands, and where it goes on behind an answer. Pure: no clock, no HTTP.
//!
//! A round asks page after page from one cursor. The cursor moves at the end of a round only, for pages need not come in the
//! order of the cursor; a crash in a round begins it again, and what was taken of it is recognised.

use std::time::Duration;

use chrono_tz::Tz;
use postroom_request::Url;
use serde::Deserialize;

use super::cursor::Kind;

/// Most pages of one round.
pub(super) const MOST_PAGES: u64 = 100_000;

/// How a system divides its answer into pages.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "by", rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum Pages {
    /// The address of the next page stands in the answer: a JSON pointer, or the local name of an XML element.
    Next { at: String },
    /// The address of the next page stands in the header `Link` (RFC 8288) as `next`.
    Link {},
    /// Pages are numbered, until one is empty.
    Number {
        #[serde(default = "one")]
        first: u64,
    },
    /// A page is named by how many records came before it, until one is empty.
    Count {
        #[serde(default)]
        first: u64,
    },
}

const fn one() -> u64 {
    1
}

/// Where the cursor comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CursorFrom {
    /// From this place in the answer: the system's own word, taken as it is.
    Answer(String),
    /// The furthest of this field of the records.
    Furthest(String),
}

/// The cursor of a poll.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CursorRule {
    pub(super) from: CursorFrom,
    pub(super) kind: Kind,
    pub(super) start: String,
    pub(super) overlap: Duration,
    /// By whose clocks times are that have no offset.
    pub(super) zone: Tz,
}

/// Which page is asked for next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Page {
    /// The one of this number.
    Number(u64),
    /// The one at this address, which the system gave.
    Address(Box<Url>),
}

/// Where a poll stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Standing {
    /// From where the round asks; empty where there is no cursor.
    pub(super) cursor: String,
    pub(super) page: Page,
    /// How many pages of the round are taken.
    pub(super) pages: u64,
    /// The furthest cursor that the round has met.
    met: Option<String>,
}

/// What an answer held, but for its records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) records: u64,
    /// The address of the next page.
    pub(super) next: Option<Url>,
    /// The cursor in the answer, or the furthest of its records.
    pub(super) cursor: Option<String>,
}

/// What comes behind an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) standing: Standing,
    /// Whether it is asked at once.
    pub(super) at_once: bool,
}

/// What a poll goes by.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    pub(super) cursor: Option<CursorRule>,
    pub(super) pages: Option<Pages>,
}

impl Rules {
    /// At the begin of a round from `cursor`.
    pub(super) fn begin(&self, cursor: String) -> Standing {
        let first = match self.pages {
            Some(Pages::Number { first } | Pages::Count { first }) => first,
            Some(Pages::Next { .. } | Pages::Link {}) | None => 0,
        };
        Standing { cursor, page: Page::Number(first), pages: 0, met: None }
    }

    /// Where a poll begins that was never asked.
    pub(super) fn start(&self) -> Standing {
        self.begin(self.cursor.as_ref().map(|cursor| cursor.start.clone()).unwrap_or_default())
    }

    /// The cursor as it is filled in.
    pub(super) fn filled(&self, standing: &Standing) -> String {
        match &self.cursor {
            Some(rule) => rule.kind.back(&standing.cursor, rule.overlap, rule.zone),
            None => String::new(),
        }
    }

    /// Where a poll goes on behind an answer.
    pub(super) fn step(&self, standing: &Standing, found: Found) -> Step {
        let met = self.further(standing.met.clone(), found.cursor.as_deref());
        let next = match &self.pages {
            Some(Pages::Next { .. } | Pages::Link {}) => found.next.map(|url| Page::Address(Box::new(url))),
            Some(Pages::Number { .. } | Pages::Count { .. }) if found.records == 0 => None,
            Some(Pages::Number { .. }) => standing.page.after(1),
            Some(Pages::Count { .. }) => standing.page.after(found.records),
            None => None,
        };
        if let Some(page) = next {
            let (cursor, pages) = (standing.cursor.clone(), standing.pages + 1);
            return Step { standing: Standing { cursor, page, pages, met }, at_once: true };
        }
        let before = Some(standing.cursor.clone()).filter(|cursor| !cursor.is_empty());
        let cursor = self.further(before, met.as_deref()).unwrap_or_default();
        // A system that hands out cursors may have more behind this one.
        let from_answer = matches!(&self.cursor, Some(CursorRule { from: CursorFrom::Answer(_), .. }));
        let at_once = from_answer && self.pages.is_none() && found.records > 0 && cursor != standing.cursor;
        Step { standing: self.begin(cursor), at_once }
    }

    /// The further of two cursors; the later, where they are the system's own word.
    fn further(&self, before: Option<String>, after: Option<&str>) -> Option<String> {
        let (Some(rule), Some(after)) = (&self.cursor, after) else { return before };
        match (&rule.from, &before) {
            (CursorFrom::Furthest(_), Some(before)) if !rule.kind.is_further(after, before) => {
                Some(before.clone())
            }
            _ => Some(after.to_owned()),
        }
    }
}

impl Page {
    fn after(&self, more: u64) -> Option<Self> {
        match self {
            Self::Number(number) => number.checked_add(more).map(Self::Number),
            Self::Address(_) => None,
        }
    }

    /// As it is filled in.
    pub(super) fn filled(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Address(_) => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(from: CursorFrom, pages: Option<Pages>) -> Rules {
        let (start, overlap) = ("5".to_owned(), Duration::ZERO);
        let cursor = CursorRule { from, kind: Kind::Number, start, overlap, zone: Tz::UTC };
        Rules { cursor: Some(cursor), pages }
    }

    fn found(records: u64, cursor: Option<&str>, next: Option<&str>) -> Found {
        let next = next.map(|url| url.parse().expect("an address"));
        Found { records, next, cursor: cursor.map(str::to_owned) }
    }

    /// The cursor and page asked for behind each answer, and whether at once.
    fn walk(rules: &Rules, answers: Vec<Found>) -> Vec<(String, String, bool)> {
        let mut standing = rules.start();
        let step = |found| {
            let step = rules.step(&standing, found);
            standing = step.standing;
            let page = match &standing.page {
                Page::Address(url) => url.to_string(),
                number @ Page::Number(_) => number.filled(),
            };
            (standing.cursor.clone(), page, step.at_once)
        };
        answers.into_iter().map(step).collect()
    }

    fn told(cursor: &str, page: &str, at_once: bool) -> (String, String, bool) {
        (cursor.to_owned(), page.to_owned(), at_once)
    }

    #[test]
    fn the_furthest_field_moves_the_cursor_at_the_end_of_a_round_and_never_back() {
        let furthest = || CursorFrom::Furthest("/n".to_owned());
        let rules = rules(furthest(), Some(Pages::Number { first: 1 }));
        let answers = vec![found(2, Some("9"), None), found(2, Some("7"), None), found(0, None, None)];
        assert_eq!(
            walk(&rules, answers),
            [told("5", "2", true), told("5", "3", true), told("9", "1", false)]
        );
        let answers = vec![found(1, Some("4"), None), found(0, None, None)];
        assert_eq!(walk(&rules, answers)[1], told("5", "1", false));
    }

    #[test]
    fn pages_by_count_go_on_by_what_came_and_pages_by_address_where_the_system_says() {
        let furthest = || CursorFrom::Furthest("/n".to_owned());
        let count = rules(furthest(), Some(Pages::Count { first: 0 }));
        let answers = vec![found(3, None, None), found(2, None, None), found(0, None, None)];
        assert_eq!(
            walk(&count, answers),
            [told("5", "3", true), told("5", "5", true), told("5", "0", false)]
        );
        let next = rules(furthest(), Some(Pages::Link {}));
        let answers = vec![found(3, Some("6"), Some("http://a/b?c")), found(2, None, None)];
        assert_eq!(walk(&next, answers), [told("5", "http://a/b?c", true), told("6", "0", false)]);
    }

    #[test]
    fn the_systems_own_cursor_is_taken_as_it_is_and_asked_again_while_there_is_more() {
        let rules = rules(CursorFrom::Answer("/next".to_owned()), None);
        let answers = vec![
            found(1, Some("3"), None),
            found(1, Some("3"), None),
            found(0, Some("2"), None),
            found(1, None, None),
        ];
        let walked = walk(&rules, answers);
        assert_eq!(
            walked,
            [told("3", "0", true), told("3", "0", false), told("2", "0", false), told("2", "0", false)]
        );
    }
}
