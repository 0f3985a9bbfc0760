//! The fold over records made by hand.

use std::sync::Arc;

use wcs_types::limits::JOBS_PER_PART_MAX;
use wcs_types::*;

use super::batches::BatchState;
use super::chutes::ChuteState;
use super::feed::{LiveFeed, LiveHandle, Recent};
use super::lines::LinkState;
use super::*;
use crate::event::EventId;
use crate::fixture::{Story, code, key, plant};

const CHUTE: ChuteId = ChuteId(0);
const LANE: LaneNo = LaneNo(1);

fn live(story: &Story) -> Live {
    let mut live = Live::new(Arc::new(plant()));
    for told in story.told() {
        live.apply(told);
    }
    live
}

#[test]
fn a_load_is_followed_to_its_chute() {
    let mut story = Story::new();
    story.start_batch(1, &[("A", "600/1", 2), ("B", "600/2", 1)]);
    story.bind(1, "A", CHUTE);
    story.scan(7, "600/1", Some((1, 0, CHUTE, LANE)));
    let on_way = live(&story);
    let batch = on_way.progress(BatchId(1)).unwrap();
    assert_eq!((batch.planned, batch.done, batch.in_flight, batch.loads_on_belt), (3, 0, 2, 1));
    assert_eq!((batch.classes, batch.classes_bound, batch.state), (2, 1, BatchState::Running));
    assert_eq!(on_way.loads().open().count(), 1);
    assert_eq!(on_way.chute(CHUTE).unwrap().in_flight, 1);
    let job = on_way.batches().jobs_of(&code("600/1")).next().unwrap().2;
    assert!(!job.has_room());

    story.exit(7, "600/1", Some((1, 0)), 2, Outcome::Sorted, Reason::FirstChoice, LANE);
    story.fact(Fact::ClassCompleted { batch: BatchId(1), order: story.order("A"), chute: CHUTE });
    let over = live(&story);
    let batch = over.progress(BatchId(1)).unwrap();
    assert_eq!((batch.done, batch.in_flight, batch.loads_on_belt, batch.classes_complete), (2, 0, 0, 1));
    let chute = over.chute(CHUTE).unwrap();
    assert_eq!((chute.in_flight, chute.loads, chute.pieces), (0, 1, 2));
    assert_eq!(over.chute_state(CHUTE), Some(ChuteState::Closing));
    let load = over.loads().find(key(7)).unwrap();
    assert_eq!(load.outcome(), Some((Outcome::Sorted, Reason::FirstChoice)));
    assert_eq!(load.bound_in, Some(Seq(3)));
    story.fact(Fact::BoxSwapped { chute: CHUTE });
    story.fact(Fact::ChuteFreed { chute: CHUTE });
    let freed = live(&story);
    assert_eq!(freed.chute_state(CHUTE), Some(ChuteState::Free));
    assert_eq!(freed.chute(CHUTE).unwrap().pieces, 0);
    assert_eq!(freed.progress(BatchId(1)).unwrap().classes_bound, 0);
}

#[test]
fn an_exception_closes_by_hand_or_by_the_next_attempt() {
    let mut story = Story::new();
    story.start_batch(1, &[("A", "600/1", 1), ("A", "600/2", 1)]);
    story.bind(1, "A", CHUTE);
    story.scan(1, "600/1", None);
    story.exit(1, "600/1", None, 0, Outcome::Exception, Reason::LaneFull, LaneNo(4));
    story.scan(2, "600/2", None);
    story.exit(2, "600/2", None, 0, Outcome::NoReadLane, Reason::NoRead, LaneNo(3));
    let open = live(&story);
    assert_eq!(open.exceptions().count(), 2);
    assert_eq!(open.exceptions().find(key(1)).unwrap().reason, Reason::LaneFull);
    story.hand_sort(1, "600/1", (1, 0), CHUTE);
    story.scan_again(3, "600/2", key(2));
    let closed = live(&story);
    assert_eq!(closed.exceptions().count(), 0);
    assert_eq!(closed.loads().find(key(1)).unwrap().outcome(), Some((Outcome::HandSorted, Reason::ByHand)));
    assert_eq!(closed.loads().find(key(3)).unwrap().previous, Some(key(2)));
    assert_eq!(closed.progress(BatchId(1)).unwrap().done, 1);
}

#[test]
fn a_load_that_only_silence_ended_goes_on() {
    let mut story = Story::new();
    story.scan(1, "600/1", None);
    story.exit(1, "600/1", None, 0, Outcome::Lost, Reason::TrackingLost, LaneNo::NONE);
    assert_eq!(live(&story).loads().open().count(), 0);
    story.scan(1, "600/1", None);
    let live = live(&story);
    assert_eq!((live.loads().open().count(), live.loads().ended().count()), (1, 0));
    assert_eq!(live.loads().find(key(1)).unwrap().seen.seq, Seq(1));
}

