//! `docs/example`: what the program writes of the example council, held fresh.

use std::fs;
use std::path::Path;

use postroom_tests::council::{house, names_in};

use crate::said;

/// How it is all written anew.
const ANEW: &str = "write it anew: deploy/examples";

#[test]
fn the_documents_in_docs_are_those_of_the_example_council() {
    let council = house().join("deploy/council");
    for (name, arguments) in [
        ("asyncapi.json", vec!["docs", "asyncapi"]),
        ("map.mmd", vec!["docs", "map"]),
        ("map.svg", vec!["docs", "map", "--format", "svg"]),
        ("ropa.md", vec!["docs", "ropa"]),
        ("ropa.html", vec!["docs", "ropa", "--format", "html"]),
    ] {
        let page = fs::read_to_string(house().join("docs/example").join(name)).unwrap_or_default();
        assert!(page == said(&council, &arguments), "docs/example/{name}: {ANEW}");
    }
    let made = tempfile::tempdir().expect("a folder");
    said(&council, &["docs", "catalogue", "--to", &made.path().display().to_string()]);
    let kept = house().join("docs/example/catalogue");
    assert_eq!(names_in(&kept), names_in(made.path()), "{ANEW}");
    for name in names_in(made.path()) {
        let read = |folder: &Path| fs::read_to_string(folder.join(&name)).unwrap_or_default();
        assert!(read(&kept) == read(made.path()), "docs/example/catalogue/{name}: {ANEW}");
    }
}
