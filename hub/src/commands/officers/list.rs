//! `postroom dead list` and `postroom invalid list`.

use std::process::ExitCode;

use postroom_event::Concern;
use postroom_ledger::{Import, InvalidFilter, InvalidRow, Ledger, RefusedRecord};
use serde_json::{Value, json};

use super::which;
use crate::cli::{DeadListArgs, InvalidListArgs};
use crate::failure::Failure;
use crate::output;
use crate::place::Place;

pub(super) async fn dead(place: &Place, ledger: &Ledger, args: &DeadListArgs) -> Result<ExitCode, Failure> {
    let listing = &args.listing;
    let asked = (listing.reason.as_ref(), which::state(&listing.state));
    let filter = which::dead(place, ledger, &args.which, asked).await?;
    if listing.groups {
        let groups = ledger.dead_groups(&filter).await?;
        let cells = groups.iter().map(|group| {
            let times = [output::time(group.oldest), output::time(group.newest)];
            let [oldest, newest] = times;
            [group.count.to_string(), group.target.clone(), group.code.clone(), oldest, newest]
        });
        let head = ["how many", "target", "code", "oldest", "newest"];
        output::list(listing.form.json, &json!(groups), &head, cells);
        return Ok(ExitCode::SUCCESS);
    }
    let rows = ledger.dead_list(&filter, listing.limit).await?;
    let cells = rows.iter().map(|row| {
        let id = row.dispatch.to_string();
        let code =
            if row.state == "open" { row.code.clone() } else { format!("{} ({})", row.code, row.state) };
        [output::time(row.failed_at), id, row.route.clone(), code, row.words.clone()]
    });
    output::list(listing.form.json, &json!(rows), &["when", "dispatch", "route", "code", "why"], cells);
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn invalid(
    place: &Place,
    ledger: &Ledger,
    args: &InvalidListArgs,
) -> Result<ExitCode, Failure> {
    let listing = &args.listing;
    let asked = (listing.reason.as_ref(), which::state(&listing.state));
    let filter = which::invalid(place, ledger, &args.which, asked).await?;
    if listing.groups {
        let groups = ledger.invalid_groups(&filter).await?;
        let cells = groups.iter().map(|group| {
            let (oldest, newest) = (output::time(group.oldest), output::time(group.newest));
            [group.count.to_string(), group.system.clone(), group.code.clone(), oldest, newest]
        });
        let head = ["how many", "system", "code", "oldest", "newest"];
        output::list(listing.form.json, &json!(groups), &head, cells);
        return Ok(ExitCode::SUCCESS);
    }
    let rows = ledger.invalid_find(&filter, listing.limit).await?;
    let refused = refused_records(ledger, &filter, listing.limit).await?;
    let all = json!({
        "events": rows.iter().map(without_claims).collect::<Vec<_>>(),
        "records": refused.iter().map(|(import, record)| {
            json!({"system": import.key.system, "label": import.label, "record": record})
        }).collect::<Vec<_>>(),
    });
    let cells = rows.iter().map(event_cells).chain(refused.iter().map(record_cells));
    output::list(listing.form.json, &all, &["when", "id", "system", "rule and place", "why"], cells);
    Ok(ExitCode::SUCCESS)
}

fn event_cells(row: &InvalidRow) -> [String; 5] {
    let rule = format!("{} {}", row.code, row.place);
    [output::time(row.received_at), row.id.to_string(), row.system.clone(), rule, row.words.clone()]
}

fn record_cells((import, record): &(Import, RefusedRecord)) -> [String; 5] {
    let rule = format!("{} {}", record.rule, record.place);
    let words = place_of(&import.label, record);
    [output::time(import.updated), String::new(), import.key.system.clone(), rule, words]
}

/// A row for programs; what its envelope claims was never checked and may be anything, so `show --reveal` tells it.
fn without_claims(row: &InvalidRow) -> Value {
    let mut row = json!(row);
    row.as_object_mut().map(|fields| fields.remove("claims"));
    row
}

/// Refused records of the newest imports, at most `limit` imports and as many records of each. They have no subject,
/// and nobody decides on them: a file is sent again.
async fn refused_records(
    ledger: &Ledger,
    filter: &InvalidFilter,
    limit: u32,
) -> Result<Vec<(Import, RefusedRecord)>, Failure> {
    let is_open = filter.state.as_deref().is_none_or(|state| state == "open");
    if filter.subject.is_some() || !is_open {
        return Ok(Vec::new());
    }
    let mut all = Vec::new();
    for import in ledger.imports(filter.system.as_deref(), limit).await? {
        let (early, late) =
            (filter.from > Some(import.updated), filter.until.is_some_and(|end| end <= import.updated));
        if early || late {
            continue;
        }
        let records = ledger.refused_records(&import.key.system, &import.key.batch, limit).await?;
        let fits = |record: &RefusedRecord| {
            filter.code.as_ref().is_none_or(|code| *code == record.rule) && concerns(filter, record)
        };
        all.extend(records.into_iter().filter(fits).map(|record| (import.clone(), record)));
    }
    Ok(all)
}

/// Whether a record is of the concern that is asked for.
fn concerns(filter: &InvalidFilter, record: &RefusedRecord) -> bool {
    filter.concern.as_ref().is_none_or(|asked| {
        asked.business.records.contains(&record.rule) == (asked.concern == Concern::Business)
    })
}

fn place_of(label: &str, record: &RefusedRecord) -> String {
    if record.number == 0 {
        return format!("{label}: {}", record.words);
    }
    format!("{label}, line {}: {}", record.line, record.words)
}
