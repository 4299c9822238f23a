//! `postroom worklist`: what needs an officer who knows the case, and who has it. Whatever is decided is done by what decides on
//! dead letters and invalid events.

use std::collections::BTreeSet;
use std::process::ExitCode;

use chrono::Utc;
use postroom_format::Layout;
use postroom_ledger::{Decision, Ledger, WorkFilter, WorkId, WorkItem};
use postroom_router::{business_reasons, meaning};
use serde_json::{Value, json};

use super::{consent, give_up, show};
use crate::cli::{Cli, Consent, FormArgs, ShowArgs, WorkForm, WorkListing, WorklistArgs, WorklistCommand};
use crate::failure::{FOUND_WRONG, Failure, count};
use crate::output;
use crate::place::Place;

/// Most refused records of one input that are shown.
const MOST_RECORDS: u32 = 1_000;
/// The columns for a spreadsheet.
const COLUMNS: [&str; 10] =
    ["since", "id", "system", "route", "event_type", "subject", "code", "words", "means", "taken_by"];

pub(crate) async fn worklist(cli: &Cli, args: &WorklistArgs) -> Result<ExitCode, Failure> {
    let place = Place::load(cli)?;
    let ledger = place.ledger().await?;
    match &args.command {
        None => list(&place, &ledger, &args.listing).await,
        Some(WorklistCommand::Show { id, reveal, form }) => show_one(&ledger, *id, (*reveal, form)).await,
        Some(WorklistCommand::Take { ids, by }) => {
            let by = by.clone().unwrap_or_else(output::actor);
            take(&ledger, ids, Some(by)).await
        }
        Some(WorklistCommand::Release { ids }) => take(&ledger, ids, None).await,
        Some(WorklistCommand::Done { id, consent }) => done(&place, &ledger, *id, consent).await,
    }
}

async fn list(place: &Place, ledger: &Ledger, listing: &WorkListing) -> Result<ExitCode, Failure> {
    known(place, listing)?;
    let (system, route) = (listing.system.clone(), listing.route.clone());
    let filter = WorkFilter { system, route, from: listing.since };
    let items = ledger.work_list(&business_reasons(), &filter, listing.limit).await?;
    match listing.format {
        WorkForm::Json => output::json(&items.iter().map(for_programs).collect()),
        WorkForm::Csv => output::line(csv(&items)?.trim_end()),
        WorkForm::Table => table(&items),
    }
    Ok(ExitCode::SUCCESS)
}

/// A name that the configuration does not know is told, with the one that was probably meant.
fn known(place: &Place, listing: &WorkListing) -> Result<(), Failure> {
    let council = &place.council;
    if let Some(system) = listing.system.as_deref().filter(|name| !council.systems.contains_key(*name)) {
        return Err(super::unknown("system", system, council.systems.keys().map(String::as_str).collect()));
    }
    let routes: Vec<&str> = council.routes.iter().map(|route| &*route.name).collect();
    match listing.route.as_deref().filter(|name| !routes.contains(name)) {
        Some(route) => Err(super::unknown("route", route, routes)),
        None => Ok(()),
    }
}

fn table(items: &[WorkItem]) {
    if items.is_empty() {
        return output::line("nothing is left to do");
    }
    let mut table = output::table(&["since", "id", "system", "what", "why", "who has it"]);
    for item in items {
        let what = [item.event_type.as_deref(), item.subject.as_deref()];
        table.add_row(vec![
            output::time(item.since),
            item.id.to_string(),
            item.system.clone(),
            what.into_iter().flatten().collect::<Vec<_>>().join(" "),
            why(item),
            item.taken_by.clone().unwrap_or_else(|| "nobody".to_owned()),
        ]);
    }
    output::line(table.to_string());
    let remedies: BTreeSet<&str> = items.iter().map(|item| remedy(item.id)).collect();
    remedies.iter().for_each(output::line);
}

/// Why it is there, in words.
fn why(item: &WorkItem) -> String {
    format!("{}: {}", item.code, item.words)
}

/// What can be done about an item.
fn remedy(item: WorkId) -> &'static str {
    match item {
        WorkId::Dispatch(_) => {
            "A dead letter: mend it where it is wrong, then `postroom dead redrive ID --reason ...`; or `postroom worklist done ID`"
        }
        WorkId::Event(_) => {
            "An event-N: have its source send it right, as an event of its own; then `postroom worklist done ID`"
        }
        WorkId::Input(_) => {
            "An input-N: `postroom worklist show ID` has its records; have them sent right; then `postroom worklist done ID`"
        }
    }
}

fn for_programs(item: &WorkItem) -> Value {
    let mut shown = json!(item);
    shown["means"] = json!(meaning(&item.code));
    shown["remedy"] = json!(remedy(item.id));
    shown
}

