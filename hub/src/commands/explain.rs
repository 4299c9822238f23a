//! `postroom explain`: what would become of an event, without a broker. The ledger is asked only for what a route looks up there,
//! where there is one.

use std::process::ExitCode;
use std::sync::Arc;

use postroom_council::Route;
use postroom_event::{Event, Received, STRUCTURED, decode};
use postroom_router::{Decider, Table, Verdict};
use postroom_transform::Data;
use serde_json::{Value, json};

use crate::cli::{Cli, ExplainArgs};
use crate::commands::revealing::Revealing;
use crate::failure::{FOUND_WRONG, Failure};
use crate::output;
use crate::place::Place;

pub(crate) async fn explain(cli: &Cli, args: &ExplainArgs) -> Result<ExitCode, Failure> {
    let place = Place::load(cli)?;
    let file = args.event.display().to_string();
    let body = std::fs::read(&args.event)
        .map_err(|error| Failure::Unreachable(format!("reading {file}: {error}")))?
        .into();
    let received = Received { content_type: Some(STRUCTURED), headers: &[], body: &body };
    let event = decode(&received, place.council.max_body)
        .map_err(|refusal| Failure::Wrong(format!("{file}: invalid: {refusal}")))?;
    let revealing = Revealing::told(&args.reveal, &event.id);
    let told = resolved(&place, &event, revealing).await?;
    if args.form.json {
        output::json(&told);
    } else {
        in_words(&told);
    }
    let invalid = told["verdict"] == "invalid";
    Ok(if invalid { ExitCode::from(FOUND_WRONG) } else { ExitCode::SUCCESS })
}

/// What becomes of the event, once the ledger was asked for what its routes look up there.
async fn resolved(place: &Place, event: &Event<Data>, revealing: Revealing) -> Result<Value, Failure> {
    let council = &place.council;
    let table = Arc::new(Table::new(Arc::clone(council)));
    let mut decider = Decider::new(Arc::clone(council), table, String::new());
    let mut told = tell(place, &mut decider, event, revealing)?;
    let asked = decider.take_asked();
    if asked.is_empty() {
        return Ok(told);
    }
    let Some(ledger) = place.known_ledger().await? else {
        let unresolved = asked.iter().map(|of| {
            let (kind, system) = of.what();
            json!({"kind": kind, "system": system})
        });
        told["unresolved"] = unresolved.collect();
        return Ok(told);
    };
    let tell = |decider: &mut Decider| tell(place, decider, event, revealing);
    postroom_router::resolved(&ledger, &mut decider, tell).await?
}

/// What becomes of the event: its verdict, and each route of its type with what the target would get, or why not.
fn tell(
    place: &Place,
    decider: &mut Decider,
    event: &Event<Data>,
    revealing: Revealing,
) -> Result<Value, Failure> {
    let council = &place.council;
    let Some(owner) = council.owner_of(&event.source) else {
        return Err(Failure::Wrong("invalid: no system owns the event's source".to_owned()));
    };
    let dispatches = match decider.decide_event(&owner.name, event.clone()).verdict {
        Verdict::Invalid(refusal) => {
            return Ok(json!({
                "verdict": "invalid", "system": owner.name, "rule": refusal.rule.code(),
                "place": refusal.place, "words": refusal.words,
            }));
        }
        Verdict::NoRoute => Vec::new(),
        Verdict::Routed(dispatches) => dispatches,
    };
    let verdict = if dispatches.is_empty() { "no-route" } else { "routed" };
    let mut routes = Vec::new();
    for route in Table::new(Arc::clone(council)).routes_of(&event.event_type) {
        let dispatch = dispatches.iter().find(|dispatch| dispatch.route == route.name);
        routes.push(match dispatch {
            None => json!({"route": &*route.name, "target": &*route.to, "sent": false, "why": "its `when` is false"}),
            Some(dispatch) => match dispatch.way.why_not() {
                Some(unmappable) => json!({
                    "route": &*route.name, "target": &*route.to, "sent": false, "why": unmappable.to_string(),
                }),
                None => sent(decider, route, event.clone(), revealing),
            },
        });
    }
    Ok(json!({
        "verdict": verdict, "system": owner.name, "type": event.event_type, "id": event.id,
        "subject": event.subject, "routes": routes,
    }))
}

fn sent(decider: &mut Decider, route: &Route, event: Event<Data>, revealing: Revealing) -> Value {
    let id = event.dispatch_id(&route.name).to_string();
    match decider.message(route, event) {
        Ok(message) => {
            let message = revealing.value(&Value::from(message));
            json!({
                "route": &*route.name, "target": &*route.to, "sent": true, "dispatch": id,
                "kind": route.message, "message": message,
            })
        }
        Err(unmappable) => {
            json!({"route": &*route.name, "target": &*route.to, "sent": false, "why": unmappable.to_string()})
        }
    }
}

fn in_words(told: &Value) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    if told["verdict"] == "invalid" {
        let place = text(&told["place"]);
        output::line(format!("invalid: {} at {place:?}: {}", text(&told["rule"]), text(&told["words"])));
        return;
    }
    output::line(format!(
        "{} {} about {} from {}: {}",
        text(&told["type"]),
        text(&told["id"]),
        text(&told["subject"]),
        text(&told["system"]),
        text(&told["verdict"])
    ));
    for of in told["unresolved"].as_array().into_iter().flatten() {
        let (kind, system) = (text(&of["kind"]), text(&of["system"]));
        output::line(format!("  not resolved, for there is no ledger here: a `{kind}` of `{system}`"));
    }
    for route in told["routes"].as_array().into_iter().flatten() {
        let head = format!("{} -> {}", text(&route["route"]), text(&route["target"]));
        if route["sent"] == false {
            output::line(format!("  {head}: not sent: {}", text(&route["why"])));
            continue;
        }
        output::line(format!("  {head}: {} as dispatch {}", text(&route["kind"]), text(&route["dispatch"])));
        let message = serde_json::to_string_pretty(&route["message"]).unwrap_or_default();
        for line in message.lines() {
            output::line(format!("    {line}"));
        }
    }
}
