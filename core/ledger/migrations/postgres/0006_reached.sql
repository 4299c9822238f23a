-- `identity`: which ledger this is, however often it is copied; one that was at work already is known by its first run, so
-- that a copy from before has the same. `reached` only grows: one that is lower than what a hub knows was put back.
-- `put_back`: why `copied` is set.
ALTER TABLE mark ADD COLUMN identity TEXT NOT NULL DEFAULT '';
ALTER TABLE mark ADD COLUMN reached BIGINT NOT NULL DEFAULT 0;
ALTER TABLE mark ADD COLUMN put_back TEXT NOT NULL DEFAULT 'it is a backup';
UPDATE mark SET identity = coalesce((SELECT 'run-' || started_at FROM run ORDER BY id LIMIT 1),
                                    md5(random()::text || clock_timestamp()::text));
