//! `postroom run`: the hub itself.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use postroom_broker::{Amqp, Broker};
use postroom_router::{Connect, Hub};
use postroom_telemetry::{self as telemetry, Form};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::cli::{Cli, LogForm, RunArgs};
use crate::commands::removed;
use crate::failure::Failure;
use crate::health::Watched;
use crate::place::{Place, VERSION, options};
use crate::reload::Watch;

pub(crate) async fn run(cli: &Cli, args: &RunArgs) -> Result<ExitCode, Failure> {
    telemetry::start(match args.log {
        LogForm::Text => Form::Text,
        LogForm::Auto if std::io::stderr().is_terminal() => Form::Text,
        LogForm::Auto | LogForm::Json => Form::Json,
    });
    let (place, problems, contents) = Place::settled(cli)?;
    if !problems.is_empty() {
        return Err(Failure::Configuration(problems));
    }
    place.prove_once(&contents)?;
    let council = Arc::clone(&place.council);
    telemetry::hub_started(&council.name, VERSION, council.systems.len(), council.routes.len());
    let (url, options) = (place.broker_url()?, options(&council.prefix));
    let connect: Connect = Box::new(move || {
        let (url, options) = (url.clone(), options.clone());
        Box::pin(async move { Ok(Arc::new(Amqp::connect(&url, options).await?) as Arc<dyn Broker>) })
    });
    let stop = stop_on_signals()?;
    compile_ahead(&place);
    let ledger = place.ledger().await?;
    let mut waiting = removed::systems(&council, &ledger).await?;
    waiting.extend(removed::sources(&council, &ledger).await?);
    if !waiting.is_empty() {
        let words = waiting.join("; ");
        telemetry::hub_failed(&words);
        return Err(Failure::Wrong(words));
    }
    let hub =
        Hub::new(council, Arc::clone(&place.connectors), ledger.clone(), connect, stop).watching(place.own());
    let watched = Watched::start(&place.council, args.health, hub.health()).await?;
    let watching = tokio::spawn(Watch::new((place, contents), hub.configuration(), ledger)?.keep_watching());
    let ended = hub.run().await;
    watching.abort();
    watched.stop().await;
    match ended {
        Ok(()) => {
            telemetry::hub_stopped();
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            let words = telemetry::chain(&error);
            telemetry::hub_failed(&words);
            Err(Failure::Unreachable(words))
        }
    }
}

/// A token that SIGTERM and Ctrl-C cancel.
fn stop_on_signals() -> Result<CancellationToken, Failure> {
    let unheard = |error: std::io::Error| Failure::Unreachable(format!("listening to signals: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(unheard)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(unheard)?;
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        telemetry::hub_stopping();
        stopping.cancel();
    });
    Ok(stop)
}

/// Compiles every mapping on threads of its own while the hub starts, so that no event waits for a compilation.
fn compile_ahead(place: &Place) {
    let (council, started) = (Arc::clone(&place.council), Instant::now());
    tokio::task::spawn_blocking(move || {
        council.compile();
        telemetry::hub_compiled(u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX));
    });
}
