-- Whether what is behind the place is being read: events may be missing that only the journal has.
ALTER TABLE journal_place ADD COLUMN reading INTEGER NOT NULL DEFAULT 0;
-- CloudEvents source: what is staged waits behind an open dead letter of its source and subject, if its position is behind
-- the one that the letter notes.
ALTER TABLE staged ADD COLUMN source TEXT NOT NULL DEFAULT '';
ALTER TABLE dead ADD COLUMN behind INTEGER NOT NULL DEFAULT 0;
