//! Whole links: sessions on a real socket, with a core that attaches whatever it meets.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use rtrb::Producer;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use wcs_drivers::{Credits, LinkCommand, LinkConfig, LinkPorts, LinkState, LinkStatus, run_link};
use wcs_sessions::{SorterConfig, SorterSession};
use wcs_types::{
    DestinationCommand, Epoch, Input, LaneNo, LineId, LinkChange, MonoTime, OfflineReason, Refusal,
    SorterCommand,
};

use super::plc::Plc;

/// Bound on every wait; nothing here takes this long unless it fails.
const PATIENCE: Duration = Duration::from_secs(8);

struct Rig {
    inputs: Receiver<Input>,
    credits: Arc<Credits>,
    commands: Producer<LinkCommand>,
    wake: Arc<Notify>,
    woken: Arc<Notify>,
    stop: watch::Sender<bool>,
    status: Arc<LinkStatus>,
    panics: Arc<AtomicBool>,
    task: JoinHandle<()>,
    owner: Epoch,
}

impl Rig {
    fn start(plc: &Plc, address: &str, units: &[u8]) -> Self {
        let session = |unit: &u8| {
            let line = LineId(u16::from(*unit));
            SorterSession::new(SorterConfig::new(line, *unit, plc.map, plc.words, LaneNo(8), 55))
        };
        let sessions = units.iter().map(session).collect();
        let (sender, inputs) = crossbeam_channel::bounded(64);
        let (commands, consumer) = rtrb::RingBuffer::new(64);
        let (stop, stopped) = watch::channel(false);
        let (wake, woken) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (credits, status) = (Arc::new(Credits::new(64)), Arc::new(LinkStatus::default()));
        let panics = Arc::new(AtomicBool::new(false));
        let (started, waker, panicking) = (Instant::now(), Arc::clone(&woken), Arc::clone(&panics));
        let ports = LinkPorts {
            inputs: sender,
            credits: Arc::clone(&credits),
            commands: consumer,
            wake: Arc::clone(&wake),
            core_waker: Arc::new(move || waker.notify_one()),
            clock: Arc::new(move || {
                assert!(!panicking.swap(false, Ordering::SeqCst), "asked to panic");
                MonoTime(1_000_000_000 + started.elapsed().as_nanos() as u64)
            }),
            alive_until: Arc::new(AtomicU64::new(u64::MAX)),
            stop: stopped,
            status: Arc::clone(&status),
        };
        let task = tokio::spawn(run_link(LinkConfig::new("test", address, 1), sessions, ports));
        Self { inputs, credits, commands, wake, woken, stop, status, panics, task, owner: Epoch(0) }
    }

    fn send(&mut self, line: LineId, command: SorterCommand) {
        self.commands.push(LinkCommand { line, generation: 1, command }).unwrap();
        self.wake.notify_one();
    }

    /// The next input; attaches to whatever is met.
    async fn next(&mut self) -> Input {
        let input = loop {
            if let Ok(input) = self.inputs.try_recv() {
                break input;
            }
            tokio::time::timeout(PATIENCE, self.woken.notified()).await.expect("an input in time");
        };
        if self.credits.give_back() {
            self.wake.notify_one();
        }
        if let Input::Link { line, change: LinkChange::Met(hello) } = &input {
            let newest =
                if hello.owner_epoch.is_newer_than(self.owner) { hello.owner_epoch } else { self.owner };
            self.owner = newest.next();
            let (plc_epoch, owner, evt_ack) = (hello.plc_epoch, self.owner, hello.evt_ack_echo);
            self.send(*line, SorterCommand::Attach { plc_epoch, owner, evt_ack });
        }
        input
    }

    /// Skips inputs until `line` says something that `is_it`.
    async fn until(&mut self, line: u16, is_it: impl Fn(&LinkChange) -> bool) -> LinkChange {
        loop {
            if let Input::Link { line: from, change } = self.next().await
                && from == LineId(line)
                && is_it(&change)
            {
                return change;
            }
        }
    }

    async fn until_drained(&mut self, line: u16) {
        self.until(line, |change| matches!(change, LinkChange::Drained { .. })).await;
    }

    async fn until_offline(&mut self, line: u16) -> OfflineReason {
        match self.until(line, |change| matches!(change, LinkChange::Offline(_))).await {
            LinkChange::Offline(reason) => reason,
            _ => unreachable!("filtered"),
        }
    }

    async fn end(self) -> wcs_drivers::LinkSnapshot {
        self.stop.send(true).unwrap();
        tokio::time::timeout(PATIENCE, self.task).await.expect("ends in time").unwrap();
        self.status.snapshot()
    }
}

fn destination(item: u32) -> DestinationCommand {
    DestinationCommand {
        plc_epoch: Epoch(3),
        item,
        lane: LaneNo(1),
        alternatives: [LaneNo(0); 2],
        may_recirculate: false,
        answers: wcs_types::EventSeq(0),
        decide_by: MonoTime::NEVER,
        point: wcs_types::BeltMm(5_000),
    }
}

#[tokio::test]
async fn link_attaches_commands_and_stops() {
    let (plc, address) = Plc::start().await;
    let mut rig = Rig::start(&plc, &address, &[1]);
    rig.until_drained(1).await;
    rig.send(LineId(1), SorterCommand::Destination(destination(77)));
    rig.send(LineId(1), SorterCommand::Watch { plc_epoch: Epoch(3), at: wcs_types::BeltMm(0) });
    // The watch is answered on a later exchange than the one that wrote the slot.
    rig.until(1, |change| matches!(change, LinkChange::Travelled { .. })).await;
    let slot = usize::from(plc.map.commands_block.start);
    assert_eq!(plc.register(slot + plc.map.command.item + 1), 77);
    let status = rig.end().await;
    assert_eq!((status.state, status.connects, status.reconnects), (LinkState::Stopped, 1, 0));
    assert_eq!(status.sessions[0].1.destinations, 1);
    assert!(status.sessions[0].1.exchanges > 5);
}

