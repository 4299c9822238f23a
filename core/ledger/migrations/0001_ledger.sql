-- Times are microseconds since the epoch; keys are the 16 bytes of a UUID.

-- What repeats from event to event: `routes` is a list of [route, target, "queue" or "own"] in JSON. A dispatch by way
-- of "queue" was delivered when its event was recorded; one of its "own" is in `receipt`, `staged` or `dead`, and in
-- none of them while it waits in its lane.
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
CREATE TABLE mark (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    indexed_to INTEGER NOT NULL
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
    message      TEXT NOT NULL,
    content_type TEXT,
    headers      TEXT NOT NULL,
    body         BLOB NOT NULL,
    staged_at    INTEGER NOT NULL,
    batch        TEXT
);
CREATE INDEX staged_target ON staged (target, batch);

CREATE TABLE dead (
    dispatch     BLOB NOT NULL PRIMARY KEY,
    event        BLOB NOT NULL,
    way          INTEGER NOT NULL,
    event_type   TEXT NOT NULL,
    subject      TEXT NOT NULL,
    code         TEXT NOT NULL,
    words        TEXT NOT NULL,
    detail       TEXT NOT NULL,
    failed_at    INTEGER NOT NULL,
    attempts     INTEGER NOT NULL,
    content_type TEXT,
    headers      TEXT NOT NULL,
    body         BLOB NOT NULL,
    message      TEXT,
    state        TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'discarded', 'redriven'))
);

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
    state        TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'discarded'))
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
