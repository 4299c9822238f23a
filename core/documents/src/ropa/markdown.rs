//! The record as Markdown, in which no text of the council's is markup.

use super::page::{Cell, Part};

/// The page as Markdown.
pub(super) fn write(page: &[Part]) -> String {
    let parts: Vec<String> = page.iter().map(part).collect();
    format!("{}\n", parts.join("\n\n"))
}

fn part(part: &Part) -> String {
    match part {
        Part::Heading(level, words) => format!("{} {}", "#".repeat(*level), escaped(words)),
        Part::Words(words) => escaped(words),
        Part::Warning(words) => format!("> **{}**", escaped(words)),
        Part::List(items) => {
            items.iter().map(|item| format!("- {}", cell(item))).collect::<Vec<_>>().join("\n")
        }
        Part::Table(head, rows) => {
            let line = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
            let head = [
                line(head.iter().map(|name| escaped(name)).collect()),
                format!("|{}", "---|".repeat(head.len())),
            ];
            let rows = rows.iter().map(|row| line(row.iter().map(cell).collect()));
            head.into_iter().chain(rows).collect::<Vec<_>>().join("\n")
        }
    }
}

fn cell(cell: &Cell) -> String {
    match cell {
        Cell::Text(words) => escaped(words),
        Cell::Names(names) => names.iter().map(|name| code(name)).collect::<Vec<_>>().join(", "),
    }
}

/// A name as code; one that cannot stand in code as text.
fn code(name: &str) -> String {
    if name.contains(['`', '|', '\n', '\r']) { escaped(name) } else { format!("`{name}`") }
}

/// The text on one line, in which nothing is markup.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '&' => {
                escaped.push('\\');
                escaped.push(letter);
            }
            letter if letter.is_control() => escaped.push(' '),
            letter => escaped.push(letter),
        }
    }
    escaped
}
