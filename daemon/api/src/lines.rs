//! Lines: what each does now, and what people ask of it. Machine commands are PackML commands; none of them clears a
//! safety stop, and nothing here stands for an emergency stop, a safety reset or muting.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wcs_types::{LineId, MachineState, UnitCommand, Verb};

use crate::alarms::AlarmView;
use crate::answer::{At, Done, carry_out, find_line, live_at};
use crate::asking::ask;
use crate::event::{line_name, time_text};
use crate::live::Live;
use crate::live::alarms::Heads;
use crate::live::batches::{Batch, BatchProgress, BatchState};
use crate::live::counts::Rates;
use crate::live::lines::{Line, LinkState};
use crate::live::loads::Stamp;
use crate::paging::PageOf;
use crate::parameters::{AtPosition, Path, Query};
use crate::position::POSITION_WAIT;
use crate::press::Press;
use crate::problem::{Problem, Reads, Writes};
use crate::state::Api;
use crate::words;

/// A line.
#[derive(Debug, Serialize, ToSchema)]
pub struct LineView {
    /// Its name in the plant file.
    pub id: String,
    /// Its number: the first part of the ids of its loads.
    pub number: u16,
    /// State of the link to its device.
    pub link: LinkView,
    /// State of its machine.
    pub machine: MachineView,
    /// Loads may be inducted: the link is ready, a running batch misses pieces, the journal keeps up, and no person has
    /// withdrawn the permission.
    pub is_permitted: bool,
    /// A person has withdrawn the permission to feed.
    pub is_held: bool,
    /// Inductions from which a person has withdrawn the permission.
    pub inductions_held: Vec<u8>,
    /// Loads on the belt.
    pub loads_on_belt: usize,
    /// Lanes.
    pub lanes: LanesView,
    /// Its batches that are not over.
    pub batches: Vec<BatchProgress>,
    /// Its headlines that are up; `/api/alarms` has all.
    pub alarms: Vec<AlarmView>,
    /// What it did in the last minutes.
    pub rates: Rates,
    /// Totals since the journal began.
    pub totals: TotalsView,
    /// The record it reflects.
    pub position: u64,
}

/// A link.
#[derive(Debug, Serialize, ToSchema)]
pub struct LinkView {
    /// Its state.
    pub state: LinkState,
    /// Why it is not ready, where known.
    pub cause: Option<&'static str>,
    /// Since when; null before anything was heard.
    pub since: Option<String>,
}

/// A machine.
#[derive(Debug, Serialize, ToSchema)]
pub struct MachineView {
    /// PackML state in words.
    pub state: &'static str,
    /// PackML state by number.
    pub number: u16,
    /// Why it is in it, where known.
    pub cause: Option<&'static str>,
    /// Since when; null before anything was heard.
    pub since: Option<String>,
}

/// Lanes, counted.
#[derive(Debug, Serialize, ToSchema)]
pub struct LanesView {
    /// Take loads.
    pub ready: usize,
    /// Are full.
    pub full: usize,
    /// Have a fault.
    pub fault: usize,
}

/// Totals of a line.
#[derive(Debug, Serialize, ToSchema)]
pub struct TotalsView {
    /// Loads seen for the first time.
    pub seen: u64,
    /// Rounds of loads that passed all lanes.
    pub recirculated: u64,
    /// Decisions that came too late.
    pub late: u64,
    /// Of these, late because of a stall of ours.
    pub late_by_self_stall: u64,
    /// Ends of loads, by where and why.
    pub ended: Vec<EndedView>,
}

/// Loads that ended in one way.
#[derive(Debug, Serialize, ToSchema)]
pub struct EndedView {
    /// Where.
    pub outcome: &'static str,
    /// Why.
    pub reason: &'static str,
    /// How many.
    pub loads: u64,
}

