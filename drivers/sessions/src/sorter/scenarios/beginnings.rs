//! Meeting and attaching: what is checked, what is written, and who is obeyed.

use wcs_types::{DeviceFault, Epoch, EventSeq, LaneNo, LaneSet, LinkChange, SorterCommand};

use super::super::plc_image::PlcImage;
use super::bench::Bench;

#[test]
fn waiting_events_are_delivered_before_drained_and_before_permit() {
    let mut bench = Bench::with(|plc| {
        plc.start_at(65_530);
        for item in 1..=40 {
            plc.scan(item, "A");
        }
    });
    let mut closed = LaneSet::new();
    closed.set(LaneNo(17), true);
    bench.command(SorterCommand::CloseLanes(closed));
    bench.session.handle_connected(bench.now);
    bench.run_ms(1_000);
    assert_eq!(bench.items(), (1..=40).collect::<Vec<_>>());
    let changes = bench.changes();
    assert!(matches!(changes[0], LinkChange::Met(_)));
    assert_eq!(changes[1], LinkChange::Attached { owner: Epoch(1) });
    assert!(matches!(changes[2], LinkChange::Drained { .. }), "{changes:?}");
    assert!(matches!(bench.inputs.last(), Some(wcs_types::Input::Link { .. })), "Drained comes last");
    let at = bench.plc.map.control;
    let first = &bench.plc.blocks[0];
    assert_eq!((first.len(), first[at.permit]), (80, 0));
    assert_eq!(first[at.lane_closing + 1], 1, "lane 17 is closed from the first block on");
    assert_eq!(bench.last_block(at.permit), 3);
    assert_eq!(bench.last_block(at.evt_ack), 65_530_u16.wrapping_add(40));
    assert_eq!(bench.plc.refusals, 0);
    assert_eq!(bench.session.stats().torn_slots, 0, "reads end where the ring of slots ends");
}

#[test]
fn permit_is_withheld_until_no_event_waits() {
    let mut bench = Bench::with(|plc| (1..=60).for_each(|item| plc.scan(item, "A")));
    bench.acknowledges = false;
    bench.session.handle_connected(bench.now);
    bench.run_ms(1_000);
    let at = bench.plc.map.control;
    let with_permit: Vec<_> = bench.plc.blocks.iter().filter(|block| block[at.permit] != 0).collect();
    assert!(with_permit.iter().all(|block| block[at.evt_taken] == 60));
    assert!(!with_permit.is_empty());
    assert_eq!(bench.last_block(at.evt_ack), 0, "taken is not acknowledged");
}

#[test]
fn device_that_is_not_one_is_faulted_with_the_reason() {
    type Change = fn(&mut PlcImage);
    let table: [(Change, DeviceFault); 9] = [
        (|plc| plc.set_header(plc.map.header.magic, 9), DeviceFault::WrongMagic { found: 9 }),
        (|plc| plc.set_header(plc.map.header.version, 0x0200), DeviceFault::WrongVersion { found: 0x0200 }),
        (|plc| plc.set_header(plc.map.header.plc_epoch, 0), DeviceFault::BadStatics { address: 2, found: 0 }),
        (
            |plc| plc.set_static(plc.map.statics.lane_count, 63),
            DeviceFault::TooFewLanes { found: 63, needed: 64 },
        ),
        (
            |plc| plc.set_static(plc.map.statics.lane_count, 1_025),
            DeviceFault::BadStatics { address: 32, found: 1_025 },
        ),
        (
            |plc| plc.set_static(plc.map.statics.evt_slots, 48),
            DeviceFault::BadStatics { address: 33, found: 48 },
        ),
        (
            |plc| plc.set_static(plc.map.statics.cmd_slots, 8),
            DeviceFault::BadStatics { address: 34, found: 8 },
        ),
        (
            |plc| plc.set_static(plc.map.statics.lane_exception, 65),
            DeviceFault::BadStatics { address: 39, found: 65 },
        ),
        (
            |plc| plc.set_static(plc.map.statics.lane_noread, 0),
            DeviceFault::BadStatics { address: 38, found: 0 },
        ),
    ];
    for (change, fault) in table {
        let mut bench = Bench::with(change);
        bench.session.handle_connected(bench.now);
        bench.run_ms(300);
        assert_eq!(bench.changes(), [LinkChange::Faulted(fault)]);
        assert!(bench.session.must_disconnect());
        // Tried again: the same fault is not told twice, another minor version and repair are accepted.
        bench.reconnect();
        bench.run_ms(300);
        assert_eq!(bench.changes().len(), 1);
        assert!(bench.plc.blocks.is_empty());
    }
}

