-- Tables of batches whose chutes are fixed beforehand, and orders added to batches that run. Owned by the store.

ALTER TABLE batches ADD COLUMN table_parts BIGINT NOT NULL DEFAULT 0;

CREATE TABLE batch_tables (
    batch_id BIGINT NOT NULL,
    place BIGINT NOT NULL,
    order_id BIGINT NOT NULL,
    chute BIGINT NOT NULL,
    PRIMARY KEY (batch_id, place)
);

-- Parts of jobs added behind those of the start: 'adding' until the core has answered, then 'added'.
CREATE TABLE added_parts (
    batch_id BIGINT NOT NULL,
    part BIGINT NOT NULL,
    first_job BIGINT NOT NULL,
    jobs BIGINT NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (batch_id, part)
);
CREATE INDEX added_parts_open ON added_parts (batch_id, part) WHERE state = 'adding';
