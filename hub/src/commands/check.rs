//! `postroom check`: the whole configuration, without starting anything.

use std::process::ExitCode;

use crate::cli::{CheckArgs, Cli};
use crate::commands::{against, removed, sunset};
use crate::failure::{Failure, count};
use crate::output;
use crate::place::{Place, VERSION};

pub(crate) async fn check(cli: &Cli, args: &CheckArgs) -> Result<ExitCode, Failure> {
    let (place, mut problems) = Place::read(cli)?;
    let council = &place.council;
    let (unproved, cases) = place.prove();
    problems.extend(unproved);
    if let Some(older) = &args.against {
        against::tell(&place, older, &problems)?;
    }
    if args.sunset {
        sunset::tell(council);
    }
    if !problems.is_empty() {
        return Err(Failure::Configuration(problems));
    }
    if let Ok(fingerprint) = council.fingerprint(VERSION) {
        let _not_kept = council.note_proved(&fingerprint);
    }
    if args.ledger {
        let ledger = place.ledger().await?;
        let mut warnings = removed::routes(council, &ledger).await?;
        warnings.extend(removed::snapshots(council, &ledger).await?);
        for warning in warnings {
            output::complaint(format!("warning: {warning}"));
        }
        let mut waiting = removed::systems(council, &ledger).await?;
        waiting.extend(removed::sources(council, &ledger).await?);
        if !waiting.is_empty() {
            return Err(Failure::Wrong(waiting.join("\n")));
        }
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
