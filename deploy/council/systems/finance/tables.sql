-- The table into which the hub writes payments.
CREATE TABLE payment (line INTEGER PRIMARY KEY, payment_id TEXT NOT NULL UNIQUE, reference TEXT NOT NULL, pence INTEGER NOT NULL, paid TEXT NOT NULL);
