-- Batches up to their start, owned by the store; what became of them, written by the projector alone ("journal").

CREATE TABLE batches (
    id BIGINT PRIMARY KEY,
    core_id BIGINT UNIQUE,                -- the BatchId in the journal; drawn at the first start
    reference TEXT UNIQUE,
    line BIGINT NOT NULL,
    kind TEXT NOT NULL,
    identify TEXT NOT NULL,
    assign TEXT NOT NULL,
    chute_limit BIGINT NOT NULL,
    state TEXT NOT NULL,
    merged_into BIGINT,
    token BIGINT,
    parts BIGINT,
    content BIGINT,
    planned BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    run_state TEXT,                        -- journal
    is_forced BIGINT,                     -- journal
    started_seq BIGINT,                   -- journal
    started_ns BIGINT,                    -- journal, core time
    ended_seq BIGINT,                     -- journal
    ended_ns BIGINT,                      -- journal, core time
    picked BIGINT NOT NULL DEFAULT 0,     -- journal
    boxed BIGINT NOT NULL DEFAULT 0,      -- journal
    short BIGINT NOT NULL DEFAULT 0       -- journal
);
CREATE INDEX batches_by_state ON batches (COALESCE(run_state, state), id);
CREATE INDEX batches_starting ON batches (id) WHERE state = 'starting' AND run_state IS NULL;

CREATE TABLE batch_members (
    batch_id BIGINT NOT NULL,
    order_id BIGINT NOT NULL UNIQUE,
    PRIMARY KEY (batch_id, order_id)
);

CREATE TABLE jobs (
    batch_id BIGINT NOT NULL,
    job BIGINT NOT NULL,
    order_id BIGINT NOT NULL,
    line_no BIGINT NOT NULL,
    sku_owner TEXT NOT NULL,
    sku_code TEXT NOT NULL,
    label TEXT NOT NULL,
    codes BYTEA NOT NULL,
    quantity BIGINT NOT NULL,
    priority BIGINT NOT NULL,
    due_at_s BIGINT NOT NULL,
    picked BIGINT NOT NULL DEFAULT 0,     -- journal
    boxed BIGINT NOT NULL DEFAULT 0,      -- journal
    short BIGINT NOT NULL DEFAULT 0,      -- journal
    short_reason TEXT,                     -- journal
    last_seen TEXT,                        -- journal
    PRIMARY KEY (batch_id, job)
);
CREATE INDEX jobs_of_order ON jobs (order_id);

CREATE TABLE job_lines (
    batch_id BIGINT NOT NULL,
    job BIGINT NOT NULL,
    line_no BIGINT NOT NULL,
    order_id BIGINT NOT NULL,
    quantity BIGINT NOT NULL,
    PRIMARY KEY (batch_id, job, line_no)
);
CREATE INDEX job_lines_of_order ON job_lines (order_id);
