//! Files that nobody here wrote, through the whole source, where they are at hand.

use std::fs;
use std::path::Path;

use crate::room::{Room, arrival, batch, refused, values};

const SETTINGS: &str = "folder = 'in'\nsettle = '0s'\n[[files]]\npattern = '*.xml'\n\
    format = { kind = 'xml', record = 'BApropertyReport', trailer = { count = 'BAreportTrailer/RecordCount' } }";

#[tokio::test]
async fn valuebill_batches_are_taken_whole_or_refused_whole() {
    let found = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|folder| folder.join("shared/data/valuebill-ba-to-voa"))
        .find(|folder| folder.is_dir());
    let Some(folder) = found else {
        println!("skipped: there is no folder shared/data beside the repository");
        return;
    };
    let room = Room::new();
    for name in ["CTInvalid1.xml", "CTValid2.xml", "res100.xml"] {
        room.put(&format!("in/{name}"), fs::read(folder.join(name)).expect("a file of shared/data"));
    }
    let mut source = room.source(SETTINGS);
    let invalid = refused(arrival(source.as_mut()).await);
    assert_eq!(invalid.fault.words, "the trailer says 8 records, the file holds 5");
    for (name, count) in [("CTValid2.xml", 4), ("res100.xml", 32)] {
        let mut batch = batch(arrival(source.as_mut()).await);
        assert_eq!(values(batch.as_mut()).await.len(), count);
        assert_eq!(batch.label(), name);
        batch.finish(postroom_connector::Ending::Done).await.expect("put away");
    }
    assert_eq!(room.names("in"), ["done", "refused"]);
}
