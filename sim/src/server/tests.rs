//! Tests of the server over real loopback sockets: hand-made frames, an independent client library, faults.

use std::future::Future;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wcs_types::Nanos;

use super::*;
use crate::faults::LinkFault;
use crate::world::ReplyBody;

/// Registers, and a memory of what was asked. It answers unit 1 only.
struct Bench {
    registers: Vec<u16>,
    now: MonoTime,
    clients: Vec<u32>,
    advanced: watch::Sender<u64>,
    delay: Nanos,
}

impl Device for Bench {
    fn advance(&mut self, now: MonoTime) {
        assert!(now >= self.now, "time never goes back");
        self.now = now;
        self.advanced.send_modify(|count| *count += 1);
    }

    fn handle(&mut self, now: MonoTime, unit: u8, client: ClientId, request: &Request) -> PlcReply {
        assert_eq!(now, self.now, "a request is answered after an advance to its instant");
        self.clients.push(client.0);
        let body = match request {
            _ if unit != 1 => ReplyBody::Silence,
            Request::Read { address, count } => {
                let start = usize::from(*address);
                let found = self.registers.get(start..start + usize::from(*count));
                found.map_or(ReplyBody::Exception(2), |words| ReplyBody::Registers(words.to_vec()))
            }
            Request::Write { address, words } => {
                let start = usize::from(*address);
                self.registers[start..start + words.len()].copy_from_slice(words);
                ReplyBody::Written
            }
        };
        PlcReply { delay: self.delay, body }
    }
}

struct Served {
    address: SocketAddr,
    device: Rc<RefCell<Bench>>,
    faults: LinkFaults,
    advanced: watch::Receiver<u64>,
}

/// Serves a bench while `client` runs; gives what the server counted.
fn with_server<F: Future<Output = ()>>(
    shape: impl FnOnce(&mut ServerSetup),
    client: impl FnOnce(Served) -> F,
) -> ServerCounts {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut setup = ServerSetup::starting_now();
        shape(&mut setup);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (advances, advanced) = watch::channel(0);
        let device = Bench {
            registers: (0..200).collect(),
            now: MonoTime::ZERO,
            clients: Vec::new(),
            advanced: advances,
            delay: Nanos::ZERO,
        };
        let device = Rc::new(RefCell::new(device));
        let served = Served {
            address: listener.local_addr().unwrap(),
            device: Rc::clone(&device),
            faults: setup.faults.clone(),
            advanced,
        };
        let (stop, stopped) = watch::channel(false);
        let play = async {
            client(served).await;
            stop.send(true).unwrap();
        };
        tokio::join!(serve(listener, device, setup, stopped), play).0
    })
}

fn bytes(hex: &str) -> Vec<u8> {
    hex.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}

async fn connect(served: &Served) -> TcpStream {
    TcpStream::connect(served.address).await.unwrap()
}

async fn must_receive(stream: &mut TcpStream, hex: &str) {
    let wanted = bytes(hex);
    let mut found = vec![0; wanted.len()];
    stream.read_exact(&mut found).await.unwrap();
    assert_eq!(found, wanted);
}

async fn exchange(stream: &mut TcpStream, request: &str, answer: &str) {
    stream.write_all(&bytes(request)).await.unwrap();
    must_receive(stream, answer).await;
}

/// Two registers from 0x10, with this transaction number.
fn read_request(transaction: u8) -> Vec<u8> {
    let mut request = bytes("00 00 00 00 00 06 01 03 00 10 00 02");
    request[1] = transaction;
    request
}

const READ_ONE: &str = "00 01 00 00 00 06 01 03 00 10 00 02";
const ANSWER_ONE: &str = "00 01 00 00 00 07 01 03 04 00 10 00 11";

#[test]
fn registers_are_read_and_written() {
    let counts = with_server(
        |_| {},
        |served| async move {
            let mut stream = connect(&served).await;
            exchange(&mut stream, READ_ONE, ANSWER_ONE).await;
            let write = "00 02 00 00 00 0B 01 10 00 10 00 02 04 AB CD 00 07";
            exchange(&mut stream, write, "00 02 00 00 00 06 01 10 00 10 00 02").await;
            exchange(&mut stream, READ_ONE, "00 01 00 00 00 07 01 03 04 AB CD 00 07").await;
            exchange(&mut stream, "00 03 00 00 00 06 01 03 FF 00 00 01", "00 03 00 00 00 03 01 83 02").await;
            exchange(&mut stream, "00 04 00 00 00 06 01 06 00 00 00 01", "00 04 00 00 00 03 01 86 01").await;
            exchange(&mut stream, "00 05 00 00 00 06 01 03 00 00 00 7E", "00 05 00 00 00 03 01 83 03").await;
        },
    );
    assert_eq!(counts, ServerCounts { connections: 1, requests: 6, bad_frames: 0 });
}

