//! Arm "bare" of the wire number: a loop over tokio-modbus that does what the handshake demands and nothing else:
//! read the header, read the slots, write a destination for each scan, write the block that publishes it. No core, no
//! journal, no second thread, no check of frames beyond those of tokio-modbus; every label goes to a lane by its item
//! number.
//!
//! Both arms talk to the same simulated PLC over loopback with the same feed, poll the header every 10 ms and as soon
//! as there was something, read at most three slots at once, and measure the same span in the same unit: from the
//! receipt of the header that shows a scan to the acknowledged block that publishes its destination. The bare loop acks
//! an event the moment it has it, in the same block; the daemon acks it when it is on disk, in a later one.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use hdrhistogram::Histogram;
use serde_json::Value;
use tokio_modbus::client::{Client as _, Context, tcp};
use tokio_modbus::slave::Slave;
use tokio_modbus::{Request, Response};
use wcs_specs::{Profile, SorterMap, SorterWords};
use wcs_types::plant::BlockBases;

use crate::plc_host::{PlcHost, Shift};
use crate::recording::{histogram, record_micros};

const POLL: Duration = Duration::from_millis(10);
const LIFE: Duration = Duration::from_millis(100);
const ATTACH_MAX: Duration = Duration::from_secs(5);
const UNIT: u8 = 1;
const OWNER_TAG: u16 = 0x5A5A;
const ORDER_LANES: u32 = 60;
/// Bit 0 and the bit of induction 1.
const PERMIT: u16 = 0b11;

/// Drives the sorter for `span`.
pub(crate) fn measure(span: Duration) -> Result<Value> {
    let profile = Profile::load("wcs-sorter-hs")?;
    let map = SorterMap::resolve(&profile, &BlockBases::default())?;
    let words = SorterWords::resolve(&profile)?;
    let host = PlcHost::start(map, Shift::usual())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let latency = runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(host.address).await?;
        stream.set_nodelay(true)?;
        let context = tcp::attach_slave(stream, Slave(UNIT));
        let mut bare = BareLoop::new(context, map, words);
        bare.attach().await?;
        bare.run(span).await?;
        Ok::<_, anyhow::Error>(bare.latency_us)
    })?;
    host.stop()?.figures(&latency)
}

struct BareLoop {
    context: Context,
    map: SorterMap,
    words: SorterWords,
    plc_epoch: u16,
    owner: u16,
    evt_slots: u16,
    cmd_slots: u16,
    taken: u16,
    cmd_head: u16,
    life: u16,
    life_at: Instant,
    permit: u16,
    latency_us: Histogram<u64>,
}

impl BareLoop {
    fn new(context: Context, map: SorterMap, words: SorterWords) -> Self {
        Self {
            context,
            map,
            words,
            plc_epoch: 0,
            owner: 0,
            evt_slots: 0,
            cmd_slots: 0,
            taken: 0,
            cmd_head: 0,
            life: 1,
            life_at: Instant::now(),
            permit: 0,
            latency_us: histogram(),
        }
    }

    /// Takes the sorter over, then gives the permit.
    async fn attach(&mut self) -> Result<()> {
        let header = self.read(self.map.header_block.start, self.map.header_block.count).await?;
        let statics = self.read(self.map.statics_block.start, self.map.statics_block.count).await?;
        self.evt_slots = statics[self.map.statics.evt_slots];
        self.cmd_slots = statics[self.map.statics.cmd_slots];
        let at = self.map.header;
        self.plc_epoch = header[at.plc_epoch];
        self.owner = header[at.owner_epoch].wrapping_add(1).max(1);
        self.taken = header[at.evt_ack_echo];
        self.write_control(self.map.control_block.count).await?;
        let began = Instant::now();
        loop {
            tokio::time::sleep(POLL).await;
            let header = self.read(self.map.header_block.start, self.map.header_block.count).await?;
            if header[at.owner_epoch] == self.owner && header[at.link_state] == self.words.link_states.ok {
                self.cmd_head = header[at.cmd_tail];
                self.permit = PERMIT;
                return self.write_control(self.map.control_count).await;
            }
            ensure!(began.elapsed() < ATTACH_MAX, "the PLC does not accept the owner");
        }
    }

