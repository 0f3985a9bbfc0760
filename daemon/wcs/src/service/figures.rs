//! Figures of the daemon for `/metrics`: what the core, the journal, the links, the follower and the projector count.
//! Read where they are kept when somebody asks; nobody waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hdrhistogram::Histogram;
use wcs_api::ports::{Figures, Gauges};
use wcs_drivers::{LinkSnapshot, LinkState};
use wcs_sessions::SessionStats;
use wcs_types::Plant;

use super::Shared;
use super::link_tasks::Statuses;
use super::spans::Spans;

/// Bounds of the time from scan to destination, microseconds.
const ANSWER_BOUNDS_US: [u64; 10] =
    [1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000];

/// The figures of one daemon.
pub(crate) struct DaemonFigures {
    pub(super) plant: Plant,
    pub(super) shared: Arc<Shared>,
    pub(super) links: Statuses,
}

impl Figures for DaemonFigures {
    fn collect(&self, metrics: &mut dyn Gauges) {
        self.core(metrics);
        self.journal(metrics);
        self.behind_the_journal(metrics);
        for (link, snapshot) in self.links.read() {
            self.link(metrics, link, &snapshot);
        }
    }
}

fn load(value: &AtomicU64) -> f64 {
    value.load(Ordering::Relaxed) as f64
}

fn spans(metrics: &mut dyn Gauges, name: &'static str, help: &'static str, spans: &Spans) {
    let read = spans.read();
    metrics.histogram(name, help, &[], &read.buckets, read.count, read.sum);
}

impl DaemonFigures {
    fn core(&self, metrics: &mut dyn Gauges) {
        let (shared, meters) = (&self.shared, &self.shared.meters);
        metrics.counter("wcs_core_turns_total", "Turns of the core thread.", &[], load(&shared.turns));
        let help = "Work of one turn of the core thread, without its links.";
        spans(metrics, "wcs_core_turn_seconds", help, &meters.turn);
        let help = "Time a destination had left when it was decided.";
        spans(metrics, "wcs_decision_slack_seconds", help, &meters.slack);
        let help = "Destinations that were decided when their time was over.";
        metrics.counter("wcs_decisions_without_slack_total", help, &[], load(&meters.without_slack));
        let pending = load(&shared.last_seq) - load(&shared.durable_seq);
        for (queue, depth) in [
            ("inputs", load(&meters.inputs_waiting)),
            ("verbs", load(&meters.verbs_waiting)),
            ("gated", load(&meters.gated)),
            ("records", pending.max(0.0)),
        ] {
            let help = "What waits: inputs and verbs for the core, gated outputs and records for the disk.";
            metrics.gauge("wcs_queue_depth", help, &[("queue", queue)], depth);
        }
        let help = "Commands the fullest ring to a link still has room for.";
        metrics.gauge("wcs_ring_headroom", help, &[], load(&meters.ring_headroom));
    }

    fn journal(&self, metrics: &mut dyn Gauges) {
        let (shared, meters) = (&self.shared, &self.shared.meters);
        let help = "Records made since the journal began.";
        metrics.counter("wcs_journal_records_total", help, &[], load(&shared.last_seq));
        let help = "Records on disk since the journal began.";
        metrics.counter("wcs_journal_durable_total", help, &[], load(&shared.durable_seq));
        spans(metrics, "wcs_journal_fsync_seconds", "Writing and syncing one batch.", &meters.fsync);
        let help = "From the first record of a batch until the batch was on disk.";
        spans(metrics, "wcs_journal_gate_wait_seconds", help, &meters.gate_wait);
    }

    fn behind_the_journal(&self, metrics: &mut dyn Gauges) {
        let (shared, meters) = (&self.shared, &self.shared.meters);
        let behind = |seq: &AtomicU64| (load(&shared.durable_seq) - load(seq)).max(0.0);
        let help = "Durable records the follower has not proven yet.";
        metrics.gauge("wcs_follower_lag_records", help, &[], behind(&meters.follower_seq));
        let help = "Checkpoints written.";
        metrics.counter("wcs_follower_checkpoints_total", help, &[], load(&meters.follower_checkpoints));
        let help = "Divergences and damages the follower found.";
        metrics.counter("wcs_follower_faults_total", help, &[], load(&meters.follower_faults));
        let help = "Durable records the index of the journal does not tell of yet.";
        metrics.gauge("wcs_index_lag_records", help, &[], behind(&meters.index_seq));
        let help = "1 while the store can be used.";
        metrics.gauge("wcs_store_up", help, &[], load(&meters.store_up));
        let help = "Durable records the store does not reflect yet.";
        metrics.gauge("wcs_projector_lag_records", help, &[], behind(&meters.projector_seq));
        let help = "Attempts of the projector that failed.";
        metrics.counter("wcs_projector_failures_total", help, &[], load(&meters.projector_failures));
    }

