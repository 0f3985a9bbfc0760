//! Clients that share no code with us read a running simulator. What they read is decoded by the names of the
//! profile, and must be what the sorter is known to be; what the profile forbids they must be refused.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use wcs_specs::codec::{Value, decode};
use wcs_specs::{Profile, SorterMap, SorterWords};
use wcs_tests::child::wait_until;
use wcs_tests::peer::{Came, Operation, PeerClient};
use wcs_tests::{Shift, orders};
use wcs_types::plant::BlockBases;

const LIMIT: Duration = Duration::from_secs(60);
const UNIT: u8 = 1;
const SPEED: i64 = 10;
const LANES: u16 = 64;
/// Registers one read may carry.
const READ_MAX: u16 = 125;
const ILLEGAL_ADDRESS: Came = Came::Exception(2);

struct Scene {
    profile: Profile,
    map: SorterMap,
    words: SorterWords,
    client: PeerClient,
    server: SocketAddr,
    /// This life of the PLC.
    plc_epoch: u16,
}

type Image = BTreeMap<String, Value>;

#[test]
fn libmodbus_reads_what_the_profile_says() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let client = PeerClient::libmodbus(folder.path())?;
    read_all(client, folder.path())
}

#[test]
fn pymodbus_reads_what_the_profile_says() -> Result<()> {
    let folder = tempfile::tempdir()?;
    read_all(PeerClient::pymodbus()?, folder.path())
}

fn read_all(client: PeerClient, folder: &Path) -> Result<()> {
    orders::write_made(&folder.join("orders.csv"), 7, 20)?;
    let shift = Shift::start(folder, u32::try_from(SPEED)?, LIMIT)?;
    let profile = Profile::load("wcs-sorter-hs")?;
    let map = SorterMap::resolve(&profile, &BlockBases::default())?;
    let words = SorterWords::resolve(&profile)?;
    let block = map.header_block;
    let header = client.read(shift.address, UNIT, block.start, block.count)?;
    let plc_epoch = header[map.header.plc_epoch];
    ensure!(plc_epoch != 0, "a PLC that runs has an epoch");
    let scene = Scene { profile, map, words, client, server: shift.address, plc_epoch };
    scene.check_alone()?;
    scene.check_refusals()?;
    let (mut daemon, _) = shift.start_commanding()?;
    scene.check_commanded(&folder.join("ledger.jsonl"))?;
    scene.check_foreign_owner()?;
    ensure!(daemon.is_running()?, "the daemon went on: {daemon}");
    daemon.interrupt()?.expect_code(0)?;
    shift.sim.interrupt()?.expect_code(0)?;
    Ok(())
}

impl Scene {
    fn image(&self, area: &str, address: u16, count: u16) -> Result<Image> {
        let words = self.client.read(self.server, UNIT, address, count)?;
        Ok(decode(&self.profile, self.profile.area(area)?, &words))
    }

    fn header(&self) -> Result<Image> {
        let block = self.map.header_block;
        self.image("header", block.start, block.count)
    }

    fn statics(&self) -> Result<Image> {
        let block = self.map.statics_block;
        self.image("statics", block.start, block.count)
    }

    /// A sorter nobody commands.
    fn check_alone(&self) -> Result<()> {
        let header = self.header()?;
        expect(
            &header,
            &[
                ("magic", self.map.magic.into()),
                ("version", self.map.version.into()),
                ("link_state", self.words.link_states.waiting.into()),
                ("owner_epoch", 0),
                ("state", self.words.machine_states.execute.into()),
                ("mode", self.words.modes.production.into()),
                ("safety_status", self.words.safety.chain_ok.into()),
                ("status", 0),
                ("evt_lost", 0),
                ("rej_count", 0),
                ("speed_mm_s", 2_000 * SPEED),
                ("items_on_sorter", 0),
                ("n_inducted", 0),
                ("n_final", 0),
            ],
        )?;
        let statics = self.statics()?;
        expect(
            &statics,
            &[
                ("lane_count", LANES.into()),
                ("evt_slots", self.words.numbers.evt_slots_default.into()),
                ("cmd_slots", self.words.numbers.cmd_slots_default.into()),
                ("plc_cycle_ms", 10),
                ("max_recirc", 3),
                ("lane_noread", 63),
                ("lane_exception", 64),
                ("lane_overflow_1", 61),
                ("lane_overflow_2", 62),
                ("induction_count", 1),
                ("owner_tag", 0),
            ],
        )?;
        let path = number(&statics, "path_mm")?;
        // 20 m to the first lane, 63 lane pitches of 1 m, and what the divert takes.
        ensure!((83_000..=84_000).contains(&path), "path_mm is {path}");
        ensure!(number(&statics, "loop_mm")? > path, "the loop is longer than the path");
        ensure!(number(&statics, "fifo_size")? > 1_024, "the FIFO has the reserve of the profile");
        self.check_lanes()
    }

