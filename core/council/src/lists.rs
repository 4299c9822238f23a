//! Code lists: CSV files of the council that say what a code, or another spelling of it, means. They know nothing of the
//! lookups that ask them.

use std::collections::{BTreeMap, HashMap};
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use postroom_format::{ReadError, Table, TableRow};

use crate::reading::Reading;
use crate::text::read_file;
use crate::{MAX_LISTS, Place, Problem};

/// Largest code list, in bytes.
pub const MAX_LIST_BYTES: u64 = 16 * 1024 * 1024;
/// Most rows of one code list.
pub const MAX_LIST_ROWS: usize = 100_000;
/// The column that holds further spellings of a code, divided by [`DIVIDER`].
pub const SYNONYMS: &str = "synonyms";
/// What divides further spellings.
pub const DIVIDER: char = '|';

/// The code lists of a council by name; nothing where a list cannot be used, which is told already.
pub(crate) type Lists = BTreeMap<String, Option<Arc<CodeList>>>;

/// How spellings are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Case {
    /// A capital letter is another letter.
    Told,
    /// Capital and small letters are the same.
    Ignored,
}

/// What a list says of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listed<'a> {
    /// This, and no empty text.
    As(&'a str),
    /// The code is there, and nothing is written for it.
    Blank,
    /// Nothing: it has no such code.
    Unknown,
}

/// A code list. Within one council its name stands for all of it.
#[derive(Debug)]
pub struct CodeList {
    /// The name of its file.
    pub name: String,
    columns: Vec<String>,
    rows: Vec<TableRow>,
    /// The row of each spelling.
    told: HashMap<String, usize>,
    /// The same in small letters.
    ignored: HashMap<String, usize>,
    /// What stands in several rows once capital letters are small ones.
    alike: Vec<Problem>,
}

impl PartialEq for CodeList {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for CodeList {}

impl Hash for CodeList {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl CodeList {
    /// Reads the list in `file`.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(name: &str, file: &Path) -> Result<Self, Vec<Problem>> {
        let Table { columns, mut rows } = table(file).map_err(|problem| vec![problem])?;
        for row in &mut rows {
            for cell in &mut row.cells {
                *cell = cell.trim().to_owned();
            }
        }
        let (told, twice) = index(file, (&columns, &rows), str::to_owned);
        let (ignored, alike) = index(file, (&columns, &rows), str::to_lowercase);
        let blank = rows.iter().filter(|row| row.cells.first().is_none_or(String::is_empty));
        let mut problems: Vec<Problem> =
            blank.map(|row| problem(file, row.line, "the row has no code".to_owned())).collect();
        if rows.is_empty() {
            problems.push(problem(file, 1, "the list has no codes".to_owned()));
        }
        problems.extend(twice);
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self { name: name.to_owned(), columns, rows, told, ignored, alike })
    }

    /// What the list says in `column` of a code, or of another spelling of it.
    pub fn says(&self, code: &str, case: Case, column: usize) -> Listed<'_> {
        let row = match case {
            Case::Told => self.told.get(code),
            Case::Ignored => self.ignored.get(&code.to_lowercase()),
        };
        match row.and_then(|row| self.rows.get(*row)?.cells.get(column)) {
            Some(answer) if answer.is_empty() => Listed::Blank,
            Some(answer) => Listed::As(answer),
            None => Listed::Unknown,
        }
    }

    /// Whether the other, which may be of another configuration, says the same of every code.
    pub(crate) fn is_alike(&self, other: &Self) -> bool {
        let rows = self.rows.iter().map(|row| &row.cells);
        self.columns == other.columns && rows.eq(other.rows.iter().map(|row| &row.cells))
    }

    /// The columns, the code's first.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The column that answers where none is named: the first behind the code that holds no synonyms, else the code's own.
    pub(crate) fn usual_column(&self) -> usize {
        let second = self.columns.iter().skip(1).position(|column| column != SYNONYMS);
        second.map_or(0, |behind| behind + 1)
    }

    /// Why the list cannot be asked with capital letters ignored.
    pub(crate) fn alike(&self) -> &[Problem] {
        &self.alike
    }
}

/// Reads every list of the council's folder.
pub(crate) fn read_all(folder: &Path, reading: &mut Reading<'_>) -> Lists {
    let Ok(entries) = std::fs::read_dir(folder) else { return Lists::new() };
    let mut files: Vec<PathBuf> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|end| end == "csv"));
    files.sort();
    if files.len() > MAX_LISTS {
        let words = format!("{} code lists, the limit is {MAX_LISTS}", files.len());
        reading.problems.push(Problem::new(folder, "limit", words));
        files.truncate(MAX_LISTS);
    }
    let read = |file: PathBuf| {
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let list = CodeList::read(&name, &file).map_err(|problems| reading.problems.extend(problems));
        (name, list.ok().map(Arc::new))
    };
    files.into_iter().map(read).collect()
}

