//! The map as a Mermaid flowchart, which many wikis and code hosts draw.

use std::fmt::Write;

use super::svg::colour;
use super::{Chart, Edge, Node, families};

/// How it is laid out: low, with room for lines between the columns.
const LAYOUT: &str = "config:
  flowchart:
    nodeSpacing: 20
    rankSpacing: 400
    wrappingWidth: 320
    padding: 8
";

/// The flowchart of a chart. Nothing stands in a box of its group: that would keep its members together and their lines across others.
pub fn mermaid(chart: &Chart) -> String {
    // A title is text to YAML, and Mermaid shows an ampersand of it as an entity.
    let title = format!("{}: {}", chart.council.replace('&', "and"), chart.summary());
    let mut text = format!("---\ntitle: {}\n{LAYOUT}---\nflowchart LR\n", serde_json::Value::from(title));
    let system = |node: &Node| format!("{}<br>{}", plain(&node.note), plain(&node.group));
    nodes(&mut text, "s", &chart.sources, system);
    nodes(&mut text, "e", &chart.events, |node| plain(&node.note));
    nodes(&mut text, "t", &chart.targets, system);
    lines(&mut text, ("s", "e"), &chart.stated);
    lines(&mut text, ("e", "t"), &chart.routed);
    for (number, family) in families(&chart.events).into_iter().enumerate() {
        colours(&mut text, chart, family, number);
    }
    text.truncate(text.trim_end().len());
    text
}

fn nodes(text: &mut String, kind: &str, nodes: &[Node], note: impl Fn(&Node) -> String) {
    for (place, node) in nodes.iter().enumerate() {
        let _infallible = writeln!(text, "{kind}{place}[\"{}<br>{}\"]", plain(&node.title), note(node));
    }
}

fn lines(text: &mut String, (from, to): (&str, &str), edges: &[Edge]) {
    for edge in edges {
        let line = if edge.some { "-.->" } else { "-->" };
        let _infallible = writeln!(text, "{from}{} {line} {to}{}", edge.from, edge.to);
    }
}

/// What the events of a family and their lines look like.
fn colours(text: &mut String, chart: &Chart, family: &str, number: usize) {
    let is_of = |event: usize| chart.events.get(event).is_some_and(|node| node.group == family);
    let events: Vec<String> =
        (0..chart.events.len()).filter(|event| is_of(*event)).map(|event| format!("e{event}")).collect();
    let ends = chart.stated.iter().map(|edge| edge.to).chain(chart.routed.iter().map(|edge| edge.from));
    let lines = ends.enumerate().filter(|(_, event)| is_of(*event));
    let lines: Vec<String> = lines.map(|(line, _)| line.to_string()).collect();
    let colour = colour(number);
    let _infallible = writeln!(text, "classDef f{number} fill:#fff,stroke:{colour},color:#111");
    let _infallible = writeln!(text, "class {} f{number}", events.join(","));
    if !lines.is_empty() {
        let _infallible = writeln!(text, "linkStyle {} stroke:{colour}", lines.join(","));
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
    use super::{Chart, mermaid, plain};

    #[test]
    fn the_name_of_a_council_is_text_to_the_reader_of_the_head() {
        let chart = Chart {
            council: "\"Zed\" & partners: east".to_owned(),
            sources: vec![],
            events: vec![],
            targets: vec![],
            stated: vec![],
            routed: vec![],
        };
        let text = mermaid(&chart);
        assert!(text.starts_with("---\ntitle: \"\\\"Zed\\\" and partners: east: 0 source systems"), "{text}");
    }

    #[test]
    fn what_would_have_a_meaning_is_written_by_its_number() {
        assert_eq!(plain("a \"b\"\n<c> & #1; d: e(f)[g]"), "a #34;b#34; #60;c#62; #38; #35;1#59; d: e(f)[g]");
    }
}
