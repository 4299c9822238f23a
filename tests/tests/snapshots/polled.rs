//! Snapshots that a system gives when it is asked: an answer without any record is one, too.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use postroom_router::Taken;

use crate::world::World;

/// What the yard answers now.
type Says = Arc<Mutex<String>>;

/// A yard that answers with what it was told last, and its address.
fn yard() -> (Says, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let says = Says::default();
    let said = Arc::clone(&says);
    thread::spawn(move || {
        for line in listener.incoming() {
            let mut line = line.expect("a line");
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut bytes = [0; 1024];
                let count = line.read(&mut bytes).expect("a request");
                head.extend(&bytes[..count]);
            }
            let body = said.lock().expect("an answer").clone();
            let length = body.len();
            let answer =
                format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
            line.write_all(answer.as_bytes()).expect("written");
        }
    });
    (says, address)
}

async fn take(world: &World, says: &Says, answer: &str) -> Taken {
    answer.clone_into(&mut says.lock().expect("an answer"));
    world.take().await
}

fn refused_for(taken: &Taken) -> Option<&'static str> {
    match taken {
        Taken::Refused(fault) => Some(fault.rule),
        Taken::Whole(_) | Taken::Repeated | Taken::Stopped => None,
    }
}

#[tokio::test]
async fn the_removal_of_the_last_record_is_told() {
    let (says, address) = yard();
    let world = World::polled(", shrink_at_most = \"100%\"", &format!("{address}/all.json"));
    take(&world, &says, r#"{"parcels": [{"parcel": "a", "place": "shelf"}]}"#).await;
    let taken = take(&world, &says, r#"{"parcels": []}"#).await;
    assert!(matches!(taken, Taken::Whole(tally) if tally.mapped == 1), "{taken:?}");
    let places: Vec<_> = world.events().into_iter().map(|(_, place, _)| place).collect();
    assert_eq!(places, ["created - shelf", "removed shelf shelf"]);
    world.sums().await;
}

#[tokio::test]
async fn an_answer_without_records_is_suspect_where_records_are_known() {
    for (name, full, none) in [
        ("all.json", r#"{"parcels": [{"parcel": "a", "place": "shelf"}]}"#, r#"{"parcels": []}"#),
        (
            "all.xml",
            "<all><Parcel><parcel>a</parcel><place>shelf</place></Parcel></all>",
            "<all><Parcels><parcel>a</parcel><place>shelf</place></Parcels></all>",
        ),
    ] {
        let (says, address) = yard();
        let world = World::polled("", &format!("{address}/{name}"));
        take(&world, &says, full).await;
        let taken = take(&world, &says, none).await;
        assert_eq!(refused_for(&taken), Some("snapshot-shrunk"), "{name}: {taken:?}");
        let taken = take(&world, &says, full).await;
        assert!(matches!(taken, Taken::Whole(tally) if tally.mapped == 0), "{name}: {taken:?}");
        assert_eq!(world.events().len(), 1, "{name}");
        world.sums().await;
    }
}
