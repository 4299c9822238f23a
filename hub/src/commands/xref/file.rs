//! The file of an import: CSV with the columns `key` and `id`, each key once. A problem names lines and no key.

use std::collections::HashMap;
use std::path::Path;

use postroom_format::{ReadError, Table};
use postroom_ledger::MAX_XREF_BYTES;

use crate::failure::Failure;

/// Largest file, in bytes.
const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;
/// Most rows of one file.
const MAX_ROWS: usize = 500_000;

/// Reads keys and ids in their order.
pub(super) fn read(file: &Path) -> Result<Vec<(String, String)>, Failure> {
    let wrong = |words: String| Failure::Wrong(format!("{}: {words}", file.display()));
    let unreadable =
        |error: std::io::Error| Failure::Unreachable(format!("reading {}: {error}", file.display()));
    let size = std::fs::metadata(file).map_err(unreadable)?.len();
    if size > MAX_FILE_BYTES {
        return Err(wrong(format!("it has {size} bytes, the limit is {MAX_FILE_BYTES}")));
    }
    let table =
        Table::read(std::fs::read(file).map_err(unreadable)?, MAX_ROWS).map_err(|error| match error {
            ReadError::Refused(fault) => wrong(format!("line {}: {}", fault.line, fault.words)),
            ReadError::Io(error) => unreadable(error),
        })?;
    pairs(&table).map_err(wrong)
}

fn pairs(table: &Table) -> Result<Vec<(String, String)>, String> {
    let column = |name: &str| {
        let found = table.columns.iter().position(|column| column.trim() == name);
        found.ok_or_else(|| format!("line 1: there is no column `{name}`"))
    };
    let (key, id) = (column("key")?, column("id")?);
    let mut lines: HashMap<&str, u64> = HashMap::with_capacity(table.rows.len());
    let mut pairs = Vec::with_capacity(table.rows.len());
    for row in &table.rows {
        let cell = |column: usize| row.cells.get(column).map(|cell| cell.trim()).unwrap_or_default();
        let (key, id) = (cell(key), cell(id));
        for (name, text) in [("key", key), ("id", id)] {
            if text.is_empty() || text.len() > MAX_XREF_BYTES {
                return Err(format!(
                    "line {}: `{name}` is empty, or longer than {MAX_XREF_BYTES} bytes",
                    row.line
                ));
            }
        }
        if let Some(first) = lines.insert(key, row.line) {
            return Err(format!("line {}: the key of line {first} again", row.line));
        }
        pairs.push((key.to_owned(), id.to_owned()));
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&[(&str, &str)], &str>) {
        let table = Table::read(text.as_bytes().to_vec(), 10).unwrap();
        let found = pairs(&table);
        let found: Result<Vec<_>, _> = found
            .as_ref()
            .map(|pairs| pairs.iter().map(|(key, id)| (key.as_str(), id.as_str())).collect())
            .map_err(String::as_str);
        assert_eq!(found, expected.map(<[_]>::to_vec), "{text}");
    }

    #[test]
    fn a_file_has_each_key_once_with_its_id() {
        check("id,name,key\n 7 ,x,uprn:1\n8,y,uprn:2\n", Ok(&[("uprn:1", "7"), ("uprn:2", "8")]));
        check("key,number\na,1\n", Err("line 1: there is no column `id`"));
        check("key,id\na,1\nb,2\na,3\n", Err("line 4: the key of line 2 again"));
        check("key,id\na,\n", Err("line 2: `id` is empty, or longer than 500 bytes"));
    }
}
