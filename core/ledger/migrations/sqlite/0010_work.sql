-- Who has an item of the work list. `settled_at`: since when nobody has to look at the records of an import that were refused;
-- those from before there was a work list are nobody's work.
ALTER TABLE dead ADD COLUMN taken_by TEXT;
ALTER TABLE dead ADD COLUMN taken_at INTEGER;
ALTER TABLE invalid ADD COLUMN taken_by TEXT;
ALTER TABLE invalid ADD COLUMN taken_at INTEGER;
ALTER TABLE import ADD COLUMN taken_by TEXT;
ALTER TABLE import ADD COLUMN taken_at INTEGER;
ALTER TABLE import ADD COLUMN settled_at INTEGER;
UPDATE import SET settled_at = updated WHERE state <> 'open';
ALTER TABLE note ADD COLUMN import INTEGER;
CREATE INDEX note_import ON note (import);

-- What became of items of the work list, until it was told. An item is a `dispatch`, or the `number` of an event or an import.
CREATE TABLE work_outbox (
    position   INTEGER PRIMARY KEY AUTOINCREMENT,
    happened   TEXT NOT NULL CHECK (happened IN ('raised', 'discarded', 'redriven')),
    kind       TEXT NOT NULL CHECK (kind IN ('dispatch', 'event', 'input')),
    dispatch   BLOB,
    number     INTEGER,
    system     TEXT NOT NULL,
    route      TEXT,
    event_type TEXT,
    code       TEXT NOT NULL,
    words      TEXT NOT NULL,
    since      INTEGER NOT NULL,
    at         INTEGER NOT NULL
);
