//! `postroom new`: the first text of a system, a route or an event type.

use std::process::ExitCode;

use postroom_council::{Draft, NewRoute, NewSystem, Side};

use crate::cli::{Cli, NewCommand, NewSystemArgs};
use crate::failure::Failure;
use crate::output;
use crate::place::Place;

pub(crate) fn new(cli: &Cli, what: &NewCommand) -> Result<ExitCode, Failure> {
    let place = Place::load(cli)?;
    let draft = match what {
        NewCommand::System(args) => system(&place, args),
        NewCommand::Event(args) => place.council.draft_event(&args.event_type),
        NewCommand::Route(args) => place.council.draft_route(&NewRoute {
            from: &args.from,
            to: &args.to,
            message: args.message.as_deref(),
            purpose: args.purpose.as_deref(),
            name: args.name.as_deref(),
        }),
    };
    write(&place, &draft.map_err(Failure::Wrong)?)
}

fn system(place: &Place, args: &NewSystemArgs) -> Result<Draft, String> {
    let sides = [(args.source, Side::Source), (args.target, Side::Target)];
    let sides: Vec<Side> = sides.into_iter().filter(|(asked, _)| *asked).map(|(_, side)| side).collect();
    let new = NewSystem {
        name: &args.name,
        connector: &args.connector,
        sides: &sides,
        event: args.event.as_deref(),
        message: &args.message,
    };
    place.council.draft_system(&new, &place.connectors)
}

fn write(place: &Place, draft: &Draft) -> Result<ExitCode, Failure> {
    let folder = &place.council.folder;
    if let Some(file) = draft.in_the_way(folder).first() {
        return Err(Failure::Wrong(format!("{} exists: nothing was written", file.display())));
    }
    draft
        .write(folder)
        .map_err(|error| Failure::Unreachable(format!("writing into {}: {error}", folder.display())))?;
    for (file, _) in &draft.files {
        output::line(format!("wrote {}", folder.join(file).display()));
    }
    for step in &draft.next {
        output::line(format!("next: {step}"));
    }
    Ok(ExitCode::SUCCESS)
}
