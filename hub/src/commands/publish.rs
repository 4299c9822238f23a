//! `postroom publish`: events as their system would publish them, or a file as its system's connector would read it.

use std::path::Path;
use std::process::ExitCode;

use postroom_broker::Broker;
use postroom_connector::Arrival;
use postroom_council::System;
use postroom_event::{Event, Received, STRUCTURED, decode};
use postroom_router::{Again, Halts, Publishing, Taken};
use postroom_transform::Data;

use crate::cli::{Cli, PublishArgs};
use crate::failure::{Failure, count};
use crate::output;
use crate::place::Place;

pub(crate) async fn publish(cli: &Cli, args: &PublishArgs) -> Result<ExitCode, Failure> {
    let place = Place::load(cli)?;
    let broker = place.broker().await?;
    for file in &args.files {
        match &args.system {
            Some(system) => records(&place, broker.clone(), (system, file), again(args)).await?,
            None => events(&place, broker.as_ref(), file).await?,
        }
    }
    broker.close().await;
    Ok(ExitCode::SUCCESS)
}

/// Publishes a file of CloudEvents: one JSON document, or one a line.
async fn events(place: &Place, broker: &dyn Broker, file: &Path) -> Result<(), Failure> {
    let name = file.display();
    let bytes =
        std::fs::read(file).map_err(|error| Failure::Unreachable(format!("reading {name}: {error}")))?;
    let lines = file.extension().is_some_and(|extension| extension == "jsonl");
    let bodies: Vec<&[u8]> = if lines { bytes.split(|byte| *byte == b'\n').collect() } else { vec![&bytes] };
    let mut published = 0;
    for (number, body) in bodies.iter().enumerate().filter(|(_, body)| !body.trim_ascii().is_empty()) {
        let received = Received { content_type: Some(STRUCTURED), headers: &[], body: &body.to_vec().into() };
        let event = decode(&received, place.council.max_body)
            .map_err(|refusal| Failure::Wrong(format!("{name}, event {}: {refusal}", number + 1)))?;
        let system = owner(place, &event)?;
        postroom_router::publish_events(broker, &system.name, &[event])
            .await
            .map_err(|error| Failure::Unreachable(format!("publishing {name}: {error}")))?;
        published += 1;
    }
    output::line(format!("{name}: {} published", count(published, "event")));
    Ok(())
}

fn owner<'a>(place: &'a Place, event: &Event<Data>) -> Result<&'a System, Failure> {
    let owner = place.council.owner_of(&event.source);
    owner.ok_or_else(|| {
        Failure::Wrong("no system owns the event's source; see `sources` in system.toml".to_owned())
    })
}

fn again(args: &PublishArgs) -> Again {
    match args {
        PublishArgs { accept_shrink: true, .. } => Again::Shrunk,
        PublishArgs { again: true, .. } => Again::Yes,
        PublishArgs { .. } => Again::No,
    }
}

/// Publishes the records of a file, from where its cursor stands.
async fn records(
    place: &Place,
    broker: std::sync::Arc<dyn Broker>,
    (system, file): (&str, &Path),
    again: Again,
) -> Result<(), Failure> {
    let source = place.council.systems.get(system).and_then(|system| system.source.as_ref());
    let source = source.ok_or_else(|| Failure::Wrong(format!("system `{system}` is not a source")))?;
    let kind = place.connectors.source(&source.connector).ok_or_else(|| {
        Failure::Wrong(format!("system `{system}` publishes itself; leave out --system for CloudEvents"))
    })?;
    let opened = kind.open(&source.settings, file).map_err(|error| Failure::Wrong(error.to_string()))?;
    let name = file.display();
    let batch = match opened {
        Arrival::Batch(batch) => batch,
        Arrival::Idle => return Err(Failure::Wrong(format!("{name}: nothing to read"))),
        Arrival::Refused(refused) => {
            return Err(Failure::Wrong(format!("{name}: refused: {}", refused.fault)));
        }
    };
    let bar = output::progress(batch.len(), &name.to_string());
    let (council, ledger) = (place.council.clone(), place.ledger().await?);
    let publishing = Publishing { council, ledger, broker, halts: Halts::default() };
    let progress = |position| bar.set_position(position);
    let taken = postroom_router::publish_batch(&publishing, system, batch, again, &progress).await;
    bar.finish_and_clear();
    let taken = taken.map_err(|error| Failure::Unreachable(format!("publishing {name}: {error}")))?;
    if let Taken::Refused(fault) = taken {
        return Err(Failure::Wrong(format!("{name}: refused: {fault}")));
    }
    output::line(format!("{name}: {taken}"));
    Ok(())
}
