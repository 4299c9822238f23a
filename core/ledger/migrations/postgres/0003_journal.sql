-- Up to where the events of each source in the journal are known to be recorded: the offset behind the last of them.
CREATE TABLE journal_place (
    system   TEXT NOT NULL PRIMARY KEY,
    position BIGINT NOT NULL,
    at       BIGINT NOT NULL
);
