//! The links: a task each, run by the core thread. Builds sessions from the plant and connects their rings.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use crossbeam_channel::{Receiver, bounded};
use tokio::sync::{Notify, watch};
use wcs_drivers::{Credits, LinkCommand, LinkConfig, LinkPorts, LinkSnapshot, LinkStatus, run_link};
use wcs_sessions::Commanding;
use wcs_sessions::sorter::{SorterConfig, SorterSession};
use wcs_specs::{Profile, SorterMap, SorterWords};
use wcs_types::limits::{COMMANDS_PER_LINK_MAX, INPUTS_PER_LINK_MAX};
use wcs_types::{Input, LineId, LinkId, Plant};

use crate::clock::{Clock, wall_unix_ms};
use crate::exit::Failure;

/// Where the core thread puts commands to one link.
pub(crate) struct Outlet {
    pub(crate) lines: Vec<LineId>,
    pub(crate) commands: rtrb::Producer<LinkCommand>,
    pub(crate) wake: Arc<Notify>,
    pub(crate) credits: Arc<Credits>,
}

/// What the core thread gets of the links.
pub(crate) struct LinkEnds {
    pub(crate) tasks: Vec<LinkTask>,
    pub(crate) outlets: Vec<Outlet>,
    pub(crate) inputs: Receiver<Input>,
    pub(crate) alive_until: Arc<AtomicU64>,
}

/// Figures of links, each with the id of its link in the plant.
#[derive(Clone)]
pub(crate) struct Statuses(Vec<(String, Arc<LinkStatus>)>);

impl Statuses {
    /// Their last figures.
    pub(crate) fn read(&self) -> impl Iterator<Item = (&str, LinkSnapshot)> {
        self.0.iter().map(|(id, status)| (id.as_str(), status.snapshot()))
    }
}

/// The links as the process sees them: they can be stopped and have figures.
pub(crate) struct Links {
    statuses: Statuses,
    stop: watch::Sender<bool>,
}

/// A link that waits to be run.
pub(crate) struct LinkTask {
    config: LinkConfig,
    sessions: Vec<SorterSession>,
    ports: LinkPorts,
}

impl LinkTask {
    /// Runs until the links are stopped.
    pub(crate) async fn run(self) {
        run_link(self.config, self.sessions, self.ports).await;
    }
}

/// The links of a plant; `core` is notified of their inputs.
pub(crate) fn make(plant: &Plant, clock: Clock, core: &Arc<Notify>) -> Result<(Links, LinkEnds), Failure> {
    let (inputs_in, inputs) = bounded(INPUTS_PER_LINK_MAX * plant.links.len().max(1));
    let (stop, stopped) = watch::channel(false);
    let alive_until = Arc::new(AtomicU64::new(0));
    let mut outlets = Vec::new();
    let mut statuses = Vec::new();
    let mut tasks = Vec::new();
    for (link, sessions) in sessions_by_link(plant, clock)? {
        let spec = &plant.links[usize::from(link.0)];
        let (producer, consumer) = rtrb::RingBuffer::new(COMMANDS_PER_LINK_MAX);
        let wake = Arc::new(Notify::new());
        let credits = Arc::new(Credits::new(INPUTS_PER_LINK_MAX));
        let status = Arc::new(LinkStatus::default());
        let lines = sessions.iter().map(SorterSession::line).collect();
        outlets.push(Outlet {
            lines,
            commands: producer,
            wake: Arc::clone(&wake),
            credits: Arc::clone(&credits),
        });
        statuses.push((spec.id.clone(), Arc::clone(&status)));
        let core = Arc::clone(core);
        let ports = LinkPorts {
            inputs: inputs_in.clone(),
            credits,
            commands: consumer,
            wake,
            core_waker: Arc::new(move || core.notify_one()),
            clock: Arc::new(move || clock.now()),
            alive_until: Arc::clone(&alive_until),
            stop: stopped.clone(),
            status,
        };
        let seed = wall_unix_ms() ^ u64::from(link.0) << 48;
        tasks.push(LinkTask { config: LinkConfig::new(&spec.id, &spec.endpoint, seed), sessions, ports });
    }
    Ok((Links { statuses: Statuses(statuses), stop }, LinkEnds { tasks, outlets, inputs, alive_until }))
}

fn sessions_by_link(plant: &Plant, clock: Clock) -> Result<BTreeMap<LinkId, Vec<SorterSession>>, Failure> {
    let mut sessions: BTreeMap<LinkId, Vec<SorterSession>> = BTreeMap::new();
    for (line, spec) in (0_u16..).map(LineId).zip(&plant.lines) {
        let profile = Profile::load(&spec.profile).map_err(Failure::bad_input)?;
        let map = SorterMap::resolve(&profile, &spec.blocks).map_err(Failure::bad_input)?;
        let words = SorterWords::resolve(&profile).map_err(Failure::bad_input)?;
        let mut config = SorterConfig::new(line, spec.unit_id, map, words, spec.lane_max, owner_tag(line));
        config.utc_at_zero_ms = wall_unix_ms().saturating_sub(clock.now().0 / 1_000_000);
        sessions.entry(spec.link).or_default().push(SorterSession::new(config));
    }
    Ok(sessions)
}

/// A tag no other process has, as far as one can tell: never 0.
fn owner_tag(line: LineId) -> u16 {
    use std::hash::{BuildHasher, Hasher};
    // The randomness the standard library seeds its maps with: new for every process.
    let mut hasher = std::collections::hash_map::RandomState::new().build_hasher();
    hasher.write_u16(line.0);
    hasher.write_u32(std::process::id());
    (hasher.finish() as u16).max(1)
}

impl Links {
    /// Lines whose device has shown since the last call that it is commanded.
    pub(crate) fn take_commanding(&self) -> Vec<(LineId, Commanding)> {
        self.statuses.0.iter().flat_map(|(_, status)| status.take_commanding()).collect()
    }

    /// Tells every link to end; the core thread ends behind them.
    pub(crate) fn stop(&self) {
        // Without a link left there is nobody to tell.
        self.stop.send_replace(true);
    }

    /// Their last figures.
    pub(crate) fn figures(&self) -> Vec<LinkSnapshot> {
        self.statuses.read().map(|(_, snapshot)| snapshot).collect()
    }

    pub(super) fn statuses(&self) -> Statuses {
        self.statuses.clone()
    }
}
