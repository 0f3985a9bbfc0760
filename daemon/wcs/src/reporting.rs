//! From the figures of a run to its report, the words on the screen and the exit code. The same for a demo over a
//! socket and in virtual time.

use std::collections::BTreeMap;

use wcs_drivers::LinkSnapshot;
use wcs_intake::Intake;
use wcs_sim::report::{
    Intake as IntakeCounts, JournalFigures, LatencyUs, LinkFigures, Orders, Percentiles, Physical, Report,
    StoreFigures, Tally, Verdict, reconcile,
};
use wcs_types::LineId;

use crate::arguments::DemoOptions;
use crate::demo::Demo;
use crate::exit::Failure;
use crate::fault_figures::FaultFigures;
use crate::json_file::write_json;
use crate::latency::percentiles;
use crate::service::ServiceEnd;
use crate::shown::Shown;

/// What a run left behind.
pub(crate) struct Figures {
    pub(crate) tally: Tally,
    pub(crate) physical: Physical,
    pub(crate) latency: Percentiles,
    pub(crate) link: LinkFigures,
    pub(crate) journal: JournalFigures,
    pub(crate) faults: FaultFigures,
    /// Of a demo through the front door.
    pub(crate) store: Option<StoreFigures>,
    pub(crate) replay_verifies: bool,
    pub(crate) simulated_seconds: f64,
    pub(crate) wall_seconds: f64,
}

/// Figures of all links together; latencies of the first line.
pub(crate) fn link_figures(links: &[LinkSnapshot]) -> (LinkFigures, Percentiles) {
    let mut link = LinkFigures::default();
    let mut latency = Percentiles::default();
    for snapshot in links {
        link.reconnects += snapshot.reconnects;
        link.stale_replies += snapshot.stale_replies;
        for (line, stats) in &snapshot.sessions {
            link.evt_lost += stats.evt_lost;
            link.window_full += stats.window_full;
            link.induction_stops += stats.induction_stops;
            if *line == LineId(0) {
                latency = percentiles(&stats.scan_to_destination_us);
            }
        }
    }
    (link, latency)
}

/// Figures of the journal of a daemon that was stopped.
pub(crate) fn journal_figures(records: u64, end: &ServiceEnd) -> JournalFigures {
    JournalFigures {
        records,
        batches: end.journal.batches,
        durable_seq: end.journal.durable_seq.0,
        fsync_us: wcs_sim::report::FsyncUs {
            p50: end.fsync_us.value_at_quantile(0.5),
            p99: end.fsync_us.value_at_quantile(0.99),
        },
        stall_us_max: end.journal.stall_us_max,
        follower: wcs_sim::report::FollowerFigures {
            records: end.follower.records,
            checkpoints: end.follower.checkpoints,
            saved_seq: end.follower.saved,
            faults: end.follower.faults,
        },
    }
}

/// The sections of a report that come from the order file.
pub(crate) fn intake_sections(intake: &Intake) -> (Orders, IntakeCounts) {
    let refused_by_reason: BTreeMap<String, u64> =
        intake.refused_by_reason().into_iter().map(|(reason, count)| (reason.to_owned(), count)).collect();
    let orders = Orders { imported: intake.orders.len() as u64, empty: intake.empty_orders.len() as u64 };
    let lines = IntakeCounts {
        accepted: intake.lines_accepted(),
        refused: intake.refusals.len() as u64,
        refused_by_reason,
    };
    (orders, lines)
}