#[test]
fn frames_may_come_byte_by_byte_or_together() {
    with_server(
        |_| {},
        |served| async move {
            let mut stream = connect(&served).await;
            stream.set_nodelay(true).unwrap();
            for byte in bytes(READ_ONE) {
                stream.write_all(&[byte]).await.unwrap();
            }
            must_receive(&mut stream, ANSWER_ONE).await;
            stream.write_all(&[read_request(7), read_request(8)].concat()).await.unwrap();
            must_receive(&mut stream, "00 07 00 00 00 07 01 03 04 00 10 00 11").await;
            must_receive(&mut stream, "00 08 00 00 00 07 01 03 04 00 10 00 11").await;
        },
    );
}

#[test]
fn clients_are_told_apart_and_units_passed_on() {
    with_server(
        |_| {},
        |served| async move {
            let (mut first, mut second) = (connect(&served).await, connect(&served).await);
            exchange(&mut first, READ_ONE, ANSWER_ONE).await;
            exchange(&mut second, READ_ONE, ANSWER_ONE).await;
            // Unit 2 is silent; the next answer on the connection is that of the next request.
            second.write_all(&bytes("00 09 00 00 00 06 02 03 00 00 00 01")).await.unwrap();
            exchange(&mut second, READ_ONE, ANSWER_ONE).await;
            let clients = served.device.borrow().clients.clone();
            assert_eq!(clients.len(), 4);
            assert_ne!(clients[0], clients[1]);
            assert_eq!(clients[1], clients[3]);
        },
    );
}

#[test]
fn a_stream_out_of_step_is_closed_and_others_go_on() {
    let counts = with_server(
        |_| {},
        |served| async move {
            let (mut bad, mut good) = (connect(&served).await, connect(&served).await);
            bad.write_all(&bytes("00 01 00 01 00 06 01 03 00 10 00 02")).await.unwrap();
            assert_eq!(bad.read(&mut [0; 8]).await.unwrap(), 0);
            exchange(&mut good, READ_ONE, ANSWER_ONE).await;
        },
    );
    assert_eq!(counts.bad_frames, 1);
}

#[test]
fn the_world_goes_on_when_nobody_asks() {
    with_server(
        |setup| setup.tick = Duration::from_millis(1),
        |mut served| async move {
            served.advanced.wait_for(|count| *count >= 5).await.unwrap();
        },
    );
}

#[test]
fn a_cut_resets_old_and_new_connections_and_ends() {
    with_server(
        |_| {},
        |served| async move {
            let mut stream = connect(&served).await;
            exchange(&mut stream, READ_ONE, ANSWER_ONE).await;
            served.faults.begin(LinkFault::TcpCut);
            assert!(stream.read(&mut [0; 8]).await.is_err(), "a reset, not an end");
            let again = TcpStream::connect(served.address).await;
            if let Ok(mut again) = again {
                // Accepted by the kernel, reset by the server.
                assert!(again.read(&mut [0; 8]).await.is_err());
            }
            assert_eq!(served.faults.counts().cut, 2);
            served.faults.end(LinkFault::TcpCut);
            exchange(&mut connect(&served).await, READ_ONE, ANSWER_ONE).await;
        },
    );
}

#[test]
fn a_half_open_wire_takes_requests_and_gives_nothing() {
    with_server(
        |_| {},
        |served| async move {
            let mut stream = connect(&served).await;
            served.faults.begin(LinkFault::HalfOpen);
            stream.write_all(&read_request(5)).await.unwrap();
            while served.faults.counts().half_open == 0 {
                tokio::task::yield_now().await;
            }
            served.faults.end(LinkFault::HalfOpen);
            // The first bytes on the wire are the answer to the request after it.
            exchange(&mut stream, READ_ONE, ANSWER_ONE).await;
            assert_eq!(served.faults.counts().half_open, 1);
        },
    );
}

#[test]
fn a_late_reply_is_overtaken_by_those_behind_it() {
    with_server(
        |_| {},
        |served| async move {
            let late = LinkFault::LateReplies { every: 3, delay: Nanos::from_millis(40) };
            served.faults.begin(late);
            let mut stream = connect(&served).await;
            let requests: Vec<u8> = (1..=5).flat_map(read_request).collect();
            stream.write_all(&requests).await.unwrap();
            for id in ["01", "02", "04", "05", "03"] {
                must_receive(&mut stream, &format!("00 {id} 00 00 00 07 01 03 04 00 10 00 11")).await;
            }
            served.faults.end(late);
            assert_eq!(served.faults.counts().late, 1);
        },
    );
}

#[test]
fn a_device_that_takes_its_time_delays_the_answer() {
    with_server(
        |_| {},
        |served| async move {
            served.device.borrow_mut().delay = Nanos::from_millis(30);
            let mut stream = connect(&served).await;
            let start = Instant::now();
            exchange(&mut stream, READ_ONE, ANSWER_ONE).await;
            assert!(start.elapsed() >= Duration::from_millis(30));
        },
    );
}