fn table(file: &Path) -> Result<Table, Problem> {
    let unreadable = |error: std::io::Error| Problem::new(file, "unreadable", format!("reading it: {error}"));
    Table::read(read_file(file, MAX_LIST_BYTES)?, MAX_LIST_ROWS).map_err(|error| match error {
        ReadError::Refused(fault) => {
            let place = if fault.place.is_empty() { String::new() } else { format!("`{}`: ", fault.place) };
            problem(file, fault.line, format!("{place}{}", fault.words))
        }
        ReadError::Io(error) => unreadable(error),
    })
}

/// The row of each spelling as `written` makes it, and a problem for each that stands in two rows.
fn index(
    file: &Path,
    (columns, rows): (&[String], &[TableRow]),
    written: impl Fn(&str) -> String,
) -> (HashMap<String, usize>, Vec<Problem>) {
    let synonyms = columns.iter().position(|column| column == SYNONYMS).filter(|column| *column > 0);
    let (mut index, mut problems) = (HashMap::new(), Vec::new());
    for (number, row) in rows.iter().enumerate() {
        let code = row.cells.first().map(String::as_str);
        let others = synonyms.and_then(|column| row.cells.get(column)).map(String::as_str);
        let others = others.unwrap_or_default().split(DIVIDER).map(str::trim);
        for spelling in code.into_iter().chain(others).filter(|spelling| !spelling.is_empty()) {
            let first = *index.entry(written(spelling)).or_insert(number);
            if first != number {
                let before = rows.get(first).map_or(0, |row| row.line);
                let words = format!("`{spelling}` stands in line {before} already");
                problems.push(problem(file, row.line, words));
            }
        }
    }
    (index, problems)
}

fn problem(file: &Path, line: u64, words: String) -> Problem {
    let problem = Problem::new(file, "list", words);
    match usize::try_from(line) {
        Ok(line @ 1..) => problem.at(Place { line, column: 1, length: 1 }),
        _ => problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Result<CodeList, Vec<String>> {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("reasons.csv");
        std::fs::write(&file, text).expect("written");
        let told = |problem: Problem| {
            format!("{}:{}: {}", problem.code, problem.place.map_or(0, |place| place.line), problem.words)
        };
        CodeList::read("reasons", &file).map_err(|found| found.into_iter().map(told).collect())
    }

    const REASONS: &[u8] = b"code,synonyms,meaning\n A1 ,Locked | Shut,gate-locked\nB2,,\n";

    #[test]
    fn a_code_and_each_of_its_synonyms_is_answered_and_nothing_else_is() {
        let list = read(REASONS).expect("right");
        for spelling in ["A1", "Locked", "Shut"] {
            assert_eq!(list.says(spelling, Case::Told, 2), Listed::As("gate-locked"), "{spelling}");
            assert_eq!(list.says(spelling, Case::Told, 0), Listed::As("A1"), "{spelling}");
        }
        assert_eq!(list.says("B2", Case::Told, 2), Listed::Blank);
        for spelling in ["a1", "locked", "", "Locked | Shut", "gate-locked", "A1 "] {
            assert_eq!(list.says(spelling, Case::Told, 2), Listed::Unknown, "{spelling}");
        }
        assert_eq!(list.says("LOCKED", Case::Ignored, 2), Listed::As("gate-locked"));
        assert_eq!(list.usual_column(), 2);
    }

    #[test]
    fn the_usual_column_of_a_list_of_spellings_is_the_code() {
        assert_eq!(read(b"code,synonyms\nA,b\n").expect("right").usual_column(), 0);
    }

    #[test]
    fn what_stands_in_two_rows_is_told_with_both_lines() {
        let twice = read(b"code,meaning,synonyms\nA,1,b\nC,2,\nb,3,A|C\n").expect_err("twice");
        assert_eq!(
            twice,
            [
                "list:4: `b` stands in line 2 already",
                "list:4: `A` stands in line 2 already",
                "list:4: `C` stands in line 3 already",
            ]
        );
        let list = read("code,meaning,synonyms\nÉ,1,é\nB,2,c\nC,3,\n".as_bytes()).expect("capitals differ");
        let alike: Vec<_> = list.alike().iter().map(|problem| problem.words.as_str()).collect();
        assert_eq!(alike, ["`C` stands in line 3 already"]);
    }

    #[test]
    fn a_list_that_cannot_be_understood_is_told_with_its_line() {
        let check = |text: &[u8], expected: &str| {
            let told = read(text).err().unwrap_or_default().join("\n");
            assert!(told.starts_with(expected), "{told}");
        };
        check(b"code,meaning\nA,caf\xe9\n", "list:2: ");
        check(b"code,meaning\nA\n", "list:2: `meaning`: expected 2 columns, found 1");
        check(b"code,meaning\n,x\n", "list:2: the row has no code");
        check(b"code,meaning\n", "list:1: the list has no codes");
        check(b"code,code\n", "list:1: the header names column");
        check(b"", "list:1: ");
    }
}
