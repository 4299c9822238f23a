//! `postroom subject erasures`: what was erased, also by a ledger that was put back since. Each erasure is noted in the data folder
//! as well, which an older copy of the ledger does not bring back to what it was.

use std::collections::HashSet;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use postroom_ledger::{Erasure, Ledger};
use serde_json::json;

use crate::cli::FormArgs;
use crate::failure::{FOUND_WRONG, Failure};
use crate::output;
use crate::place::Place;

/// The file of erasures below the data folder, one in JSON a line.
const FILE: &str = "erasures.jsonl";

/// An erasure, and what stands against it.
struct Listed {
    erasure: Erasure,
    /// Whether this very ledger knows it: else an older one was put back since.
    is_known: bool,
    /// The subject, where the ledger holds it again.
    held_again: Option<String>,
}

pub(super) async fn erasures(
    place: &Place,
    ledger: &Ledger,
    subject: Option<&str>,
    form: &FormArgs,
) -> Result<ExitCode, Failure> {
    let mut listed = all(place, ledger).await?;
    if let Some(subject) = subject {
        listed.retain(|one| one.erasure.is_of(subject));
    }
    let rows: Vec<_> = listed
        .iter()
        .map(|one| {
            let Listed { erasure, is_known, held_again } = one;
            json!({"erasure": erasure, "in_this_ledger": is_known, "held_again": held_again})
        })
        .collect();
    let cells = listed.iter().map(|one| {
        let Erasure { at, actor, reason, .. } = &one.erasure;
        let known = if one.is_known { "erased" } else { "a ledger from before was put back" };
        [output::time(*at), actor.clone(), reason.clone(), counts(&one.erasure), known.to_owned()]
    });
    output::list(form.json, &json!(rows), &["when", "who", "why", "what", "how it stands"], cells);
    let again: Vec<&String> = listed.iter().filter_map(|one| one.held_again.as_ref()).collect();
    for subject in &again {
        let words = format!("{subject} is held again: postroom subject {subject} erase --reason ...");
        if form.json { output::complaint(words) } else { output::line(words) }
    }
    Ok(if again.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FOUND_WRONG) })
}

/// What was erased, in words.
pub(super) fn counts(erasure: &Erasure) -> String {
    let counts: Vec<_> = erasure.counts.iter().map(|(kind, count)| format!("{kind}: {count}")).collect();
    counts.join(", ")
}

/// Every erasure that the ledger or the data folder knows, in order of time; what the folder did not know is noted there.
async fn all(place: &Place, ledger: &Ledger) -> Result<Vec<Listed>, Failure> {
    let known = ledger.erasures().await?;
    let noted = read(&file(place))?;
    let is_in = |erasures: &[Erasure], one: &Erasure| erasures.iter().any(|other| other.salt == one.salt);
    for erasure in known.iter().filter(|one| !is_in(&noted, one)) {
        note(place, erasure)?;
    }
    let lost: Vec<Erasure> = noted.into_iter().filter(|one| !is_in(&known, one)).collect();
    let subjects = if lost.is_empty() { Vec::new() } else { ledger.subjects().await? };
    let mut told = HashSet::new();
    let known = known.into_iter().map(|erasure| Listed { erasure, is_known: true, held_again: None });
    let lost = lost.into_iter().map(|erasure| {
        let again = subjects.iter().find(|subject| erasure.is_of(subject));
        let held_again = again.filter(|subject| told.insert(subject.as_str())).cloned();
        Listed { erasure, is_known: false, held_again }
    });
    let mut all: Vec<Listed> = known.chain(lost).collect();
    all.sort_by_key(|one| one.erasure.at);
    Ok(all)
}

fn file(place: &Place) -> PathBuf {
    place.council.data.join(FILE)
}

/// The erasures that were noted; a line that a power cut left half written is none.
fn read(file: &Path) -> Result<Vec<Erasure>, Failure> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(Failure::Unreachable(format!("reading {}: {error}", file.display()))),
    }
}

/// Notes an erasure in the data folder.
pub(super) fn note(place: &Place, erasure: &Erasure) -> Result<(), Failure> {
    let file = file(place);
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // A line of its own, whatever a power cut left before it.
    let written = options.open(&file).and_then(|mut open| {
        writeln!(open, "\n{}", json!(erasure))?;
        open.sync_all()
    });
    written.map_err(|error| Failure::Unreachable(format!("writing {}: {error}", file.display())))
}
