//! `postroom case new`: a golden case from a real event. It tells where values were replaced, never which.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::ExitCode;

use postroom_council::{Route, is_name};
use postroom_event::{Received, STRUCTURED, decode};
use postroom_router::{CaseAsked, Unclassed, new_case};
use serde_json::json;
use uuid::Uuid;

use crate::cli::{CaseNewArgs, Cli};
use crate::commands::officers::unknown;
use crate::failure::Failure;
use crate::output;
use crate::place::Place;

/// Most cases of a route that are given a number.
const MOST_CASES: u32 = 1_000;

pub(crate) fn new(cli: &Cli, args: &CaseNewArgs) -> Result<ExitCode, Failure> {
    let place = Place::load(cli)?;
    let routes = &place.council.routes;
    let route = routes
        .iter()
        .find(|route| *route.name == args.route)
        .ok_or_else(|| unknown("route", &args.route, routes.iter().map(|route| &*route.name).collect()))?;
    let folder = folder(route, args)?;
    let file = args.event.display();
    let body = std::fs::read(&args.event)
        .map_err(|error| Failure::Unreachable(format!("reading {file}: {error}")))?
        .into();
    let received = Received { content_type: Some(STRUCTURED), headers: &[], body: &body };
    let event = decode(&received, place.council.max_body)
        .map_err(|refusal| Failure::Wrong(format!("{file}: invalid: {refusal}")))?;
    let unclassed = args.unclassed.map_or(Unclassed::Refused, |_| Unclassed::AsPersonal);
    let asked = CaseAsked { unclassed, seed: Uuid::new_v4().into_bytes() };
    let case = new_case(&place.council, route, event, asked)
        .map_err(|error| Failure::Wrong(format!("no case was written: {error}")))?;
    case.write(&folder).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Failure::Wrong(format!("{} is there already", folder.display())),
        _ => Failure::Unreachable(format!("writing {}: {error}", folder.display())),
    })?;
    let replaced: Vec<&str> = case.replaced.iter().map(String::as_str).collect();
    if args.form.json {
        let (folder, is_sent) = (folder.display().to_string(), !case.message.is_null());
        output::json(&json!({"folder": folder, "replaced": replaced, "sent": is_sent}));
        return Ok(ExitCode::SUCCESS);
    }
    output::line(folder.display().to_string());
    output::line(format!("replaced: {}", replaced.join(", ")));
    if case.message.is_null() {
        output::line("the route does not want it: the message is null");
    }
    output::line("read it before you keep it: a fact that is told in no field of its own stays what it is");
    Ok(ExitCode::SUCCESS)
}

/// Where the case will be.
fn folder(route: &Route, args: &CaseNewArgs) -> Result<PathBuf, Failure> {
    let cases = route.folder.join("cases");
    match &args.name {
        Some(name) if is_name(name) => Ok(cases.join(name)),
        Some(name) => {
            let words = "is no name of a case: up to 64 lower-case letters, digits and `-`";
            Err(Failure::Wrong(format!("`{name}` {words}")))
        }
        None => {
            let mut numbered = (1..=MOST_CASES).map(|number| cases.join(format!("case-{number}")));
            let free = numbered.find(|folder| !folder.exists());
            free.ok_or_else(|| Failure::Wrong("the route has too many cases: give it a --name".to_owned()))
        }
    }
}
