-- Where a source goes on that keeps a cursor, in the words of its connector.
CREATE TABLE source_cursor (
    system TEXT NOT NULL PRIMARY KEY,
    cursor TEXT NOT NULL,
    at     INTEGER NOT NULL
);
