//! What routes and sources look up: a code that its list does not know is an officer's to settle, and goes on once it is.

use postroom_broker::memory::Server;
use postroom_ledger::{DeadFilter, DeadRow, NewJob};
use postroom_router::{LetterSet, REDRIVE, UNKNOWN_CODE, lease};
use postroom_tests::council::{TestCouncil, YARD_HEAD, parcel_event};

use crate::lanes::{Till, council};
use crate::simulation::{Simulated, connectors, put, until};

const PLACES: &str = "lists/places.csv";
const LOOKUP: &str =
    "[[lookup]]\nname = \"place\"\nlist = \"places\"\nfrom = \"place\"\nignore_case = true\n";
/// A place that no list knows, and no word of a dead letter may say.
const STRANGE: &str = "Zebediah's loft";

/// Has the routes to `targets` look places up.
fn look_up(council: &TestCouncil, targets: &[&str]) {
    council.write(PLACES, "code,meaning,synonyms\nshelf,S1,rack|the shelf\n");
    for target in targets {
        let folder = format!("routes/parcel-to-{target}");
        let (route, message) = (format!("{folder}/route.toml"), "message = \"parcel\"\n");
        council.edit(&route, message, &format!("{message}{LOOKUP}"));
        let mapping = "{ \"number\": .number, \"place\": %lookup.place, \"parcel\": %subject }\n";
        council.write(&format!("{folder}/mapping.vrl"), mapping);
    }
}

fn put_at(hub: &Simulated, id: &str, parcel: &str, place: &str) {
    let mut event = parcel_event(id, parcel, 1);
    event["data"]["place"] = place.into();
    put(&hub.server, &hub.council, &event);
}

async fn dead(hub: &Simulated) -> Vec<DeadRow> {
    hub.ledger.dead_list(&DeadFilter::default(), 10).await.unwrap()
}

/// Has the dead letters of `target` sent again, as an officer does.
pub(crate) async fn redrive(hub: &Simulated, target: &str, lease: String) {
    let letters = dead(hub).await.into_iter().filter(|row| row.target == target);
    let dispatches = letters.map(|row| row.dispatch).collect();
    let set = LetterSet { dispatches, rate: 100, stale: false };
    let job = NewJob {
        kind: REDRIVE.to_owned(),
        target: lease,
        params: serde_json::to_value(set).unwrap(),
        actor: "an officer".to_owned(),
        reason: "it is known now".to_owned(),
        at: 1,
    };
    hub.ledger.submit(job).await.unwrap();
}

/// The places in the messages that the dock reads from its queue.
fn docked_places(hub: &Simulated) -> Vec<String> {
    let ready = hub.server.ready(&hub.name("to.dock")).into_iter();
    let place = |body: &[u8]| serde_json::from_slice::<serde_json::Value>(body).unwrap()["place"].to_string();
    ready.map(|one| place(&one.body).replace('"', "")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_its_list_does_not_know_is_a_dead_letter_and_is_delivered_once_the_list_knows_it() {
    let till = Till::default();
    let council = council("");
    look_up(&council, &["dock", "till"]);
    let hub = Simulated::at_work(council, Server::new(), connectors().with_sink(till.clone())).await;
    put_at(&hub, "a1", "a", "The Shelf");
    put_at(&hub, "b1", "b", STRANGE);
    put_at(&hub, "c1", "c", "rack");
    for target in ["dock", "till"] {
        let what = "the known ones, and the dead letter";
        hub.until_sums(target, what, |sums| (sums.delivered, sums.dead, sums.held) == (2, 1, 0)).await;
    }
    assert_eq!(docked_places(&hub), ["S1", "S1"]);
    let letters = dead(&hub).await;
    let book = letters.iter().filter(|row| row.target == "book").count();
    assert_eq!((letters.len(), book), (2, 0), "the route to the book asks nothing");
    for row in letters {
        assert_eq!((row.code.as_str(), row.attempts), (UNKNOWN_CODE, 0));
        let expected = "lookup `place`: the code list `places` does not know what stands in `place`";
        assert_eq!(row.words, expected, "no value of the event");
    }
    let (council, server) = hub.stopped().await;
    council.edit(PLACES, "rack|the shelf", &format!("rack|the shelf|{STRANGE}"));
    let hub = Simulated::at_work(council, server, connectors().with_sink(till.clone())).await;
    redrive(&hub, "dock", lease::of_ingress("shop")).await;
    redrive(&hub, "till", lease::of_lane("till")).await;
    for target in ["dock", "till"] {
        hub.until_sums(target, "all of it", |sums| (sums.delivered, sums.dead) == (3, 0)).await;
    }
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_whose_code_its_list_does_not_know_is_refused_and_the_rest_goes_on() {
    let council = TestCouncil::small();
    council.write(PLACES, "code,meaning,synonyms\nshelf,S1,\nloft,,\n");
    let rule = "event = \"parcel.moved.v1\"\n";
    let lookup = LOOKUP.replace("[[lookup]]", "[[source.map.lookup]]");
    council.edit("systems/yard/system.toml", rule, &format!("{rule}{lookup}"));
    council.edit("systems/yard/events/parcel.moved.v1.vrl", "\"place\": .place", "\"place\": %lookup.place");
    let hub = Simulated::at_work(council, Server::new(), connectors()).await;
    let rows = "M,a,1,shelf,,\nM,b,2,cellar,,\nM,c,3,loft,,\nM,d,4,SHELF,,\n";
    hub.council.feed("yard/in", "moves.csv", format!("{YARD_HEAD}{rows}").as_bytes());
    until("the book", async || hub.delivered("book").await == 2).await;
    let places: Vec<_> =
        hub.council.outbox_lines("book/out").iter().map(|line| line["place"].clone()).collect();
    assert_eq!(places, ["S1", "S1"]);
    let import = hub.ledger.imports(Some("yard"), 1).await.unwrap().remove(0);
    let refused = hub.ledger.refused_records("yard", &import.key.batch, 10).await.unwrap();
    let refused: Vec<_> = refused
        .iter()
        .map(|one| (one.line, one.place.as_str(), one.rule.as_str(), one.words.as_str()))
        .collect();
    let expected = [
        (
            3,
            "place",
            UNKNOWN_CODE,
            "lookup `place`: the code list `places` does not know what stands in `place`",
        ),
        (
            4,
            "place",
            UNKNOWN_CODE,
            "lookup `place`: the code list `places` has no `meaning` for what stands in `place`",
        ),
    ];
    assert_eq!(refused, expected);
    hub.end().await;
}
