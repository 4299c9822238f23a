-- What is left of subjects that were erased: the keys of their events and the ids of their dispatches, which are hashes, so that
-- what comes again is known. `at`: when the event was taken; it is forgotten when the event would have been.
CREATE TABLE erased (
    id BYTEA NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL
);
-- Who had a subject erased, when and why. The subject is not named: `hash` is made of `salt` and it. `counts`: of what was
-- erased, in JSON.
CREATE TABLE erasure (
    salt   TEXT NOT NULL PRIMARY KEY,
    hash   TEXT NOT NULL,
    at     BIGINT NOT NULL,
    actor  TEXT NOT NULL,
    reason TEXT NOT NULL,
    counts TEXT NOT NULL
);
-- It was lowered when everything had been forgotten; on a server the index is always the truth.
UPDATE mark SET indexed_to = 9223372036854775807;
