-- The id of one thing in each system, and what noted it.
CREATE TABLE xref (
    kind     TEXT NOT NULL,
    key      TEXT NOT NULL,
    system   TEXT NOT NULL,
    id       TEXT NOT NULL,
    at       INTEGER NOT NULL,
    noted_by TEXT NOT NULL,
    PRIMARY KEY (kind, key, system)
) WITHOUT ROWID;
CREATE INDEX xref_key ON xref (key);
