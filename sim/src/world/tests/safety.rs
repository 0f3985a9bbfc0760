//! Safety stops: what the belt, the PLC and people do, and what the WCS can do about it, which is nothing.

use wcs_types::{LaneNo, Nanos};

use super::bench::{Bench, small};
use crate::world::Knob;

/// A bench at which an emergency stop was pressed just now, with a load on the belt on its way to lane 3.
fn pressed(person: Nanos) -> (Bench, Knob) {
    let mut bench = Bench::ready(small(), 5);
    let scan = bench.next_scan();
    bench.direct(scan.item, 3);
    let stop = Knob::SafetyStop { person };
    assert!(bench.sorter.apply(bench.now, stop, None));
    (bench, stop)
}

/// The unit command of the WCS, by the one refusal or none that the PLC counts for it.
fn command_unit(bench: &mut Bench, command: u16) -> u16 {
    let (control, count) = (bench.map.control, bench.map.header.rej_count);
    let before = bench.head(count);
    bench.block[control.unit_cmd] = command;
    bench.block[control.unit_cmd_cnt] += 1;
    bench.write_block();
    bench.write_block();
    bench.head(count) - before
}

#[test]
fn safety_stop_keeps_the_life_and_every_item_and_waits_for_people() {
    let (mut bench, stop) = pressed(Nanos::from_secs(2));
    let belt = bench.sorter.counts().belt;
    assert!(!bench.sorter.belt.is_running(), "the drive has no power at once");
    let before = bench.sorter.counts();
    bench.cycle();
    let (header, map) = (bench.header(), bench.map.header);
    assert_eq!((header[map.state], header[map.safety_status]), (2, 0b1010), "chain open, emergency stop");
    assert_eq!((header[map.plc_epoch], header[map.link_state], header[map.speed_mm_s]), (1, 1, 0));
    assert!(header[map.items_on_sorter] >= 1);
    let (kinds, at) = (bench.words.events, bench.map.event);
    let told = bench.next(kinds.state);
    assert_eq!(
        (told.words[at.state_old], told.words[at.state_new], told.words[at.state_cause]),
        (6, 2, bench.words.causes.safety)
    );
    // The WCS can do nothing about it, and the person who is there too early neither.
    let commands = bench.words.unit_commands;
    for command in [commands.reset, commands.start] {
        assert_eq!(command_unit(&mut bench, command), 1, "refused: the chain is open");
    }
    for _ in 0..1_000 {
        bench.write_block();
    }
    assert_eq!(bench.head(map.safety_status), 0b1010, "a reset while the chain is open does nothing");
    assert!(bench.sorter.withdraw(bench.now, &stop));
    assert!(!bench.sorter.withdraw(bench.now, &stop), "it was pulled out");
    bench.write_block();
    assert_eq!((bench.head(map.state), bench.head(map.safety_status)), (2, 0b1001), "reset needed");
    for command in [commands.reset, commands.start] {
        assert_eq!(command_unit(&mut bench, command), 1, "refused: a person has to reset");
    }
    let after = bench.sorter.counts();
    assert_eq!(after.belt, belt);
    assert_eq!((after.on_belt, after.items, after.inducted), (before.on_belt, before.items, before.inducted));
    // The person resets and starts; the load goes where it was sent.
    let exit = bench.next_exit();
    assert_eq!(bench.exit_of(&exit).1, LaneNo(3));
    assert_eq!((bench.head(map.state), bench.head(map.safety_status)), (6, 1));
    assert_eq!(bench.sorter.applied(stop.kind()), 1);
    assert_eq!(bench.sorter.touched(stop.kind()).len() as u64, before.on_belt);
}

#[test]
fn a_second_emergency_stop_holds_the_chain_and_the_way_to_execute_is_told() {
    let (mut bench, stop) = pressed(Nanos::ZERO);
    bench.cycle();
    let until = bench.now + Nanos::from_secs(20);
    assert!(bench.sorter.apply(bench.now, stop, Some(until)));
    assert!(bench.sorter.withdraw(bench.now, &stop));
    let map = bench.map.header;
    while bench.now + Nanos::from_millis(50) < until {
        bench.write_block();
        assert_eq!((bench.head(map.state), bench.head(map.safety_status)), (2, 0b1010), "one is pressed");
    }
    let (kinds, at, causes) = (bench.words.events, bench.map.event, bench.words.causes);
    let mut told = Vec::new();
    for _ in 0..1_000 {
        let states = bench.take().into_iter().filter(|event| event.kind == kinds.state);
        told.extend(states.map(|event| (event.words[at.state_new], event.words[at.state_cause])));
        bench.write_block();
    }
    assert_eq!(told, [(2, causes.safety), (4, causes.operator), (6, causes.operator)]);
    assert_eq!(bench.sorter.applied(stop.kind()), 2);
}

#[test]
fn plc_that_starts_with_an_open_chain_says_so_and_waits() {
    let (mut bench, stop) = pressed(Nanos::from_secs(1));
    let restart = Knob::PlcRestart { person: Nanos::from_secs(1), may_lose_events: true };
    bench.sorter.apply(bench.now, restart, None);
    bench.cycle();
    bench.cycle();
    bench.own(2);
    let (map, at) = (bench.map.header, bench.map.event);
    assert_eq!((bench.head(map.state), bench.head(map.safety_status)), (2, 0b1010));
    let told = bench.next(bench.words.events.state);
    assert_eq!((told.words[at.flags] >> 8, told.words[at.state_cause]), (2, bench.words.causes.safety));
    assert!(bench.sorter.withdraw(bench.now, &stop));
    bench.permit(true);
    bench.next_scan();
    assert_eq!((bench.head(map.state), bench.head(map.safety_status)), (6, 1), "a person has started it");
}

#[test]
fn a_short_touch_of_an_emergency_stop_stops_for_people_too() {
    let (mut bench, stop) = pressed(Nanos::from_secs(3));
    let belt = bench.sorter.counts().belt;
    assert!(bench.sorter.withdraw(bench.now, &stop), "within the same cycle of the PLC");
    for _ in 0..200 {
        bench.write_block();
    }
    assert_eq!(bench.sorter.counts().belt, belt);
    assert_eq!(bench.head(bench.map.header.safety_status), 0b1001);
    bench.next_exit();
}
