//! `postroom check`: the whole configuration, without starting anything.

use std::process::ExitCode;

use crate::cli::Cli;
use crate::failure::{Failure, count};
use crate::output;
use crate::place::{Place, VERSION};

pub(crate) fn check(cli: &Cli) -> Result<ExitCode, Failure> {
    let (place, mut problems) = Place::read(cli)?;
    let council = &place.council;
    let (unproved, cases) = place.prove();
    problems.extend(unproved);
    if !problems.is_empty() {
        return Err(Failure::Configuration(problems));
    }
    if let Ok(fingerprint) = council.fingerprint(VERSION) {
        let _not_kept = council.note_proved(&fingerprint);
    }
    output::line(format!(
        "{}: {}, {}, {}, {}: no problems",
        council.name,
        count(council.systems.len(), "system"),
        count(council.routes.len(), "route"),
        count(council.vocabulary.names().count(), "event type"),
        count(cases, "golden case"),
    ));
    Ok(ExitCode::SUCCESS)
}
