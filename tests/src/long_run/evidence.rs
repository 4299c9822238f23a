//! What is kept of a run that broke a promise: the words of the hub, the faults with their times, the journeys of the events
//! that came wrong, and the ledger.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::faults::Met;
use super::oracle::Findings;
use super::publishing::event_id;
use crate::hub::TestHub;

/// Keeps it in `folder`, in place of what an earlier run left there. The hub is stopped.
pub(super) fn keep(folder: &Path, hub: &mut TestHub, met: &[Met], findings: &Findings) {
    // There may be none.
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).expect("a folder for the evidence");
    let write =
        |name: &str, text: String| fs::write(folder.join(name), text).expect("a file of the evidence");
    write("faults.txt", faults(met));
    // Of an event that the hub never took there is no journey.
    let journey = |event: &u64| hub.run(&["trace", &event_id(*event)]).stdout;
    let journeys: Vec<u8> = findings.suspects.iter().flat_map(journey).collect();
    write("journeys.txt", String::from_utf8_lossy(&journeys).into_owned());
    hub.stop();
    write("hub.jsonl", hub.lines.iter().map(|line| format!("{line}\n")).collect());
    for file in fs::read_dir(hub.council.data()).expect("the data of the hub").filter_map(Result::ok) {
        if file.path().is_file() {
            fs::copy(file.path(), folder.join(file.file_name())).expect("a copy of the ledger");
        }
    }
}

fn faults(met: &[Met]) -> String {
    let mut text = String::new();
    for met in met {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{} {} {:?}", met.begun, met.ended, met.fault);
    }
    text
}
