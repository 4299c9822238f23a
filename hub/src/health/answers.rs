//! What is answered: whether the hub lives, whether it is ready and if not why, and its metrics.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use postroom_router::Health;
use postroom_telemetry as telemetry;
use serde_json::json;

const JSON: [(header::HeaderName, &str); 1] = [(header::CONTENT_TYPE, "application/json")];
/// The text format of Prometheus.
const METRICS: [(header::HeaderName, &str); 1] =
    [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];

/// Everything that can be asked for.
pub(crate) fn all(health: Arc<Health>) -> Router {
    Router::new()
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .route("/metrics", get(metrics))
        .with_state(health)
}

/// That this is answered says it.
async fn live() -> impl IntoResponse {
    (JSON, json!({"live": true}).to_string())
}

async fn ready(State(health): State<Arc<Health>>) -> impl IntoResponse {
    let reasons = health.unready().await;
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, JSON, json!({"ready": reasons.is_empty(), "because": reasons}).to_string())
}

async fn metrics() -> impl IntoResponse {
    (METRICS, telemetry::metrics_as_text())
}