    fn link(&self, metrics: &mut dyn Gauges, id: &str, snapshot: &LinkSnapshot) {
        let labels = [("link", id)];
        let is_up = f64::from(u8::from(snapshot.state == LinkState::Up));
        metrics.gauge("wcs_link_up", "1 while the link is connected.", &labels, is_up);
        for (name, help, count) in [
            ("wcs_link_connects_total", "Connections made.", snapshot.connects),
            ("wcs_link_reconnects_total", "Connections made after the first one.", snapshot.reconnects),
            (
                "wcs_link_connect_failures_total",
                "Attempts to connect that failed.",
                snapshot.connect_failures,
            ),
            ("wcs_link_stale_replies_total", "Replies that came late or twice.", snapshot.stale_replies),
            (
                "wcs_link_invalid_replies_total",
                "Replies that were malformed, or not to the request.",
                snapshot.invalid_replies,
            ),
            ("wcs_link_panics_total", "Panics caught in the task of the link.", snapshot.panics),
        ] {
            metrics.counter(name, help, &labels, count as f64);
        }
        for (line, stats) in &snapshot.sessions {
            let id = self.plant.lines.get(usize::from(line.0)).map_or("", |line| line.id.as_str());
            session(metrics, id, stats);
        }
    }
}

fn session(metrics: &mut dyn Gauges, line: &str, stats: &SessionStats) {
    let labels = [("line", line)];
    for (name, help, count) in [
        ("wcs_session_exchanges_total", "Exchanges answered, by whatever answer.", stats.exchanges),
        ("wcs_session_silences_total", "Exchanges without an answer in time.", stats.silences),
        ("wcs_session_losses_total", "Times the device was declared lost.", stats.losses),
        ("wcs_session_events_lost_total", "Events dropped by PLCs.", stats.evt_lost),
        ("wcs_session_window_full_total", "Times the event window was full.", stats.window_full),
        ("wcs_session_induction_stops_total", "Times induction stopped by itself.", stats.induction_stops),
        ("wcs_session_torn_slots_total", "Event slots that were not valid when read.", stats.torn_slots),
        ("wcs_session_late_total", "Destinations not written because it was too late.", stats.late),
        ("wcs_session_destinations_total", "Destinations written.", stats.destinations),
        ("wcs_session_rewritten_total", "Commands written again.", stats.rewritten),
        ("wcs_session_overflowed_total", "Commands that found no room.", stats.overflowed),
    ] {
        metrics.counter(name, help, &labels, count as f64);
    }
    let (buckets, count, sum) = distribution(&stats.scan_to_destination_us);
    let help = "From the header that showed a scan to the acknowledged block that published its destination.";
    metrics.histogram("wcs_scan_to_destination_seconds", help, &labels, &buckets, count, sum);
}

fn distribution(times_us: &Histogram<u64>) -> (Vec<(f64, u64)>, u64, f64) {
    let below = |bound: u64| (bound as f64 / 1e6, times_us.count_between(0, bound));
    let buckets = ANSWER_BOUNDS_US.into_iter().map(below).collect();
    (buckets, times_us.len(), times_us.mean() * times_us.len() as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distribution_of_a_session_has_cumulative_classes() {
        let mut times = Histogram::new_with_bounds(1, 60_000_000, 3).unwrap();
        for us in [900, 1_500, 1_500, 90_000] {
            times.record(us).unwrap();
        }
        let (buckets, count, sum) = distribution(&times);
        assert_eq!((buckets[0], buckets[1], buckets[6]), ((0.001, 1), (0.002, 3), (0.1, 4)));
        assert_eq!(count, 4);
        assert!((sum - 0.0939).abs() < 0.000_2, "{sum}");
    }
}
