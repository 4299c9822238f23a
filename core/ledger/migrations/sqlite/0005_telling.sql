-- Holds that have ended, by their position; kept as long as the events of their dispatches.
CREATE TABLE released (
    dispatch BLOB NOT NULL,
    position INTEGER NOT NULL,
    code     TEXT NOT NULL,
    words    TEXT NOT NULL,
    held_at  INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    PRIMARY KEY (dispatch, position)
) WITHOUT ROWID;
-- The technical detail of what the target answered.
ALTER TABLE attempt ADD COLUMN detail TEXT NOT NULL DEFAULT '';
