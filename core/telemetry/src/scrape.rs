//! Where metrics are kept until Prometheus fetches them. Listens to nothing itself.

use std::sync::OnceLock;

use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};

use crate::metric::{METRICS, SECONDS};

static KEPT: OnceLock<PrometheusHandle> = OnceLock::new();

/// Begins to keep metrics; before, and without it, each costs next to nothing. A second call in the same process changes
/// nothing.
///
/// # Errors
/// When something else in this process keeps them.
pub fn keep_metrics() -> Result<(), BuildError> {
    if KEPT.get().is_none() {
        let kept = PrometheusBuilder::new().set_buckets(SECONDS)?.install_recorder()?;
        describe();
        let _kept_by_another_call = KEPT.set(kept);
    }
    Ok(())
}

/// Whether metrics are kept in this process.
pub fn are_metrics_kept() -> bool {
    KEPT.get().is_some()
}

/// The metrics as Prometheus reads them, without the gauges that are [`GONE`](crate::GONE); empty unless they are kept.
pub fn metrics_as_text() -> String {
    let text = KEPT.get().map(PrometheusHandle::render).unwrap_or_default();
    text.split_inclusive('\n').filter(|line| !line.trim_end().ends_with(" NaN")).collect()
}

/// Sorts what histograms took in into their buckets. Call it now and then: what is not sorted is kept one by one.
pub fn sort_metrics() {
    if let Some(kept) = KEPT.get() {
        kept.run_upkeep();
    }
}

fn describe() {
    for metric in METRICS {
        match metric.kind {
            "counter" => metrics::describe_counter!(metric.name, metric.help),
            "gauge" => metrics::describe_gauge!(metric.name, metric.help),
            _ => metrics::describe_histogram!(metric.name, metric.help),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_shown_and_measured_is_in_the_text_for_prometheus() {
        keep_metrics().expect("nothing else keeps them here");
        keep_metrics().expect("a second call changes nothing");
        crate::count_events("shop", "routed", 3);
        crate::count_events("shop", "routed", 2);
        crate::show_held("book", 7.0);
        crate::show_held("till", 7.0);
        crate::show_held("till", crate::GONE);
        crate::delivery_took("book", 0.007);
        crate::delivery_took("book", 7.0);
        crate::dispatch_dead("book", "parcel-to-book", "an-id", "refused", "it says no");
        sort_metrics();
        let text = metrics_as_text();
        for line in [
            "# TYPE postroom_events_total counter",
            "postroom_events_total{system=\"shop\",verdict=\"routed\"} 5",
            "postroom_held{target=\"book\"} 7",
            "postroom_log_events_total{event=\"dispatch.dead\"} 1",
            "postroom_dispatches_total{target=\"book\",outcome=\"dead\"} 1",
            "postroom_delivery_seconds_bucket{target=\"book\",le=\"0.005\"} 0",
            "postroom_delivery_seconds_bucket{target=\"book\",le=\"0.01\"} 1",
            "postroom_delivery_seconds_bucket{target=\"book\",le=\"+Inf\"} 2",
        ] {
            assert!(text.lines().any(|told| told == line), "no line {line} in\n{text}");
        }
        assert!(!text.contains("till"), "what is gone is not told: {text}");
        let help = METRICS.iter().find(|metric| metric.name == "postroom_held").expect("a metric").help;
        assert!(text.contains(&format!("# HELP postroom_held {help}")), "{text}");
    }
}
