-- Holds that have ended, by their position; kept as long as the events of their dispatches.
CREATE TABLE released (
    dispatch BYTEA NOT NULL,
    position BIGINT NOT NULL,
    code     TEXT NOT NULL,
    words    TEXT NOT NULL,
    held_at  BIGINT NOT NULL,
    at       BIGINT NOT NULL,
    PRIMARY KEY (dispatch, position)
);
-- The technical detail of what the target answered.
ALTER TABLE attempt ADD COLUMN detail TEXT NOT NULL DEFAULT '';