#[test]
fn plc_whose_life_stands_still_is_not_met() {
    let mut bench = Bench::with(|plc| plc.is_life_frozen = true);
    bench.session.handle_connected(bench.now);
    bench.run_ms(3_000);
    assert_eq!(bench.changes(), [LinkChange::Offline(wcs_types::OfflineReason::LifeFrozen)]);
    bench.plc.is_life_frozen = false;
    bench.run_ms(300);
    assert!(matches!(bench.changes().last(), Some(LinkChange::Drained { .. })));
}

#[test]
fn fresh_process_takes_over_a_foreign_epoch() {
    let bench = Bench::with(|plc| plc.set_header(plc.map.header.owner_epoch, 65_535)).run_up();
    assert_eq!(bench.owner, Epoch(1), "epochs skip 0");
}

#[test]
fn two_owners_of_one_epoch_end_with_one() {
    let mut bench = Bench::new();
    bench.session.handle_connected(bench.now);
    bench.attaches = false;
    bench.run_ms(300);
    let Some(LinkChange::Met(hello)) = bench.changes().pop() else { panic!("met") };
    // Another process attaches first, with the epoch that this one is about to use.
    bench.plc.set_header(bench.plc.map.header.owner_epoch, 1);
    bench.plc.set_header(bench.plc.map.header.link_state, 1);
    bench.plc.set_static(bench.plc.map.statics.owner_tag, 99);
    let attach = SorterCommand::Attach { plc_epoch: hello.plc_epoch, owner: Epoch(1), evt_ack: EventSeq(0) };
    bench.command(attach);
    bench.run_ms(100);
    assert_eq!(bench.changes().last(), Some(&LinkChange::Fenced { owner: Epoch(1) }));
    assert!(bench.plc.blocks.is_empty());
    assert!(!bench.session.wants_connection());
}

#[test]
fn acknowledgement_that_was_not_taken_is_shown_to_the_core_again() {
    let mut bench = Bench::with(|plc| plc.start_at(100));
    bench.session.handle_connected(bench.now);
    bench.attaches = false;
    bench.run_ms(300);
    // The journal claims more than the PLC ever sent.
    let attach = SorterCommand::Attach { plc_epoch: Epoch(5), owner: Epoch(1), evt_ack: EventSeq(120) };
    bench.command(attach);
    bench.run_ms(300);
    let hellos: Vec<_> =
        bench.changes().into_iter().filter(|change| matches!(change, LinkChange::Met(_))).collect();
    assert_eq!(hellos.len(), 2);
    let LinkChange::Met(hello) = &hellos[1] else { panic!("filtered") };
    assert_eq!((hello.owner_epoch, hello.evt_ack_echo), (Epoch(1), EventSeq(100)));
    bench.attaches = true;
    bench.command(SorterCommand::Attach { plc_epoch: Epoch(5), owner: Epoch(2), evt_ack: EventSeq(100) });
    bench.run_ms(300);
    assert!(matches!(bench.changes().last(), Some(LinkChange::Drained { .. })));
}

#[test]
fn core_that_wants_nothing_is_obeyed() {
    let mut bench = Bench::new();
    bench.attaches = false;
    bench.session.handle_connected(bench.now);
    bench.run_ms(300);
    bench.command(SorterCommand::Stay { plc_epoch: Epoch(5) });
    bench.run_ms(5_000);
    assert!(bench.plc.blocks.is_empty());
    assert_eq!(bench.changes().len(), 1);
}

#[test]
fn permit_from_before_an_attachment_does_not_outlive_it() {
    let mut bench = Bench::ready();
    let at = bench.plc.map.control.permit;
    assert_eq!(bench.last_block(at), 3);
    bench.permit = 0;
    bench.session.handle_disconnected(bench.now);
    // Sent before the core knew that the device was gone.
    bench.command(SorterCommand::Permit(3));
    bench.session.handle_connected(bench.now);
    bench.run_ms(1_500);
    assert!(matches!(bench.changes().last(), Some(LinkChange::Drained { .. })));
    assert_eq!(bench.last_block(at), 0);
}
