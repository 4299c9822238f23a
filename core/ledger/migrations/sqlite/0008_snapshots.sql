-- Sources of snapshots: what each of their records was last. `generation`: of the snapshot in
-- hand, or the last one; `taken`: how many were taken whole.
CREATE TABLE snapshot (
    id         INTEGER PRIMARY KEY,
    system     TEXT NOT NULL UNIQUE,
    generation INTEGER NOT NULL,
    batch      TEXT NOT NULL,
    round      INTEGER NOT NULL,
    stage      TEXT NOT NULL CHECK (stage IN ('comparing', 'publishing', 'done', 'refused')),
    compared   INTEGER NOT NULL DEFAULT 0,
    refused    INTEGER NOT NULL DEFAULT 0,
    taken      INTEGER NOT NULL DEFAULT 0
);

-- A record by the hash of its key. Rows of one export lie together, so that those seen again are few pages; `hash` is
-- absent until its creation is published. `generation`: of the last snapshot that had it.
CREATE TABLE snapshot_key (
    id         INTEGER PRIMARY KEY,
    snapshot   INTEGER NOT NULL,
    key        BLOB NOT NULL,
    hash       BLOB,
    generation INTEGER NOT NULL,
    UNIQUE (snapshot, key)
);
-- What is kept of it, as JSON. Personal data is here.
CREATE TABLE snapshot_kept (
    key     INTEGER PRIMARY KEY,
    content BLOB NOT NULL
);
-- Records of the snapshot in hand that are new or differ, and are not published yet. Personal data is here.
CREATE TABLE snapshot_pending (
    snapshot INTEGER NOT NULL,
    number   INTEGER NOT NULL,
    line     INTEGER NOT NULL,
    key      BLOB NOT NULL,
    hash     BLOB NOT NULL,
    content  BLOB NOT NULL,
    PRIMARY KEY (snapshot, number)
) WITHOUT ROWID;
