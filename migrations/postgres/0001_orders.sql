-- Master data and orders. Owned by the store, but for the columns marked "journal": those are written by the
-- projector alone. Times are milliseconds since 1970 UTC unless the name says otherwise.

CREATE TABLE counters (
    name TEXT NOT NULL PRIMARY KEY,
    next BIGINT NOT NULL
);
INSERT INTO counters (name, next) VALUES ('order', 1), ('batch', 1), ('core_batch', 1);

CREATE TABLE owners (
    owner TEXT NOT NULL PRIMARY KEY
);

CREATE TABLE skus (
    owner TEXT NOT NULL,
    code TEXT NOT NULL,
    description TEXT NOT NULL,
    PRIMARY KEY (owner, code)
);

CREATE TABLE barcodes (
    owner TEXT NOT NULL,
    barcode TEXT NOT NULL,
    code TEXT NOT NULL,
    PRIMARY KEY (owner, barcode, code)
);
CREATE INDEX barcodes_of_sku ON barcodes (owner, code);

CREATE TABLE chutes (
    chute BIGINT PRIMARY KEY,
    line BIGINT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL
);

CREATE TABLE orders (
    id BIGINT PRIMARY KEY,
    owner TEXT NOT NULL,
    number TEXT NOT NULL,
    customer TEXT NOT NULL,
    priority BIGINT NOT NULL,
    due_at_s BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    line_count BIGINT NOT NULL,
    ordered BIGINT NOT NULL,
    assigned BIGINT NOT NULL DEFAULT 0,
    cancelled BIGINT NOT NULL DEFAULT 0,
    intake_state TEXT NOT NULL DEFAULT 'wait',
    run_state TEXT,                        -- journal
    picked BIGINT NOT NULL DEFAULT 0,     -- journal
    boxed BIGINT NOT NULL DEFAULT 0,      -- journal
    short BIGINT NOT NULL DEFAULT 0,      -- journal
    UNIQUE (owner, number)
);
CREATE INDEX orders_by_state ON orders (COALESCE(run_state, intake_state), id);

CREATE TABLE lines (
    order_id BIGINT NOT NULL,
    line_no BIGINT NOT NULL,
    sku_owner TEXT NOT NULL,
    sku_code TEXT NOT NULL,
    description TEXT NOT NULL,
    ordered BIGINT NOT NULL,
    assigned BIGINT NOT NULL DEFAULT 0,
    cancelled BIGINT NOT NULL DEFAULT 0,
    picked BIGINT NOT NULL DEFAULT 0,     -- journal
    boxed BIGINT NOT NULL DEFAULT 0,      -- journal
    short BIGINT NOT NULL DEFAULT 0,      -- journal
    PRIMARY KEY (order_id, line_no)
);

CREATE TABLE idempotency (
    token TEXT NOT NULL PRIMARY KEY,
    request BIGINT NOT NULL,
    status BIGINT,
    body BYTEA,
    claimed_at BIGINT NOT NULL
);
CREATE INDEX idempotency_by_age ON idempotency (claimed_at);
