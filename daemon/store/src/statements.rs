//! Every statement of the store, one text for both engines: `$1` for values, BIGINT and TEXT, sums cast to BIGINT.
//! A test prepares each of them on SQLite and on PostgreSQL, and one shows that the lists use an index.

use std::sync::LazyLock;

use crate::database::Engine;

/// How many rows of values one text may take, largest first; one row is always possible.
pub(crate) const WIDTHS: [usize; 4] = [256, 64, 8, 1];

/// A statement over rows of values.
pub(crate) struct Rows {
    /// Values in a row.
    pub(crate) columns: usize,
    texts: [LazyLock<String>; WIDTHS.len()],
}

impl Rows {
    /// The text for `WIDTHS[at]` rows.
    pub(crate) fn text(&'static self, at: usize) -> &'static str {
        self.texts[at].as_str()
    }
}

/// `head ($1, $2), ($3, $4) tail`.
fn text_of(head: &str, columns: usize, rows: usize, tail: &str) -> String {
    let row = |row: usize| {
        let places: Vec<String> =
            (1..=columns).map(|column| format!("${}", row * columns + column)).collect();
        format!("({})", places.join(", "))
    };
    format!("{head} {} {tail}", (0..rows).map(row).collect::<Vec<_>>().join(", "))
}

macro_rules! statements {
    ($($name:ident = $text:expr;)+) => {
        $(pub(crate) const $name: &str = $text;)+
        const PLAIN: &[(&str, &str)] = &[$((stringify!($name), $name)),+];
    };
}

macro_rules! row_statements {
    ($($name:ident($columns:literal) = $head:literal, $tail:literal;)+) => {
        $(pub(crate) static $name: Rows = Rows {
            columns: $columns,
            texts: [
                LazyLock::new(|| text_of($head, $columns, WIDTHS[0], $tail)),
                LazyLock::new(|| text_of($head, $columns, WIDTHS[1], $tail)),
                LazyLock::new(|| text_of($head, $columns, WIDTHS[2], $tail)),
                LazyLock::new(|| text_of($head, $columns, WIDTHS[3], $tail)),
            ],
        };)+
        static BULK: &[(&str, &Rows)] = &[$((stringify!($name), &$name)),+];
    };
}

/// Every statement with its name, in each width. Tests prepare them all on both engines.
pub fn all() -> Vec<(&'static str, &'static str)> {
    let bulk = BULK.iter().flat_map(|(name, rows)| (0..WIDTHS.len()).map(|at| (*name, rows.text(at))));
    PLAIN.iter().copied().chain(bulk).collect()
}

/// The statements behind lists: each must use an index.
pub fn lists() -> Vec<(&'static str, &'static str)> {
    let is_list = |name: &str| name.starts_with("LIST_") || name.starts_with("FIND_");
    all().into_iter().filter(|(name, _)| is_list(name)).collect()
}

/// The text of a list with a filter. Both texts say the same, and each engine is given the one whose plan it cannot get
/// wrong.
///
/// PostgreSQL believes that rows with the filtered value lie evenly among all others, and for a frequent value walks along
/// the primary key until it has a page of them: waiting orders are the newest ones, and it reads all that were boxed
/// before. In the order of a row of value and id, only the index over both can serve it. SQLite finds value and id in
/// that index when they are asked for one by one, and not when they are a row.
#[derive(Clone, Copy)]
pub(crate) struct Filtered {
    /// For SQLite.
    pub(crate) one_by_one: &'static str,
    /// For PostgreSQL.
    pub(crate) by_row: &'static str,
}

pub(crate) const ORDERS_IN_STATE: Filtered =
    Filtered { one_by_one: LIST_ORDERS_IN_STATE, by_row: LIST_ORDERS_IN_STATE_BY_ROW };
pub(crate) const BATCHES_IN_STATE: Filtered =
    Filtered { one_by_one: LIST_BATCHES_IN_STATE, by_row: LIST_BATCHES_IN_STATE_BY_ROW };
pub(crate) const LOADS_OF_OUTCOME: Filtered =
    Filtered { one_by_one: LIST_LOADS_OF_OUTCOME, by_row: LIST_LOADS_OF_OUTCOME_BY_ROW };
pub(crate) const LOADS_OF_LABEL: Filtered =
    Filtered { one_by_one: LIST_LOADS_OF_LABEL, by_row: LIST_LOADS_OF_LABEL_BY_ROW };

impl Filtered {
    /// The text for an engine.
    pub(crate) fn text(self, engine: Engine) -> &'static str {
        match engine {
            Engine::Sqlite => self.one_by_one,
            Engine::Postgres => self.by_row,
        }
    }
}

