-- What was sent, for whoever asks with the id of its dispatch until `until`. `message`: which of the target's messages it is.
CREATE TABLE sent (
    dispatch BYTEA NOT NULL PRIMARY KEY,
    target   TEXT NOT NULL,
    message  TEXT NOT NULL,
    content  BYTEA NOT NULL,
    until    BIGINT NOT NULL
);
CREATE INDEX sent_until ON sent (until);
