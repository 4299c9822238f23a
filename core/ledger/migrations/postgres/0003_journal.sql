-- Up to where the events of each source in the journal are known to be recorded: the offset behind the last of them.
-- `reading`: what is behind it is being read, and may be missing here.
CREATE TABLE journal_place (
    system   TEXT NOT NULL PRIMARY KEY,
    position BIGINT NOT NULL,
    at       BIGINT NOT NULL,
    reading  BIGINT NOT NULL DEFAULT 0
);
