//! The map as a Mermaid flowchart, which many wikis and code hosts draw.

use std::fmt::Write;

use super::{Chart, Edge, Node};

/// The flowchart of a chart.
pub fn mermaid(chart: &Chart) -> String {
    let mut text =
        format!("---\ntitle: \"{}: {}\"\n---\nflowchart LR\n", plain(&chart.council), chart.summary());
    for (kind, nodes) in [("s", &chart.sources), ("e", &chart.events), ("t", &chart.targets)] {
        groups(&mut text, kind, nodes);
    }
    lines(&mut text, ("s", "e"), &chart.stated);
    lines(&mut text, ("e", "t"), &chart.routed);
    text.push_str("classDef event fill:#e7f0fa,stroke:#1b5e9b\n");
    let events: Vec<String> = (0..chart.events.len()).map(|place| format!("e{place}")).collect();
    if !events.is_empty() {
        let _infallible = writeln!(text, "class {} event", events.join(","));
    }
    text.truncate(text.trim_end().len());
    text
}

fn groups(text: &mut String, kind: &str, nodes: &[Node]) {
    for (number, (group, members)) in Chart::groups(nodes).into_iter().enumerate() {
        let _infallible = writeln!(text, "subgraph {kind}g{number}[\"{}\"]", plain(group));
        for place in members {
            let (title, note) = (plain(&nodes[place].title), plain(&nodes[place].note));
            let _infallible = writeln!(text, "  {kind}{place}[\"{title}<br>{note}\"]");
        }
        text.push_str("end\n");
    }
}

fn lines(text: &mut String, (from, to): (&str, &str), edges: &[Edge]) {
    for edge in edges {
        let line = if edge.some { "-.->" } else { "-->" };
        let _infallible = writeln!(text, "{from}{} {line} {to}{}", edge.from, edge.to);
    }
}

/// A text in which nothing has a meaning.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for letter in text.chars() {
        match letter {
            '"' | '<' | '>' | '&' | '#' | ';' | '`' | '\\' => {
                let _infallible = write!(plain, "#{};", u32::from(letter));
            }
            letter if letter.is_control() => plain.push(' '),
            letter => plain.push(letter),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn what_would_have_a_meaning_is_written_by_its_number() {
        assert_eq!(plain("a \"b\"\n<c> & #1; d: e(f)[g]"), "a #34;b#34; #60;c#62; #38; #35;1#59; d: e(f)[g]");
    }
}
