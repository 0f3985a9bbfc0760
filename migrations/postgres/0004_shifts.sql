-- Shifts that were closed, and what was open at that moment. Owned by the store; written once, never changed.

INSERT INTO counters (name, next) VALUES ('shift_close', 1);

CREATE TABLE shift_closes (
    id BIGINT PRIMARY KEY,
    business_day TEXT NOT NULL,            -- date, as 2026-11-25
    shift TEXT NOT NULL,
    starts_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    closed_at BIGINT NOT NULL,
    closed_by BIGINT NOT NULL,            -- operator
    position BIGINT NOT NULL,             -- record of the journal the store had reached
    open_loads BIGINT NOT NULL,
    unfinished_orders BIGINT NOT NULL,
    missing_pieces BIGINT NOT NULL,
    open_alarms BIGINT NOT NULL,
    report TEXT NOT NULL,                  -- the lists, as they were answered
    UNIQUE (business_day, shift)
);

CREATE INDEX batches_by_end ON batches (ended_seq) WHERE ended_seq IS NOT NULL;
