-- The id of one thing in each system, and what noted it.
CREATE TABLE xref (
    kind     TEXT COLLATE "C" NOT NULL,
    key      TEXT COLLATE "C" NOT NULL,
    system   TEXT COLLATE "C" NOT NULL,
    id       TEXT NOT NULL,
    at       BIGINT NOT NULL,
    noted_by TEXT NOT NULL,
    PRIMARY KEY (kind, key, system)
);
CREATE INDEX xref_key ON xref (key);
