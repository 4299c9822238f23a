//! The codes that the router adds to those of events and formats, with what they mean.

const UNKNOWN_CODE_MEANS: &str = "a code list does not know what stands in a field, has no answer for it, or the field is required and absent";

/// Why a record is refused although it was read.
pub const RECORD_CODES: &[(&str, &str)] = &[
    (
        "no-rule",
        "no rule of `[[source.map]]` or `[[source.ignore]]` applies: an unknown code is an exception",
    ),
    ("mapping", "the source mapping of the rule could not be run on this record"),
    ("event", "the mapping gave something that is no event"),
    ("snapshot-key", "the key of a snapshot is absent or empty in the record"),
    ("snapshot-duplicate-key", "the same key stands in a snapshot twice: it is refused whole"),
    (
        "snapshot-shrunk",
        "a snapshot lacks more of the known records than `shrink_at_most` allows: it is refused whole",
    ),
    (
        "snapshot-incomplete",
        "no refusal: a snapshot of which records were refused removes nothing, for one of them may be what it seems to lack",
    ),
    ("unknown-code", UNKNOWN_CODE_MEANS),
];

/// Why a dispatch is dead.
pub const DEAD_CODES: &[(&str, &str)] = &[
    ("filter", "the route's `when` could not be run on this event, or is false for it now that it can"),
    ("mapping", "the route's mapping could not be run on this event"),
    ("unknown-code", UNKNOWN_CODE_MEANS),
    (
        "unknown-reference",
        "the ledger knows no id of a system for a thing: `postroom xref import`, or wait until it is noted, and redrive",
    ),
    ("message", "what the mapping made does not fit the target's schema"),
    ("no-such-route", "the route was removed while the dispatch waited"),
    ("foreign", "something on a lane that this hub did not put there; it was not read again"),
    ("refused", "the target refused it for good"),
    ("exhausted", "it still failed when the retry schedule of its route had run out"),
    (
        "overtaken",
        "its queue lost it, or its event came late, and a later dispatch of its subject has arrived meanwhile: a declared skip",
    ),
    ("rejected", "its system rejected it from its own queue, or gave it back until the queue gave it up"),
    ("dropped", "a policy on the broker dropped it from the queue of its system"),
    ("unrouted", "its queue did not keep it, however often it was put back"),
    ("lost", "its queue was deleted, and the journal has its event no more"),
    ("poison", "the hub stopped three times while it had this dispatch in hand; it was not read again"),
];

/// Why something stays as it is although an officer decided on it, beside the codes for which it would fail again.
pub const LEFT_CODES: &[(&str, &str)] = &[
    ("overtaken", "a later dispatch of the same subject went past it; `--stale` sends it all the same"),
    ("no-longer", "a replay: the configuration makes it no more, or no message of it"),
    ("lost", "a replay: the journal has its event no more"),
    ("decided", "it was discarded or sent again meanwhile"),
    ("not-found", "nothing is kept under this id any more"),
    ("not-kept", "its bytes are not kept: it was too large, or they have expired"),
    ("unreadable", "its event cannot be read"),
    ("poison", "the hub stopped three times while it had it in hand; it can be discarded only"),
    ("no-such-target", "the target is not in the configuration any more"),
    ("no-such-source", "the system is no source in the configuration"),
    ("no-owner", "no system owns the CloudEvents source of its event"),
    ("by-its-sender", "it broke a rule about its sender or its properties: its source publishes it again"),
];

/// Why a dispatch is held.
pub const HOLD_CODES: &[(&str, &str)] = &[
    ("failed-in-place", "it still failed after the retries in place (`in_place` under `[limits]`)"),
    ("out-of-reach", "it alone could not reach the target, for longer than the retries in place"),
    ("retry-after", "the target asked to come back later than the retries in place go on"),
    ("crowded", "too much was waiting for the target, and its subject had failed longest"),
    ("behind", "an earlier dispatch of its subject is held or dead"),
    ("unconfirmed", "the broker did not confirm it"),
    ("lane-full", "the queue of its lane takes no more messages, e.g. because of a policy on the broker"),
    ("paused", "it came while its target was paused, or the ledger was slow; it goes when that is over"),
    ("unrouted", "its lane gave it up, e.g. because of a policy on the broker; it goes before what waits"),
    ("redriven", "an officer sends the dead head of its subject again; it goes first"),
    ("redriven-late", "an officer sends it again after its subject went on without it; it goes last"),
    ("replayed", "a replay sends it to the queue of its target; it goes last"),
];