impl LineView {
    fn of(live: &Live, heads: &Heads, line: LineId, row: &Line, now_ms: u64) -> Self {
        let plant = live.plant();
        let since = |at: Stamp| (at.seq.0 != 0).then(|| time_text(at.unix_ms));
        let counts = &row.counts;
        Self {
            id: line_name(plant, line),
            number: line.0,
            link: LinkView { state: row.link, cause: row.link_cause, since: since(row.link_since) },
            machine: MachineView {
                state: words::machine(row.machine),
                number: row.machine.0,
                cause: row.machine_cause,
                since: since(row.machine_since),
            },
            is_permitted: row.is_permitted,
            is_held: row.is_held,
            inductions_held: (1..=15).filter(|bit| row.inductions_held >> bit & 1 == 1).collect(),
            loads_on_belt: live.loads().open().filter(|load| load.key.line == line).count(),
            lanes: LanesView {
                ready: row.ready.iter().count(),
                full: row.full.iter().count(),
                fault: row.fault.iter().count(),
            },
            batches: live
                .batches()
                .iter()
                .filter(|batch| batch.spec.line == line && batch.state != BatchState::Ended)
                .map(Batch::progress)
                .collect(),
            alarms: live
                .alarms()
                .listed()
                .filter(|alarm| alarm.key.line == Some(line) && alarm.is_up() && alarm.shelved.is_none())
                .filter(|alarm| heads.head_of(alarm.id).is_none())
                .map(|alarm| AlarmView::of(alarm, heads, plant))
                .collect(),
            rates: counts.rates(now_ms),
            totals: TotalsView {
                seen: counts.seen,
                recirculated: counts.recirculated,
                late: counts.late,
                late_by_self_stall: counts.late_by_self_stall,
                ended: counts
                    .ended
                    .iter()
                    .map(|((outcome, reason), loads)| EndedView {
                        outcome: outcome.as_str(),
                        reason: reason.as_str(),
                        loads: *loads,
                    })
                    .collect(),
            },
            position: live.position().0,
        }
    }
}

/// Handlers of lines.
pub(crate) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list_lines))
        .routes(routes!(get_line))
        .routes(routes!(start_line))
        .routes(routes!(stop_line))
        .routes(routes!(hold_line))
        .routes(routes!(release_line))
        .routes(routes!(drain_line))
        .routes(routes!(hold_induction))
        .routes(routes!(release_induction))
}

fn now(api: &Api) -> u64 {
    u64::try_from(api.now_ms()).unwrap_or(0)
}

/// All lines.
#[utoipa::path(get, path = "/api/lines", tag = "lines", params(AtPosition),
    responses((status = 200, description = "The lines.", body = PageOf<LineView>), Reads))]
async fn list_lines(
    State(api): State<Api>,
    Query(at): Query<AtPosition>,
) -> Result<At<PageOf<LineView>>, Problem> {
    live_at(&api, at.position).await?;
    let live = api.live().read();
    let lines = (0..).map(LineId).zip(live.lines());
    let heads = live.alarms().heads();
    let items = lines.map(|(line, row)| LineView::of(&live, &heads, line, row, now(&api))).collect();
    Ok(At(live.position().0, PageOf { items, next_cursor: None }))
}

/// One line.
#[utoipa::path(get, path = "/api/lines/{line}", tag = "lines", params(("line" = String, Path), AtPosition),
    responses((status = 200, description = "The line.", body = LineView), Reads))]
async fn get_line(
    State(api): State<Api>,
    Path(name): Path<String>,
    Query(at): Query<AtPosition>,
) -> Result<At<LineView>, Problem> {
    let line = find_line(api.plant(), &name)?;
    live_at(&api, at.position).await?;
    let live = api.live().read();
    let row = live.line(line).cloned().unwrap_or_default();
    Ok(At(live.position().0, LineView::of(&live, &live.alarms().heads(), line, &row, now(&api))))
}

/// Starts the machine of a line.
///
/// A machine that is stopped or complete is brought to idle first. After a safety stop, or a start of the controller, a
/// person resets it at the machine before: until then the machine does not take this.
#[utoipa::path(post, path = "/api/lines/{line}/start", tag = "lines", params(("line" = String, Path)),
    responses((status = 200, description = "The command is on its way.", body = Done), Writes))]
async fn start_line(
    State(api): State<Api>,
    Path(name): Path<String>,
    Press(operator): Press,
) -> Result<At<Done>, Problem> {
    const COMPLETE: MachineState = MachineState(17);
    let line = find_line(api.plant(), &name)?;
    let machine = api.live().read().line(line).map(|row| row.machine);
    if matches!(machine, Some(MachineState::STOPPED | COMPLETE)) {
        carry_out(&api, operator, Verb::Line { line, command: UnitCommand::Reset }).await?;
    }
    carry_out(&api, operator, Verb::Line { line, command: UnitCommand::Start }).await
}

/// Stops the machine of a line. This is an ordinary stop, no emergency stop.
#[utoipa::path(post, path = "/api/lines/{line}/stop", tag = "lines", params(("line" = String, Path)),
    responses((status = 200, description = "The command is on its way.", body = Done), Writes))]
