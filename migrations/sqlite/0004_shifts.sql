-- Shifts that were closed, and what was open at that moment. Owned by the store; written once, never changed.

INSERT INTO counters (name, next) VALUES ('shift_close', 1);

CREATE TABLE shift_closes (
    id INTEGER PRIMARY KEY,
    business_day TEXT NOT NULL,            -- date, as 2026-11-25
    shift TEXT NOT NULL,
    starts_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    closed_at INTEGER NOT NULL,
    closed_by INTEGER NOT NULL,            -- operator
    position INTEGER NOT NULL,             -- record of the journal the store had reached
    open_loads INTEGER NOT NULL,
    unfinished_orders INTEGER NOT NULL,
    missing_pieces INTEGER NOT NULL,
    open_alarms INTEGER NOT NULL,
    report TEXT NOT NULL,                  -- the lists, as they were answered
    UNIQUE (business_day, shift)
) STRICT;

CREATE INDEX batches_by_end ON batches (ended_seq) WHERE ended_seq IS NOT NULL;
