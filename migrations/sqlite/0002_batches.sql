-- Batches up to their start, owned by the store; what became of them, written by the projector alone ("journal").

CREATE TABLE batches (
    id INTEGER PRIMARY KEY,
    core_id INTEGER UNIQUE,                -- the BatchId in the journal; drawn at the first start
    reference TEXT UNIQUE,
    line INTEGER NOT NULL,
    kind TEXT NOT NULL,
    identify TEXT NOT NULL,
    assign TEXT NOT NULL,
    chute_limit INTEGER NOT NULL,
    state TEXT NOT NULL,
    merged_into INTEGER,
    token INTEGER,
    parts INTEGER,
    content INTEGER,
    planned INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    run_state TEXT,                        -- journal
    is_forced INTEGER,                     -- journal
    started_seq INTEGER,                   -- journal
    started_ns INTEGER,                    -- journal, core time
    ended_seq INTEGER,                     -- journal
    ended_ns INTEGER,                      -- journal, core time
    picked INTEGER NOT NULL DEFAULT 0,     -- journal
    boxed INTEGER NOT NULL DEFAULT 0,      -- journal
    short INTEGER NOT NULL DEFAULT 0       -- journal
) STRICT;
CREATE INDEX batches_by_state ON batches (COALESCE(run_state, state), id);
CREATE INDEX batches_starting ON batches (id) WHERE state = 'starting' AND run_state IS NULL;

CREATE TABLE batch_members (
    batch_id INTEGER NOT NULL,
    order_id INTEGER NOT NULL UNIQUE,
    PRIMARY KEY (batch_id, order_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE jobs (
    batch_id INTEGER NOT NULL,
    job INTEGER NOT NULL,
    order_id INTEGER NOT NULL,
    line_no INTEGER NOT NULL,
    sku_owner TEXT NOT NULL,
    sku_code TEXT NOT NULL,
    label TEXT NOT NULL,
    codes BLOB NOT NULL,
    quantity INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    due_at_s INTEGER NOT NULL,
    picked INTEGER NOT NULL DEFAULT 0,     -- journal
    boxed INTEGER NOT NULL DEFAULT 0,      -- journal
    short INTEGER NOT NULL DEFAULT 0,      -- journal
    short_reason TEXT,                     -- journal
    last_seen TEXT,                        -- journal
    PRIMARY KEY (batch_id, job)
) STRICT, WITHOUT ROWID;
CREATE INDEX jobs_of_order ON jobs (order_id);

CREATE TABLE job_lines (
    batch_id INTEGER NOT NULL,
    job INTEGER NOT NULL,
    line_no INTEGER NOT NULL,
    order_id INTEGER NOT NULL,
    quantity INTEGER NOT NULL,
    PRIMARY KEY (batch_id, job, line_no)
) STRICT, WITHOUT ROWID;
CREATE INDEX job_lines_of_order ON job_lines (order_id);
