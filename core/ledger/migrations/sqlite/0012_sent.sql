-- What was sent, for whoever asks with the id of its dispatch until `until`. `message`: which of the target's messages it is.
CREATE TABLE sent (
    dispatch BLOB NOT NULL PRIMARY KEY,
    target   TEXT NOT NULL,
    message  TEXT NOT NULL,
    content  BLOB NOT NULL,
    until    INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX sent_until ON sent (until);
