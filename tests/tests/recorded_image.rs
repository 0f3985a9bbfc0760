//! A register image of a running PLC is recorded, then held by a server on libmodbus that knows no register. The
//! daemon meets that server as it would a PLC; what its link and session made of header and slots stands in its
//! journal, and is what was recorded. Neither the PLC nor the client that records nor the server is ours.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use wcs_journal::{FileStorage, Reader, recover};
use wcs_specs::Profile;
use wcs_specs::codec::{Value, decode};
use wcs_tests::child::{tell, wait_until};
use wcs_tests::peer::{PeerServer, compile};
use wcs_tests::second_plc::LEDGER;
use wcs_tests::{Child, PlcView, orders, plant, program, second_plc};
use wcs_types::{EventBody, Input, LaneNo, LaneSet, LinkChange, PlcHello, Read, Seq, SorterEvent};

const LIMIT: Duration = Duration::from_secs(120);
const SEED: u64 = 99;
/// Events that wait in the window when it is recorded, at least.
const WAITING_MIN: u16 = 24;
const LANES: u16 = 64;

#[test]
fn daemon_decodes_an_image_that_libmodbus_serves_to_what_was_recorded() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    let (view, image) = record(folder)?;
    let (hello, events) = meet(folder, &view, &image)?;
    let profile = Profile::load("wcs-sorter-hs")?;
    check_hello(&profile, &view, &image, &hello)?;
    let recorded = recorded_events(&profile, &view, &image)?;
    let ledger = fs::read_to_string(folder.join(LEDGER))?;
    for (recorded, event) in recorded.iter().zip(&events) {
        ensure!(*recorded == told(event), "recorded {recorded}, decoded {}", told(event));
        if let EventBody::Scan(scan) = &event.body
            && let Some(code) = scan.codes.first()
        {
            let label = String::from_utf8_lossy(code.as_bytes());
            ensure!(ledger.contains(&format!("\"label\": \"{label}\"")), "the plant has no load {label}");
        }
    }
    ensure!(recorded.len() == events.len(), "{} recorded, {} decoded", recorded.len(), events.len());
    for kind in [" scan ", " exit "] {
        ensure!(recorded.iter().any(|event| event.contains(kind)), "no{kind}was recorded: {recorded:?}");
    }
    tell(&format!("{} recorded events and the header decoded to what was recorded", events.len()));
    Ok(())
}

/// Lets the PLC in Python sort with a daemon, halts the daemon, and records every register while events wait.
fn record(folder: &Path) -> Result<(PlcView, Vec<u16>)> {
    orders::write_made(&folder.join("orders.csv"), SEED, 30)?;
    let (plc, endpoint) = second_plc::start(folder, &["--speed", "20", "--more-rate", "0.3"], LIMIT)?;
    plant::write_demo(folder, "plant.toml", endpoint)?;
    let view = PlcView::new(folder, endpoint)?;
    let mut daemon = start_daemon(folder, "data", &["--orders", "orders.csv"])?;
    daemon.wait_out("commanding after ")?;
    let at = view.map.header;
    let image = wait_until("a window with events in it", LIMIT, || {
        let begun = ledger_size(folder)?;
        wait_until("the plant goes on", LIMIT, || Ok((ledger_size(folder)? > begun + 10_000).then_some(())))?;
        daemon.pause()?;
        // The watchdog gives two seconds; a halt that took longer is tried again.
        let image = wait_until("events wait, or the PLC misses the daemon", LIMIT, || {
            let image = view.image()?;
            let waiting = image[at.evt_head].wrapping_sub(image[at.evt_taken_echo]);
            let is_lost = image[at.link_state] != view.words.link_states.ok;
            Ok((waiting >= WAITING_MIN || is_lost).then_some(image))
        })?;
        let is_whole = image[at.link_state] == view.words.link_states.ok && image[at.evt_backlog] == 0;
        let shown = image[at.evt_head].wrapping_sub(image[at.evt_ack_echo]);
        if is_whole && shown <= view.words.numbers.evt_slots_default {
            return Ok(Some(image));
        }
        daemon.resume()?;
        Ok(None)
    })?;
    daemon.kill()?.expect_killed()?;
    plc.kill()?.expect_killed()?;
    Ok((view, image))
}

fn start_daemon(folder: &Path, data: &str, more: &[&str]) -> Result<Child> {
    let run = [&["run", "--plant", "plant.toml", "--data", data][..], more].concat();
    Child::start(program::wcs(folder, &run)?, LIMIT)
}

fn ledger_size(folder: &Path) -> Result<u64> {
    Ok(fs::metadata(folder.join(LEDGER))?.len())
}

