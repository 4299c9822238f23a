//! `postroom check`: the whole configuration, without starting anything.

use std::collections::BTreeMap;
use std::process::ExitCode;

use postroom_council::{Council, Unproved, in_order};

use crate::cli::{CheckArgs, Cli};
use crate::commands::{against, removed, sunset};
use crate::failure::{Failure, count};
use crate::output;
use crate::place::{Place, VERSION};

pub(crate) async fn check(cli: &Cli, args: &CheckArgs) -> Result<ExitCode, Failure> {
    let (place, mut problems, contents) = Place::settled(cli)?;
    let council = &place.council;
    let checked = place.prove(&contents);
    problems.extend(checked.problems);
    if let Some(older) = &args.against {
        against::tell(&place, older, &problems)?;
    }
    if args.sunset {
        sunset::tell(council);
    }
    if !problems.is_empty() {
        return Err(Failure::Configuration(in_order(problems)));
    }
    if checked.is_settled {
        let _not_kept = council.note_proved(&contents.fingerprint(VERSION));
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
    if args.unproved {
        tell(&checked.unproved, council);
    }
    let rules: usize = checked.unproved.iter().map(|mapping| mapping.rules.len()).sum();
    output::line(format!(
        "{}: {}, {}, {}, {}: no problems; {} of {} left to validation{}",
        council.name,
        count(council.systems.len(), "system"),
        count(council.routes.len(), "route"),
        count(council.vocabulary.names().count(), "event type"),
        count(checked.cases, "golden case"),
        count(rules, "rule"),
        count(checked.unproved.len(), "mapping"),
        if args.unproved { "" } else { " (--unproved lists them)" },
    ));
    Ok(ExitCode::SUCCESS)
}

/// What is left to validation, of each mapping: the rules, each with its fields.
fn tell(unproved: &[Unproved], council: &Council) {
    for Unproved { mapping, rules } in unproved {
        let mut fields: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for rule in rules {
            fields.entry(&rule.rule).or_default().push(&rule.path);
        }
        output::line(mapping.strip_prefix(&council.folder).unwrap_or(mapping).display().to_string());
        for (rule, fields) in fields {
            output::line(format!("  {rule}: {}", fields.join(", ")));
        }
    }
}
