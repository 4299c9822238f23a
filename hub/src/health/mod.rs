//! How the hub is watched from outside: health and metrics by HTTP, traces by OTLP.

mod answers;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use postroom_council::{Council, HealthAt};
use postroom_router::Health;
use postroom_telemetry::{self as telemetry, Traces};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::failure::Failure;

/// What answers those who watch, until it is stopped.
pub(crate) struct Watched {
    listening: Option<JoinHandle<std::io::Result<()>>>,
    traces: Option<Traces>,
}

impl Watched {
    /// Begins to answer at `at`, else where the council says, and to tell its collector.
    pub(crate) async fn start(
        council: &Council,
        at: Option<HealthAt>,
        health: Arc<Health>,
    ) -> Result<Self, Failure> {
        let listening = match at.unwrap_or(council.health) {
            HealthAt::Off => None,
            HealthAt::Address(address) => Some(listen(address, health).await?),
        };
        let traces = council.otlp.as_deref().map(|otlp| {
            Traces::start(otlp, &council.name)
                .map_err(|error| Failure::Wrong(format!("`otlp` under [telemetry]: {error}")))
        });
        Ok(Self { listening, traces: traces.transpose()? })
    }

    /// Answers no more, and tells the collector what is gathered.
    pub(crate) async fn stop(self) {
        if let Some(listening) = self.listening {
            listening.abort();
        }
        if let Some(traces) = self.traces {
            // It blocks until it is sent; what is lost is lost.
            let _lost = tokio::task::spawn_blocking(move || traces.stop()).await;
        }
    }
}

async fn listen(
    address: SocketAddr,
    health: Arc<Health>,
) -> Result<JoinHandle<std::io::Result<()>>, Failure> {
    let failed = |what: &str, error: &dyn std::fmt::Display| {
        Failure::Unreachable(format!(
            "{what} {address} for health and metrics: {error}; change `listen` under [health] in council.toml, or \
             --health (`off` for none)"
        ))
    };
    let listener = TcpListener::bind(address).await.map_err(|error| failed("listening at", &error))?;
    let bound = listener.local_addr().map_err(|error| failed("listening at", &error))?;
    telemetry::keep_metrics().map_err(|error| failed("keeping metrics at", &error))?;
    telemetry::health_listening(&bound.to_string());
    let answers: Router = answers::all(health);
    Ok(tokio::spawn(async move { axum::serve(listener, answers).await }))
}
