//! The examples of the page are settings that pass the check.

use postroom_connector::{Settings, SinkKind};
use postroom_connector_http::HttpSink;
use toml::Table;

const PAGE: &str = include_str!("../../../../docs/connectors/http.md");

/// The blocks of the page in that language.
fn blocks(language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    PAGE.split(&fence).skip(1).filter_map(|rest| rest.split("\n```").next()).collect()
}

#[test]
fn every_example_of_a_target_on_the_page_passes_the_check() {
    let template = blocks("xml").first().copied().expect("a template");
    let mut checked = 0;
    for block in blocks("toml") {
        // What the council's reader does with a text in a file of its own.
        let text = block.replace("{ from_file = \"move.xml\" }", &format!("'''{template}'''"));
        let table: Table = text.parse().expect(block);
        let Some(settings) = table.get("target").and_then(|target| target.get("settings")) else { continue };
        let table = settings.as_table().expect("a table").clone();
        let settings = Settings { table, data: "/data".into(), system: "waste".to_owned() };
        HttpSink.check(&settings).expect(block);
        checked += 1;
    }
    assert_eq!(checked, 2);
}