/// A new daemon takes over the recorded PLC: what it was told about it, and the events it read.
fn meet(folder: &Path, view: &PlcView, image: &[u16]) -> Result<(PlcHello, Vec<SorterEvent>)> {
    let (map, header, control) = (&view.map, view.map.header, view.map.control);
    let shown = |at: usize| map.header_block.start + at as u16;
    let written = |at: usize| map.control_block.start + at as u16;
    // What a PLC does with an accepted block, as far as a daemon that takes over needs to see it.
    let echoes = [
        (written(control.wcs_epoch), shown(header.owner_epoch)),
        (written(control.wcs_life), shown(header.wcs_life_echo)),
        (written(control.evt_taken), shown(header.evt_taken_echo)),
        (written(control.evt_ack), shown(header.evt_ack_echo)),
        (written(control.cmd_head), shown(header.cmd_tail)),
        (written(control.owner_tag), map.statics_block.start + map.statics.owner_tag as u16),
    ];
    let program = compile("libmodbus_server", folder)?;
    let server = PeerServer::start_image(&program, folder, image, shown(header.plc_life), &echoes)?;
    plant::write_demo(folder, "plant.toml", server.address)?;
    let mut daemon = start_daemon(folder, "fresh", &[])?;
    daemon.wait_err(&["device attached"])?;
    let goal = image[header.evt_head];
    let found = wait_until("every recorded event is in the journal", LIMIT, || {
        ensure!(daemon.is_running()?, "the daemon ended by itself: {daemon}");
        let (hello, events) = journaled(&folder.join("fresh").join("journal"))?;
        let is_whole = events.last().is_some_and(|event| event.seq_last.0.wrapping_add(1) == goal);
        Ok(hello.filter(|_| is_whole).map(|hello| (hello, events)))
    })?;
    daemon.interrupt()?.expect_code(0)?;
    server.end()?;
    Ok(found)
}

/// What a journal that may still grow says of the first meeting, and the events in it.
fn journaled(journal: &Path) -> Result<(Option<PlcHello>, Vec<SorterEvent>)> {
    let storage = FileStorage::open_read_only(journal)?;
    let last = recover(&storage)?.last_seq;
    let (mut first, mut events) = (None, Vec::new());
    if last == Seq::NONE {
        return Ok((first, events));
    }
    for entry in Reader::open(&storage, Seq(1), last)? {
        match entry?.record.input {
            Input::Link { change: LinkChange::Met(hello), .. } if first.is_none() => first = Some(hello),
            Input::Sorter { event, .. } => events.push(event),
            _ => {}
        }
    }
    Ok((first, events))
}

/// Points of a block or slot by name, as the profile decodes them.
struct Points(std::collections::BTreeMap<String, Value>);

impl Points {
    fn of(profile: &Profile, area: &str, words: &[u16]) -> Result<Self> {
        Ok(Self(decode(profile, profile.area(area)?, words)))
    }

    fn number(&self, name: &str) -> Result<i64> {
        match self.0.get(name) {
            Some(Value::Number(number)) => Ok(*number),
            other => anyhow::bail!("{name} is {other:?}"),
        }
    }

    fn text(&self, name: &str) -> Result<&str> {
        self.0.get(name).and_then(Value::as_text).with_context(|| format!("{name} is no text"))
    }

    fn lanes(&self, name: &str) -> Result<LaneSet> {
        match self.0.get(name) {
            Some(Value::Words(words)) => Ok(LaneSet::from_words(words)),
            other => anyhow::bail!("{name} is {other:?}"),
        }
    }
}

fn part(image: &[u16], block: wcs_specs::BlockMap) -> &[u16] {
    let start = usize::from(block.start);
    &image[start..start + usize::from(block.count)]
}

fn check_hello(profile: &Profile, view: &PlcView, image: &[u16], hello: &PlcHello) -> Result<()> {
    let header = Points::of(profile, "header", part(image, view.map.header_block))?;
    let statics = Points::of(profile, "statics", part(image, view.map.statics_block))?;
    let lanes = Points::of(profile, "lanes", part(image, view.map.lanes_block))?;
    let is_retentive = statics.number("flags")? & i64::from(view.words.static_flags.fifo_retentive) != 0;
    let numbers = [
        ("plc_epoch", header.number("plc_epoch")?, hello.plc_epoch.0.into()),
        ("owner_epoch", header.number("owner_epoch")?, hello.owner_epoch.0.into()),
        ("evt_ack_echo", header.number("evt_ack_echo")?, hello.evt_ack_echo.0.into()),
        ("evt_head", header.number("evt_head")?, hello.evt_head.0.into()),
        ("evt_lost", header.number("evt_lost")?, hello.evt_lost.into()),
        ("belt_mm", header.number("belt_mm")?, hello.belt.0.into()),
        ("state", header.number("state")?, hello.state.0.into()),
        ("safety_status", header.number("safety_status")?, hello.safety.into()),
        ("flags", is_retentive.into(), hello.is_fifo_retentive.into()),
        ("max_recirc", statics.number("max_recirc")?, hello.max_recirc.into()),
        ("lane_noread", statics.number("lane_noread")?, hello.lane_noread.0.into()),
        ("lane_exception", statics.number("lane_exception")?, hello.lane_exception.0.into()),
        ("lane_overflow_1", statics.number("lane_overflow_1")?, hello.lane_overflow[0].0.into()),
        ("lane_overflow_2", statics.number("lane_overflow_2")?, hello.lane_overflow[1].0.into()),
        ("loop_mm", statics.number("loop_mm")?, hello.loop_mm.0.into()),
        ("path_mm", statics.number("path_mm")?, hello.path_mm.0.into()),
    ];
    for (name, recorded, decoded) in numbers {
        let decoded: i64 = decoded;
        ensure!(recorded == decoded, "{name}: {recorded} recorded, {decoded} decoded");
    }
    for (name, decoded) in
        [("lane_ready", &hello.ready), ("lane_full", &hello.full), ("lane_fault", &hello.fault)]
    {
        let recorded = lanes.lanes(name)?;
        let is_same =
            (1..=LANES).all(|lane| recorded.contains(LaneNo(lane)) == decoded.contains(LaneNo(lane)));
        ensure!(is_same, "{name}: {recorded:?} recorded, {decoded:?} decoded");
    }
    Ok(())
}

