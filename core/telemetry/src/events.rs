//! Every log event of the hub. The doc comment of each is its page for the operator.

use crate::register::log_events;

log_events! {
    /// The configuration was checked and the hub begins to work. Nothing to do.
    info "hub.started" "the hub starts"
    fn hub_started(council: &str, version: &str, systems: usize, routes: usize);

    /// The broker is connected, everything is declared, and work flows. Nothing to do.
    info "hub.ready" "the hub is ready"
    fn hub_ready(milliseconds: u64);

    /// Every mapping is compiled; before, the first event of a route waited for its compilation. Nothing to do.
    info "hub.compiled" "every mapping is compiled"
    fn hub_compiled(milliseconds: u64);

    /// The hub was asked to stop; what is in hand is finished or left to the broker. Nothing to do.
    info "hub.stopping" "the hub is stopping"
    fn hub_stopping();

    /// The hub has stopped cleanly. Nothing to do.
    info "hub.stopped" "the hub has stopped"
    fn hub_stopped();

    /// The run before this one did not end cleanly, so redelivered events are handled one by one at first. If it
    /// happens again, look for what ended the hub.
    warn "hub.recovering" "the last run did not end cleanly"
    fn hub_recovering();

    /// The hub cannot go on and ends. Read the reason; `postroom check` helps where it is the configuration.
    error "hub.failed" "the hub cannot go on"
    fn hub_failed(reason: &str);

    /// The broker cannot be reached yet; the hub keeps trying and says so once. Check that RabbitMQ runs and that
    /// `AMQP_URL` is right.
    warn "broker.waiting" "waiting for the broker"
    fn broker_waiting(reason: &str);

    /// The broker refuses the hub for a reason that waiting will not mend (user, permission, an object declared
    /// otherwise). A person must act; the hub keeps trying.
    error "broker.refused" "the broker refuses the hub"
    fn broker_refused(reason: &str);

    /// Another hub works on this prefix; a hub with an SQLite ledger must be alone. Stop one of them.
    error "broker.locked" "another hub works on this prefix"
    fn broker_locked(prefix: &str);

    /// The connection to the broker is up. Nothing to do.
    info "broker.connected" "connected to the broker"
    fn broker_connected(prefix: &str);

    /// The connection to the broker is lost; the hub reconnects, and what was in hand is delivered again.
    warn "broker.lost" "the broker is lost"
    fn broker_lost(reason: &str);

    /// The broker stopped taking messages (memory or disk alarm). Intake pauses until it is over. Look at the broker.
    warn "broker.blocked" "the broker takes no messages"
    fn broker_blocked();

    /// The broker takes messages again. Nothing to do.
    info "broker.unblocked" "the broker takes messages again"
    fn broker_unblocked();

    /// Messages reached no queue: a queue or a binding was deleted, or a policy dropped them. They are kept in the
    /// queue `unrouted`. Find out what changed on the broker.
    error "broker.unrouted" "messages reached no queue"
    fn broker_unrouted(messages: u64);

    /// The ledger cannot be written. The hub takes no work until it can. Check disk space and permissions.
    error "ledger.failed" "the ledger cannot be written"
    fn ledger_failed(reason: &str);

    /// A worker of the hub stopped on a defect; it is started again, and what it had in hand is delivered again, one by
    /// one. Please report it.
    error "worker.crashed" "a worker crashed"
    fn worker_crashed(worker: &str);

    /// A worker could not go on and is started again. The reason says what it met.
    warn "worker.restarted" "a worker is started again"
    fn worker_restarted(worker: &str, reason: &str);

    /// A batch of records (a file) was checked whole and is being published. Nothing to do.
    info "import.started" "taking a batch"
    fn import_started(system: &str, batch: &str, label: &str, records: u64, position: u64);

    /// A batch was taken: each record is published, refused with its reason, or ignored by a named rule. Look at
    /// `refused` if it is not 0: `postroom invalid list`.
    info "import.finished" "took a batch"
    fn import_finished(system: &str, label: &str, mapped: u64, refused: u64, ignored: u64);

    /// The same content was taken before, and is put away. `postroom publish --again` takes it once more.
    info "import.repeated" "the same content was taken before"
    fn import_repeated(system: &str, batch: &str, label: &str);

    /// A file cannot be read and was put aside, its reason beside it in `refused/`. Tell its sender.
    error "import.refused" "a file cannot be read"
    fn import_refused(system: &str, label: &str, rule: &str, line: u64, words: &str);

    /// One record of a batch was refused; the rest goes on. `postroom invalid list` has it with its line.
    warn "record.refused" "a record is refused"
    fn record_refused(system: &str, batch: &str, line: u64, rule: &str, words: &str);

    /// A source cannot be read at the moment; it is tried again. Said once per outage.
    warn "source.failed" "a source cannot be read"
    fn source_failed(system: &str, reason: &str);

    /// A source can be read again. Nothing to do.
    info "source.recovered" "a source can be read again"
    fn source_recovered(system: &str);

    /// An event broke a rule and is kept whole as invalid: `postroom invalid show`. Tell the system that sent it.
    warn "event.invalid" "an event is invalid"
    fn event_invalid(system: &str, rule: &str, place: &str, words: &str);

    /// An attempt to deliver did not succeed and will be made again; its subject waits. Nothing to do yet.
    warn "dispatch.retried" "an attempt did not succeed"
    fn dispatch_retried(target: &str, route: &str, dispatch: &str, attempt: u32, reason: &str);

    /// A dispatch waits in the ledger, and its subject behind it, until its target takes it; it is tried again on the
    /// schedule of its route. Look at the target when there are many: `postroom status`.
    warn "dispatch.held" "a dispatch is held"
    fn dispatch_held(target: &str, route: &str, dispatch: &str, code: &str, words: &str);

    /// A target cannot be reached: nothing is sent and no attempt counts until a probe finds it. Look at the target.
    warn "target.down" "a target cannot be reached"
    fn target_down(target: &str, since: &str);

    /// A target can be reached again, and what waits is delivered. Nothing to do.
    info "target.back" "a target can be reached again"
    fn target_back(target: &str, seconds: u64);

    /// A dispatch cannot be delivered and is kept whole as a dead letter: `postroom dead show`. A person must decide.
    error "dispatch.dead" "a dispatch is dead"
    fn dispatch_dead(target: &str, route: &str, dispatch: &str, code: &str, words: &str);

    /// A batch of messages was handed to a target. Nothing to do.
    info "batch.delivered" "delivered a batch"
    fn batch_delivered(target: &str, batch: &str, messages: usize, reference: &str);

    /// A target refused a batch for good; each of its dispatches is kept whole as a dead letter: `postroom dead list`.
    error "batch.refused" "a batch is refused"
    fn batch_refused(target: &str, batch: &str, messages: usize, words: &str);

    /// A batch could not be handed to a target and will be tried again under the same id. Said once per outage.
    warn "batch.retried" "a batch could not be delivered"
    fn batch_retried(target: &str, batch: &str, reason: &str);

    /// A person read values that are masked otherwise. Kept for the record.
    info "operator.revealed" "values were revealed"
    fn operator_revealed(actor: &str, what: &str);
}

/// Events that were decided: one counter per system and verdict.
pub fn count_events(system: &str, verdict: &'static str, events: u64) {
    metrics::counter!("postroom_events_total", "system" => system.to_owned(), "verdict" => verdict)
        .increment(events);
}

/// Dispatches that ended: one counter per target and outcome.
pub fn count_dispatches(target: &str, outcome: &'static str, dispatches: u64) {
    metrics::counter!("postroom_dispatches_total", "target" => target.to_owned(), "outcome" => outcome)
        .increment(dispatches);
}

#[cfg(test)]
mod tests {
    use super::EVENTS;

    #[test]
    fn every_name_is_one_area_and_one_word_and_stands_once() {
        let mut names: Vec<_> = EVENTS.iter().map(|event| event.name).collect();
        assert!(names.iter().all(|name| name.split('.').count() == 2), "{names:?}");
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), EVENTS.len());
    }

    #[test]
    fn the_page_of_every_event_stands_in_docs() {
        let page = include_str!("../../../docs/logs.md");
        assert_eq!(page, crate::as_markdown(EVENTS), "write it anew: postroom docs logs > docs/logs.md");
    }
}
