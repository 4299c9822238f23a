-- How lanes stand, as their workers noted last.
CREATE TABLE lane (
    target     TEXT NOT NULL PRIMARY KEY,
    down_since INTEGER,
    in_hand    INTEGER NOT NULL,
    at         INTEGER NOT NULL
);
