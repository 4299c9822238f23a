//! How far the reading of rows by a watermark is: where a look and its pages begin, what was put away, and what of it is
//! remembered. Pure: it knows no database and no clock.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use postroom_connector::ConnectorError;

use super::bounds::Place;
use super::mark::Mark;
use crate::database::Form;

/// Most rows that are remembered, at about 100 bytes each. Beyond that all are forgotten, and what is given again has the same key.
const MOST_REMEMBERED: usize = 1_000_000;

/// How far the reading is.
#[derive(Default)]
pub(super) struct Progress {
    /// The highest watermark that was put away.
    cursor: Option<Mark>,
    /// Where the next page begins, in the middle of a look.
    place: Option<Place>,
    /// When the look began whose pages are read: what a page holds that was written later than that may not be all there is.
    begun: Option<DateTime<Utc>>,
    /// Rows that were put away and may be read again, by their digest.
    remembered: HashMap<[u8; 32], Mark>,
}

/// One page on its way: what is noted when it is put away.
pub(crate) struct Turn {
    /// Where the next page begins; none where this was the last.
    pub(super) next: Option<Place>,
    pub(super) read: Vec<([u8; 32], Mark)>,
    pub(super) cursor: Option<Mark>,
}

impl Progress {
    /// Goes on from a cursor.
    pub(super) fn resume(&mut self, cursor: Mark) {
        self.cursor = Some(cursor);
    }

    /// Where the next page begins. A look that begins `now` goes as far `back` as the overlap says, and forgets what lies
    /// before that.
    pub(super) fn begin(
        &mut self,
        now: DateTime<Utc>,
        back: impl FnOnce(&Mark) -> Result<Mark, ConnectorError>,
    ) -> Result<Place, ConnectorError> {
        if let Some(place) = &self.place {
            return Ok(place.clone());
        }
        let place = match &self.cursor {
            None => Place::Start,
            Some(cursor) => {
                let back = back(cursor)?;
                self.remembered.retain(|_, mark| *mark >= back);
                Place::From(back)
            }
        };
        self.place = Some(place.clone());
        self.begun = Some(now);
        Ok(place)
    }

    /// Whether a look has pages left.
    pub(super) fn is_under_way(&self) -> bool {
        self.place.is_some()
    }

    /// Whether a row was not put away before.
    pub(super) fn is_new(&self, digest: &[u8; 32]) -> bool {
        !self.remembered.contains_key(digest)
    }

    /// The cursor behind a page with rows of these marks. However long the pages of a look take, the overlap is counted back
    /// from its begin.
    pub(super) fn cursor_behind<'m>(
        &self,
        marks: impl Iterator<Item = &'m Mark>,
        form: Form,
    ) -> Option<Mark> {
        let is_ahead = |mark: &&Mark| self.begun.is_none_or(|begun| mark.is_ahead(begun, form));
        let highest = marks.filter(|mark| !is_ahead(mark)).max();
        self.cursor.as_ref().max(highest).cloned()
    }

    /// Notes that a page held nothing new.
    pub(super) fn pass(&mut self, next: Option<Place>) {
        self.place = next;
    }

    /// Notes that a page was put away.
    pub(super) fn go_on(&mut self, turn: Turn) {
        self.place = turn.next;
        self.cursor = turn.cursor;
        if self.remembered.len() + turn.read.len() > MOST_REMEMBERED {
            self.remembered.clear();
        }
        self.remembered.extend(turn.read);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::settings::Overlap;

    fn at(time: &str) -> DateTime<Utc> {
        format!("2026-07-01T{time}Z").parse().expect("an instant")
    }

    fn mark(time: &str) -> Mark {
        Mark::Time(format!("2026-07-01 {time}+00"))
    }

    /// Where the next page begins, with an overlap of a minute.
    fn begin(progress: &mut Progress, now: &str) -> Place {
        let back = |mark: &Mark| Ok(mark.back(Overlap::Time(Duration::from_secs(60)), None).expect("a time"));
        progress.begin(at(now), back).expect("a place")
    }

    /// Puts a page away that holds one row of this mark.
    fn put_away(progress: &mut Progress, digest: u8, mark: &Mark, next: Option<Place>) {
        let cursor = progress.cursor_behind([mark].into_iter(), Form::Instant);
        progress.go_on(Turn { next, read: vec![([digest; 32], mark.clone())], cursor });
    }

    #[test]
    fn a_look_that_takes_longer_than_its_overlap_passes_by_nothing_that_was_written_meanwhile() {
        let mut progress = Progress::default();
        assert_eq!(begin(&mut progress, "10:00:00"), Place::Start);
        let second = Place::Behind(mark("09:59:30"), Vec::new());
        put_away(&mut progress, 1, &mark("09:59:30"), Some(second.clone()));
        assert_eq!(begin(&mut progress, "10:05:00"), second, "the same look, five minutes later");
        put_away(&mut progress, 2, &mark("10:04:00"), None);
        // What was committed at 10:00:30, behind the first page, lies before 10:03:00 and behind 09:58:30.
        assert_eq!(begin(&mut progress, "10:06:00"), Place::From(mark("09:58:30")));
        assert!(!progress.is_new(&[2; 32]), "it is remembered, and not given again");
        put_away(&mut progress, 3, &mark("10:05:30"), None);
        assert_eq!(begin(&mut progress, "10:07:00"), Place::From(mark("10:04:30")));
    }

    #[test]
    fn what_lies_before_the_overlap_is_forgotten_and_a_cursor_never_moves_back() {
        let mut progress = Progress::default();
        begin(&mut progress, "10:00:00");
        for (digest, time) in [(1, "09:50:00"), (2, "09:58:00"), (3, "09:57:30")] {
            put_away(&mut progress, digest, &mark(time), None);
        }
        assert_eq!(begin(&mut progress, "10:01:00"), Place::From(mark("09:57:00")));
        assert_eq!([1, 2, 3].map(|digest| progress.is_new(&[digest; 32])), [true, false, false]);
    }
}