async fn stop_line(
    State(api): State<Api>,
    Path(name): Path<String>,
    Press(operator): Press,
) -> Result<At<Done>, Problem> {
    let line = find_line(api.plant(), &name)?;
    carry_out(&api, operator, Verb::Line { line, command: UnitCommand::Stop }).await
}

/// Withdraws the permission to feed a line. What is on the belt is sorted; nothing is stopped.
#[utoipa::path(post, path = "/api/lines/{line}/hold", tag = "lines", params(("line" = String, Path)),
    responses((status = 200, description = "The line is not fed any more.", body = Done), Writes))]
async fn hold_line(
    State(api): State<Api>,
    Path(name): Path<String>,
    Press(operator): Press,
) -> Result<At<Done>, Problem> {
    let line = find_line(api.plant(), &name)?;
    carry_out(&api, operator, Verb::Hold { line }).await
}

/// Gives the permission to feed a line back.
#[utoipa::path(post, path = "/api/lines/{line}/release", tag = "lines", params(("line" = String, Path)),
    responses((status = 200, description = "No person holds the line any more.", body = Done), Writes))]
async fn release_line(
    State(api): State<Api>,
    Path(name): Path<String>,
    Press(operator): Press,
) -> Result<At<Done>, Problem> {
    let line = find_line(api.plant(), &name)?;
    carry_out(&api, operator, Verb::Release { line }).await
}

/// What a line that is being emptied still has.
#[derive(Debug, Serialize, ToSchema)]
pub struct Draining {
    /// The record in which its permission was withdrawn.
    pub position: u64,
    /// Nothing is on the belt.
    pub is_empty: bool,
    /// Loads on the belt.
    pub loads_on_belt: usize,
    /// Its batches that miss pieces: what is left over once the belt is empty.
    pub leftovers: Vec<BatchProgress>,
}

/// Sorts a line empty: the permission to feed it is withdrawn, and what is left is listed. Ask again, or look at the
/// line, until it is empty; `release` ends it.
#[utoipa::path(post, path = "/api/lines/{line}/drain", tag = "lines", params(("line" = String, Path)),
    responses((status = 200, description = "What is left.", body = Draining), Writes))]
async fn drain_line(
    State(api): State<Api>,
    Path(name): Path<String>,
    Press(operator): Press,
) -> Result<At<Draining>, Problem> {
    let line = find_line(api.plant(), &name)?;
    let position = ask(&api, operator, Verb::Hold { line }).await?.position;
    // What is listed is listed as of that record where the views have it; later views are as good.
    api.live().wait_for(position, POSITION_WAIT).await;
    let live = api.live().read();
    let loads_on_belt = live.loads().open().filter(|load| load.key.line == line).count();
    let of_line = live.batches().iter().filter(|batch| batch.spec.line == line);
    let open = of_line.filter(|batch| !matches!(batch.state, BatchState::Ended | BatchState::Staged));
    let leftovers = open.map(Batch::progress).filter(|progress| progress.done < progress.planned).collect();
    let draining = Draining { position: position.0, is_empty: loads_on_belt == 0, loads_on_belt, leftovers };
    Ok(At(position.0, draining))
}

/// Withdraws the permission of one induction of a line.
#[utoipa::path(post, path = "/api/lines/{line}/inductions/{induction}/hold", tag = "lines",
    params(("line" = String, Path), ("induction" = u8, Path, description = "From 1.", minimum = 1, maximum = 15)),
    responses((status = 200, description = "The induction is not fed any more.", body = Done), Writes))]
async fn hold_induction(
    State(api): State<Api>,
    Path((name, induction)): Path<(String, u8)>,
    Press(operator): Press,
) -> Result<At<Done>, Problem> {
    let line = find_line(api.plant(), &name)?;
    carry_out(&api, operator, Verb::HoldInduction { line, induction }).await
}

/// Gives the permission of one induction of a line back.
#[utoipa::path(post, path = "/api/lines/{line}/inductions/{induction}/release", tag = "lines",
    params(("line" = String, Path), ("induction" = u8, Path, description = "From 1.", minimum = 1, maximum = 15)),
    responses((status = 200, description = "No person holds the induction any more.", body = Done), Writes))]
async fn release_induction(
    State(api): State<Api>,
    Path((name, induction)): Path<(String, u8)>,
    Press(operator): Press,
) -> Result<At<Done>, Problem> {
    let line = find_line(api.plant(), &name)?;
    carry_out(&api, operator, Verb::ReleaseInduction { line, induction }).await
}
