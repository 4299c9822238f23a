//! Every log event of the hub. The doc comment of each is its page for the operator.

use crate::metric::count_dispatches;
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

    /// The council's text was changed, and what is new is at work, whole: `files` were added, changed or removed (the first are named). What was in
    /// hand was finished by the old text. Nothing to do.
    info "configuration.applied" "another configuration is at work"
    fn configuration_applied(files: usize, named: &str, systems: usize, routes: usize, milliseconds: u64);

    /// The council's text was changed, and is not right: nothing of it is at work, and the hub goes on with the old text. `first` is the first of
    /// the `problems`; `postroom check` shows all with their places. Mend the text: it is looked at again when it changes, or on SIGHUP. Until then a
    /// hub that is started anew does not start.
    error "configuration.refused" "a changed configuration is refused"
    fn configuration_refused(problems: usize, first: &str);

    /// The hub was asked to look at the council's text, and nothing of it has changed. Nothing to do.
    info "configuration.unchanged" "the configuration is what it was"
    fn configuration_unchanged();

    /// The hub was asked to stop; what is in hand is finished or left to the broker. Nothing to do.
    info "hub.stopping" "the hub is stopping"
    fn hub_stopping();

    /// The hub has stopped cleanly. Nothing to do.
    info "hub.stopped" "the hub has stopped"
    fn hub_stopped();

    /// Whoever did this work before stopped in the middle of it, so redelivered events are handled with care at first, fifty together at most.
    /// If it happens again, look for what ended the hub.
    warn "lease.recovering" "the work before was not ended cleanly"
    fn lease_recovering(lease: &str);

    /// This hub may not do this work any longer: it could not prolong its lease in time, or another hub has it. It tries
    /// to get it again. If it happens often, look at the ledger's speed.
    warn "lease.lost" "the lease is over"
    fn lease_lost(lease: &str);

    /// The hub cannot go on and ends. Read the reason; `postroom check` helps where it is the configuration.
    error "hub.failed" "the hub cannot go on"
    fn hub_failed(reason: &str);

    /// Health and metrics can be asked for at this address. Nothing to do.
    info "health.listening" "health and metrics can be asked for"
    fn health_listening(address: &str);

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

    /// The OpenTelemetry collector does not take the steps of traces: they are lost until it does, and nothing else is.
    /// Look at the collector, and at `otlp` under `[telemetry]`.
    warn "collector.lost" "the collector takes no traces"
    fn collector_lost(reason: &str);

    /// The collector takes the steps of traces again. Nothing to do.
    info "collector.back" "the collector takes traces again"
    fn collector_back();

    /// What had reached no queue, or was given up by one, was put where it belongs. `because` says why: `no-queue` when a queue or a
    /// binding was deleted, else RabbitMQ's word, e.g. `delivery_limit` for a policy. Find out who changed what.
    error "queue.returned" "messages that reached no queue are put back"
    fn queue_returned(queue: &str, messages: u64, because: &str);

    /// A queue takes no more of what the hub sends into it again (a replay, a reconcile, an import): it is full, or somebody
    /// limited it. The hub tries again and again; the rest of its work goes on. Look at who reads the queue, and at the policies
    /// on the broker.
    warn "queue.full" "a queue takes no more messages"
    fn queue_full(exchange: &str, key: &str);

    /// A queue that was full has taken what waited for it. Nothing to do.
    info "queue.free" "a queue takes messages again"
    fn queue_free(exchange: &str, key: &str, seconds: u64);

    /// A queue of the hub was deleted. It is made again, and what was in it is taken in again from journal and ledger. Find out
    /// who deleted it.
    error "queue.deleted" "a queue was deleted"
    fn queue_deleted(queue: &str);

    /// A lane is empty although dispatches should wait in it: it was purged, or the broker made it anew after it was killed. What
    /// was in it is sent again. Find out what happened.
    error "queue.emptied" "a lane has lost what was in it"
    fn queue_emptied(queue: &str);

    /// The broker has a queue of the hub and does not serve it, as RabbitMQ 3.10 may when it is killed seconds after a queue was
    /// declared. Everything else goes on; this queue is tried again after a while, at last every five minutes. If it stays so,
    /// delete it on the broker: it is made again, and what was in it is taken in again from journal and ledger.
    error "queue.unserved" "the broker does not serve a queue"
    fn queue_unserved(queue: &str, reason: &str);

    /// The queue that a system reads itself was deleted with what the system had not read, which only the system knows. Send it
    /// again: `postroom replay --to SYSTEM --again --from TIME`, first without `--yes`.
    error "replay.proposed" "a replay is proposed"
    fn replay_proposed(target: &str);

    /// A lane has again what it should hold. `overtaken` and `lost` are dead letters now: `postroom dead list`. `left` are
    /// those that were unsure when the job was cancelled: reconcile again.
    info "lane.reconciled" "a lane was reconciled"
    fn lane_reconciled(target: &str, sent: u64, overtaken: u64, lost: u64, left: u64);

    /// Events that were in the journal and not in the ledger were taken in. What later ones of their subjects went past is a dead
    /// letter with the code `overtaken`: `postroom dead list`.
    info "ingress.reconciled" "an ingress was reconciled"
    fn ingress_reconciled(system: &str, events: u64, overtaken: u64);

    /// A replay has ended. `skipped` are dispatches that the configuration makes no more, or that later ones of their subjects
    /// went past since it was planned: `postroom jobs show JOB` lists them.
    info "replay.finished" "a replay has ended"
    fn replay_finished(job: i64, sent: u64, skipped: u64);

    /// What ended long ago was forgotten, with all personal data in it (`keep` under `[ledger]`). Nothing to do.
    info "ledger.pruned" "the ledger forgot what is old"
    fn ledger_pruned(events: u64, receipts: u64, dead: u64, invalid: u64);

    /// The ledger cannot be read or written: full, locked, gone. The hub takes no work and starts no attempt until it can,
    /// and then goes on by itself. Said once. Check disk space, permissions and the server.
    error "ledger.failed" "the ledger cannot be used"
    fn ledger_failed(reason: &str);

    /// The ledger can be used again, and work goes on. Nothing to do.
    info "ledger.back" "the ledger can be used again"
    fn ledger_back(seconds: u64);

    /// A write took longer than so many seconds: intake stops and no attempt starts until the ledger is quick again. Look at
    /// the disk, or at the server.
    warn "ledger.slow" "the ledger is slow"
    fn ledger_slow(seconds: u64);

    /// The ledger is quick again, and work goes on. Nothing to do.
    info "ledger.quick" "the ledger is quick again"
    fn ledger_quick();

    /// The ledger is a backup that was put back: what happened after it was made is not in it. Nothing is taken in and nothing
    /// is sent until a person has looked: `postroom ledger accept-restore`.
    error "ledger.restored" "the ledger is a backup that was put back"
    fn ledger_restored();

    /// A person accepted the backup that was put back, and work goes on. Nothing to do.
    info "ledger.accepted" "the backup that was put back is accepted"
    fn ledger_accepted();

    /// Somebody paused a system: nothing is taken from it and nothing is sent to it. `postroom resume` ends it.
    warn "pause.begun" "a system is paused"
    fn pause_begun(system: &str, until: &str, actor: &str, reason: &str);

    /// The pause of a system is over, by a person's word or because its time is. Nothing to do.
    info "pause.over" "a system is paused no longer"
    fn pause_over(system: &str, actor: &str, reason: &str);

    /// Nothing was heard from a source for longer than its `expect_every`. Ask whoever runs it. Said once.
    warn "source.silent" "a source is silent"
    fn source_silent(system: &str, since: &str, expected_seconds: u64);

    /// A source that was silent was heard again. Nothing to do.
    info "source.heard" "a source is heard again"
    fn source_heard(system: &str);

    /// A certificate in use ends in 30, 14 or 7 days; said once for each. `setting` is what names it (operations.md tells what
    /// to do for each `role`). A file that is replaced is taken up without a restart.
    warn "certificate.expiring" "a certificate ends soon"
    fn certificate_expiring(system: &str, setting: &str, role: &str, until: &str, days: i64);

    /// A certificate in use has ended; said once a day until it is replaced. Lines that need it are refused by now, or will be.
    /// Replace it.
    error "certificate.expired" "a certificate has ended"
    fn certificate_expired(system: &str, setting: &str, role: &str, until: &str, days: i64);

    /// A certificate or key that a setting names cannot be used as its file is now. Where it was read before, what was read is
    /// used as long as the connector can. Said once until it changes. Mend the file; the reason names it.
    warn "certificate.unusable" "a certificate cannot be used"
    fn certificate_unusable(system: &str, setting: &str, reason: &str);

    /// A certificate or key that could not be used can be used again. Nothing to do.
    info "certificate.usable" "a certificate can be used again"
    fn certificate_usable(system: &str, setting: &str);

    /// Something that came in is not accounted for: one of the three sums does not add up, or dispatches are missing from a
    /// lane. Said once until it changes. `postroom status` shows it; find out what was deleted.
    error "sums.differ" "not every input is accounted for"
    fn sums_differ(difference: &str);

    /// Every input is accounted for again. Nothing to do.
    info "sums.agree" "every input is accounted for again"
    fn sums_agree();

    /// A worker of the hub stopped on a defect; it is started again, and what it had in hand is delivered again, and
    /// handled with care. Please report it.
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

    /// A file cannot be read, or is a snapshot that is not to be trusted, and was put aside, its reason beside it in `refused/`.
    /// Tell its sender; a snapshot that has rightly shrunk is taken by `postroom publish --accept-shrink`.
    error "import.refused" "a file is refused"
    fn import_refused(system: &str, label: &str, rule: &str, line: u64, words: &str);

    /// What somebody asked of the hub in the name of this system was refused: `requests` since the last such line; one a minute at most for each
    /// system and `reason` (metrics.md, `postroom_requests_refused_total`). `not-proved`: a secret was changed at one end, or a stranger
    /// tries. Else ask the sender what it sends. What the hub could not take at that time is counted only: its cause has its own line.
    warn "request.refused" "requests are refused"
    fn requests_refused(system: &str, reason: &str, requests: u64);

    /// One record of a batch was refused; the rest goes on. `postroom invalid list` has it with its line.
    warn "record.refused" "a record is refused"
    fn record_refused(system: &str, batch: &str, line: u64, rule: &str, words: &str);

    /// Records of a snapshot were refused, so that nobody knows whether those which it lacks are gone: what is new and what has
    /// changed was published, nothing was removed. `postroom invalid list` has what was refused; the next whole snapshot removes.
    warn "snapshot.incomplete" "a snapshot removes nothing"
    fn snapshot_incomplete(system: &str, label: &str, words: &str);

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
    fn dispatch_dead(target: &str, route: &str, dispatch: &str, code: &str, words: &str)
    and count_dispatches(target, "dead", 1);

    /// A batch of messages was handed to a target. Nothing to do.
    info "batch.delivered" "delivered a batch"
    fn batch_delivered(target: &str, batch: &str, messages: usize, reference: &str)
    and count_dispatches(target, "delivered", messages as u64);

    /// A target refused a batch for good; each of its dispatches is kept whole as a dead letter: `postroom dead list`.
    error "batch.refused" "a batch is refused"
    fn batch_refused(target: &str, batch: &str, messages: usize, words: &str)
    and count_dispatches(target, "dead", messages as u64);

    /// A batch could not be handed to a target and will be tried again under the same id. Said once per outage.
    warn "batch.retried" "a batch could not be delivered"
    fn batch_retried(target: &str, batch: &str, reason: &str);

    /// What an officer decided was carried out, or the job was cancelled. `postroom jobs show` tells what was left as it
    /// was, and why.
    info "job.ended" "an officer's job has ended"
    fn job_ended(job: i64, kind: &str, lease: &str, carried_out: u64, left: usize);

    /// A person read values that are masked otherwise: who, at what, and why. Kept for the record.
    info "operator.revealed" "values were revealed"
    fn operator_revealed(actor: &str, what: &str, why: &str);

    /// A person was shown everything that the ledger holds of a subject; `job` says of which. Kept for the record.
    info "subject.exported" "what is held of a subject was shown"
    fn subject_exported(actor: &str, reason: &str, job: i64);

    /// What the ledger held of a subject was erased: so many things. The subject is not named. `postroom subject erasures` lists it.
    info "subject.erased" "what was held of a subject is erased"
    fn subject_erased(actor: &str, reason: &str, erased: u64);
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