/// Not portable, and never prepared elsewhere: held until the transaction ends.
pub(crate) const POSTGRES_MIGRATION_LOCK: &str = "SELECT 1::BIGINT FROM pg_advisory_xact_lock(7237463)";

/// Not portable, and never prepared elsewhere.
pub(crate) const SQLITE_INTEGRITY: &str = "PRAGMA integrity_check(10)";

macro_rules! order_columns {
    ($rest:literal) => {
        concat!(
            "SELECT o.id, o.owner, o.number, o.customer, o.priority, o.due_at_s, o.received_at, o.line_count, \
             o.ordered, o.assigned, o.cancelled, o.short, o.picked, o.boxed, \
             COALESCE(o.run_state, o.intake_state), \
             (SELECT m.batch_id FROM batch_members m WHERE m.order_id = o.id) FROM orders o ",
            $rest
        )
    };
}

macro_rules! batch_columns {
    ($rest:literal) => {
        concat!(
            "SELECT id, core_id, reference, line, kind, identify, assign, chute_limit, state, run_state, token, parts, \
             content, planned, created_at, is_forced, started_seq, started_ns, ended_seq, ended_ns, picked, boxed, \
             short, merged_into, table_parts FROM batches ",
            $rest
        )
    };
}

macro_rules! load_columns {
    ($rest:literal) => {
        concat!(
            "SELECT l.id, l.line, l.plc_epoch, l.item, l.label, l.previous_id, l.seen_seq, l.seen_ns, l.turns, l.late, \
             l.core_batch, l.job, l.pieces, l.outcome, l.reason, l.lane, l.result, l.ended_seq, l.ended_ns, \
             l.hand_label, l.box_id FROM loads l ",
            $rest
        )
    };
}

macro_rules! shift_close_columns {
    ($rest:literal) => {
        concat!(
            "SELECT id, business_day, shift, starts_at, ends_at, closed_at, closed_by, position, open_loads, \
             unfinished_orders, missing_pieces, open_alarms, report FROM shift_closes ",
            $rest
        )
    };
}

