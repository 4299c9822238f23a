//! That no text of the council's is markup or a formula, whatever the form, and which part a field has in a route.

use std::collections::BTreeSet;

use postroom_council::{Carried, FieldPath, Flow, How, Of, Reaches};

use super::lines::{Part as Becomes, part};
use super::page::{Cell, Part};
use super::{csv, html, markdown};

/// What somebody could write as a title.
const NASTY: &str = "=1+1 | <b>\"x\"</b> `y` *z* [l](http://e.example)\nnext";

fn page() -> Vec<Part> {
    let cells = vec![Cell::Text(NASTY.to_owned()), Cell::Names(vec!["a|b".to_owned(), "plain".to_owned()])];
    vec![
        Part::Heading(2, NASTY.to_owned()),
        Part::Words(NASTY.to_owned()),
        Part::List(vec![Cell::Text(NASTY.to_owned())]),
        Part::Table(vec!["one", "two"], vec![cells]),
    ]
}

#[test]
fn in_markdown_no_text_is_markup_and_none_breaks_a_row() {
    let escaped = "=1+1 \\| \\<b\\>\"x\"\\</b\\> \\`y\\` \\*z\\* \\[l\\](http://e.example) next";
    let expected = format!(
        "## {escaped}\n\n{escaped}\n\n- {escaped}\n\n| one | two |\n|---|---|\n| {escaped} | a\\|b, `plain` |\n"
    );
    assert_eq!(markdown::write(&page()), expected);
}

#[test]
fn in_html_no_text_is_markup() {
    let written = html::write(&page());
    let escaped = "=1+1 | &lt;b&gt;&quot;x&quot;&lt;/b&gt; `y` *z* [l](http://e.example)\nnext";
    assert!(
        written.contains(&format!("<h2>{escaped}</h2>\n<p>{escaped}</p>\n<ul>\n<li>{escaped}</li>\n</ul>\n")),
        "{written}"
    );
    assert!(
        written.contains(&format!(
            "<th scope=\"row\">{escaped}</th><td><code>a|b</code>, <code>plain</code></td>"
        )),
        "{written}"
    );
}

#[test]
fn in_csv_no_cell_is_a_formula_and_none_breaks_a_row() {
    for (text, expected) in [
        ("plain", "\"plain\""),
        ("a, \"b\"", "\"a, \"\"b\"\"\""),
        ("=1+1", "\"'=1+1\""),
        ("+44", "\"'+44\""),
        ("-1", "\"'-1\""),
        ("@SUM(A1)", "\"'@SUM(A1)\""),
        ("\t=1", "\"'\t=1\""),
        (".name", "\".name\""),
    ] {
        assert_eq!(csv::cell(text), expected);
    }
}

fn carried(from: &[&str], of: Of, how: How, reaches: Reaches) -> Carried {
    let path = |steps: &[&str]| FieldPath {
        is_metadata: false,
        steps: steps.iter().map(|step| (*step).to_owned()).collect(),
    };
    let flow = Flow { from: path(from), of, to: path(&["to"]), how, line: 1, column: 1, length: 1 };
    Carried { flow, classes: BTreeSet::from(["P".to_owned()]), called: BTreeSet::new(), reaches }
}

#[test]
fn a_field_has_the_part_that_tells_most() {
    let check = |all: &[Carried], expected: &[Option<Becomes>]| {
        let all: Vec<&Carried> = all.iter().collect();
        let parts: Vec<_> = all.iter().map(|it| part(it, &all)).collect();
        assert_eq!(parts, expected);
    };
    let data = |from: &[&str]| carried(from, Of::Value, How::Data, Reaches::Message);
    let decides = |from: &[&str]| carried(from, Of::Value, How::Control, Reaches::Message);
    let number = |from: &[&str]| carried(from, Of::Presence, How::Data, Reaches::Message);
    let sends = |from: &[&str]| carried(from, Of::Value, How::Control, Reaches::When);
    check(
        &[data(&["a"]), decides(&["a"]), sends(&["a"])],
        &[Some(Becomes::Data), None, Some(Becomes::Sends)],
    );
    check(&[decides(&["a"]), data(&["b"])], &[Some(Becomes::Decides), Some(Becomes::Data)]);
    check(&[decides(&["a"]), data(&["a", "b"])], &[None, Some(Becomes::Data)]);
    check(&[number(&["a"]), decides(&["a"])], &[Some(Becomes::Number), None]);
    check(&[number(&["a"]), data(&["a", "b"])], &[None, Some(Becomes::Data)]);
}
