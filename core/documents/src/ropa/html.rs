//! The record as a page of HTML that stands by itself: no script, no font and no picture from elsewhere.

use super::page::{Cell, Part};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#0b0c0c}\
table{border-collapse:collapse;width:100%;margin:1rem 0}th,td{border:1px solid #b1b4b6;padding:.4rem .6rem;text-align:left;vertical-align:top}\
th{background:#f3f2f1}code{font-size:.9em}.draft{border:3px solid #d4351c;padding:.8rem 1rem;font-weight:bold}";

/// The page as HTML.
pub(super) fn write(page: &[Part]) -> String {
    let title = page.iter().find_map(|part| match part {
        Part::Heading(1, words) => Some(words.as_str()),
        _ => None,
    });
    let body: String = page.iter().map(part).collect();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en-GB\">\n<head>\n<meta charset=\"utf-8\">\n<title>{}</title>\n<style>{STYLE}</style>\n</head>\n\
         <body>\n{body}</body>\n</html>\n",
        escaped(title.unwrap_or_default())
    )
}

fn part(part: &Part) -> String {
    match part {
        Part::Heading(level, words) => format!("<h{level}>{}</h{level}>\n", escaped(words)),
        Part::Words(words) => format!("<p>{}</p>\n", escaped(words)),
        Part::Warning(words) => format!("<p class=\"draft\">{}</p>\n", escaped(words)),
        Part::Table(head, rows) => {
            let head: String =
                head.iter().map(|name| format!("<th scope=\"col\">{}</th>", escaped(name))).collect();
            let row = |row: &Vec<Cell>| {
                let cells: String = row.iter().map(|one| format!("<td>{}</td>", cell(one))).collect();
                format!("<tr>{cells}</tr>\n")
            };
            let rows: String = rows.iter().map(row).collect();
            format!("<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n")
        }
    }
}

fn cell(cell: &Cell) -> String {
    match cell {
        Cell::Text(words) => escaped(words),
        Cell::Names(names) => {
            names.iter().map(|name| format!("<code>{}</code>", escaped(name))).collect::<Vec<_>>().join(", ")
        }
    }
}

/// The text, in which nothing is markup.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            letter if letter.is_control() => escaped.push(' '),
            letter => escaped.push(letter),
        }
    }
    escaped
}
