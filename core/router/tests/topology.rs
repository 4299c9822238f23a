//! What of a council's text is in what the hub declares on the broker.

use postroom_broker::{Argument, Declaration, Names};
use postroom_connector::Connectors;
use postroom_council::Council;
use postroom_router::topology;

#[test]
fn the_journal_is_declared_with_the_age_that_the_council_writes() {
    let folder = tempfile::tempdir().unwrap();
    let text = "name = \"Small\"\n[journal]\nmax_age = \"36h\"\n";
    std::fs::write(folder.path().join("council.toml"), text).unwrap();
    let council =
        Council::load(folder.path(), None, &Connectors::default()).expect("a council without problems");
    let names = Names::new("t.");
    let age = topology(&council).declarations(&names).into_iter().find_map(|one| match one {
        Declaration::Queue { name, arguments } if name == names.journal() => {
            arguments.get("x-max-age").cloned()
        }
        _ => None,
    });
    assert_eq!(age, Some(Argument::Text("36h".to_owned())));
}
