//! The interface against its own description: schemathesis reads the document from the queue and tries whatever it allows, and
//! what it does not.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use postroom_connector::conformance::SECRET;
use postroom_connector_pull::document;
use serde_json::Value;
use tokio::process::Command;
use tokio::time::timeout;

use crate::queue::{BEARER, Queue, handover};

/// Messages that are on offer all the while.
const ON_OFFER: u64 = 20;
/// Longest time for all that is tried.
const TRIED_WITHIN: Duration = Duration::from_secs(600);

/// What `deploy/test` brings from PyPI.
fn schemathesis() -> PathBuf {
    let named = std::env::var_os("POSTROOM_TEST_PYTHON").map(PathBuf::from);
    let python = named.unwrap_or_else(|| house().join("var/test/python/bin/python"));
    python.with_file_name("schemathesis")
}

fn house() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the crate lies in the house")
}

/// Has a message on offer always: another once it is taken, the same again where it may be.
async fn keep_on_offer(queue: Arc<Queue>, lane: u64, answered: Arc<AtomicU64>) {
    let mut number = lane;
    loop {
        if queue.sink.deliver(&handover(number)).await.is_ok() {
            answered.fetch_add(1, Ordering::Relaxed);
            number += ON_OFFER;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_the_document_allows_is_answered_as_it_says_and_what_it_forbids_is_refused() {
    let queue = Arc::new(Queue::new(BEARER).await);
    let answered = Arc::new(AtomicU64::new(0));
    for lane in 1..=ON_OFFER {
        tokio::spawn(keep_on_offer(Arc::clone(&queue), lane, Arc::clone(&answered)));
    }
    queue.until_on_offer(ON_OFFER).await;
    let mut tries = Command::new(schemathesis());
    tries.args(["run", "--checks", "all", "--seed", "4", "--max-examples", "60", "--no-color", "--header"]);
    tries.arg(format!("Authorization: Bearer {SECRET}")).arg(format!("{}/openapi.json", queue.url));
    tries.env_remove("PYTHONPATH").current_dir(queue.data.path()).stdin(Stdio::null()).kill_on_drop(true);
    let tried = timeout(TRIED_WITHIN, tries.output()).await.expect("in time");
    let tried = tried.expect("schemathesis was started: deploy/test brings it");
    let told = [tried.stdout, tried.stderr].concat();
    assert!(tried.status.success(), "{}", String::from_utf8_lossy(&told));
    assert!(answered.load(Ordering::Relaxed) > 0, "no message was ever taken");
}

#[tokio::test]
async fn the_document_that_is_served_is_the_one_in_docs() {
    let queue = Queue::new(BEARER).await;
    let served = queue.get("/openapi.json").await;
    let page = std::fs::read_to_string(house().join("docs/connectors/pull.openapi.json")).expect("a page");
    assert_eq!((served.status, page.as_str()), (200, document("/queues/library").as_str()));
    assert_eq!(served.body, page.parse::<Value>().expect("JSON"));
}
