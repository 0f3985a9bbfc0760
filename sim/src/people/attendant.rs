//! The attendant: after a safety stop or a restart of the PLC he comes, takes stuck loads out of the diverts, resets the
//! machine at its panel and starts it. Nothing moves before.

use wcs_types::Nanos;

use crate::plc::machine::Ask;
use crate::world::agenda::TimeMark;
use crate::world::knobs::KnobKind;
use crate::world::load::LoadIndex;
use crate::world::sorter::Sorter;

/// Plant time after which he presses reset again, where the safety chain was still open.
const RESET_AGAIN: Nanos = Nanos::from_secs(1);

/// The attendant.
#[derive(Debug)]
pub(crate) struct Attendant {
    /// Until he is there, plant time.
    pub(crate) way: Nanos,
    /// Loads he took out of the diverts.
    pub(crate) held: Vec<LoadIndex>,
    /// Token of the newest call; older ones are forgotten.
    call: u64,
}

impl Attendant {
    pub(crate) fn new(way: Nanos) -> Self {
        Self { way, held: Vec::new(), call: 0 }
    }
}

impl Sorter {
    pub(crate) fn call_attendant(&mut self) {
        let token = self.agenda.token();
        self.people.attendant.call = token;
        let way = self.setup.scaled(self.people.attendant.way);
        self.agenda.at_time(self.now + way, TimeMark::LocalReset { token });
    }

    pub(crate) fn reset_locally(&mut self, token: u64) {
        if self.people.attendant.call != token {
            return;
        }
        if self.chain.is_closed() {
            self.standings.see_reset(self.now);
        }
        self.plc.ask(self.now, Ask::LocalReset);
    }

    /// He pressed reset, and sees whether the machine is.
    pub(crate) fn see_local_reset(&mut self, is_done: bool) {
        if is_done {
            self.finish_local_reset();
            return;
        }
        let token = self.people.attendant.call;
        let again = self.setup.scaled(RESET_AGAIN);
        self.agenda.at_time(self.now + again, TimeMark::LocalReset { token });
    }

    /// The machine is reset: the belt is cleared if that is the custom, then comes the start.
    fn finish_local_reset(&mut self) {
        if self.knobs.is_on(KnobKind::PurgeAtReset) {
            self.purge();
        }
        let token = self.people.attendant.call;
        let start = self.setup.scaled(self.setup.people.start);
        self.agenda.at_time(self.now + start, TimeMark::Start { token });
    }

    pub(crate) fn start_machine(&mut self, token: u64) {
        if self.people.attendant.call != token {
            return;
        }
        self.standings.see_start(self.now);
        self.plc.ask(self.now, Ask::Start);
        for load in std::mem::take(&mut self.people.attendant.held) {
            self.feed.push_returning(load);
        }
    }
}
