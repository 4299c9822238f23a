//! Ids of rows that many events share, remembered so that they are looked up once. It knows no SQL.

use std::collections::HashMap;

use crate::entry::{Dispatch, EventOutcome};
use crate::sql::event::way;

/// Most ids remembered of each kind; beyond that it starts anew.
const MOST: usize = 10_000;

/// The ids, by a text that joins the parts with line feeds, which no attribute can hold.
#[derive(Debug, Default)]
pub(crate) struct Interned {
    courses: HashMap<String, i64>,
    ways: HashMap<String, i64>,
    text: String,
}

impl Interned {
    pub(crate) fn course(&mut self, event: &EventOutcome) -> Option<i64> {
        self.write_course(event);
        self.courses.get(&self.text).copied()
    }

    pub(crate) fn keep_course(&mut self, event: &EventOutcome, id: i64) {
        self.write_course(event);
        keep(&mut self.courses, self.text.clone(), id);
    }

    pub(crate) fn way(&mut self, dispatch: &Dispatch) -> Option<i64> {
        self.write(&[&dispatch.route, &dispatch.target]);
        self.ways.get(&self.text).copied()
    }

    pub(crate) fn keep_way(&mut self, dispatch: &Dispatch, id: i64) {
        self.write(&[&dispatch.route, &dispatch.target]);
        keep(&mut self.ways, self.text.clone(), id);
    }

    /// Forgets all: after a rollback the rows may not exist.
    pub(crate) fn clear(&mut self) {
        self.courses.clear();
        self.ways.clear();
    }

    fn write_course(&mut self, event: &EventOutcome) {
        self.write(&[&event.system, &event.source, &event.event_type]);
        for handed in &event.dispatches {
            for part in [&handed.route, &handed.target, way(&handed.fate)] {
                self.text.push_str(part);
                self.text.push('\n');
            }
        }
    }

    fn write(&mut self, parts: &[&str]) {
        self.text.clear();
        for part in parts {
            self.text.push_str(part);
            self.text.push('\n');
        }
    }
}

fn keep(ids: &mut HashMap<String, i64>, text: String, id: i64) {
    if ids.len() >= MOST {
        ids.clear();
    }
    ids.insert(text, id);
}
