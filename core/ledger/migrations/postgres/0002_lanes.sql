-- How lanes stand, as their workers noted last.
CREATE TABLE lane (
    target     TEXT NOT NULL PRIMARY KEY,
    down_since BIGINT,
    in_hand    BIGINT NOT NULL,
    at         BIGINT NOT NULL
);
