-- A store as it looks after a long time: {ROWS} orders of one line each in batches of 250, as many loads, and what belongs
-- to them. The old ones are boxed, the last batches run, the newest tenth waits. One text for both engines; {BYTES} is an
-- empty plan. Run on an empty store with every migration; the store can be used afterwards.

INSERT INTO owners (owner) VALUES ('-');

INSERT INTO skus (owner, code, description)
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
SELECT '-', 'sku' || i, 'an article of some name' FROM n;

INSERT INTO barcodes (owner, barcode, code)
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
SELECT '-', '880' || i, 'sku' || i FROM n;

-- One in a hundred was cancelled.
INSERT INTO orders (id, owner, number, customer, priority, due_at_s, received_at, line_count, ordered, assigned, cancelled,
    intake_state, run_state, picked, boxed)
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
SELECT i, '-', 'F' || i, 'shop ' || (i % 400), i % 10, 1800000000 + i, 1700000000000 + i, 1, 2,
    CASE WHEN i % 100 <> 99 AND i <= {ROWS} / 10 * 9 THEN 2 ELSE 0 END, CASE WHEN i % 100 = 99 THEN 2 ELSE 0 END,
    CASE WHEN i % 100 = 99 THEN 'cancel' ELSE 'wait' END,
    CASE WHEN i % 100 = 99 OR i > {ROWS} / 10 * 9 THEN NULL WHEN i > {ROWS} / 10 * 9 - 2500 THEN 'picking'
        ELSE 'boxed' END,
    CASE WHEN i % 100 <> 99 AND i <= {ROWS} / 10 * 9 - 2500 THEN 2 ELSE 0 END,
    CASE WHEN i % 100 <> 99 AND i <= {ROWS} / 10 * 9 - 2500 THEN 2 ELSE 0 END
FROM n;

INSERT INTO lines (order_id, line_no, sku_owner, sku_code, description, ordered, assigned, cancelled, picked, boxed)
SELECT id, 1, '-', 'sku' || (1 + id * 7 % 5000), 'an article of some name', ordered, assigned, cancelled, picked, boxed
FROM orders;

INSERT INTO batches (id, core_id, reference, line, kind, identify, assign, chute_limit, state, planned, created_at, run_state,
    is_forced, started_seq, started_ns, ended_seq, ended_ns, picked, boxed)
SELECT id / 250, id / 250, 'wave ' || (id / 250), 0, 'sort', 'lpn', 'volume', 60, 'starting', 500, received_at,
    CASE WHEN id > {ROWS} / 10 * 9 - 2500 THEN 'running' ELSE 'ended' END,
    CASE WHEN id > {ROWS} / 10 * 9 - 2500 THEN NULL ELSE 0 END, id, id,
    CASE WHEN id > {ROWS} / 10 * 9 - 2500 THEN NULL ELSE id END, CASE WHEN id > {ROWS} / 10 * 9 - 2500 THEN NULL ELSE id END, 450, 400
FROM orders WHERE id % 250 = 0 AND id <= {ROWS} / 10 * 9;

INSERT INTO batch_members (batch_id, order_id) SELECT (id + 249) / 250, id FROM orders WHERE assigned > 0;

INSERT INTO jobs (batch_id, job, order_id, line_no, sku_owner, sku_code, label, codes, quantity, priority, due_at_s, picked,
    boxed)
SELECT (id + 249) / 250, (id + 249) % 250, id, 1, '-', 'sku' || (1 + id * 7 % 5000), 'LPN' || id, {BYTES}, 2, 3, 0,
    picked, boxed
FROM orders WHERE assigned > 0;

INSERT INTO job_lines (batch_id, job, line_no, order_id, quantity) SELECT batch_id, job, 1, order_id, 2 FROM jobs;

INSERT INTO loads (id, line, plc_epoch, item, label, seen_seq, seen_ns, core_batch, job, pieces, credited, outcome, reason,
    lane, result, ended_seq, ended_ns, box_id)
SELECT id, 0, 65000, id, 'LPN' || (id - id % 50), id, id * 1000000, (id + 249) / 250, (id + 249) % 250, 1, 1,
    CASE WHEN id > {ROWS} - 200 THEN NULL WHEN id % 50 = 0 THEN 'exception' ELSE 'sorted' END,
    CASE WHEN id > {ROWS} - 200 THEN NULL WHEN id % 50 = 0 THEN 'no_read' ELSE 'planned' END,
    id % 60, 'confirmed', id + 1, id * 1000000, 1 + id / 20
FROM orders;

INSERT INTO chutes (chute, line, name, kind)
SELECT id - 1, 0, 'C' || id, 'order' FROM orders WHERE id <= 400;

INSERT INTO bindings (chute, core_batch, owner, number, bound_seq)
SELECT id - 1, 1, '-', 'F' || id, id FROM orders WHERE id <= 400;

-- The last box of each chute is open.
INSERT INTO boxes (id, chute, core_batch, owner, number, loads, pieces, opened_seq, opened_ns, closed_seq, closed_ns)
SELECT id / 20, id / 20 % 400, 1 + id / 250, '-', 'F' || id, 20, 20, id, id,
    CASE WHEN id / 20 > {ROWS} / 20 - 400 THEN NULL ELSE id + 1 END,
    CASE WHEN id / 20 > {ROWS} / 20 - 400 THEN NULL ELSE id + 1 END
FROM orders WHERE id % 20 = 0;

-- Most were dealt with.
INSERT INTO exceptions (load_id, label, outcome, reason, lane, opened_seq, closed_seq, closed_by)
SELECT id, 'LPN' || id, 'exception', 'no_read', 60, id + 1,
    CASE WHEN id > {ROWS} - 5000 THEN NULL ELSE id + 2 END, CASE WHEN id > {ROWS} - 5000 THEN NULL ELSE 'hand_sorted' END
FROM loads WHERE id % 50 = 0;

UPDATE counters SET next = {ROWS} + 1 WHERE name = 'order';
UPDATE counters SET next = {ROWS} / 250 + 1 WHERE name <> 'order';
UPDATE projection SET loads = {ROWS}, boxes = {ROWS} / 20, batch_max = {ROWS} / 250;