statements! {
    // --- migrations
    CREATE_MIGRATIONS = "CREATE TABLE IF NOT EXISTS migrations (number BIGINT NOT NULL PRIMARY KEY, \
        name TEXT NOT NULL, checksum BIGINT NOT NULL, applied_at BIGINT NOT NULL)";
    APPLIED_MIGRATIONS = "SELECT number, name, checksum FROM migrations ORDER BY number";
    RECORD_MIGRATION =
        "INSERT INTO migrations (number, name, checksum, applied_at) VALUES ($1, $2, $3, $4)";

    // --- ids
    DRAW = "UPDATE counters SET next = next + $1 WHERE name = $2 RETURNING next";
    RAISE = "UPDATE counters SET next = $1 WHERE name = $2 AND next < $1";

    // --- orders
    FIND_LINES = "SELECT line_no, sku_owner, sku_code, description, ordered, assigned, cancelled, short, picked, \
        boxed FROM lines WHERE order_id = $1 ORDER BY line_no";
    FIND_ORDER = order_columns!("WHERE o.owner = $1 AND o.number = $2");
    FIND_ORDER_OF_ID = order_columns!("WHERE o.id = $1");
    LIST_ORDERS = order_columns!("WHERE o.id > $1 ORDER BY o.id LIMIT $2");
    LIST_ORDERS_IN_STATE = order_columns!(
        "WHERE COALESCE(o.run_state, o.intake_state) = $1 AND o.id > $2 ORDER BY o.id LIMIT $3"
    );
    LIST_ORDERS_IN_STATE_BY_ROW = order_columns!(
        "WHERE (COALESCE(o.run_state, o.intake_state), o.id) > ($1, $2) \
         AND COALESCE(o.run_state, o.intake_state) <= $1 \
         ORDER BY COALESCE(o.run_state, o.intake_state), o.id LIMIT $3"
    );
    LIST_ORDERS_OF_BATCH = order_columns!(
        "JOIN batch_members b ON b.order_id = o.id WHERE b.batch_id = $1 AND b.order_id > $2 \
         ORDER BY b.order_id LIMIT $3"
    );
    CANCEL_ORDER = "UPDATE orders SET intake_state = 'cancel', cancelled = ordered WHERE id = $1";
    CANCEL_LINES = "UPDATE lines SET cancelled = ordered WHERE order_id = $1";
    FIND_SKUS = "SELECT owner, code, description FROM skus WHERE (owner, code) > ($1, $2) ORDER BY owner, code LIMIT $3";
    FIND_BARCODES_OF_PAGE = "SELECT owner, code, barcode FROM barcodes WHERE (owner, code) > ($1, $2) \
        AND (owner, code) <= ($3, $4) ORDER BY owner, code, barcode";
    FIND_BARCODES = "SELECT barcode FROM barcodes WHERE owner = $1 AND code = $2 ORDER BY barcode";
    LIST_CHUTES = "SELECT c.chute, c.line, c.name, c.kind, b.core_batch, b.owner, b.number FROM chutes c \
        LEFT JOIN bindings b ON b.chute = c.chute WHERE c.chute > $1 ORDER BY c.chute LIMIT $2";
    CLEAR_CHUTES = "DELETE FROM chutes";

    // --- idempotency
    CLAIM_TOKEN = "INSERT INTO idempotency (token, request, claimed_at) VALUES ($1, $2, $3) \
        ON CONFLICT (token) DO NOTHING";
    FIND_TOKEN = "SELECT request, status, body FROM idempotency WHERE token = $1";
    ANSWER_TOKEN = "UPDATE idempotency SET status = $2, body = $3 WHERE token = $1";
    FREE_TOKEN = "DELETE FROM idempotency WHERE token = $1 AND status IS NULL";
    FORGET_TOKENS = "DELETE FROM idempotency WHERE claimed_at < $1";

    // --- batches up to their start
    INSERT_BATCH = "INSERT INTO batches (id, reference, line, kind, identify, assign, chute_limit, state, created_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, 'receiving', $8)";
    FIND_BATCH = batch_columns!("WHERE id = $1");
    FIND_BATCH_OF_REFERENCE = batch_columns!("WHERE reference = $1");
    LIST_BATCHES = batch_columns!("WHERE id > $1 ORDER BY id LIMIT $2");
    LIST_BATCHES_IN_STATE =
        batch_columns!("WHERE COALESCE(run_state, state) = $1 AND id > $2 ORDER BY id LIMIT $3");
    LIST_BATCHES_IN_STATE_BY_ROW = batch_columns!(
        "WHERE (COALESCE(run_state, state), id) > ($1, $2) AND COALESCE(run_state, state) <= $1 \
         ORDER BY COALESCE(run_state, state), id LIMIT $3"
    );
    LIST_STARTING = batch_columns!("WHERE state = 'starting' AND run_state IS NULL \
        AND (taken_back IS NULL OR taken_back <> token) ORDER BY id");
    LIST_TAKEN_BACK = "SELECT id, token FROM batches WHERE state = 'starting' AND run_state IS NULL \
        AND taken_back = token ORDER BY id";
    SET_BATCH_STATE = "UPDATE batches SET state = $2 WHERE id = $1";
    REMOVE_MEMBER = "DELETE FROM batch_members WHERE order_id = $1";
    REMOVE_MEMBERS = "DELETE FROM batch_members WHERE batch_id = $1";
    MOVE_MEMBERS = "UPDATE batch_members SET batch_id = $2 WHERE batch_id = $1";
    MERGE_BATCH = "UPDATE batches SET state = 'merged', merged_into = $2 WHERE id = $1";
    FIND_MEMBER_LINES = "SELECT o.id, o.owner, o.number, l.line_no, l.sku_owner, l.sku_code, l.ordered - l.cancelled \
        FROM batch_members m JOIN orders o ON o.id = m.order_id JOIN lines l ON l.order_id = o.id \
        WHERE m.batch_id = $1 ORDER BY o.id, l.line_no";
    FIND_LINES_TO_PLAN = "SELECT o.owner, o.number, o.priority, o.due_at_s, l.line_no, l.sku_owner, l.sku_code, \
        l.ordered - l.cancelled FROM batch_members m JOIN orders o ON o.id = m.order_id \
        JOIN lines l ON l.order_id = o.id WHERE m.batch_id = $1 ORDER BY o.id, l.line_no";
    FIND_BARCODES_TO_PLAN = "SELECT DISTINCT b.owner, b.code, b.barcode FROM batch_members m \
        JOIN lines l ON l.order_id = m.order_id JOIN barcodes b ON b.owner = l.sku_owner AND b.code = l.sku_code \
        WHERE m.batch_id = $1 ORDER BY b.owner, b.code, b.barcode";
    SET_ASSIGNED_LINES = "UPDATE lines SET assigned = COALESCE((SELECT CAST(SUM(j.quantity) AS BIGINT) FROM job_lines j \
        WHERE j.order_id = lines.order_id AND j.line_no = lines.line_no), 0) \
        WHERE order_id IN (SELECT order_id FROM batch_members WHERE batch_id = $1)";
    SET_ASSIGNED_ORDERS = "UPDATE orders SET assigned = COALESCE((SELECT CAST(SUM(j.quantity) AS BIGINT) FROM job_lines j \
        WHERE j.order_id = orders.id), 0) \
        WHERE id IN (SELECT order_id FROM batch_members WHERE batch_id = $1)";
    REMOVE_JOBS = "DELETE FROM jobs WHERE batch_id = $1";
    REMOVE_TABLE = "DELETE FROM batch_tables WHERE batch_id = $1";
    FIND_TABLE = "SELECT o.owner, o.number, t.chute FROM batch_tables t JOIN orders o ON o.id = t.order_id \
        WHERE t.batch_id = $1 AND t.place >= $2 AND t.place < $3 ORDER BY t.place";
    REMOVE_JOB_LINES = "DELETE FROM job_lines WHERE batch_id = $1";
    SET_PLAN = "UPDATE batches SET state = $2, planned = $3, core_id = NULL, token = NULL, parts = NULL, content = NULL \
        WHERE id = $1";
    SET_ASSIGN = "UPDATE batches SET assign = $2 WHERE id = $1";
    SET_STARTING = "UPDATE batches SET state = 'starting', core_id = $2, token = $3, parts = $4, content = $5, \
        table_parts = $6 WHERE id = $1";
    SET_START_REFUSED = "UPDATE batches SET state = 'ready', token = NULL WHERE id = $1";
    FIND_JOBS = "SELECT j.job, o.owner, o.number, j.line_no, j.sku_owner, j.sku_code, j.quantity, j.codes, j.priority, \
        j.due_at_s FROM jobs j JOIN orders o ON o.id = j.order_id \
        WHERE j.batch_id = $1 AND j.job >= $2 AND j.job < $3 ORDER BY j.job";

    // --- orders added to batches that run
    FIND_END_OF_PARTS = "SELECT COALESCE((SELECT MAX(j.job) + 1 FROM jobs j WHERE j.batch_id = b.id), 0), \
        COALESCE((SELECT MAX(p.part) + 1 FROM added_parts p WHERE p.batch_id = b.id), b.parts) \
        FROM batches b WHERE b.id = $1";
    FIND_OPEN_PARTS = "SELECT part, first_job, jobs FROM added_parts WHERE batch_id = $1 AND state = 'adding' ORDER BY part";
    LIST_ADDING = batch_columns!("WHERE id IN (SELECT batch_id FROM added_parts WHERE state = 'adding') ORDER BY id");
    FIND_NEWS_OF_JOBS = "SELECT COUNT(*) FROM jobs WHERE batch_id = $1 AND job >= $2 AND job < $3 \
        AND (picked > 0 OR short > 0)";
    SET_PART_ADDED = "UPDATE added_parts SET state = 'added' WHERE batch_id = $1 AND part = $2";
    REMOVE_PARTS = "DELETE FROM added_parts WHERE batch_id = $1 AND part >= $2";
    REMOVE_JOB_LINES_FROM = "DELETE FROM job_lines WHERE batch_id = $1 AND job >= $2";
    REMOVE_JOBS_FROM = "DELETE FROM jobs WHERE batch_id = $1 AND job >= $2";
    FIND_ORDERS_WITHOUT_JOBS = "SELECT o.id, o.owner, o.number FROM batch_members m JOIN orders o ON o.id = m.order_id \
        WHERE m.batch_id = $1 AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.order_id = m.order_id \
        AND j.batch_id = m.batch_id) ORDER BY o.id";
    FREE_ORDER = "UPDATE orders SET assigned = 0 WHERE id = $1";
    FREE_LINES = "UPDATE lines SET assigned = 0 WHERE order_id = $1";
    SET_PLANNED = "UPDATE batches SET planned = COALESCE((SELECT CAST(SUM(j.quantity) AS BIGINT) FROM jobs j \
        WHERE j.batch_id = batches.id), 0) WHERE id = $1";
    FIND_LINES_OF_ORDER = "SELECT o.owner, o.number, o.priority, o.due_at_s, l.line_no, l.sku_owner, l.sku_code, \
        l.ordered - l.cancelled FROM orders o JOIN lines l ON l.order_id = o.id \
        WHERE o.owner = $1 AND o.number = $2 ORDER BY l.line_no";

    // --- what became of them
    LIST_RESULTS = "SELECT j.job, o.owner, o.number, j.line_no, j.sku_owner, j.sku_code, j.label, j.quantity, j.picked, \
        j.boxed, j.short, j.short_reason, j.last_seen FROM jobs j JOIN orders o ON o.id = j.order_id \
        WHERE j.batch_id = $1 AND j.job > $2 ORDER BY j.job LIMIT $3";
    FIND_MISSING = "SELECT j.job, o.owner, o.number, j.line_no, j.sku_owner, j.sku_code, j.label, j.quantity, j.picked, \
        j.boxed, j.short, j.short_reason, j.last_seen FROM jobs j JOIN orders o ON o.id = j.order_id \
        WHERE j.batch_id = $1 AND j.picked + CASE WHEN j.short_reason = 'order_cancelled' THEN j.short ELSE 0 END < j.quantity AND j.job > $2 ORDER BY j.job LIMIT $3";
    LIST_LOADS = load_columns!("WHERE l.id > $1 ORDER BY l.id LIMIT $2");
    LIST_LOADS_OF_OUTCOME = load_columns!("WHERE l.outcome = $1 AND l.id > $2 ORDER BY l.id LIMIT $3");
    LIST_LOADS_OF_OUTCOME_BY_ROW = load_columns!(
        "WHERE (l.outcome, l.id) > ($1, $2) AND l.outcome <= $1 ORDER BY l.outcome, l.id LIMIT $3"
    );
    LIST_LOADS_OF_LABEL = load_columns!("WHERE l.label = $1 AND l.id > $2 ORDER BY l.id LIMIT $3");
    LIST_LOADS_OF_LABEL_BY_ROW = load_columns!(
        "WHERE (l.label, l.id) > ($1, $2) AND l.label <= $1 ORDER BY l.label, l.id LIMIT $3"
    );
    LOADS_OF_ORDER = load_columns!("JOIN batches b ON b.core_id = l.core_batch JOIN jobs j ON j.batch_id = b.id \
        AND j.job = l.job WHERE j.order_id = $1 ORDER BY l.id LIMIT $2");
    FIND_LOAD_OF_KEY = load_columns!("WHERE l.line = $1 AND l.plc_epoch = $2 AND l.item = $3");
    LIST_EXCEPTIONS = "SELECT e.load_id, e.label, e.outcome, e.reason, e.lane, e.opened_seq FROM exceptions e \
        WHERE e.closed_seq IS NULL AND e.load_id > $1 ORDER BY e.load_id LIMIT $2";
    LIST_BOXES = "SELECT x.id, x.chute, x.core_batch, x.owner, x.number, x.loads, x.pieces, x.opened_seq, x.closed_seq, \
        x.code         FROM boxes x WHERE x.id > $1 ORDER BY x.id LIMIT $2";

    // --- shifts
    FIND_SHIFT_CLOSE = shift_close_columns!("WHERE business_day = $1 AND shift = $2");
    LIST_SHIFT_CLOSES = shift_close_columns!("WHERE id > $1 ORDER BY id LIMIT $2");
    LAST_SHIFT_POSITION = "SELECT position FROM shift_closes ORDER BY id DESC LIMIT 1";
    INSERT_SHIFT_CLOSE = "INSERT INTO shift_closes (id, business_day, shift, starts_at, ends_at, closed_at, closed_by, \
        position, open_loads, unfinished_orders, missing_pieces, open_alarms, report) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
    COUNT_ORDERS_IN_STATE = "SELECT COUNT(*) FROM orders o WHERE COALESCE(o.run_state, o.intake_state) = $1";
    SUM_MISSING_SINCE = "SELECT COALESCE(CAST(SUM(j.short) AS BIGINT), 0) FROM batches b \
        JOIN jobs j ON j.batch_id = b.id WHERE b.ended_seq > $1 AND COALESCE(j.short_reason, '') <> 'order_cancelled'";
    MISSING_SINCE = "SELECT j.job, o.owner, o.number, j.line_no, j.sku_owner, j.sku_code, j.label, j.quantity, j.picked, \
        j.boxed, j.short, j.short_reason, j.last_seen, b.id FROM batches b JOIN jobs j ON j.batch_id = b.id \
        JOIN orders o ON o.id = j.order_id WHERE b.ended_seq > $1 AND j.short > 0 \
        AND COALESCE(j.short_reason, '') <> 'order_cancelled' ORDER BY b.id, j.job LIMIT $2";

    // --- projector
    PROJECTION = "SELECT genesis, seq, core_ns, loads, boxes, batch_max, homeless FROM projection WHERE id = 1";
    SET_PROJECTION = "UPDATE projection SET genesis = $1, seq = $2, core_ns = $3, loads = $4, boxes = $5, batch_max = $6, \
        homeless = $7 WHERE id = 1 AND seq = $8";
    FIND_BATCH_OF_CORE = "SELECT id FROM batches WHERE core_id = $1";
    BATCH_STARTED = "UPDATE batches SET run_state = 'running', started_seq = $2, started_ns = $3 \
        WHERE id = $1 AND started_seq IS NULL";
    ORDERS_STARTED = "UPDATE orders SET run_state = 'picking' WHERE run_state IS NULL AND id IN \
        (SELECT order_id FROM jobs WHERE batch_id = $1)";
    START_TAKEN_BACK = "UPDATE batches SET run_state = NULL, is_forced = NULL, started_seq = NULL, started_ns = NULL, \
        taken_back = $2 WHERE id = $1";
    ORDERS_TAKEN_BACK = "UPDATE orders SET run_state = NULL WHERE run_state = 'picking' AND picked = 0 AND short = 0 \
        AND id IN (SELECT order_id FROM jobs WHERE batch_id = $1)";
    BATCH_RUN_STATE = "UPDATE batches SET run_state = $2 WHERE id = $1";
    BATCH_CLOSING = "UPDATE batches SET run_state = 'closing', is_forced = $2 WHERE id = $1";
    BATCH_ENDED = "UPDATE batches SET run_state = 'ended', ended_seq = $2, ended_ns = $3 WHERE id = $1";
    FIND_JOB = "SELECT b.id, j.order_id, j.quantity, j.picked, j.boxed, j.short, o.owner, o.number \
        FROM batches b JOIN jobs j ON j.batch_id = b.id JOIN orders o ON o.id = j.order_id \
        WHERE b.core_id = $1 AND j.job = $2";
    FIND_JOB_LINES = "SELECT line_no, quantity FROM job_lines WHERE batch_id = $1 AND job = $2 ORDER BY line_no";
    SET_JOB = "UPDATE jobs SET picked = $3, boxed = $4, short = $5 WHERE batch_id = $1 AND job = $2";
    SET_JOB_SHORT = "UPDATE jobs SET short_reason = $3, last_seen = $4 WHERE batch_id = $1 AND job = $2";
    ADD_LINE = "UPDATE lines SET picked = picked + $3, boxed = boxed + $4, short = short + $5 \
        WHERE order_id = $1 AND line_no = $2";
    ADD_BATCH = "UPDATE batches SET picked = picked + $2, boxed = boxed + $3, short = short + $4 WHERE id = $1";
    ADD_ORDER = "UPDATE orders SET picked = picked + $2, boxed = boxed + $3, short = short + $4, run_state = CASE \
        WHEN ordered - cancelled - short - $4 = 0 THEN 'cancel' \
        WHEN boxed + $3 >= ordered - cancelled - short - $4 THEN 'boxed' \
        WHEN picked + $2 >= ordered - cancelled - short - $4 THEN 'picked' \
        ELSE 'picking' END WHERE id = $1";
    FIND_LOAD = "SELECT id, credited, outcome FROM loads WHERE line = $1 AND plc_epoch = $2 AND item = $3";
    INSERT_LOAD = "INSERT INTO loads (id, line, plc_epoch, item, label, previous_id, seen_seq, seen_ns) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    LOAD_ENDED = "UPDATE loads SET label = CASE WHEN CAST($2 AS TEXT) = '' THEN label ELSE $2 END, core_batch = $3, job = $4, \
        pieces = $5, outcome = $6, reason = $7, lane = $8, result = $9, ended_seq = $10, ended_ns = $11 WHERE id = $1";
    LOAD_CREDITED = "UPDATE loads SET credited = $2, box_id = $3 WHERE id = $1";
    LOAD_HAND_SORTED = "UPDATE loads SET outcome = 'hand_sorted', core_batch = $2, job = $3, credited = $4, box_id = $5, \
        hand_label = $6, hand_seq = $7 WHERE id = $1";
    LOAD_TURNS = "UPDATE loads SET turns = $2 WHERE id = $1";
    LOAD_LATE = "UPDATE loads SET late = late + 1 WHERE id = $1";
    OPEN_EXCEPTION = "INSERT INTO exceptions (load_id, label, outcome, reason, lane, opened_seq) \
        VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (load_id) DO NOTHING";
    CLOSE_EXCEPTION = "UPDATE exceptions SET closed_seq = $2, closed_by = $3 WHERE load_id = $1 AND closed_seq IS NULL";
    BIND_CHUTE = "INSERT INTO bindings (chute, core_batch, owner, number, bound_seq) VALUES ($1, $2, $3, $4, $5) \
        ON CONFLICT (chute) DO UPDATE SET core_batch = excluded.core_batch, owner = excluded.owner, \
        number = excluded.number, bound_seq = excluded.bound_seq";
    FREE_CHUTE = "DELETE FROM bindings WHERE chute = $1";
    FIND_BINDING = "SELECT chute FROM bindings WHERE core_batch = $1 AND owner = $2 AND number = $3 ORDER BY chute";
    FIND_OPEN_BOX = "SELECT id FROM boxes WHERE chute = $1 AND closed_seq IS NULL";
    STAND_BOX = "INSERT INTO standing_boxes (chute, code) VALUES ($1, $2) \
        ON CONFLICT (chute) DO UPDATE SET code = excluded.code";
    CODE_BOX = "UPDATE boxes SET code = $2 WHERE chute = $1 AND closed_seq IS NULL";
    UNSTAND_BOX = "DELETE FROM standing_boxes WHERE chute = $1";
    OWNED_STANDING_BOXES = "SELECT chute, code FROM standing_boxes WHERE chute > $1 ORDER BY chute LIMIT $2";
    OPEN_BOX = "INSERT INTO boxes (id, chute, core_batch, owner, number, opened_seq, opened_ns, code) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, (SELECT s.code FROM standing_boxes s WHERE s.chute = $2))";
    FILL_BOX = "UPDATE boxes SET loads = loads + 1, pieces = pieces + $2 WHERE id = $1";
    CLOSE_BOX = "UPDATE boxes SET closed_seq = $2, closed_ns = $3 WHERE id = $1";
    FIND_BOX_CONTENT = "SELECT core_batch, job, CAST(SUM(credited) AS BIGINT) FROM loads WHERE box_id = $1 \
        GROUP BY core_batch, job ORDER BY core_batch, job";

    // --- check: rows that break a rule, each named by two numbers
    CHECK_ORDER_SUMS = "SELECT o.id, MAX(o.ordered) FROM orders o JOIN lines l ON l.order_id = o.id GROUP BY o.id \
        HAVING SUM(l.ordered) <> MAX(o.ordered) OR SUM(l.picked) <> MAX(o.picked) OR SUM(l.boxed) <> MAX(o.boxed) \
        OR SUM(l.short) <> MAX(o.short) OR COUNT(*) <> MAX(o.line_count) LIMIT $1";
    CHECK_LINE_BOUNDS = "SELECT order_id, line_no FROM lines WHERE boxed > picked OR picked + cancelled + short > ordered \
        LIMIT $1";
    CHECK_BATCH_SUMS = "SELECT b.id, MAX(b.planned) FROM batches b JOIN jobs j ON j.batch_id = b.id GROUP BY b.id \
        HAVING SUM(j.quantity) <> MAX(b.planned) OR SUM(j.picked) <> MAX(b.picked) OR SUM(j.boxed) <> MAX(b.boxed) \
        OR SUM(j.short) <> MAX(b.short) LIMIT $1";
    CHECK_JOB_LINES = "SELECT j.batch_id, j.job FROM jobs j WHERE j.quantity <> (SELECT SUM(l.quantity) \
        FROM job_lines l WHERE l.batch_id = j.batch_id AND l.job = j.job) LIMIT $1";
    CHECK_MEMBERS = "SELECT m.batch_id, m.order_id FROM batch_members m LEFT JOIN orders o ON o.id = m.order_id \
        LEFT JOIN batches b ON b.id = m.batch_id WHERE o.id IS NULL OR b.id IS NULL LIMIT $1";
    CHECK_LOAD_ENDS = "SELECT id, line FROM loads WHERE (outcome IS NULL) <> (ended_seq IS NULL) LIMIT $1";

    // --- rebuild: every journal-owned column, emptied and read back
    EMPTY_ORDERS = "UPDATE orders SET run_state = NULL, picked = 0, boxed = 0, short = 0";
    EMPTY_LINES = "UPDATE lines SET picked = 0, boxed = 0, short = 0";
    EMPTY_BATCHES = "UPDATE batches SET run_state = NULL, is_forced = NULL, started_seq = NULL, started_ns = NULL, \
        ended_seq = NULL, ended_ns = NULL, picked = 0, boxed = 0, short = 0, taken_back = NULL";
    EMPTY_STANDING_BOXES = "DELETE FROM standing_boxes";
    EMPTY_JOBS = "UPDATE jobs SET picked = 0, boxed = 0, short = 0, short_reason = NULL, last_seen = NULL";
    EMPTY_LOADS = "DELETE FROM loads";
    EMPTY_BINDINGS = "DELETE FROM bindings";
    EMPTY_BOXES = "DELETE FROM boxes";
    EMPTY_EXCEPTIONS = "DELETE FROM exceptions";
    EMPTY_PROJECTION = "UPDATE projection SET genesis = 0, seq = 0, core_ns = 0, loads = 0, boxes = 0, batch_max = 0, \
        homeless = 0";
    OWNED_ORDERS = "SELECT id, run_state, picked, boxed, short FROM orders WHERE id > $1 ORDER BY id LIMIT $2";
    OWNED_LINES = "SELECT order_id, line_no, picked, boxed, short FROM lines WHERE order_id > $1 AND order_id <= $2 \
        ORDER BY order_id, line_no";
    OWNED_BATCHES = "SELECT id, run_state, is_forced, started_seq, started_ns, ended_seq, ended_ns, picked, boxed, short, \
        taken_back FROM batches WHERE id > $1 ORDER BY id LIMIT $2";
    OWNED_JOBS = "SELECT batch_id, job, picked, boxed, short, short_reason, last_seen FROM jobs WHERE batch_id > $1 \
        AND batch_id <= $2 ORDER BY batch_id, job";
    NEWEST_ORDER = "SELECT COALESCE(MAX(id), 0) FROM orders";
    NEWEST_BATCH = "SELECT COALESCE(MAX(id), 0) FROM batches";
    OWNED_LOADS = "SELECT id, line, plc_epoch, item, label, previous_id, seen_seq, seen_ns, turns, late, core_batch, job, \
        pieces, credited, outcome, reason, lane, result, ended_seq, ended_ns, hand_label, hand_seq, box_id FROM loads \
        WHERE id > $1 ORDER BY id LIMIT $2";
    OWNED_BINDINGS = "SELECT chute, core_batch, owner, number, bound_seq FROM bindings WHERE chute > $1 \
        ORDER BY chute LIMIT $2";
    OWNED_BOXES = "SELECT id, chute, core_batch, owner, number, loads, pieces, opened_seq, opened_ns, closed_seq, \
        closed_ns, code FROM boxes WHERE id > $1 ORDER BY id LIMIT $2";
    OWNED_EXCEPTIONS = "SELECT load_id, label, outcome, reason, lane, opened_seq, closed_seq, closed_by FROM exceptions \
        WHERE load_id > $1 ORDER BY load_id LIMIT $2";
}

