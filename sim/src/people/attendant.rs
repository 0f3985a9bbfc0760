//! The attendant: after a restart of the PLC he comes, takes stuck loads out of the diverts, resets the machine at
//! its panel and starts it. Nothing moves before.

use wcs_types::Nanos;

use crate::plc::machine::Ask;
use crate::world::agenda::TimeMark;
use crate::world::knobs::KnobKind;
use crate::world::load::LoadIndex;
use crate::world::sorter::Sorter;

/// The attendant.
#[derive(Debug)]
pub(crate) struct Attendant {
    /// Until he is there, plant time.
    pub(crate) way: Nanos,
    /// Loads he took out of the diverts.
    pub(crate) held: Vec<LoadIndex>,
    /// Times he pressed start.
    pub(crate) starts: u64,
    /// Token of the newest call; older ones are forgotten.
    call: u64,
}

impl Attendant {
    pub(crate) fn new(way: Nanos) -> Self {
        Self { way, held: Vec::new(), starts: 0, call: 0 }
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
        if self.people.attendant.call == token {
            self.plc.ask(self.now, Ask::LocalReset);
        }
    }

    /// The machine is reset: the belt is cleared if that is the custom, then comes the start.
    pub(crate) fn finish_local_reset(&mut self) {
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
        self.people.attendant.starts += 1;
        self.plc.ask(self.now, Ask::Start);
        for load in std::mem::take(&mut self.people.attendant.held) {
            self.feed.push_returning(load);
        }
    }
}
