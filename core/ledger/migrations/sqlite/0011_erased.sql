-- What is left of subjects that were erased: the keys of their events and the ids of their dispatches, which are hashes, so that
-- what comes again is known. `at`: when the event was taken; it is forgotten when the event would have been.
CREATE TABLE erased (
    id BLOB NOT NULL PRIMARY KEY,
    at INTEGER NOT NULL
) WITHOUT ROWID;
-- Who had a subject erased, when and why. The subject is not named: `hash` is made of `salt` and it. `counts`: of what was
-- erased, in JSON.
CREATE TABLE erasure (
    salt   TEXT NOT NULL PRIMARY KEY,
    hash   TEXT NOT NULL,
    at     INTEGER NOT NULL,
    actor  TEXT NOT NULL,
    reason TEXT NOT NULL,
    counts TEXT NOT NULL
);
