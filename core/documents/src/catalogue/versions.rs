//! The versions of an event type side by side: what each says of every field.

use std::collections::BTreeMap;

use postroom_council::Council;
use postroom_schema::{EventType, fields};

use super::{page, words};
use crate::html::{code, table};

/// The table, where there is another version.
pub(super) fn of(council: &Council, event_type: &EventType) -> String {
    let all = versions(council, event_type);
    if all.len() < 2 {
        return String::new();
    }
    let mut rows: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (at, version) in all.iter().enumerate() {
        for field in fields(&version.schema) {
            let cells = rows.entry(field.path.clone()).or_insert_with(|| vec![String::new(); all.len()]);
            let required = page::required(field.presence);
            cells[at] = format!("{}<br><small>required: {required}</small>", words::of_type(field.schema));
        }
    }
    let rows: Vec<Vec<String>> = rows.into_iter().map(|(path, cells)| row(&path, &cells)).collect();
    let links: Vec<String> = all.iter().map(|version| page::link(version)).collect();
    let heads: Vec<&str> = all.iter().map(|version| version.name.as_str()).collect();
    let head = [vec!["Field"], heads].concat();
    let table = table("What the versions say of each field", &head, &rows);
    let links = links.join(", ");
    format!(
        "<h2>Versions</h2>\n<p>{links}: what each says of every field; where they differ it is marked.</p>\n{table}"
    )
}

fn row(path: &str, cells: &[String]) -> Vec<String> {
    let differs = cells.iter().any(|cell| Some(cell) != cells.first());
    let shown = |cell: &String| match (cell.is_empty(), differs) {
        (true, _) => "<span class=\"differs\">absent</span>".to_owned(),
        (false, true) => format!("<div class=\"differs\">{cell}</div>"),
        (false, false) => cell.clone(),
    };
    std::iter::once(code(path)).chain(cells.iter().map(shown)).collect()
}

/// The types of the same name, the oldest version first.
fn versions<'a>(council: &'a Council, event_type: &EventType) -> Vec<&'a EventType> {
    let name = event_type.name.rsplit_once(".v").map_or("", |(name, _)| name);
    let numbered = council.vocabulary.types().filter_map(|other| {
        let (known, number) = other.name.rsplit_once(".v")?;
        Some((known, number.parse::<u32>().ok()?, other)).filter(|(known, ..)| *known == name)
    });
    let mut numbered: Vec<_> = numbered.collect();
    numbered.sort_by_key(|(_, number, _)| *number);
    numbered.into_iter().map(|(.., other)| other).collect()
}
