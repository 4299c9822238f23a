//! What a changed configuration would do otherwise with the journal: told route by route, while the hub works, and nothing is
//! sent or written.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use postroom_broker::Broker;
use postroom_council::Council;
use postroom_ledger::{Xref, XrefKey};
use postroom_router::{Differences, RouteDifferences, Standing, Trial, UNKNOWN_REFERENCE, what_if};
use postroom_tests::council::{PARCEL, TestCouncil, copy, parcel_event};
use serde_json::json;

use crate::lanes::{Till, council, start, sums};
use crate::simulation::{self, Simulated, connectors};
use crate::versions;
use crate::work::{publish, small_ready};

/// A copy of the council's routes, to be changed.
struct Changed(tempfile::TempDir);

impl Changed {
    fn of(council: &TestCouncil) -> Self {
        Self::folder_of(&council.folder().join("routes"))
    }

    fn folder_of(folder: &Path) -> Self {
        let changed = Self(tempfile::tempdir().unwrap());
        copy(folder, changed.0.path());
        changed
    }

    fn file(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    /// Has the mapping of a route give another place where `when` is true.
    fn place(&self, route: &str, when: &str, place: &str) {
        let file = format!("{route}/mapping.vrl");
        self.edit(&file, "\"place\": .place", "\"place\": place");
        let text = fs::read_to_string(self.file(&file)).unwrap();
        let first = format!("place = if {when} {{ \"{place}\" }} else {{ .place }}\n");
        fs::write(self.file(&file), first + &text).unwrap();
    }

    fn edit(&self, path: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.file(path)).unwrap();
        assert!(text.contains(from), "{path} has no {from}");
        fs::write(self.file(path), text.replace(from, to)).unwrap();
    }
}

/// Whether every program of a council compiles.
fn compiles(council: &Council) -> bool {
    council
        .routes
        .iter()
        .all(|route| route.mapping.get().is_ok() && route.when.as_ref().is_none_or(|when| when.get().is_ok()))
}

async fn tried(hub: &Simulated, changed: &Changed, since: u64) -> Differences {
    let connectors = connectors().with_sink(Till::default());
    let (folder, data) = (hub.council.folder(), hub.council.data());
    let read = Council::load(&folder, Some(&data), &connectors).map_err(|problems| problems.len());
    let (after, problems) =
        Council::read_changed(&folder, changed.0.path(), Some(&data), &connectors).map_err(|_| ()).unwrap();
    assert!(problems.is_empty() && compiles(&after));
    let broker: Arc<dyn Broker> = Arc::new(hub.server.connect(&hub.council.prefix, "hub"));
    let ledger = Some(hub.ledger.clone());
    let trial = Trial { council: Arc::new(read.unwrap()), changed: Arc::new(after), broker, ledger };
    what_if(&trial, (since, 2), &|_, _| {}).await.unwrap()
}

fn route<'d>(found: &'d Differences, name: &str) -> &'d RouteDifferences {
    found.routes.iter().find(|route| route.route == name).unwrap()
}

