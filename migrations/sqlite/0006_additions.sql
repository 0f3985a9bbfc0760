-- Tables of batches whose chutes are fixed beforehand, and orders added to batches that run. Owned by the store.

ALTER TABLE batches ADD COLUMN table_parts INTEGER NOT NULL DEFAULT 0;

CREATE TABLE batch_tables (
    batch_id INTEGER NOT NULL,
    place INTEGER NOT NULL,
    order_id INTEGER NOT NULL,
    chute INTEGER NOT NULL,
    PRIMARY KEY (batch_id, place)
) STRICT, WITHOUT ROWID;

-- Parts of jobs added behind those of the start: 'adding' until the core has answered, then 'added'.
CREATE TABLE added_parts (
    batch_id INTEGER NOT NULL,
    part INTEGER NOT NULL,
    first_job INTEGER NOT NULL,
    jobs INTEGER NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (batch_id, part)
) STRICT, WITHOUT ROWID;
CREATE INDEX added_parts_open ON added_parts (batch_id, part) WHERE state = 'adding';