/// The items as CSV, times as the clock in London shows them.
fn csv(items: &[WorkItem]) -> Result<String, Failure> {
    let wrong = |error: &dyn std::fmt::Display| Failure::Wrong(format!("writing the list as CSV: {error}"));
    let layout: Layout =
        serde_json::from_value(json!({"kind": "csv", "columns": COLUMNS})).map_err(|error| wrong(&error))?;
    let rows: Vec<Value> = items
        .iter()
        .map(|item| {
            let mut row = for_programs(item);
            row["since"] = json!(output::time(item.since));
            row
        })
        .collect();
    let mut bytes = Vec::new();
    layout.write(&rows, &mut bytes).map_err(|error| wrong(&error))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

async fn show_one(
    ledger: &Ledger,
    id: WorkId,
    (reveal, form): (bool, &FormArgs),
) -> Result<ExitCode, Failure> {
    let args = |id: String| ShowArgs { id, reveal, form: FormArgs { json: form.json } };
    match id {
        WorkId::Dispatch(dispatch) => show::dead(ledger, &args(dispatch.to_string())).await,
        WorkId::Event(number) => show::invalid(ledger, &args(number.to_string())).await,
        WorkId::Input(number) => show_input(ledger, number, form).await,
    }
}

/// An input with its refused records, which never quote a value.
async fn show_input(ledger: &Ledger, number: i64, form: &FormArgs) -> Result<ExitCode, Failure> {
    let Some((input, records, notes)) = ledger.input_show(number, MOST_RECORDS).await? else {
        return Ok(unknown_item(WorkId::Input(number)));
    };
    if form.json {
        output::json(&json!({
            "id": WorkId::Input(number), "system": input.key.system, "label": input.label,
            "since": input.first_seen, "records": records, "decisions": notes,
        }));
        return Ok(ExitCode::SUCCESS);
    }
    output::line(format!("{} of {}, {}", input.label, input.key.system, output::time(input.first_seen)));
    for record in &records {
        let place = if record.place.is_empty() { String::new() } else { format!("{}: ", record.place) };
        output::line(format!("  line {}: {}: {place}{}", record.line, record.rule, record.words));
    }
    for note in &notes {
        output::line(format!("  done {} by {}: {}", output::time(note.at), note.actor, note.reason));
    }
    Ok(ExitCode::SUCCESS)
}

/// Notes who has items; those that are not open are told, and the others are noted all the same.
async fn take(ledger: &Ledger, ids: &[WorkId], by: Option<String>) -> Result<ExitCode, Failure> {
    let mut code = ExitCode::SUCCESS;
    for id in ids {
        if !ledger.take_work(*id, by.clone(), Utc::now().timestamp_micros()).await? {
            code = unknown_item(*id);
            continue;
        }
        match &by {
            Some(by) => output::line(format!("{by} has {id}")),
            None => output::line(format!("nobody has {id}")),
        }
    }
    Ok(code)
}

fn unknown_item(id: WorkId) -> ExitCode {
    output::complaint(format!("postroom: nothing open is kept under `{id}`"));
    ExitCode::from(FOUND_WRONG)
}

async fn done(place: &Place, ledger: &Ledger, id: WorkId, consent: &Consent) -> Result<ExitCode, Failure> {
    match id {
        WorkId::Dispatch(dispatch) => {
            give_up(place, ledger, (vec![dispatch.to_string()], Vec::new()), consent).await
        }
        WorkId::Event(number) => give_up(place, ledger, (Vec::new(), vec![number]), consent).await,
        WorkId::Input(number) => done_with(ledger, number, consent).await,
    }
}

async fn done_with(ledger: &Ledger, number: i64, consent: &Consent) -> Result<ExitCode, Failure> {
    let id = WorkId::Input(number);
    let Some((input, records, _)) = ledger.input_show(number, MOST_RECORDS).await? else {
        return Ok(unknown_item(id));
    };
    let records = count(records.len(), "record");
    output::line(format!("{records} of {} would be taken off the list", input.label));
    if !consent::given(consent, &format!("is {id} done?"))? {
        return Ok(ExitCode::SUCCESS);
    }
    let reason = consent.reason.clone().unwrap_or_default();
    let by = Decision { actor: output::actor(), reason, job: None, at: Utc::now().timestamp_micros() };
    if !ledger.settle_input(number, by).await? {
        return Ok(unknown_item(id));
    }
    output::line(format!("{id} is done"));
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_a_table_for_a_spreadsheet_with_what_each_code_means() {
        let item = WorkItem {
            id: WorkId::Event(7),
            since: 0,
            system: "shop".to_owned(),
            route: None,
            event_type: Some("parcel.moved.v1".to_owned()),
            subject: Some("parcel:a".to_owned()),
            code: "schema".to_owned(),
            words: "/number: it is no number, or \"none\"".to_owned(),
            taken_by: Some("Ada".to_owned()),
            taken_at: Some(1),
        };
        let csv = csv(&[item]).expect("a list");
        let expected = "since,id,system,route,event_type,subject,code,words,means,taken_by\n\
            1970-01-01 01:00:00.000,event-7,shop,,parcel.moved.v1,parcel:a,schema,\"/number: it is no number, or \"\"none\"\"\",\
            the data does not fit the schema of its type,Ada\n";
        assert_eq!(csv.replace('\r', ""), expected);
    }
}
