-- What the journal says, and how far it was read. Every table here is written by the projector alone.

CREATE TABLE projection (
    id INTEGER PRIMARY KEY,
    genesis INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    core_ns INTEGER NOT NULL,
    loads INTEGER NOT NULL,
    boxes INTEGER NOT NULL,
    batch_max INTEGER NOT NULL,
    homeless INTEGER NOT NULL
) STRICT;
INSERT INTO projection (id, genesis, seq, core_ns, loads, boxes, batch_max, homeless) VALUES (1, 0, 0, 0, 0, 0, 0, 0);

CREATE TABLE loads (
    id INTEGER PRIMARY KEY,
    line INTEGER NOT NULL,
    plc_epoch INTEGER NOT NULL,
    item INTEGER NOT NULL,
    label TEXT NOT NULL,
    previous_id INTEGER,
    seen_seq INTEGER NOT NULL,
    seen_ns INTEGER NOT NULL,
    turns INTEGER NOT NULL DEFAULT 0,
    late INTEGER NOT NULL DEFAULT 0,
    core_batch INTEGER,
    job INTEGER,
    pieces INTEGER NOT NULL DEFAULT 0,
    credited INTEGER NOT NULL DEFAULT 0,
    outcome TEXT,
    reason TEXT,
    lane INTEGER,
    result TEXT,
    ended_seq INTEGER,
    ended_ns INTEGER,
    hand_label TEXT,
    hand_seq INTEGER,
    box_id INTEGER,
    UNIQUE (line, plc_epoch, item)
) STRICT;
CREATE INDEX loads_by_outcome ON loads (outcome, id);
CREATE INDEX loads_by_label ON loads (label, id);
CREATE INDEX loads_of_job ON loads (core_batch, job, id);
CREATE INDEX loads_in_box ON loads (box_id) WHERE box_id IS NOT NULL;

CREATE TABLE bindings (
    chute INTEGER PRIMARY KEY,
    core_batch INTEGER NOT NULL,
    owner TEXT NOT NULL,
    number TEXT NOT NULL,
    bound_seq INTEGER NOT NULL
) STRICT;
CREATE INDEX bindings_of_class ON bindings (core_batch, owner, number);

CREATE TABLE boxes (
    id INTEGER PRIMARY KEY,
    chute INTEGER NOT NULL,
    core_batch INTEGER NOT NULL,
    owner TEXT NOT NULL,
    number TEXT NOT NULL,
    loads INTEGER NOT NULL DEFAULT 0,
    pieces INTEGER NOT NULL DEFAULT 0,
    opened_seq INTEGER NOT NULL,
    opened_ns INTEGER NOT NULL,
    closed_seq INTEGER,
    closed_ns INTEGER
) STRICT;
CREATE UNIQUE INDEX boxes_open ON boxes (chute) WHERE closed_seq IS NULL;
CREATE INDEX boxes_of_class ON boxes (core_batch, owner, number);

CREATE TABLE exceptions (
    load_id INTEGER PRIMARY KEY,
    label TEXT NOT NULL,
    outcome TEXT NOT NULL,
    reason TEXT NOT NULL,
    lane INTEGER NOT NULL,
    opened_seq INTEGER NOT NULL,
    closed_seq INTEGER,
    closed_by TEXT
) STRICT;
CREATE INDEX exceptions_open ON exceptions (load_id) WHERE closed_seq IS NULL;
