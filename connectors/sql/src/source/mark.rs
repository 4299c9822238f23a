//! A watermark: a value of its column, how far back of it is read again, and the cursor that is written down. Pure.

use std::fmt;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use crate::cell::Cell;
use crate::database::Form;
use crate::settings::Overlap;
use crate::time::Written;

/// What stands between value and column in a cursor.
const OF: &str = " of ";

/// A value of a watermark column. Of one column all are of one kind, and their order is its order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mark {
    Integer(i64),
    /// A timestamp as the database writes it.
    Time(String),
}

impl Mark {
    /// Nothing for what is neither an integer nor a timestamp.
    pub(crate) fn of(cell: &Cell) -> Option<Self> {
        match cell {
            Cell::Integer(number) => Some(Self::Integer(*number)),
            Cell::Unsigned(number) => i64::try_from(*number).ok().map(Self::Integer),
            Cell::Text(text) => Written::read(text).map(|_| Self::Time(text.clone())),
            Cell::Null | Cell::Bool(_) | Cell::Float(_) | Cell::Bytes(_) => None,
        }
    }

    pub(crate) fn cell(&self) -> Cell {
        match self {
            Self::Integer(number) => Cell::Integer(*number),
            Self::Time(text) => Cell::Text(text.clone()),
        }
    }

    /// From where on is read again; nothing where the overlap is of another kind.
    pub(crate) fn back(&self, overlap: Overlap, zone: Option<Tz>) -> Option<Self> {
        match (self, overlap) {
            (Self::Integer(number), Overlap::Units(units)) => {
                Some(Self::Integer(number.saturating_sub(units)))
            }
            (Self::Time(text), Overlap::Time(time)) => {
                Written::read(text)?.reread(time, zone).map(Self::Time)
            }
            _ => None,
        }
    }

    /// Whether it is a time in the future: were it followed, everything that comes before it would never be read.
    pub(crate) fn is_ahead(&self, now: DateTime<Utc>, form: Form) -> bool {
        match self {
            Self::Integer(_) => false,
            Self::Time(text) => {
                Written::read(text).is_some_and(|time| time.is_ahead(now, form == Form::Instant))
            }
        }
    }

    /// The cursor of this mark in `column`.
    pub(crate) fn cursor(&self, column: &str) -> String {
        format!("{self}{OF}{column}")
    }

    /// The mark of a cursor; nothing where it is of another column.
    pub(crate) fn resumed(cursor: &str, column: &str) -> Option<Self> {
        let (value, of) = cursor.split_once(OF)?;
        if of != column {
            return None;
        }
        value.parse().map(Self::Integer).ok().or_else(|| Self::of(&Cell::Text(value.to_owned())))
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(number) => number.fmt(f),
            Self::Time(text) => text.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn time(text: &str) -> Mark {
        Mark::Time(text.to_owned())
    }

    #[test]
    fn a_cursor_leads_back_to_its_mark_and_is_of_one_column() {
        for mark in [Mark::Integer(-4), time("2026-07-01 12:00:00.5+00")] {
            let cursor = mark.cursor("changed of old");
            assert_eq!(Mark::resumed(&cursor, "changed of old"), Some(mark));
            assert_eq!(Mark::resumed(&cursor, "changed"), None);
        }
        assert_eq!(Mark::resumed("Ada of changed", "changed"), None);
        assert_eq!(Mark::resumed("5", "changed"), None);
    }

    #[test]
    fn an_overlap_goes_back_in_its_own_kind() {
        let minute = Overlap::Time(Duration::from_secs(60));
        assert_eq!(time("2026-07-01 12:00:00").back(minute, None), Some(time("2026-07-01 11:59:00")));
        assert_eq!(Mark::Integer(5).back(Overlap::Units(7), None), Some(Mark::Integer(-2)));
        assert_eq!(Mark::Integer(i64::MIN).back(Overlap::Units(7), None), Some(Mark::Integer(i64::MIN)));
        assert_eq!(Mark::Integer(5).back(minute, None), None);
        assert_eq!(time("2026-07-01 12:00:00").back(Overlap::Units(1), None), None);
    }

    #[test]
    fn the_order_of_marks_is_that_of_their_column() {
        let marks =
            ["2026-07-01 12:00:00+00", "2026-07-01 12:00:00.12+00", "2026-07-01 12:00:00.123+00"].map(time);
        assert!(marks.is_sorted());
        assert!(Mark::of(&Cell::Text("Ada".to_owned())).is_none() && Mark::of(&Cell::Null).is_none());
    }
}