/// Builds the report, writes it where it is asked for, prints the gist, or with `--json` the report itself, and settles how
/// the command ends.
pub(crate) fn finish(
    options: &DemoOptions,
    demo: &Demo,
    figures: Figures,
    shown: Shown,
) -> Result<(), Failure> {
    let intake = demo.source.intake()?;
    // A run that was cut short is measured by what was put on the belt.
    let expected = if demo.is_whole_file {
        i64::try_from(demo.groups.expected_pieces).map_err(Failure::not_ok)?
    } else {
        figures.physical.inducted_pieces
    };
    let reconciled = reconcile(&demo.plant, LineId(0), &figures.tally, &figures.physical, expected);
    for (label, place, daemon, ledger) in reconciled.disagreements.iter().take(20) {
        eprintln!("wcs: {label}: {place}: daemon {daemon}, ledger {ledger}");
    }
    let (orders, lines) = intake_sections(&intake);
    let mut report = Report {
        orders,
        lines,
        batches: figures.tally.batches,
        loads: reconciled.loads,
        chutes: wcs_sim::report::Chutes { rebound: figures.tally.rebound },
        reconcile: reconciled.pieces,
        latency_us: LatencyUs { scan_to_destination: figures.latency },
        deadline: figures.tally.deadline.clone(),
        link: figures.link,
        journal: figures.journal,
        store: figures.store.clone().unwrap_or_default(),
        faults: figures.faults.counts.clone(),
        alarms: figures.tally.alarms.clone(),
        simulated_seconds: figures.simulated_seconds,
        wall_seconds: figures.wall_seconds,
        ..Report::default()
    };
    let injected = |kind: &str| report.faults.get(kind).map_or(0, |count| count.applied);
    let verdict = Verdict {
        is_whole_file: demo.is_whole_file,
        has_faults: !demo.faults.faults.is_empty(),
        is_first_scan: demo.is_first_scan,
        missorts_injected: injected("missort"),
        may_lose_events: injected("fifo_stall") + injected("fifo_reset") > 0,
        all_faults_applied: figures.faults.unapplied.is_empty(),
        replay_verifies: figures.replay_verifies,
        has_store: figures.store.is_some(),
    };
    report.judge(&verdict);
    if let Some(path) = &options.report {
        write_json(path, &report)?;
    }
    shown.print(&report, || gist(&report))?;
    settle(&report, &figures.faults.unapplied)
}

fn gist(report: &Report) -> String {
    let (pieces, latency) = (&report.reconcile, &report.latency_us.scan_to_destination);
    let mut lines = vec![
        format!(
            "loads: {} inducted, {} final, {} open, {} recirculated",
            report.loads.inducted, report.loads.finals, report.loads.open, report.loads.recirculated
        ),
        format!(
            "pieces: {} expected, {} sorted, {} by hand, {} short, difference {}, against the ledger {}",
            pieces.expected_pieces,
            pieces.sorted_pieces,
            pieces.hand_sorted_pieces,
            pieces.short_pieces,
            pieces.difference,
            pieces.ledger_difference
        ),
        format!(
            "plant time {:.0} s in {:.1} s; scan to destination p50 {} us, p99 {} us; late {}",
            report.simulated_seconds, report.wall_seconds, latency.p50, latency.p99, report.deadline.late
        ),
    ];
    if report.store.results > 0 {
        lines.push(format!(
            "store: results of {} batches with {} pieces, {} differences from the journal",
            report.store.results, report.store.results_pieces, report.store.differences
        ));
    }
    lines.extend(report.faults.iter().map(|(kind, count)| {
        format!(
            "fault {kind}: {} planned, {} applied, {} loads",
            count.planned, count.applied, count.loads_touched
        )
    }));
    lines.extend(
        report
            .alarms
            .iter()
            .map(|(code, count)| format!("alarm {code}: {} raised, {} gone", count.raised, count.gone)),
    );
    lines.push(if report.ok { "ok" } else { "NOT OK" }.to_owned());
    lines.join("\n")
}

fn settle(report: &Report, unapplied: &[String]) -> Result<(), Failure> {
    if report.ok {
        Ok(())
    } else if !unapplied.is_empty() {
        Err(Failure::FaultNotApplied(unapplied.join(", ")))
    } else {
        Err(Failure::NotOk(report.not_ok_because.join("; ")))
    }
}
