//! The record as a page of HTML.

use super::page::{Cell, Part};
use crate::html::{code, escaped, page, table};

/// The page as HTML; a table is called as what it stands under.
pub(super) fn write(parts: &[Part]) -> String {
    let mut under = "";
    let mut body = String::new();
    for part in parts {
        body.push_str(&match part {
            Part::Heading(level, words) => {
                under = words;
                format!("<h{level}>{}</h{level}>\n", escaped(words))
            }
            Part::Words(words) => format!("<p>{}</p>\n", escaped(words)),
            Part::Warning(words) => format!("<p class=\"draft\">{}</p>\n", escaped(words)),
            Part::List(items) => {
                let items: String = items.iter().map(|item| format!("<li>{}</li>\n", cell(item))).collect();
                format!("<ul>\n{items}</ul>\n")
            }
            Part::Table(head, rows) => {
                let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(cell).collect()).collect();
                table(under, head, &rows)
            }
        });
    }
    let title = parts.iter().find_map(|part| match part {
        Part::Heading(1, words) => Some(words.as_str()),
        _ => None,
    });
    page(title.unwrap_or_default(), "", &body)
}

fn cell(cell: &Cell) -> String {
    match cell {
        Cell::Text(words) => escaped(words),
        Cell::Names(names) => names.iter().map(|name| code(name)).collect::<Vec<_>>().join(", "),
    }
}
