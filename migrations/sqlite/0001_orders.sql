-- Master data and orders. Owned by the store, but for the columns marked "journal": those are written by the
-- projector alone. Times are milliseconds since 1970 UTC unless the name says otherwise.

CREATE TABLE counters (
    name TEXT NOT NULL PRIMARY KEY,
    next INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO counters (name, next) VALUES ('order', 1), ('batch', 1), ('core_batch', 1);

CREATE TABLE owners (
    owner TEXT NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TABLE skus (
    owner TEXT NOT NULL,
    code TEXT NOT NULL,
    description TEXT NOT NULL,
    PRIMARY KEY (owner, code)
) STRICT, WITHOUT ROWID;

CREATE TABLE barcodes (
    owner TEXT NOT NULL,
    barcode TEXT NOT NULL,
    code TEXT NOT NULL,
    PRIMARY KEY (owner, barcode, code)
) STRICT, WITHOUT ROWID;
CREATE INDEX barcodes_of_sku ON barcodes (owner, code);

CREATE TABLE chutes (
    chute INTEGER PRIMARY KEY,
    line INTEGER NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL
) STRICT;

CREATE TABLE orders (
    id INTEGER PRIMARY KEY,
    owner TEXT NOT NULL,
    number TEXT NOT NULL,
    customer TEXT NOT NULL,
    priority INTEGER NOT NULL,
    due_at_s INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    line_count INTEGER NOT NULL,
    ordered INTEGER NOT NULL,
    assigned INTEGER NOT NULL DEFAULT 0,
    cancelled INTEGER NOT NULL DEFAULT 0,
    intake_state TEXT NOT NULL DEFAULT 'wait',
    run_state TEXT,                        -- journal
    picked INTEGER NOT NULL DEFAULT 0,     -- journal
    boxed INTEGER NOT NULL DEFAULT 0,      -- journal
    short INTEGER NOT NULL DEFAULT 0,      -- journal
    UNIQUE (owner, number)
) STRICT;
CREATE INDEX orders_by_state ON orders (COALESCE(run_state, intake_state), id);

CREATE TABLE lines (
    order_id INTEGER NOT NULL,
    line_no INTEGER NOT NULL,
    sku_owner TEXT NOT NULL,
    sku_code TEXT NOT NULL,
    description TEXT NOT NULL,
    ordered INTEGER NOT NULL,
    assigned INTEGER NOT NULL DEFAULT 0,
    cancelled INTEGER NOT NULL DEFAULT 0,
    picked INTEGER NOT NULL DEFAULT 0,     -- journal
    boxed INTEGER NOT NULL DEFAULT 0,      -- journal
    short INTEGER NOT NULL DEFAULT 0,      -- journal
    PRIMARY KEY (order_id, line_no)
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency (
    token TEXT NOT NULL PRIMARY KEY,
    request INTEGER NOT NULL,
    status INTEGER,
    body BLOB,
    claimed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_by_age ON idempotency (claimed_at);
