//! Samples that nobody here wrote, where they are at hand: the specification's own, and requests of a city.

use std::path::{Path, PathBuf};

use postroom_connector::SinkKind;
use postroom_connector_open311::Open311Sink;
use serde_json::{Value, json};

use crate::desk::{Desk, Ground, handover};
use crate::endpoint::Endpoint;

fn sample(name: &str) -> Option<String> {
    let places = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let found: Option<PathBuf> =
        places.map(|above| above.join("shared/data/open311").join(name)).find(|file| file.is_file());
    if found.is_none() {
        println!("skipped: there is no file shared/data/open311/{name} beside the repository");
    }
    found.map(|file| std::fs::read_to_string(file).expect("a file of shared/data"))
}

/// Puts requests on a board that are as the sample has them, but for what is empty.
async fn board_of(requests: &[Value]) -> Desk {
    let desk = Desk::open("wait = '0s'", |_| None).await;
    for request in requests {
        let mut message = request.clone();
        let fields = message.as_object_mut().expect("an object");
        fields.retain(|_, value| !value.is_null() && value != &json!(""));
        for degrees in ["lat", "long"] {
            if let Some(Value::String(text)) = fields.get(degrees) {
                let number: f64 = text.parse().expect("degrees");
                fields.insert(degrees.to_owned(), number.into());
            }
        }
        desk.tell(message).await;
    }
    desk
}

#[tokio::test]
async fn requests_of_a_city_are_told_as_the_city_tells_them() {
    let Some(text) = sample("chicago-service_requests.json") else { return };
    let theirs: Vec<Value> = serde_json::from_str(&text).expect("JSON");
    let desk = board_of(&theirs).await;
    let ours = desk.get("requests.json?start_date=2014-07-01T00:00:00Z&status=open").await.json();
    let ours = ours.as_array().expect("a list");
    assert_eq!((ours.len(), theirs.len()), (2, 2));
    for (ours, theirs) in ours.iter().zip(&theirs) {
        for (name, value) in theirs.as_object().expect("an object") {
            assert_eq!(&ours[name], value, "{name}");
        }
    }
}

#[tokio::test]
async fn the_list_of_the_specification_is_answered_element_by_element() {
    let Some(theirs) = sample("georeport-v2-get-requests.xml") else { return };
    let desk = board_of(&requests(&theirs)).await;
    let ours = desk.get("requests.xml?service_request_id=638344,638349").await.body;
    let (mut ours, mut theirs) = (requests(&ours), requests(&theirs));
    for list in [&mut ours, &mut theirs] {
        list.sort_by_key(|request| request["service_request_id"].as_str().map(str::to_owned));
    }
    assert_eq!(ours, theirs);
    assert_eq!(ours.len(), 2);
}

/// The requests of a list in XML: each element a text without spaces around it.
fn requests(xml: &str) -> Vec<Value> {
    let of = |request: &str| {
        let mut fields = serde_json::Map::new();
        for element in request.split('<').skip(1) {
            let Some((name, text)) = element.split_once('>') else { continue };
            if let Some(name) = name.strip_suffix('/') {
                fields.insert(name.to_owned(), "".into());
            } else if !name.starts_with('/') {
                fields.insert(name.to_owned(), text.trim().into());
            }
        }
        Value::Object(fields)
    };
    let parts = xml.split("<request>").skip(1);
    parts.map(|part| of(part.split("</request>").next().unwrap_or_default())).collect()
}

#[tokio::test]
async fn the_answer_that_the_specification_shows_gives_its_id_to_the_receipt() {
    let Some(text) = sample("georeport-v2-post-response.xml") else { return };
    let (ground, endpoint) = (Ground::new().await, Endpoint::start());
    endpoint.state().says = Some(("200 OK", text.leak()));
    let settings = ground.settings(&format!("form = 'client'\nbase_url = '{}'", endpoint.address));
    let sink = Open311Sink.build(&settings).expect("a sink");
    let message = json!({"service_code": "001", "address_string": "1234 5th street"});
    let receipt = sink.deliver(&handover(1, message)).await.expect("taken");
    assert_eq!(receipt.reference.as_deref(), Some("293944"));
}
