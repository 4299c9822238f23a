//! A table whole: CSV in UTF-8 whose first row names the columns, as people keep lists by hand. Any fault refuses all of
//! it. It knows nothing of what the columns mean.

use std::io::Cursor;

use crate::decode::Text;
use crate::rows::Rows;
use crate::{Encoding, ReadError, csv, rules};

/// A table that was read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The names of the columns, each once, in their order.
    pub columns: Vec<String>,
    /// The rows in their order.
    pub rows: Vec<TableRow>,
}

/// One row of a [`Table`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableRow {
    /// The line on which it starts, from 1.
    pub line: u64,
    /// One cell for each column.
    pub cells: Vec<String>,
}

impl Table {
    /// Reads a table of at most `most` rows.
    ///
    /// # Errors
    /// The first fault, with its line.
    pub fn read(bytes: Vec<u8>, most: usize) -> Result<Self, ReadError> {
        let mut lines = Rows::new(Text::new(Box::new(Cursor::new(bytes)), Encoding::Utf8), b',');
        let columns = match lines.next()? {
            Some(row) => csv::header(row, &[])?,
            None => Vec::new(),
        };
        let mut rows = Vec::new();
        while let Some(row) = lines.next()? {
            let number = rows.len() as u64 + 1;
            csv::whole(row, &columns).map_err(|broken| broken.fault(number, row.line))?;
            if rows.len() == most {
                return Err(ReadError::whole(row.line, rules::TOO_LARGE, format!("more than {most} rows")));
            }
            rows.push(TableRow { line: row.line, cells: row.columns().map(str::to_owned).collect() });
        }
        Ok(Self { columns, rows })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(bytes: &[u8], most: usize) -> (u64, &'static str) {
        match Table::read(bytes.to_vec(), most) {
            Err(ReadError::Refused(fault)) => (fault.line, fault.rule),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_table_keeps_the_order_of_its_columns_and_the_line_of_each_row() {
        let table = Table::read(b"\xef\xbb\xbfz,a\r\n\"1\n2\",x\r\n\r\n3,\r\n".to_vec(), 2).expect("right");
        assert_eq!(table.columns, ["z", "a"]);
        let rows: Vec<_> = table.rows.iter().map(|row| (row.line, row.cells.join("|"))).collect();
        assert_eq!(rows, [(2, "1\n2|x".to_owned()), (5, "3|".to_owned())]);
    }

    #[test]
    fn any_fault_refuses_a_table_with_its_line() {
        assert_eq!(fault(b"a,a\n", 9), (1, rules::DUPLICATE_HEADER));
        assert_eq!(fault(b"a,b\n1,2\n3\n", 9), (3, rules::MISSING_COLUMNS));
        assert_eq!(fault(b"a,b\n1,2,3\n", 9), (2, rules::SURPLUS_COLUMNS));
        assert_eq!(fault(b"a,b\n1,caf\xe9\n", 9).1, rules::ENCODING);
        assert_eq!(fault(b"a\n1\n2\n", 1), (3, rules::TOO_LARGE));
        assert_eq!(fault(b"", 1).1, rules::EMPTY);
    }
}
