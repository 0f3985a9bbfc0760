//! The registers of a sorter as a session finds them, for decoders of what stands in them: an image that echoes what is
//! written to it and otherwise holds what it is given. No world, no rules: whatever the bytes say is shown.

use wcs_sessions::exchange::{Answer, Request};
use wcs_sessions::sorter::{SorterConfig, SorterSession};
use wcs_specs::{Profile, SorterMap, SorterWords, Vectors};
use wcs_types::plant::BlockBases;
use wcs_types::{Epoch, EventSeq, Input, LaneNo, LineId, LinkChange, MonoTime, Nanos, SorterCommand};

/// Time of one exchange.
const ROUND_TRIP: Nanos = Nanos::from_millis(5);
/// Inputs of one exchange at most: the events of one read and what else changed.
const INPUTS_PER_EXCHANGE_MAX: usize = 64;

/// Tables of the profile and its worked examples, read once.
pub(super) struct Golden {
    pub(super) profile: Profile,
    pub(super) vectors: Vectors,
    pub(super) map: SorterMap,
    pub(super) words: SorterWords,
}

impl Golden {
    pub(super) fn load() -> Self {
        let profile = Profile::load("wcs-sorter-hs").expect("a profile that is compiled in is sound");
        let vectors = Vectors::load(&profile).expect("vectors that are compiled in are sound");
        let map = SorterMap::resolve(&profile, &BlockBases::default()).expect("the profile has every name");
        let words = SorterWords::resolve(&profile).expect("the profile has every name");
        Self { profile, vectors, map, words }
    }

    /// The registers of a worked example.
    pub(super) fn image(&self, name: &str) -> Vec<u16> {
        self.vectors.image(name).expect("the vectors have this name").words.clone()
    }

    /// Registers of the header and the static block of a sorter that waits for an owner, behind which no event is
    /// shown.
    pub(super) fn waiting(&self) -> (Vec<u16>, Vec<u16>) {
        let at = &self.map.header;
        let mut header = self.image("header of a running sorter");
        header.resize(usize::from(self.map.header_block.count), 0);
        for place in [at.evt_head, at.evt_taken_echo, at.evt_ack_echo, at.evt_backlog, at.evt_lost] {
            header[place] = 0;
        }
        let mut statics = self.image("static block of the demo sorter");
        statics.resize(usize::from(self.map.statics_block.count), 0);
        (header, statics)
    }
}

/// Registers and the session that reads them.
pub(super) struct SorterImage {
    pub(super) registers: Vec<u16>,
    pub(super) session: SorterSession,
    pub(super) inputs: Vec<Input>,
    /// Life of the device and one past the last event of it that was acknowledged.
    durable: Option<(Epoch, EventSeq)>,
    /// The core answers what it is told of a device with an attachment.
    pub(super) attaches: bool,
    pub(super) writes: usize,
    map: SorterMap,
    now: MonoTime,
}

impl SorterImage {
    pub(super) fn new(golden: &Golden) -> Self {
        let config = SorterConfig::new(LineId(0), 1, golden.map, golden.words, LaneNo(5), 0xBEEF);
        let mut session = SorterSession::new(config);
        let now = MonoTime(1_000_000_000);
        session.renew_alive(MonoTime::NEVER);
        session.handle_connected(now);
        let registers = vec![0; usize::from(u16::MAX) + 1];
        Self {
            registers,
            session,
            inputs: Vec::new(),
            durable: None,
            attaches: true,
            writes: 0,
            map: golden.map,
            now,
        }
    }

    pub(super) fn hold(&mut self, start: u16, words: &[u16]) {
        let start = usize::from(start);
        let end = (start + words.len()).min(self.registers.len());
        self.registers[start..end].copy_from_slice(&words[..end - start]);
    }

    pub(super) fn header(&mut self, at: usize) -> &mut u16 {
        &mut self.registers[usize::from(self.map.header_block.start) + at]
    }

    /// Carries out one exchange, if the session wants one; then time passes and the core takes its inputs.
    pub(super) fn step(&mut self) -> Result<(), String> {
        if let Some(exchange) = self.session.poll_exchange(self.now) {
            let answer = self.answer(&exchange.request);
            self.now += ROUND_TRIP;
            self.session.handle_answer(self.now, exchange.id, answer);
        } else {
            let wake = self.session.next_wake().at;
            self.now =
                wake.earlier(self.now + Nanos::from_millis(20)).later(self.now + Nanos::from_millis(1));
        }
        if self.session.must_disconnect() {
            self.session.handle_disconnected(self.now);
            self.session.handle_connected(self.now);
        }
        let life = self.map.header.plc_life;
        *self.header(life) = self.header(life).wrapping_add(1);
        self.serve()
    }

    fn serve(&mut self) -> Result<(), String> {
        let mut count = 0;
        while let Some(input) = self.session.poll_input() {
            count += 1;
            if count > INPUTS_PER_EXCHANGE_MAX {
                return Err(format!("more than {INPUTS_PER_EXCHANGE_MAX} inputs of one exchange"));
            }
            if let Input::Link { change: LinkChange::Met(hello), .. } = &input
                && self.attaches
            {
                // What was acknowledged is not asked for again, though the device may not have heard of it.
                let (plc_epoch, echo) = (hello.plc_epoch, hello.evt_ack_echo);
                let durable =
                    self.durable.filter(|(life, next)| *life == plc_epoch && next.is_newer_than(echo));
                let evt_ack = durable.map_or(echo, |(_, next)| next);
                let attach = SorterCommand::Attach { plc_epoch, owner: hello.owner_epoch.next(), evt_ack };
                self.session.handle_command(self.now, 1, attach);
            }
            if let Input::Sorter { event, .. } = &input {
                let (plc_epoch, next) = (event.fifo_epoch, event.seq_last.next());
                self.durable = Some((plc_epoch, next));
                let ack = SorterCommand::Ack { plc_epoch, next };
                self.session.handle_command(self.now, 1, ack);
            }
            self.inputs.push(input);
        }
        Ok(())
    }

    fn answer(&mut self, request: &Request) -> Answer {
        match request {
            Request::Read { address, count } => {
                let start = usize::from(*address);
                let words = self.registers.get(start..start + usize::from(*count));
                words.map_or(Answer::Exception(2), |words| Answer::Registers(words.to_vec()))
            }
            Request::Write { address, words } => {
                self.writes += 1;
                self.hold(*address, words);
                if *address == self.map.control_block.start {
                    self.echo(words);
                }
                Answer::Written
            }
        }
    }

    /// Shows what a control block said.
    fn echo(&mut self, block: &[u16]) {
        let (from, to) = (self.map.control, self.map.header);
        let is_new = *self.header(to.owner_epoch) != block[from.wcs_epoch];
        *self.header(to.owner_epoch) = block[from.wcs_epoch];
        *self.header(to.wcs_life_echo) = block[from.wcs_life];
        *self.header(to.link_state) = 1;
        *self.header(to.evt_ack_echo) = block[from.evt_ack];
        *self.header(to.cmd_tail) = block[from.cmd_head];
        let taken = if is_new { block[from.evt_ack] } else { block[from.evt_taken] };
        *self.header(to.evt_taken_echo) = taken;
        let tag = usize::from(self.map.statics_block.start) + self.map.statics.owner_tag;
        self.registers[tag] = block[from.owner_tag];
    }
}

/// Bytes as registers, high byte first; a last odd byte is left out.
pub(super) fn words_of(bytes: &[u8]) -> Vec<u16> {
    bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect()
}

/// Registers as bytes.
pub(super) fn bytes_of(words: &[u16]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}