    fn check_lanes(&self) -> Result<()> {
        let block = self.map.lanes_block;
        let mut words = self.client.read(self.server, UNIT, block.start, READ_MAX)?;
        words.extend(self.client.read(self.server, UNIT, block.start + READ_MAX, block.count - READ_MAX)?);
        let lanes = decode(&self.profile, self.profile.area("lanes")?, &words);
        ensure!(
            lanes["lane_ready"] == Value::Words(vec![0xFFFF; usize::from(LANES) / 16]),
            "ready {lanes:?}"
        );
        ensure!(lanes["lane_full"].is_zero() && lanes["lane_fault"].is_zero(), "no lane is full or at fault");
        Ok(())
    }

    /// What lies outside the blocks and what is not the WCS's to write.
    fn check_refusals(&self) -> Result<()> {
        let map = &self.map;
        let after = |block: wcs_specs::BlockMap| block.start + block.count;
        let slots = self.words.numbers.evt_slots_default;
        let events_end = map.events_block.start + slots * map.event_slot_count;
        let commands_end =
            map.commands_block.start + self.words.numbers.cmd_slots_default * map.command_slot_count;
        let read = |address, count| Operation::Read { address, count };
        let write = |address, count: usize| Operation::Write { address, words: vec![0; count] };
        let forbidden = [
            read(after(map.lanes_block), 1),
            read(after(map.lanes_block) - 1, 2),
            read(map.events_block.start - 1, 1),
            read(map.events_block.start - 1, 2),
            read(events_end, 1),
            read(after(map.control_block), 1),
            read(map.control_block.start - 1, 1),
            read(commands_end, 1),
            read(u16::MAX, 1),
            write(map.header_block.start, 1),
            write(map.statics_block.start, 2),
            write(map.lanes_block.start, 1),
            write(map.events_block.start, 40),
            write(after(map.control_block), 12),
            write(map.control_block.start - 1, 16),
            write(map.commands_block.start - 1, 12),
            write(commands_end, 12),
            write(commands_end - 1, 2),
        ];
        let came = self.client.ask(self.server, UNIT, &forbidden)?;
        for (operation, came) in forbidden.iter().zip(&came) {
            ensure!(*came == ILLEGAL_ADDRESS, "{operation:?} came to {came:?}");
        }
        let most = self.client.read(self.server, UNIT, map.events_block.start, READ_MAX)?;
        ensure!(most.len() == usize::from(READ_MAX), "{READ_MAX} registers come at once");
        if self.client.name == "libmodbus" {
            let [high, low] = map.events_block.start.to_be_bytes();
            let too_many = Operation::Body(vec![3, high, low, 0, READ_MAX as u8 + 1]);
            let none = Operation::Body(vec![3, high, low, 0, 0]);
            let came = self.client.ask(self.server, UNIT, &[too_many, none])?;
            ensure!(came == [Came::Body("8303".into()), Came::Body("8303".into())], "{came:?}");
        }
        Ok(())
    }

    /// A sorter that sorts for the daemon.
    fn check_commanded(&self, ledger: &Path) -> Result<()> {
        let header = wait_until("a load reaches its lane", LIMIT, || {
            let header = self.header()?;
            Ok((number(&header, "n_final")? > 0).then_some(header))
        })?;
        expect(
            &header,
            &[
                ("link_state", self.words.link_states.ok.into()),
                ("owner_epoch", 1),
                ("evt_lost", 0),
                ("evt_backlog", 0),
            ],
        )?;
        let permitted = i64::from(self.words.status.induct_permitted);
        ensure!(number(&header, "status")? & permitted != 0, "induction is permitted: {header:?}");
        ensure!(number(&header, "n_inducted")? > 0, "loads were inducted: {header:?}");
        ensure!(number(&header, "cmd_tail")? > 1, "destinations were taken: {header:?}");
        ensure!(number(&self.statics()?, "owner_tag")? != 0, "the owner has a tag");
        self.check_control()?;
        self.check_events(ledger)
    }

