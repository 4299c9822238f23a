//! What of a council's text is in what the hub declares on the broker.

use std::sync::Arc;

use postroom_broker::{Argument, Declaration, Names};
use postroom_connector::Connectors;
use postroom_council::Council;
use postroom_ledger::Ledger;
use postroom_router::{Connect, Hub};
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn the_journal_is_declared_with_the_age_that_the_council_writes() {
    let folder = tempfile::tempdir().unwrap();
    let text = "name = \"Small\"\n[journal]\nmax_age = \"36h\"\n";
    std::fs::write(folder.path().join("council.toml"), text).unwrap();
    let connectors = Arc::new(Connectors::default());
    let council = Council::load(folder.path(), None, &connectors).expect("a council without problems");
    let ledger = Ledger::open(&folder.path().join("ledger.db")).await.unwrap();
    let never: Connect = Box::new(|| Box::pin(std::future::pending()));
    let hub = Hub::new(Arc::new(council), connectors, ledger, never, CancellationToken::new());
    let names = Names::new("t.");
    let age = hub.topology().declarations(&names).into_iter().find_map(|one| match one {
        Declaration::Queue { name, arguments } if name == names.journal() => {
            arguments.get("x-max-age").cloned()
        }
        _ => None,
    });
    assert_eq!(age, Some(Argument::Text("36h".to_owned())));
}
