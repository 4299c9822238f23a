//! The page of the source: what it shows works.

use postroom_connector::SourceKind;
use postroom_connector_http::HttpSource;

use crate::room::{data, settings};

#[test]
fn every_example_of_the_page_is_right() {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/connectors/http-source.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let examples: Vec<&str> =
        page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```\n").next()).collect();
    assert_eq!(examples.len(), 4);
    for example in examples {
        let table: toml::Table = example.parse().expect("TOML");
        let shown = table["source"]["settings"].as_table().expect("settings").clone();
        let mut settings = settings(&data(), "");
        settings.table = shown;
        HttpSource.check(&settings).unwrap_or_else(|error| panic!("{error}: {example}"));
    }
}
