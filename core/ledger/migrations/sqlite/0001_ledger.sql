-- Times are microseconds since the epoch; keys are the 16 bytes of a UUID.

-- What repeats from event to event: `routes` is a list of [route, target, "queue" or "own"] in JSON. A dispatch by way
-- of "queue" was delivered when its event was recorded; one of its "own" is in `receipt`, `staged`, `held` or `dead`, and
-- in none of them while it waits in its lane.
CREATE TABLE course (
    id         INTEGER PRIMARY KEY,
    system     TEXT NOT NULL,
    source     TEXT NOT NULL,
    event_type TEXT NOT NULL,
    routes     TEXT NOT NULL,
    UNIQUE (system, source, event_type, routes)
);

-- Outcomes, only ever appended. The two indexes follow in bulk (`mark.indexed_to`): random keys one by one would write
-- a page for each event.
CREATE TABLE event (
    id          INTEGER PRIMARY KEY,
    key         BLOB NOT NULL,
    course      INTEGER NOT NULL,
    event_id    TEXT NOT NULL,
    subject     TEXT NOT NULL,
    correlation TEXT,
    received_at INTEGER NOT NULL
);
CREATE TABLE event_key (
    key   BLOB NOT NULL PRIMARY KEY,
    event INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE event_subject (
    subject TEXT NOT NULL,
    event   INTEGER NOT NULL,
    PRIMARY KEY (subject, event)
) WITHOUT ROWID;
-- `copied`: this is a backup that nobody has acknowledged yet.
CREATE TABLE mark (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    indexed_to INTEGER NOT NULL,
    copied     INTEGER NOT NULL DEFAULT 0
);
INSERT INTO mark (one, indexed_to) VALUES (1, 0);

-- Events that came again and were not taken again.
CREATE TABLE tally (
    system     TEXT PRIMARY KEY,
    duplicates INTEGER NOT NULL
);

CREATE TABLE way (
    id     INTEGER PRIMARY KEY,
    route  TEXT NOT NULL,
    target TEXT NOT NULL,
    UNIQUE (route, target)
);
CREATE TABLE receipt (
    dispatch     BLOB NOT NULL PRIMARY KEY,
    event        BLOB NOT NULL,
    way          INTEGER NOT NULL,
    attempts     INTEGER NOT NULL,
    delivered_at INTEGER NOT NULL,
    batch        TEXT,
    reference    TEXT
) WITHOUT ROWID;

CREATE TABLE batch (
    id          TEXT PRIMARY KEY,
    target      TEXT NOT NULL,
    size        INTEGER NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('open', 'delivered', 'refused')),
    assigned_at INTEGER NOT NULL,
    ended_at    INTEGER,
    reference   TEXT
);
CREATE UNIQUE INDEX batch_open ON batch (target) WHERE state = 'open';
CREATE TABLE staged (
    position     INTEGER PRIMARY KEY AUTOINCREMENT,
    dispatch     BLOB NOT NULL UNIQUE,
    event        BLOB NOT NULL,
    way          INTEGER NOT NULL,
    target       TEXT NOT NULL,
    event_type   TEXT NOT NULL,
    subject      TEXT NOT NULL,
    message      BLOB NOT NULL,
    content_type TEXT,
    headers      TEXT NOT NULL,
    body         BLOB NOT NULL,
    staged_at    INTEGER NOT NULL,
    batch        TEXT
);
CREATE INDEX staged_target ON staged (target, batch);

-- A dead letter without its bytes, which are in `kept`. `blocks`: the CloudEvents source, where later dispatches of the
-- same source and subject wait for this one while it is open.
CREATE TABLE dead (
    dispatch   BLOB NOT NULL PRIMARY KEY,
    event      BLOB NOT NULL,
    way        INTEGER NOT NULL,
    event_type TEXT NOT NULL,
    subject    TEXT NOT NULL,
    code       TEXT NOT NULL,
    words      TEXT NOT NULL,
    detail     TEXT NOT NULL,
    failed_at  INTEGER NOT NULL,
    attempts   INTEGER NOT NULL,
    state      TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'discarded', 'redriven')),
    blocks     TEXT,
    job        INTEGER
) WITHOUT ROWID;
CREATE INDEX dead_blocks ON dead (subject, way) WHERE blocks IS NOT NULL;