/// The events the recorded window shows, told in words: a scan with its continuations is one.
fn recorded_events(profile: &Profile, view: &PlcView, image: &[u16]) -> Result<Vec<String>> {
    let (map, kinds) = (&view.map, &view.words.events);
    let slots = view.words.numbers.evt_slots_default;
    let mut told: Vec<String> = Vec::new();
    let (mut seq, head) = (image[map.header.evt_ack_echo], image[map.header.evt_head]);
    while seq != head {
        let start = map.events_block.start + seq % slots * map.event_slot_count;
        let words = part(image, wcs_specs::BlockMap { start, count: map.event_slot_count });
        let slot = Points::of(profile, "event_slot", words)?;
        ensure!(slot.number("seq")? == i64::from(seq), "slot of {seq} is whole");
        if slot.number("kind")? == i64::from(kinds.scan_more) {
            told.last_mut()
                .context("a scan comes before its continuation")?
                .push_str(slot.text("more_text")?);
        } else {
            told.push(tell_slot(&slot, view)?);
        }
        seq = seq.wrapping_add(1);
    }
    Ok(told)
}

fn tell_slot(slot: &Points, view: &PlcView) -> Result<String> {
    let kinds = &view.words.events;
    let number = |name: &str| slot.number(name);
    let kind = number("kind")?;
    let common = format!(
        "{} item {} station {} tick {} belt {}",
        number("seq")?,
        number("item")?,
        number("station")?,
        number("plc_tick")?,
        number("belt_mm")?
    );
    let body = if kind == i64::from(kinds.scan) {
        let (read, deadline) = (number("scan_read")?, number("scan_deadline_mm")?);
        // The text comes last: its continuations follow.
        format!(
            "scan read {} turns {} point {} length {} weight {} text {}",
            read & 0xFF,
            read >> 8,
            (number("belt_mm")? + deadline) & 0xFFFF_FFFF,
            number("scan_length")?,
            number("scan_weight")?,
            slot.text("scan_text")?
        )
    } else if kind == i64::from(kinds.exit) {
        let is_applied = number("flags")? & 1 != 0;
        format!(
            "exit requested {} actual {} result {} detail {} turns {} applied {} since {}",
            number("exit_requested")?,
            number("exit_actual")?,
            number("exit_result")?,
            number("exit_detail")?,
            number("exit_turns")?,
            if is_applied { number("exit_command")? } else { -1 },
            number("exit_since_scan_ms")?
        )
    } else if kind == i64::from(kinds.lane) {
        let names = ["lane_lane", "lane_old", "lane_new", "lane_fill"];
        let [lane, old, new, fill] = names.map(|name| number(name).unwrap_or(-1));
        format!("lane {lane} old {old} new {new} fill {fill}")
    } else {
        format!("kind {kind}")
    };
    Ok(format!("{common} {body}"))
}

/// A decoded event in the same words.
fn told(event: &SorterEvent) -> String {
    let SorterEvent { seq, item, station, plc_tick_ms, belt, .. } = event;
    let common = format!("{} item {item} station {station} tick {plc_tick_ms} belt {}", seq.0, belt.0);
    let body = match &event.body {
        EventBody::Scan(scan) => {
            let text =
                scan.codes.first().map_or("", |code| std::str::from_utf8(code.as_bytes()).unwrap_or("?"));
            let length = scan.length.map_or(0xFFFF, |length| length.0);
            let weight = scan.weight.map_or(u32::MAX, |weight| weight.0);
            format!(
                "scan read {} turns {} point {} length {length} weight {weight} text {text}",
                i32::from(scan.read == Read::NoRead),
                scan.turns,
                scan.point.0
            )
        }
        EventBody::Exit { requested, actual, result, detail, turns, applied, since_scan_ms } => format!(
            "exit requested {} actual {} result {} detail {detail} turns {turns} applied {} since {since_scan_ms}",
            requested.0,
            actual.0,
            result.to_wire(),
            applied.map_or(-1, |applied| i32::from(applied.0))
        ),
        EventBody::Lane { lane, old, new, fill_percent } => format!(
            "lane {} old {} new {} fill {}",
            lane.0,
            old.to_wire(),
            new.to_wire(),
            fill_percent.unwrap_or(u16::MAX)
        ),
        other => format!("kind {other:?}"),
    };
    format!("{common} {body}")
}
