-- What the journal says, and how far it was read. Every table here is written by the projector alone.

CREATE TABLE projection (
    id BIGINT PRIMARY KEY,
    genesis BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    core_ns BIGINT NOT NULL,
    loads BIGINT NOT NULL,
    boxes BIGINT NOT NULL,
    batch_max BIGINT NOT NULL,
    homeless BIGINT NOT NULL
);
INSERT INTO projection (id, genesis, seq, core_ns, loads, boxes, batch_max, homeless) VALUES (1, 0, 0, 0, 0, 0, 0, 0);

CREATE TABLE loads (
    id BIGINT PRIMARY KEY,
    line BIGINT NOT NULL,
    plc_epoch BIGINT NOT NULL,
    item BIGINT NOT NULL,
    label TEXT NOT NULL,
    previous_id BIGINT,
    seen_seq BIGINT NOT NULL,
    seen_ns BIGINT NOT NULL,
    turns BIGINT NOT NULL DEFAULT 0,
    late BIGINT NOT NULL DEFAULT 0,
    core_batch BIGINT,
    job BIGINT,
    pieces BIGINT NOT NULL DEFAULT 0,
    credited BIGINT NOT NULL DEFAULT 0,
    outcome TEXT,
    reason TEXT,
    lane BIGINT,
    result TEXT,
    ended_seq BIGINT,
    ended_ns BIGINT,
    hand_label TEXT,
    hand_seq BIGINT,
    box_id BIGINT,
    UNIQUE (line, plc_epoch, item)
);
CREATE INDEX loads_by_outcome ON loads (outcome, id);
CREATE INDEX loads_by_label ON loads (label, id);
CREATE INDEX loads_of_job ON loads (core_batch, job, id);
CREATE INDEX loads_in_box ON loads (box_id) WHERE box_id IS NOT NULL;

CREATE TABLE bindings (
    chute BIGINT PRIMARY KEY,
    core_batch BIGINT NOT NULL,
    owner TEXT NOT NULL,
    number TEXT NOT NULL,
    bound_seq BIGINT NOT NULL
);
CREATE INDEX bindings_of_class ON bindings (core_batch, owner, number);

CREATE TABLE boxes (
    id BIGINT PRIMARY KEY,
    chute BIGINT NOT NULL,
    core_batch BIGINT NOT NULL,
    owner TEXT NOT NULL,
    number TEXT NOT NULL,
    loads BIGINT NOT NULL DEFAULT 0,
    pieces BIGINT NOT NULL DEFAULT 0,
    opened_seq BIGINT NOT NULL,
    opened_ns BIGINT NOT NULL,
    closed_seq BIGINT,
    closed_ns BIGINT
);
CREATE UNIQUE INDEX boxes_open ON boxes (chute) WHERE closed_seq IS NULL;
CREATE INDEX boxes_of_class ON boxes (core_batch, owner, number);

CREATE TABLE exceptions (
    load_id BIGINT PRIMARY KEY,
    label TEXT NOT NULL,
    outcome TEXT NOT NULL,
    reason TEXT NOT NULL,
    lane BIGINT NOT NULL,
    opened_seq BIGINT NOT NULL,
    closed_seq BIGINT,
    closed_by TEXT
);
CREATE INDEX exceptions_open ON exceptions (load_id) WHERE closed_seq IS NULL;