row_statements! {
    INSERT_OWNERS(1) = "INSERT INTO owners (owner) VALUES", "ON CONFLICT (owner) DO NOTHING";
    INSERT_SKUS(3) = "INSERT INTO skus (owner, code, description) VALUES", "ON CONFLICT (owner, code) DO NOTHING";
    INSERT_BARCODES(3) = "INSERT INTO barcodes (owner, barcode, code) VALUES",
        "ON CONFLICT (owner, barcode, code) DO NOTHING";
    INSERT_CHUTES(4) = "INSERT INTO chutes (chute, line, name, kind) VALUES", "";
    INSERT_ORDERS(9) = "INSERT INTO orders (id, owner, number, customer, priority, due_at_s, received_at, line_count, \
        ordered) VALUES", "";
    INSERT_LINES(6) = "INSERT INTO lines (order_id, line_no, sku_owner, sku_code, description, ordered) VALUES", "";
    FIND_ORDERS(2) = "SELECT o.id, o.owner, o.number, COALESCE(o.run_state, o.intake_state), \
        (SELECT m.batch_id FROM batch_members m WHERE m.order_id = o.id) FROM (VALUES",
        ") AS asked JOIN orders o ON o.owner = asked.column1 AND o.number = asked.column2";
    INSERT_MEMBERS(2) = "INSERT INTO batch_members (batch_id, order_id) VALUES", "";
    INSERT_JOBS(11) = "INSERT INTO jobs (batch_id, job, order_id, line_no, sku_owner, sku_code, label, codes, quantity, \
        priority, due_at_s) VALUES", "";
    INSERT_TABLE(4) = "INSERT INTO batch_tables (batch_id, place, order_id, chute) VALUES", "";
    INSERT_PARTS(5) = "INSERT INTO added_parts (batch_id, part, first_job, jobs, state) VALUES", "";
    INSERT_JOB_LINES(5) = "INSERT INTO job_lines (batch_id, job, line_no, order_id, quantity) VALUES", "";
}
