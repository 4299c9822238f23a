//! What `postroom status` tells of targets, in both of its forms: the tables for people and the JSON for programs.

use chrono::{DateTime, TimeDelta, Utc};
use postroom_broker::Broker;
use postroom_tests::council::parcel_event;
use postroom_tests::hub::TestHub;
use postroom_tests::rabbitmq::Rabbit;
use postroom_tests::rabbitmq::port::{connect, take};
use serde_json::Value;

use crate::rig::{Asking, PATIENT, Rig};
use crate::work::{number, publish, small_ready, until_number};

const UNREAD: &str = "UNREAD: messages lie in the queue of dock, and nobody reads it";

/// Both forms of the status, of a moment at which nothing moves.
struct Told {
    said: String,
    json: Value,
}

/// How a target stands; moments are microseconds since the epoch.
#[derive(Debug, PartialEq)]
struct Standing {
    oldest_waiting: Option<i64>,
    last_delivered: Option<i64>,
    down_since: Option<i64>,
}

impl Told {
    fn by(hub: &TestHub) -> Self {
        Self { said: hub.say(&["status"]), json: hub.json(&["status", "--json"]) }
    }

    fn says(&self, line: &str) -> bool {
        self.said.lines().any(|said| said == line)
    }

    /// A cell of the table of targets.
    fn cell(&self, target: &str, head: &str) -> &str {
        let mut rows = self.said.lines().map(cells).skip_while(|row| row.first() != Some(&"target"));
        let heads = rows.next().expect("the table of targets");
        let row = rows.find(|row| row.first() == Some(&target)).expect("the row of the target");
        row[heads.iter().position(|known| *known == head).expect("a column of that head")]
    }

    /// How many messages lie in the queue of a target, and how many consumers it has, as both forms say.
    fn queue(&self, target: &str) -> (u64, u64) {
        let of = |what: &str| number(&self.json, &format!("/queues/{target}/{what}"));
        let (messages, consumers) = (of("messages"), of("consumers"));
        assert_eq!(self.cell(target, "in its queue"), messages.to_string(), "{}", self.said);
        // Of a lane the hub is the consumer, which is no news.
        let shown = if target == "dock" { consumers.to_string() } else { "-".to_owned() };
        assert_eq!(self.cell(target, "consumers"), shown, "{}", self.said);
        (messages, consumers)
    }

    /// How a target stands, as both forms say.
    fn standing(&self, target: &str) -> Standing {
        let place = format!("/standing/targets/{target}");
        let moment = |name: &str| self.json.pointer(&format!("{place}/{name}")).and_then(Value::as_i64);
        let standing = Standing {
            oldest_waiting: moment("oldest_waiting"),
            last_delivered: moment("last_delivered"),
            down_since: moment("down_since"),
        };
        for (head, at) in [("oldest", standing.oldest_waiting), ("last delivered", standing.last_delivered)] {
            let cell = self.cell(target, head);
            assert!(shown(at).iter().any(|shown| shown == cell), "{head} of {target}: {cell}, not {at:?}");
        }
        let circuit = if standing.down_since.is_some() { "open" } else { "closed" };
        assert_eq!(self.cell(target, "circuit"), circuit, "{}", self.said);
        let down = format!("DOWN: {target} cannot be reached since ");
        let since = self.said.lines().find_map(|line| line.strip_prefix(&down)).unwrap_or("-");
        assert!(shown(standing.down_since).iter().any(|shown| shown == since), "{}", self.said);
        standing
    }
}

/// The cells of a row: between two of them are two spaces at least.
fn cells(row: &str) -> Vec<&str> {
    row.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect()
}

/// How a moment may be shown: as the clock in London shows it, which in summer is an hour ahead.
fn shown(at: Option<i64>) -> Vec<String> {
    let Some(at) = at else { return vec!["-".to_owned()] };
    let at = DateTime::from_timestamp_micros(at).expect("a moment");
    let form = |hours| (at + TimeDelta::hours(hours)).format("%Y-%m-%d %H:%M:%S%.3f").to_string();
    [0, 1].map(form).into()
}

fn now() -> i64 {
    Utc::now().timestamp_micros()
}

#[tokio::test]
async fn what_waits_for_a_target_what_it_took_last_and_since_when_it_is_away_are_told_until_it_is_back() {
    let began = now();
    let mut rig = Rig::new(PATIENT, Asking::CannotLookUp);
    rig.start();
    rig.publish(1).await;
    rig.until_delivered(&["till", "book", "dock"]).await;
    let well = Told::by(&rig.hub).standing("till");
    assert_eq!((well.oldest_waiting, well.down_since), (None, None));
    assert!(well.last_delivered.is_some_and(|at| (began..=now()).contains(&at)), "{well:?}");

    rig.till.kill();
    let killed = now();
    rig.publish(1).await;
    until_number(&rig.hub, "/targets/till/waiting", 1);
    let first_waits = now();
    rig.publish(2).await;
    rig.hub.wait_for("target.down");
    until_number(&rig.hub, "/standing/targets/till/down_since", 1);
    until_number(&rig.hub, "/targets/book/delivered", rig.published);
    // What its lane had in hand lies in the queue again.
    assert!(rig.hub.stop().success());
    until_number(&rig.hub, "/queues/till/messages", 3);
    let told = Told::by(&rig.hub);
    assert_eq!((told.queue("till"), told.cell("till", "waiting")), ((3, 0), "3"));
    assert_eq!(number(&told.json, "/targets/till/waiting"), 3);
    let away = told.standing("till");
    assert!(away.oldest_waiting.is_some_and(|at| (killed..=first_waits).contains(&at)), "{away:?}");
    assert!(away.down_since.is_some_and(|at| (killed..=now()).contains(&at)), "{away:?}");
    assert_eq!(away.last_delivered, well.last_delivered);
    let book = told.standing("book");
    assert!(book.last_delivered > Some(killed) && book.down_since.is_none(), "{book:?}");

    rig.till.start_again();
    rig.start();
    rig.until_delivered(&["till", "book", "dock"]).await;
    let told = Told::by(&rig.hub);
    let back = told.standing("till");
    assert_eq!((back.oldest_waiting, back.down_since, told.queue("till")), (None, None, (0, 1)));
    assert!(back.last_delivered > away.last_delivered, "{back:?}");
}

#[tokio::test]
async fn messages_in_a_queue_that_nobody_reads_are_told_until_somebody_reads_it() {
    let hub = small_ready();
    publish(&hub, &[parcel_event("first", "a", 1), parcel_event("second", "b", 2)]).await;
    hub.settled();
    let told = Told::by(&hub);
    assert_eq!((told.queue("dock"), told.says(UNREAD)), ((2, 0), true), "{}", told.said);
    let broker = connect(Rabbit::shared(), &hub.council.prefix).await;
    let mut consumer = broker.consumer(&broker.names().to("dock"), 1).await.expect("a consumer");
    // It has one in hand, and the other waits for it.
    take(consumer.as_mut(), 1).await;
    until_number(&hub, "/queues/dock/consumers", 1);
    let told = Told::by(&hub);
    assert_eq!((told.queue("dock"), told.says(UNREAD)), ((1, 1), false), "{}", told.said);
}
