//! Every metric of the hub: a function each, and the register from which `docs/metrics.md` is written. The doc comment of
//! each is its help. A label's value is a name of the configuration, or one of a few words that the page lists: never data.

use std::fmt::Write as _;

/// One metric, as the page and Prometheus tell it.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Its name in Prometheus.
    pub name: &'static str,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it counts or measures.
    pub help: &'static str,
}

/// What a gauge is set to that tells of something that is no more: it is not told any further.
pub const GONE: f64 = f64::NAN;

/// Upper bounds of the buckets of every histogram, in seconds: an attempt ends after two minutes, a hold after days.
pub(crate) const SECONDS: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 600.0, 3_600.0,
    86_400.0,
];

/// Defines metrics: a function each, and the register of all.
macro_rules! metrics {
    ($($(#[doc = $help:literal])+ $kind:ident $name:literal
        fn $function:ident($($label:ident),* $(,)?);)+) => {
        $(metrics!(@function $kind $name $function ($($label),*) $(#[doc = $help])+);)+

        /// Every metric, in the order of this file.
        pub const METRICS: &[Metric] = &[$(Metric {
            name: $name,
            kind: stringify!($kind),
            labels: &[$(stringify!($label)),*],
            help: concat!($($help),+).trim_ascii(),
        }),+];
    };
    (@function counter $name:literal $function:ident ($($label:ident),*) $(#[doc = $help:literal])+) => {
        $(#[doc = $help])+
        pub fn $function($($label: &str,)* more: u64) {
            ::metrics::counter!($name $(, stringify!($label) => $label.to_owned())*).increment(more);
        }
    };
    (@function gauge $name:literal $function:ident ($($label:ident),*) $(#[doc = $help:literal])+) => {
        $(#[doc = $help])+
        pub fn $function($($label: &str,)* now: f64) {
            ::metrics::gauge!($name $(, stringify!($label) => $label.to_owned())*).set(now);
        }
    };
    (@function histogram $name:literal $function:ident ($($label:ident),*) $(#[doc = $help:literal])+) => {
        $(#[doc = $help])+
        pub fn $function($($label: &str,)* seconds: f64) {
            ::metrics::histogram!($name $(, stringify!($label) => $label.to_owned())*).record(seconds);
        }
    };
}

metrics! {
    /// Log lines by event (logs.md): what is worth an alarm is an error or a warning there.
    counter "postroom_log_events_total"
    fn count_log_events(event);

    /// Events that were decided, by verdict: `routed`, `no-route`, `invalid`, `duplicate`.
    counter "postroom_events_total"
    fn count_events(system, verdict);

    /// Dispatches that ended, by outcome: `delivered`, `dead`. A target that reads its own queue has what lies in it.
    counter "postroom_dispatches_total"
    fn count_dispatches(target, outcome);

    /// Seconds from the taking in of an event to the delivery of its message, holds included. Not told for targets that
    /// take batches, where it is the schedule's.
    histogram "postroom_delivery_seconds"
    fn delivery_took(target);

    /// Requests of a system that were refused where the hub listens, by reason: `not-proved`, `too-many` (over its rate), `too-long`,
    /// `too-slow` (its body), `not-understood`, `not-there`, `not-now` (the hub could not take it).
    counter "postroom_requests_refused_total"
    fn count_refused_requests(system, reason);

    /// Seconds that one attempt to deliver took, by outcome: `delivered`, `transient`, `permanent`, `unknown`, `down`.
    histogram "postroom_attempt_seconds"
    fn attempt_took(target, outcome);

    /// 1 while `/health/ready` says yes, else 0.
    gauge "postroom_ready"
    fn show_ready();

    /// 1 while a session with the broker is open, else 0.
    gauge "postroom_broker_open"
    fn show_broker_open();

    /// 1 while the broker takes no messages (memory or disk alarm), else 0.
    gauge "postroom_broker_blocked"
    fn show_broker_blocked();

    /// 1 while the ledger can be written without delay, else 0.
    gauge "postroom_ledger_answers"
    fn show_ledger_answers();

    /// Messages that reached no queue and lie in `unrouted`: it should be 0.
    gauge "postroom_unrouted_messages"
    fn show_unrouted();

    /// Events in `ingress.<system>` that no hub has in hand.
    gauge "postroom_ingress_messages"
    fn show_ingress(system);

    /// Dispatches in `lane.<system>` that no hub has in hand.
    gauge "postroom_lane_messages"
    fn show_lane(target);

    /// Messages in `to.<system>` that the system has not fetched.
    gauge "postroom_queue_messages"
    fn show_queue(target);

    /// Consumers that the system has on `to.<system>`: at 0 nobody fetches.
    gauge "postroom_queue_consumers"
    fn show_queue_consumers(target);

    /// Seconds since the event was taken of the oldest dispatch that waits in a lane or for a batch; 0 when none waits.
    gauge "postroom_oldest_waiting_seconds"
    fn show_oldest_waiting(target);

    /// Dispatches held in the ledger until the target takes them.
    gauge "postroom_held"
    fn show_held(target);

    /// Seconds since the oldest of them was held; 0 when none is.
    gauge "postroom_oldest_held_seconds"
    fn show_oldest_held(target);

    /// Dead letters that are open: a person must decide.
    gauge "postroom_dead"
    fn show_dead(target);

    /// What is kept because a person must decide, by whose concern: `business` is the work list of officers, `technical` every other
    /// dead letter and invalid event.
    gauge "postroom_exceptions"
    fn show_exceptions(concern);

    /// Seconds until a certificate in use ends, below 0 once it has. `setting` is the side and the setting that names it or its
    /// peer; `role` is `own` (the hub shows it), `authority`, `client-authority`, `peer` (it is shown to the hub).
    gauge "postroom_certificate_seconds_left"
    fn show_certificate_left(system, setting, role);

    /// 1 while the target cannot be reached and nothing is sent to it, else 0.
    gauge "postroom_circuit_open"
    fn show_circuit_open(target);
}

/// The register as the page `docs/metrics.md`.
pub fn metrics_as_markdown() -> String {
    let mut page = String::from(
        "# What the hub measures\n\n\
         Written by `postroom docs metrics` from `core/telemetry`. Prometheus fetches it from `/metrics` at the address under\n\
         `[health]` in council.toml (operations.md). Gauges are as old as the last look at broker and ledger, 15 seconds at\n\
         most. The value of a label is a name of the configuration or a word of this page, never data.\n\n\
         | metric | kind | labels | what it tells |\n|---|---|---|---|\n",
    );
    for metric in METRICS {
        let labels = metric.labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(" ");
        let _ = writeln!(page, "| `{}` | {} | {labels} | {} |", metric.name, metric.kind, metric.help);
    }
    page
}

#[cfg(test)]
mod tests {
    use super::METRICS;

    #[test]
    fn every_metric_stands_once_and_its_name_says_its_kind() {
        let mut names: Vec<_> = METRICS.iter().map(|metric| metric.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), METRICS.len());
        for metric in METRICS {
            assert!(metric.name.starts_with("postroom_"), "{metric:?}");
            assert_eq!(metric.name.ends_with("_total"), metric.kind == "counter", "{metric:?}");
            assert!(metric.kind != "histogram" || metric.name.ends_with("_seconds"), "{metric:?}");
        }
    }

    #[test]
    fn the_page_of_every_metric_stands_in_docs() {
        let page = include_str!("../../../docs/metrics.md");
        assert_eq!(
            page,
            super::metrics_as_markdown(),
            "write it anew: postroom docs metrics > docs/metrics.md"
        );
    }
}