#[test]
fn only_what_the_core_would_take_counts_as_staged() {
    let mut story = Story::new();
    story.stage(1, 1, &[("A", "600/1", 1)]);
    story.stage(1, 0, &[("A", "600/1", 0)]);
    let refused = live(&story);
    assert!(refused.progress(BatchId(1)).is_none());
    story.stage(1, 0, &[("A", "600/1", 4)]);
    story.stage(1, 0, &[("A", "600/9", 9)]);
    story.stage(1, 1, &[("B", "600/2", 5)]);
    let many = vec![("C", "600/3", 1); JOBS_PER_PART_MAX + 1];
    story.stage(1, 2, &many);
    let staged = live(&story);
    assert_eq!(staged.progress(BatchId(1)).unwrap().planned, 9);
    assert_eq!(staged.batches().jobs_of(&code("600/9")).count(), 0);
    story.fact(Fact::BatchStarted { batch: BatchId(1) });
    story.fact(Fact::BatchEnded { batch: BatchId(1) });
    story.stage(2, 0, &[("A", "600/1", 1)]);
    let next = live(&story);
    assert!(next.progress(BatchId(1)).is_none());
    assert_eq!(next.batches().jobs_of(&code("600/1")).count(), 1);
    assert_eq!(next.batches().jobs_of(&code("600/2")).count(), 0);
}

#[test]
fn a_line_is_ready_once_it_is_drained_and_down_when_it_is_put_aside() {
    let mut story = Story::new();
    let change = |story: &mut Story, change: LinkChange| story.link(change);
    change(&mut story, LinkChange::Offline(OfflineReason::Timeouts));
    let line = |story: &Story| {
        let live = live(story);
        let line = live.line(LineId(0)).unwrap();
        (line.link, line.link_cause)
    };
    assert_eq!(line(&story), (LinkState::Offline, Some("timeouts")));
    // Attached without having been met says nothing.
    change(&mut story, LinkChange::Attached { owner: Epoch(3) });
    assert_eq!(line(&story).0, LinkState::Offline);
    story.ready();
    assert_eq!(line(&story), (LinkState::Ready, None));
    let faulted = AlarmKey { code: AlarmCode::DeviceFaulted, line: Some(LineId(0)), chute: None, detail: 0 };
    story.fact(Fact::AlarmRaised(faulted));
    assert_eq!(line(&story), (LinkState::Faulted, Some("device_faulted")));
    assert_eq!(live(&story).alarms().of_line(LineId(0)).count(), 1);
    story.ready();
    story.fact(Fact::AlarmGone(faulted));
    assert_eq!(live(&story).alarms().count(), 0);
    change(&mut story, LinkChange::Fenced { owner: Epoch(9) });
    story.ready();
    assert_eq!(line(&story), (LinkState::Fenced, Some("newer_owner")));
    // The word of a link that ends does not give the line back; that of a new process does.
    change(&mut story, LinkChange::Offline(OfflineReason::Stopped));
    assert_eq!(line(&story).0, LinkState::Fenced);
    change(&mut story, LinkChange::Offline(OfflineReason::NewProcess));
    assert_eq!(line(&story), (LinkState::Offline, Some("new_process")));
    story.ready();
    assert_eq!(line(&story), (LinkState::Ready, None));
}

#[test]
fn a_scan_that_is_told_twice_is_counted_once() {
    let mut story = Story::new();
    story.scan(1, "600/1", None);
    let again = story.told()[0].record.input.clone();
    story.input(again);
    story.scan(2, "600/2", None);
    let live = live(&story);
    assert_eq!(live.line(LineId(0)).unwrap().counts.reads().next(), Some(("good", 2)));
}

#[test]
fn a_record_that_is_in_changes_nothing_again() {
    let mut story = Story::new();
    story.scan(1, "600/1", None);
    let mut live = live(&story);
    live.apply(&story.told()[0]);
    assert_eq!(live.line(LineId(0)).unwrap().counts.seen, 1);
    assert_eq!(live.position(), Seq(1));
}

#[test]
fn the_feed_follows_what_is_durable_and_stops() {
    let mut story = Story::new();
    story.scan(1, "600/1", None);
    let records = story.records();
    let handle = LiveHandle::new(Arc::new(plant()));
    let feed = LiveFeed::start(handle.clone(), records.clone()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let long = std::time::Duration::from_secs(60);
    assert!(runtime.block_on(handle.wait_for(Seq(1), long)));
    story.scan(2, "600/2", None);
    records.set(&story);
    handle.wake();
    assert!(runtime.block_on(handle.wait_for(Seq(2), long)));
    assert_eq!(handle.read().loads().open().count(), 2);
    let Recent::Events(events) = handle.recent(EventId::behind(Seq(1)), 10) else { panic!("kept") };
    assert_eq!(events.iter().map(|event| event.id.to_string()).collect::<Vec<_>>(), ["2.0"]);
    feed.stop();
    assert!(handle.is_stopping());
}

#[test]
fn a_place_before_the_ring_is_older() {
    let mut story = Story::new();
    for item in 0..4 {
        story.scan(item, "600/1", None);
    }
    let handle = LiveHandle::new(Arc::new(plant()));
    handle.add(&story.told()[..2], false);
    handle.add(&story.told()[2..], true);
    assert_eq!(handle.recent(EventId::behind(Seq(1)), 10), Recent::Older);
    let Recent::Events(events) = handle.recent(EventId::behind(Seq(2)), 1) else { panic!("kept") };
    assert_eq!(events[0].id.to_string(), "3.0");
    assert_eq!(handle.recent(EventId::behind(Seq(9)), 1), Recent::Events(vec![]));
}
