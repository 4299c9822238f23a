//! The query of one page of rows behind a watermark: where it begins, and how that is written with values. Knows not how far
//! the reading is.

use postroom_connector::ConnectorError;

use super::mark::Mark;
use super::plan::Plan;
use crate::cell::Cell;
use crate::database::Database;
use crate::settings::Watermark;

/// Where a page begins.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Place {
    /// With the first row of all.
    Start,
    /// With the first row of this watermark.
    From(Mark),
    /// Behind the row of this watermark and key.
    Behind(Mark, Vec<Cell>),
}

/// Comparisons with values, which are kept in their order.
pub(super) struct Bounds<'p> {
    database: &'p dyn Database,
    plan: &'p Plan,
    watermark: &'p Watermark,
    values: Vec<Cell>,
}

impl<'p> Bounds<'p> {
    pub(super) fn new(database: &'p dyn Database, plan: &'p Plan, watermark: &'p Watermark) -> Self {
        Self { database, plan, watermark, values: Vec::new() }
    }

    /// The query of at most `rows` at a place in `from`, with its values.
    pub(super) fn query(
        mut self,
        place: &Place,
        from: &str,
        rows: usize,
    ) -> Result<(String, Vec<Cell>), ConnectorError> {
        let within = self.within(place)?;
        let columns = std::iter::once(&self.watermark.column).chain(&self.watermark.key);
        let order = columns.map(|name| self.column(name)).collect::<Vec<_>>().join(", ");
        let (selected, limit) = (self.plan.selected(self.database), self.database.at_most(rows));
        let query = format!("SELECT {selected} FROM {from} q WHERE {within} ORDER BY {order}{limit}");
        Ok((query, self.values))
    }

    fn within(&mut self, place: &Place) -> Result<String, ConnectorError> {
        let watermark = self.watermark;
        let column = self.column(&watermark.column);
        let (mark, key) = match place {
            Place::Start => return Ok(format!("{column} IS NOT NULL")),
            Place::From(mark) => (mark, None),
            Place::Behind(mark, key) => (mark, Some(key)),
        };
        let from = self.place("watermark.column", &watermark.column, &mark.cell())?;
        let within = format!("{column} >= {from}");
        let Some(key) = key else { return Ok(within) };
        let names = std::iter::once(&watermark.column).chain(&watermark.key);
        let values = std::iter::once(mark.cell()).chain(key.iter().cloned());
        let behind = self.behind(&names.zip(values).collect::<Vec<_>>())?;
        Ok(format!("{within} AND ({behind})"))
    }

    /// How `value` is written where it is compared with the column `name`.
    fn place(&mut self, key: &str, name: &str, value: &Cell) -> Result<String, ConnectorError> {
        let (_, column, _) = self.plan.needed(key, name)?;
        self.values.push(value.clone());
        Ok(self.database.place(self.values.len(), column))
    }

    /// Rows behind these values of these columns: a > x OR (a = x AND (b > y OR ...)).
    fn behind(&mut self, columns: &[(&String, Cell)]) -> Result<String, ConnectorError> {
        let Some(((name, value), rest)) = columns.split_first() else { return Ok(String::new()) };
        let column = self.column(name);
        let above = format!("{column} > {}", self.place("watermark.key", name, value)?);
        if rest.is_empty() {
            return Ok(above);
        }
        let equal = format!("{column} = {}", self.place("watermark.key", name, value)?);
        Ok(format!("{above} OR ({equal} AND ({}))", self.behind(rest)?))
    }

    fn column(&self, name: &str) -> String {
        format!("q.{}", self.database.quoted(name))
    }
}