-- Dispatches that wait in the ledger until their target takes them, in the order of `position` for each target.
CREATE TABLE held (
    position   INTEGER PRIMARY KEY AUTOINCREMENT,
    dispatch   BLOB NOT NULL UNIQUE,
    event      BLOB NOT NULL,
    way        INTEGER NOT NULL,
    target     TEXT NOT NULL,
    source     TEXT NOT NULL,
    event_type TEXT NOT NULL,
    subject    TEXT NOT NULL,
    code       TEXT NOT NULL,
    words      TEXT NOT NULL,
    detail     TEXT NOT NULL,
    attempts   INTEGER NOT NULL,
    waits      INTEGER NOT NULL,
    next_at    INTEGER,
    held_at    INTEGER NOT NULL
);
CREATE INDEX held_target ON held (target, position);

-- The bytes of what is dead or held: the event as it came, and the message where one was made. Personal data is here.
CREATE TABLE kept (
    id           INTEGER PRIMARY KEY,
    dispatch     BLOB NOT NULL UNIQUE,
    content_type TEXT,
    headers      TEXT NOT NULL,
    body         BLOB NOT NULL,
    message      BLOB,
    message_type TEXT
);

-- Attempts that failed, kept as long as what they led to.
CREATE TABLE attempt (
    dispatch   BLOB NOT NULL,
    started_at INTEGER NOT NULL,
    number     INTEGER NOT NULL,
    took       INTEGER NOT NULL,
    outcome    TEXT NOT NULL CHECK (outcome IN ('transient', 'permanent', 'unknown', 'down')),
    words      TEXT NOT NULL,
    PRIMARY KEY (dispatch, started_at, number)
) WITHOUT ROWID;

-- Who decided what, why and when, on a dead letter or an invalid event.
CREATE TABLE note (
    id       INTEGER PRIMARY KEY,
    dispatch BLOB,
    invalid  INTEGER,
    action   TEXT NOT NULL CHECK (action IN ('discarded', 'redriven')),
    actor    TEXT NOT NULL,
    reason   TEXT NOT NULL,
    job      INTEGER,
    at       INTEGER NOT NULL
);
CREATE INDEX note_dispatch ON note (dispatch);
CREATE INDEX note_invalid ON note (invalid);

-- An oversized body is kept as its hash and size. The same bytes from the same system are listed once while open.
CREATE TABLE invalid (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    system       TEXT NOT NULL,
    received_at  INTEGER NOT NULL,
    code         TEXT NOT NULL,
    place        TEXT NOT NULL,
    words        TEXT NOT NULL,
    content_type TEXT,
    headers      TEXT NOT NULL,
    body         BLOB,
    body_sha256  BLOB NOT NULL,
    body_size    INTEGER NOT NULL,
    event_id     TEXT,
    source       TEXT,
    event_type   TEXT,
    subject      TEXT,
    fingerprint  BLOB NOT NULL,
    state        TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'discarded', 'redriven'))
);
CREATE UNIQUE INDEX invalid_open ON invalid (fingerprint) WHERE state = 'open';
CREATE INDEX invalid_event_id ON invalid (event_id);
CREATE INDEX invalid_subject ON invalid (subject);