#[tokio::test]
async fn cut_connection_is_made_anew() {
    let (plc, address) = Plc::start().await;
    let mut rig = Rig::start(&plc, &address, &[1]);
    rig.until_drained(1).await;
    plc.cuts.store(true, Ordering::SeqCst);
    assert_eq!(rig.until_offline(1).await, OfflineReason::Closed);
    rig.until_drained(1).await;
    assert_eq!(plc.register(plc.map.header.owner_epoch), 2, "every reconnect takes a new epoch");
    let status = rig.end().await;
    assert_eq!((status.reconnects, status.sessions[0].1.reconnects), (1, 1));
}

#[tokio::test]
async fn nobody_listening_is_told_once_and_commands_come_back() {
    let (plc, _) = Plc::start().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let mut rig = Rig::start(&plc, &address, &[1]);
    assert_eq!(rig.until_offline(1).await, OfflineReason::ConnectFailed);
    rig.send(LineId(1), SorterCommand::Destination(destination(1)));
    let expected = Input::Refused { line: LineId(1), refusal: Refusal::NotReady(destination(1)) };
    assert_eq!(rig.next().await, expected);
    let status = rig.end().await;
    assert_eq!(status.connects, 0);
    assert!(status.connect_failures >= 1);
}

#[tokio::test]
async fn silent_unit_leaves_the_other_its_share() {
    let (plc, address) = Plc::start().await;
    let mut rig = Rig::start(&plc, &address, &[1, 2]);
    rig.until_drained(1).await;
    rig.until_drained(2).await;
    plc.is_unit_2_silent.store(true, Ordering::SeqCst);
    assert_eq!(rig.until_offline(2).await, OfflineReason::Timeouts);
    // While unit 2 rests after its three silences, unit 1 has the link for itself.
    let before = plc.answered[1].load(Ordering::SeqCst);
    rig.send(LineId(1), SorterCommand::Watch { plc_epoch: Epoch(3), at: wcs_types::BeltMm(0) });
    rig.until(1, |change| matches!(change, LinkChange::Travelled { .. })).await;
    while plc.answered[1].load(Ordering::SeqCst) < before + 20 {
        tokio::task::yield_now().await;
    }
    plc.is_unit_2_silent.store(false, Ordering::SeqCst);
    let status = rig.end().await;
    assert_eq!(status.connects, 1, "the connection was not given up for the silent unit");
    assert_eq!(status.sessions[0].1.silences, 0);
    assert_eq!(status.sessions[1].1.silences, 3, "no probe while it rests");
}

#[tokio::test]
async fn wrong_device_is_tried_again_with_patience() {
    let (plc, address) = Plc::start().await;
    plc.set_register(plc.map.header.magic, 1);
    let mut rig = Rig::start(&plc, &address, &[1]);
    rig.until(1, |change| matches!(change, LinkChange::Faulted(_))).await;
    plc.set_register(plc.map.header.magic, plc.map.magic);
    rig.until_drained(1).await;
    let status = rig.end().await;
    assert!(status.reconnects >= 1);
}

#[tokio::test]
async fn fenced_link_idles_and_still_refuses() {
    let (plc, address) = Plc::start().await;
    let mut rig = Rig::start(&plc, &address, &[1]);
    rig.until_drained(1).await;
    plc.set_register(plc.map.header.owner_epoch, 9);
    rig.until(1, |change| matches!(change, LinkChange::Fenced { .. })).await;
    rig.send(LineId(1), SorterCommand::Destination(destination(1)));
    assert!(matches!(rig.next().await, Input::Refused { refusal: Refusal::NotReady(_), .. }));
    let status = rig.end().await;
    assert_eq!(status.connects, 1);
}

#[tokio::test]
async fn panic_in_the_task_ends_a_connection_and_not_the_process() {
    let (plc, address) = Plc::start().await;
    let mut rig = Rig::start(&plc, &address, &[1]);
    rig.until_drained(1).await;
    rig.panics.store(true, Ordering::SeqCst);
    rig.wake.notify_one();
    assert_eq!(rig.until_offline(1).await, OfflineReason::Stopped);
    rig.until_drained(1).await;
    let status = rig.end().await;
    assert_eq!((status.panics, status.connects), (1, 2));
}

#[tokio::test]
async fn link_without_credit_takes_nothing_and_loses_nothing() {
    let (plc, address) = Plc::start().await;
    let mut rig = Rig::start(&plc, &address, &[1]);
    rig.until_drained(1).await;
    let taken = (0..).take_while(|_| rig.credits.try_take()).count();
    for item in 0..100 {
        // Refused: its decision point lies behind.
        let mut command = destination(item);
        command.point = wcs_types::BeltMm(0);
        while rig.commands.is_full() {
            tokio::task::yield_now().await;
        }
        rig.send(LineId(1), SorterCommand::Destination(command));
    }
    while rig.commands.slots() < 64 {
        tokio::task::yield_now().await;
    }
    assert!(rig.inputs.is_empty());
    let was_told = (0..taken).filter(|_| rig.credits.give_back()).count();
    assert_eq!(was_told, 1, "only the first of them finds a link that may sleep");
    rig.wake.notify_one();
    for item in 0..100 {
        let Input::Refused { refusal: Refusal::Late(command), .. } = rig.next().await else {
            panic!("refused")
        };
        assert_eq!(command.item, item);
    }
    rig.end().await;
}