#[test]
fn frames_come_out_wrong_as_ordered() {
    let answer = "00 01 00 00 00 07 01 03 04 00 10 00 11";
    for (fault, first) in [
        (FrameFault::Duplicate, format!("{answer} {answer}")),
        (FrameFault::Split, answer.to_owned()),
        (FrameFault::Truncate, answer[..6 * 3].to_owned()),
        (FrameFault::StaleId, answer.replacen("00 01", "00 00", 1)),
        (FrameFault::WrongUnit, answer.replacen("07 01", "07 02", 1)),
        (FrameFault::Drop, String::new()),
    ] {
        with_server(
            |_| {},
            |served| async move {
                served.faults.set_frame_fault(Some((2, fault)));
                let mut stream = connect(&served).await;
                exchange(&mut stream, "00 07 00 00 00 06 01 03 00 10 00 02", &answer.replacen("01", "07", 1))
                    .await;
                exchange(&mut stream, READ_ONE, &first).await;
                while served.faults.counts().frames == 0 {
                    tokio::task::yield_now().await;
                }
                served.faults.set_frame_fault(None);
                let last = "00 08 00 00 00 07 01 03 04 00 10 00 11";
                exchange(&mut stream, "00 08 00 00 00 06 01 03 00 10 00 02", last).await;
                assert_eq!(served.faults.counts().frames, 1, "{fault:?}");
            },
        );
    }
}

#[test]
fn idle_and_surplus_connections_are_closed() {
    let counts = with_server(
        |setup| setup.idle_close = Duration::from_millis(30),
        |served| async move {
            let mut idle = connect(&served).await;
            assert_eq!(idle.read(&mut [0; 8]).await.unwrap(), 0);
        },
    );
    assert_eq!(counts.connections, 1);
    let counts = with_server(
        |_| {},
        |served| async move {
            let mut kept = Vec::new();
            for _ in 0..CONNECTIONS_MAX {
                let mut stream = connect(&served).await;
                exchange(&mut stream, READ_ONE, ANSWER_ONE).await;
                kept.push(stream);
            }
            let mut surplus = connect(&served).await;
            assert!(surplus.read(&mut [0; 8]).await.is_err());
            exchange(&mut kept[0], READ_ONE, ANSWER_ONE).await;
            // A place that becomes free is given again.
            kept.pop();
            loop {
                let mut next = connect(&served).await;
                next.write_all(&bytes(READ_ONE)).await.unwrap();
                if next.read_exact(&mut [0; 13]).await.is_ok() {
                    return;
                }
            }
        },
    );
    assert_eq!(counts.connections, CONNECTIONS_MAX as u64 + 1);
}

#[test]
fn a_client_library_that_is_not_ours_agrees() {
    use tokio_modbus::client::{Client, tcp};
    use tokio_modbus::{Request as Call, Response, Slave};
    with_server(
        |_| {},
        |served| async move {
            let mut client = tcp::attach_slave(connect(&served).await, Slave(1));
            let read = client.call(Call::ReadHoldingRegisters(50, 125)).await.unwrap().unwrap();
            assert_eq!(read, Response::ReadHoldingRegisters((50..175).collect()));
            let words: Vec<u16> = (900..1_023).collect();
            let written =
                client.call(Call::WriteMultipleRegisters(3, words.clone().into())).await.unwrap().unwrap();
            assert_eq!(written, Response::WriteMultipleRegisters(3, 123));
            assert_eq!(served.device.borrow().registers[3..126], words);
            let refused = client.call(Call::ReadHoldingRegisters(190, 50)).await.unwrap();
            assert_eq!(refused, Err(tokio_modbus::ExceptionCode::IllegalDataAddress));
        },
    );
}

#[test]
fn a_hosted_sorter_shows_its_header_on_the_wire() {
    use crate::world::{Sorter, SorterSetup};
    use wcs_specs::{Profile, SorterMap};
    let map = SorterMap::resolve(&Profile::load("wcs-sorter-hs").unwrap(), &Default::default()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let sorter = Sorter::new(SorterSetup::demo()).unwrap();
        let sink = Box::new(|_: &crate::world::LedgerEvent| Ok(()));
        let hosted =
            HostedSorter::new(sorter, crate::faults::FaultPlan::default(), FaultTargets::default(), sink);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = watch::channel(false);
        let client = async {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let [high, low] = map.header_block.count.to_be_bytes();
            let [base_high, base_low] = map.header_block.start.to_be_bytes();
            stream.write_all(&[0, 1, 0, 0, 0, 6, 1, 3, base_high, base_low, high, low]).await.unwrap();
            let mut answer = vec![0; 9 + 2 * usize::from(map.header_block.count)];
            stream.read_exact(&mut answer).await.unwrap();
            let at = 9 + 2 * map.header.magic;
            assert_eq!(u16::from_be_bytes([answer[at], answer[at + 1]]), map.magic);
            stop.send(true).unwrap();
        };
        let hosted = Rc::new(RefCell::new(hosted));
        let counts = tokio::join!(serve(listener, hosted, ServerSetup::starting_now(), stopped), client).0;
        assert_eq!((counts.connections, counts.requests), (1, 1));
    });
}