    /// The last block of the daemon, as the PLC took it.
    fn check_control(&self) -> Result<()> {
        let block = self.map.control_block;
        let control = self.image("control", block.start, block.count)?;
        expect(
            &control,
            &[
                ("version", self.map.version.into()),
                ("wcs_epoch", 1),
                ("epoch_copy", 1),
                ("plc_epoch", self.plc_epoch.into()),
            ],
        )?;
        ensure!(number(&control, "permit")? & i64::from(self.words.permit.all) != 0, "permit {control:?}");
        ensure!(control["lane_closing"].is_zero(), "no lane is closed: {control:?}");
        Ok(())
    }

    /// Every slot of the event window is sound, and the labels in it are those the ledger has.
    fn check_events(&self, ledger: &Path) -> Result<()> {
        let (slots, size) = (self.words.numbers.evt_slots_default, self.map.event_slot_count);
        let per_read = self.words.numbers.slots_per_read;
        let area = self.profile.area("event_slot")?;
        let mut scans = 0;
        for first in (0..slots).step_by(per_read.into()) {
            let count = per_read.min(slots - first);
            let start = self.map.events_block.start + first * size;
            let words = self.client.read(self.server, UNIT, start, count * size)?;
            for (index, words) in (first..).zip(words.chunks(size.into())) {
                let slot = decode(&self.profile, area, words);
                if slot["kind"].is_zero() {
                    continue; // not used yet
                }
                let seq = number(&slot, "seq")?;
                ensure!(seq == number(&slot, "seq_copy")?, "slot {index} is whole: {slot:?}");
                ensure!(seq % i64::from(slots) == i64::from(index), "slot {index} holds {slot:?}");
                ensure!(
                    number(&slot, "flags")? >> 8 == i64::from(self.plc_epoch & 0xFF),
                    "slot {index} names the life of the PLC: {slot:?}"
                );
                if number(&slot, "kind")? == i64::from(self.words.events.scan) {
                    check_scan(&slot, &fs::read_to_string(ledger)?)?;
                    scans += 1;
                }
            }
        }
        ensure!(scans > 0, "the window shows a scan");
        Ok(())
    }

    /// A block of a stranger changes nothing but the refusal registers.
    fn check_foreign_owner(&self) -> Result<()> {
        let before = self.statics()?;
        let refused = number(&self.header()?, "rej_count")?;
        let mut block = vec![0; usize::from(self.map.control_count)];
        let at = self.map.control;
        block[at.version] = self.map.version;
        block[at.wcs_epoch] = 1;
        block[at.epoch_copy] = 1;
        block[at.plc_epoch] = self.plc_epoch;
        block[at.owner_tag] = !u16::try_from(number(&before, "owner_tag")?)? | 1;
        let write = Operation::Write { address: self.map.control_block.start, words: block };
        let came = self.client.ask(self.server, UNIT, &[write])?;
        ensure!(came == [Came::Written(self.map.control_count)], "{came:?}");
        // The PLC looks at a write in its next cycle.
        let header = wait_until("the block is refused", LIMIT, || {
            let header = self.header()?;
            Ok((number(&header, "rej_count")? != refused).then_some(header))
        })?;
        expect(
            &header,
            &[
                ("rej_count", refused + 1),
                ("rej_code", self.words.refusals.foreign_epoch.into()),
                ("rej_seq", 0),
                ("owner_epoch", 1),
                ("link_state", self.words.link_states.ok.into()),
            ],
        )?;
        ensure!(self.statics()?["owner_tag"] == before["owner_tag"], "the owner stays the owner");
        Ok(())
    }
}

fn check_scan(slot: &Image, ledger: &str) -> Result<()> {
    let label = slot["scan_text"].as_text().context("a scan has a text")?;
    let item = number(slot, "item")?;
    let line = format!("\"label\":\"{label}\"");
    let item_part = format!("\"item\":{item},");
    let is_known = ledger.lines().any(|entry| entry.contains(&line) && entry.contains(&item_part));
    ensure!(is_known, "the ledger has no item {item} with label {label}");
    ensure!(number(slot, "scan_text_length")? == i64::try_from(label.len())?, "length of {label}");
    ensure!(number(slot, "scan_deadline_mm")? == 20_000, "20 m from scan to the first lane: {slot:?}");
    Ok(())
}

fn number(image: &Image, name: &str) -> Result<i64> {
    match image.get(name) {
        Some(Value::Number(number)) => Ok(*number),
        other => bail!("{name} is {other:?}"),
    }
}

fn expect(image: &Image, wanted: &[(&str, i64)]) -> Result<()> {
    for (name, value) in wanted {
        let found = number(image, name)?;
        ensure!(found == *value, "{name} is {found}, not {value}: {image:?}");
    }
    Ok(())
}