CREATE TABLE import (
    id         INTEGER PRIMARY KEY,
    system     TEXT NOT NULL,
    batch      TEXT NOT NULL,
    round      INTEGER NOT NULL,
    label      TEXT NOT NULL,
    total      INTEGER NOT NULL,
    position   INTEGER NOT NULL DEFAULT 0,
    mapped     INTEGER NOT NULL DEFAULT 0,
    published  INTEGER NOT NULL DEFAULT 0,
    repeats    INTEGER NOT NULL DEFAULT 0,
    state      TEXT NOT NULL CHECK (state IN ('open', 'done', 'refused')),
    first_seen INTEGER NOT NULL,
    updated    INTEGER NOT NULL,
    UNIQUE (system, batch, round)
);
-- Number 0 is the whole batch.
CREATE TABLE refused_record (
    import INTEGER NOT NULL,
    number INTEGER NOT NULL,
    line   INTEGER NOT NULL,
    place  TEXT NOT NULL,
    rule   TEXT NOT NULL,
    words  TEXT NOT NULL,
    PRIMARY KEY (import, number)
) WITHOUT ROWID;
CREATE TABLE ignored (
    import INTEGER NOT NULL,
    rule   TEXT NOT NULL,
    count  INTEGER NOT NULL,
    PRIMARY KEY (import, rule)
) WITHOUT ROWID;

CREATE TABLE trying (
    key   BLOB NOT NULL PRIMARY KEY,
    count INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE run (
    id         INTEGER PRIMARY KEY,
    started_at INTEGER NOT NULL,
    ended_at   INTEGER
);

-- Who may work on an ingress or a lane; `epoch` grows with every taking, and never shrinks.
CREATE TABLE lease (
    name       TEXT NOT NULL PRIMARY KEY,
    owner      TEXT NOT NULL,
    epoch      INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
);

CREATE TABLE job (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    kind         TEXT NOT NULL,
    target       TEXT NOT NULL,
    params       TEXT NOT NULL,
    actor        TEXT NOT NULL,
    reason       TEXT NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('submitted', 'running', 'cancelling', 'cancelled', 'done')),
    submitted_at INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    done         INTEGER NOT NULL DEFAULT 0,
    total        INTEGER NOT NULL DEFAULT 0,
    outcome      TEXT
);
CREATE INDEX job_open ON job (state, id);

CREATE TABLE pause (
    system TEXT NOT NULL PRIMARY KEY,
    since  INTEGER NOT NULL,
    until  INTEGER,
    actor  TEXT NOT NULL,
    reason TEXT NOT NULL
);

-- What source systems are to be told; what is not said here is in the event's own row.
CREATE TABLE outbox (
    position   INTEGER PRIMARY KEY AUTOINCREMENT,
    event      BLOB,
    dispatch   BLOB,
    outcome    TEXT NOT NULL,
    system     TEXT,
    source     TEXT,
    event_id   TEXT,
    event_type TEXT,
    subject    TEXT,
    route      TEXT,
    target     TEXT,
    reference  TEXT,
    code       TEXT,
    at         INTEGER NOT NULL
);

-- The newest time of each kind ('recorded' from a system, 'delivered' to one).
CREATE TABLE latest (
    kind   TEXT NOT NULL,
    system TEXT NOT NULL,
    at     INTEGER NOT NULL,
    PRIMARY KEY (kind, system)
);

-- Dispatches beside those of `event`: replays that deliver again under an id of their own.
CREATE TABLE again (
    dispatch BLOB NOT NULL PRIMARY KEY,
    event    BLOB NOT NULL,
    way      INTEGER NOT NULL,
    replay   TEXT NOT NULL,
    at       INTEGER NOT NULL
);
CREATE INDEX again_event ON again (event);

-- Every dispatch to `target` of an event up to this one has ended.
CREATE TABLE settled (
    target TEXT NOT NULL PRIMARY KEY,
    event  INTEGER NOT NULL
);

-- Counts of what was pruned: events by course; receipts, discarded dead letters and replays by way.
CREATE TABLE past (
    kind  TEXT NOT NULL,
    ref   INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (kind, ref)
);
CREATE TABLE past_invalid (
    system TEXT NOT NULL PRIMARY KEY,
    count  INTEGER NOT NULL
);