    async fn run(&mut self, span: Duration) -> Result<()> {
        let began = Instant::now();
        let at = self.map.header;
        while began.elapsed() < span {
            let sent = tokio::time::Instant::now();
            let header = self.read(self.map.header_block.start, self.map.header_block.count).await?;
            let shown_at = Instant::now();
            // Late on a machine that is busy with other things; anything else is a mistake of this loop.
            let is_refused = header[at.rej_count] != 0 && header[at.rej_code] != self.words.refusals.late;
            ensure!(!is_refused, "the PLC refused what the loop wrote: code {}", header[at.rej_code]);
            let has_events = header[at.evt_head] != self.taken;
            while header[at.evt_head] != self.taken {
                self.take_slots(header[at.evt_head], shown_at).await?;
            }
            if self.life_at.elapsed() >= LIFE {
                self.write_control(self.map.control_count).await?;
            }
            if !has_events {
                tokio::time::sleep_until(sent + POLL).await;
            }
        }
        Ok(())
    }

    /// Reads up to three slots and answers the scans among them.
    async fn take_slots(&mut self, head: u16, shown_at: Instant) -> Result<()> {
        let size = self.map.event_slot_count;
        let first = self.taken % self.evt_slots;
        let count =
            head.wrapping_sub(self.taken).min(self.words.numbers.slots_per_read).min(self.evt_slots - first);
        let slots = self.read(self.map.events_block.start + first * size, count * size).await?;
        let mut commands = Vec::new();
        let mut scans = 0;
        for slot in slots.chunks_exact(usize::from(size)) {
            let event = self.map.event;
            if slot[event.seq] != self.taken || slot[event.seq_copy] != self.taken {
                bail!("slot {} is not valid", self.taken);
            }
            if slot[event.kind] == self.words.events.scan {
                commands.extend(self.destination(self.cmd_head.wrapping_add(scans), slot));
                scans += 1;
            }
            self.taken = self.taken.wrapping_add(1);
        }
        if scans > 0 {
            self.write_commands(scans, &commands).await?;
        }
        self.write_control(self.map.control_count).await?;
        for _ in 0..scans {
            record_micros(&mut self.latency_us, shown_at.elapsed());
        }
        Ok(())
    }

    /// Writes commands to the ring, in two writes where it wraps.
    async fn write_commands(&mut self, count: u16, words: &[u16]) -> Result<()> {
        let size = self.map.command_slot_count;
        let first = self.cmd_head % self.cmd_slots;
        let split = usize::from((self.cmd_slots - first).min(count) * size);
        self.write(self.map.commands_block.start + first * size, &words[..split]).await?;
        if split < words.len() {
            self.write(self.map.commands_block.start, &words[split..]).await?;
        }
        self.cmd_head = self.cmd_head.wrapping_add(count);
        Ok(())
    }

    fn destination(&self, seq: u16, slot: &[u16]) -> Vec<u16> {
        let (event, command) = (self.map.event, self.map.command);
        let item = u32::from(slot[event.item]) << 16 | u32::from(slot[event.item + 1]);
        let mut words = vec![0; usize::from(self.map.command_slot_count)];
        words[command.seq] = seq;
        words[command.seq_copy] = seq;
        words[command.kind] = self.words.commands.destination;
        words[command.item] = slot[event.item];
        words[command.item + 1] = slot[event.item + 1];
        words[command.lane] = (item % ORDER_LANES) as u16 + 1;
        words[command.options] = self.words.options.may_recirculate;
        words[command.answers] = slot[event.seq];
        words[command.wcs_epoch] = self.owner;
        words
    }

    async fn write_control(&mut self, count: u16) -> Result<()> {
        if self.life_at.elapsed() >= LIFE {
            self.life = self.life.wrapping_add(1);
            self.life_at = Instant::now();
        }
        let at = self.map.control;
        let mut words = vec![0; usize::from(count)];
        words[at.version] = self.map.version;
        words[at.wcs_epoch] = self.owner;
        words[at.epoch_copy] = self.owner;
        words[at.wcs_life] = self.life;
        words[at.evt_taken] = self.taken;
        words[at.evt_ack] = self.taken;
        words[at.cmd_head] = self.cmd_head;
        words[at.permit] = self.permit;
        words[at.plc_epoch] = self.plc_epoch;
        words[at.owner_tag] = OWNER_TAG;
        self.write(self.map.control_block.start, &words).await
    }

    async fn read(&mut self, address: u16, count: u16) -> Result<Vec<u16>> {
        match self.context.call(Request::ReadHoldingRegisters(address, count)).await.context("read")?? {
            Response::ReadHoldingRegisters(words) if words.len() == usize::from(count) => Ok(words),
            other => bail!("an answer to something else: {other:?}"),
        }
    }

    async fn write(&mut self, address: u16, words: &[u16]) -> Result<()> {
        let request = Request::WriteMultipleRegisters(address, Cow::Borrowed(words));
        match self.context.call(request).await.context("write")?? {
            Response::WriteMultipleRegisters(..) => Ok(()),
            other => bail!("an answer to something else: {other:?}"),
        }
    }
}