/// Four events, delivered.
async fn delivered(till: &Till) -> Simulated {
    let hub = start(till, "").await;
    hub.server.set_time(100);
    hub.publish_about("a1", "a", 1).await;
    hub.publish_about("b2", "b", 2).await;
    hub.server.set_time(200);
    hub.publish_about("a3", "a", 3).await;
    hub.publish_about("b4", "b", 4).await;
    sums(&hub, "all", |till| till.delivered == 4).await;
    hub.until_sums("book", "all", |book| book.delivered == 4).await;
    hub
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_routes_are_told_one_by_one_and_nothing_is_sent_or_written() {
    let till = Till::default();
    let hub = delivered(&till).await;
    let (before, journal) = (hub.ledger.sums().await.unwrap(), hub.server.ready(&hub.name("journal")).len());
    let changed = Changed::of(&hub.council);
    changed.place("parcel-to-book", ".number == 3", "cellar");
    changed.edit("parcel-to-dock/route.toml", "to = \"dock\"\n", "to = \"dock\"\nwhen = \".number != 2\"\n");
    copy(&changed.file("parcel-to-dock"), &changed.file("parcel-to-dock-too"));
    changed.place("parcel-to-dock-too", ".number == 4", "a place with a name that is far too long");
    fs::remove_dir_all(changed.file("parcel-to-till")).unwrap();
    let found = tried(&hub, &changed, 0).await;
    assert_eq!((found.events, found.still_invalid, found.newly_valid, found.differs()), (4, 0, 0, true));
    let book = route(&found, "parcel-to-book");
    assert_eq!((book.same, book.changed), (3, 1));
    assert_eq!(book.fields, BTreeMap::from([("place".to_owned(), 1)]));
    let dock = route(&found, "parcel-to-dock");
    assert_eq!((dock.same, dock.no_longer_sent, dock.standing), (3, 1, Standing::Both));
    let too = route(&found, "parcel-to-dock-too");
    assert_eq!((too.newly_sent, too.standing), (2, Standing::New));
    assert_eq!(too.newly_refused, BTreeMap::from([("message", 1)]));
    let gone = route(&found, "parcel-to-till");
    assert_eq!((gone.no_longer_sent, gone.standing), (4, Standing::Gone));
    let of_till: Vec<_> = found.examples.iter().filter(|one| one.route == "parcel-to-till").collect();
    assert_eq!(of_till.iter().map(|one| one.event.as_str()).collect::<Vec<_>>(), ["a1", "b2"]);
    let of_book = found.examples.iter().find(|one| one.route == "parcel-to-book").unwrap();
    assert_eq!((of_book.event.as_str(), of_book.subject.as_str()), ("a3", "parcel:a"));
    let field = &of_book.fields[0];
    assert_eq!((field.before.clone(), field.after.clone()), (Some(json!("shelf")), Some(json!("cellar"))));
    assert_eq!(hub.ledger.sums().await.unwrap(), before);
    assert_eq!((hub.server.ready(&hub.name("journal")).len(), till.took().len()), (journal, 4));
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_change_nothing_differs_and_a_journal_that_begins_later_is_told() {
    let till = Till::default();
    let hub = delivered(&till).await;
    let changed = Changed::of(&hub.council);
    // A comment is another text, and makes the same messages.
    changed.edit("parcel-to-book/mapping.vrl", "merge(", "# the same\nmerge(");
    let found = tried(&hub, &changed, 1).await;
    assert!(!found.differs() && found.examples.is_empty(), "{found:?}");
    assert!(found.routes.iter().all(|route| (route.same, route.still_refused) == (4, 0)));
    assert!(found.reach.short, "nothing older than the first event is kept");
    assert_eq!(found.reach.first.as_deref(), Some("2026-03-20T10:14:00+00:00"));
    let found = tried(&hub, &changed, 150).await;
    assert_eq!((found.events, found.reach.short), (2, false));
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_is_narrower_in_another_councils_folder_makes_events_invalid_and_refused_on_their_routes()
 {
    let till = Till::default();
    let hub = delivered(&till).await;
    hub.publish_about("wrong", "a", 0).await;
    let changed = Changed::folder_of(&hub.council.folder());
    let schema = format!("schemas/{}/schema.json", postroom_tests::council::PARCEL);
    changed.edit(&schema, "\"minimum\":1,", "\"minimum\":3,");
    let found = tried(&hub, &changed, 0).await;
    assert_eq!((found.events, found.still_invalid), (5, 1));
    assert_eq!(found.newly_invalid, BTreeMap::from([("schema", 2)]));
    for name in ["parcel-to-book", "parcel-to-dock", "parcel-to-till"] {
        let route = route(&found, name);
        assert_eq!((route.same, &route.newly_refused), (2, &BTreeMap::from([("schema", 2)])), "{name}");
    }
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cross_references_are_those_that_the_ledger_knows_now() {
    let till = Till::default();
    let hub = delivered(&till).await;
    let of = XrefKey { kind: "shelf".into(), key: "parcel:a".into(), system: "till".into() };
    let xref = Xref { of, id: "S-1".into(), at: 1, noted_by: "job 1".into() };
    hub.ledger.note_xrefs(vec![xref]).await.unwrap();
    let changed = Changed::of(&hub.council);
    let lookup = "message = \"parcel\"\n[[lookup]]\nname = \"shelf\"\nxref = \"shelf\"\nfrom = \"subject\"\n";
    changed.edit("parcel-to-till/route.toml", "message = \"parcel\"\n", lookup);
    changed.edit("parcel-to-till/mapping.vrl", ".place", "%lookup.shelf");
    let found = tried(&hub, &changed, 0).await;
    assert!(found.asked_the_ledger);
    let route = route(&found, "parcel-to-till");
    assert_eq!((route.changed, &route.newly_refused), (2, &BTreeMap::from([(UNKNOWN_REFERENCE, 2)])));
    let shelf = found.examples.iter().find(|one| one.what == "changed").unwrap();
    assert_eq!(shelf.fields[0].after, Some(json!("S-1")));
    hub.stopped().await;
}

/// What stands in the events and must not be told.
const PERSON: &str = "Zebediah Canary";
const DIFFERS: Option<i32> = Some(5);

#[tokio::test]
async fn a_script_hears_by_the_exit_code_whether_anything_differs_and_no_value_is_told_unless_it_is_asked_for()
 {
    let mut hub = small_ready();
    let mut event = parcel_event("event-1", "a", 1);
    event["data"]["owner"] = json!(PERSON);
    publish(&hub, &[event, parcel_event("event-2", "b", 2)]).await;
    hub.settled();
    let changed = Changed::of(&hub.council);
    let folder = changed.0.path().display().to_string();
    let line = ["whatif", "--routes", &folder, "--since", "1h", "--sample", "5"];
    assert!(hub.say(&line).contains("no difference"));
    changed.edit("parcel-to-dock/mapping.vrl", "\"owner\": .owner, ", "");
    let told = |more: &[&str]| {
        let output = hub.run(&[&line, more].concat());
        let said = [output.stdout, output.stderr].concat();
        assert_eq!(output.status.code(), DIFFERS);
        String::from_utf8_lossy(&said).into_owned()
    };
    for form in [&[][..], &["--json"]] {
        let said = told(form);
        assert!(said.contains("event-1") && said.contains("owner") && !said.contains(PERSON), "{said}");
        let said = told(&[form, &["--reveal", "--reason", "a test"]].concat());
        assert!(said.contains(PERSON) && said.contains("operator.revealed"), "{said}");
    }
    changed.edit("parcel-to-dock/mapping.vrl", ".number", ".numbr");
    let output = hub.run(&line);
    let complained = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(complained.contains("numbr") && complained.contains("mapping.vrl"), "{complained}");
    hub.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_target_gets_of_another_version_is_told_where_a_route_or_a_step_between_them_changes_it() {
    let till = Till::default();
    let hub = versions::at_work(versions::with_newer(council("")), &till).await;
    for (id, number) in [("a1", 1), ("a2", 2)] {
        simulation::publish(&hub.server, &hub.council, &versions::newer_event(id, number, "shelf")).await;
    }
    hub.publish_about("a3", "a", 3).await;
    hub.until_sums("till", "all", |till| till.delivered == 3).await;
    let counts = |found: &Differences, name: &str| {
        let route = route(found, name);
        (route.same, route.changed, route.newly_sent, route.no_longer_sent)
    };

    let changed = Changed::of(&hub.council);
    copy(&changed.file("parcel-to-dock"), &changed.file("newer-to-dock"));
    changed.edit("newer-to-dock/route.toml", PARCEL, versions::NEWER);
    changed.edit("newer-to-dock/mapping.vrl", ".place", ".location");
    let found = tried(&hub, &changed, 0).await;
    assert_eq!(counts(&found, "parcel-to-dock"), (1, 0, 0, 2), "the dock gets the newer ones as they are");
    assert_eq!(counts(&found, "newer-to-dock"), (0, 0, 2, 0));
    assert_eq!(counts(&found, "parcel-to-till"), (3, 0, 0, 0));

    let changed = Changed::folder_of(&hub.council.folder());
    let step = format!("schemas/{}/downgrade.vrl", versions::NEWER);
    changed.edit(&step, ".location", "(.location + \" (new)\")");
    let found = tried(&hub, &changed, 0).await;
    for route in ["parcel-to-dock", "parcel-to-till"] {
        assert_eq!(counts(&found, route), (1, 2, 0, 0), "{route}");
    }
    hub.stopped().await;
}
