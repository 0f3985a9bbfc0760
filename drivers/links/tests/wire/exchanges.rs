//! One client, one connection, one misbehaviour at a time: the answer the session gets, and whether the
//! connection goes on being used.

use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::Instant;
use wcs_drivers::trace::WireTrace;
use wcs_drivers::{ModbusClient, Poison, tcp};
use wcs_sessions::{Answer, Request};

use super::script::{Received, serve};

const READ: Request = Request::Read { address: 0x10, count: 2 };
/// Long enough that a good answer on loopback never misses it.
const PATIENT: Duration = Duration::from_secs(5);
/// Used only where no good answer can come.
const SHORT: Duration = Duration::from_millis(30);

fn good() -> Answer {
    Answer::Registers(vec![7, 7])
}

async fn client(address: &str) -> ModbusClient {
    let stream = tcp::connect(address, PATIENT).await.unwrap();
    ModbusClient::attach(stream, WireTrace::default())
}

async fn call(client: &mut ModbusClient, request: &Request, within: Duration) -> Answer {
    client.exchange(1, request, Instant::now() + within).await
}

#[tokio::test]
async fn reads_and_writes_are_carried_out() {
    let (address, _server) = serve(|_, request| Some(vec![request.reply()])).await;
    let mut client = client(&address).await;
    assert_eq!(call(&mut client, &READ, PATIENT).await, good());
    let write = Request::Write { address: 30_000, words: vec![1; 123] };
    assert_eq!(call(&mut client, &write, PATIENT).await, Answer::Written);
    assert_eq!(client.take_trace().len(), 4);
}

#[tokio::test]
async fn late_reply_is_dropped_and_a_thousand_calls_follow_on_the_same_connection() {
    // The first request is answered only when the second is there: late by construction.
    let mut held = Vec::new();
    let (address, server) = serve(move |count, request| {
        if count == 0 {
            held = request.reply();
            return Some(vec![]);
        }
        let late = std::mem::take(&mut held);
        Some(vec![late, request.reply()])
    })
    .await;
    let mut client = client(&address).await;
    assert_eq!(call(&mut client, &READ, SHORT).await, Answer::Silence);
    for _ in 0..1_000 {
        assert_eq!(call(&mut client, &READ, PATIENT).await, good());
    }
    assert_eq!(client.dropped().stale, 1);
    assert_eq!(client.dropped().invalid, 0);
    drop(client);
    assert_eq!(server.await.unwrap(), 1_001, "all on one connection");
}

#[tokio::test]
async fn many_late_replies_never_shift_the_answers() {
    // Each reply comes one request late, with the count of its own request.
    let mut held: Option<Received> = None;
    let (address, _server) = serve(move |count, request| {
        let late = held.replace(request.clone()).map(|late| late.frame(&[3, 4, 0, count as u8, 0, 1]));
        Some(late.into_iter().collect())
    })
    .await;
    let mut client = client(&address).await;
    for _ in 0..5 {
        assert_eq!(call(&mut client, &READ, SHORT).await, Answer::Silence);
    }
    assert_eq!(client.dropped().stale, 4);
}

#[tokio::test]
async fn wrong_replies_are_dropped_and_the_right_one_still_counts() {
    type Wrong = fn(&Received) -> Vec<u8>;
    let table: [(&str, Wrong); 8] = [
        ("wrong unit", |request| Received { unit: 2, ..request.clone() }.reply()),
        ("wrong function", |request| request.frame(&[4, 4, 0, 1, 0, 1])),
        ("short count", |request| request.frame(&[3, 2, 0, 1])),
        ("long count", |request| request.frame(&[3, 6, 0, 1, 0, 1, 0, 1])),
        ("no data", |request| request.frame(&[3, 0])),
        ("count that lies", |request| request.frame(&[3, 200, 0, 1, 0, 1])),
        ("exception of another function", |request| request.frame(&[0x90, 2])),
        ("other transaction", |request| Received { transaction: 999, ..request.clone() }.reply()),
    ];
    for (name, wrong) in table {
        let (address, _server) = serve(move |_, request| Some(vec![wrong(request), request.reply()])).await;
        let mut client = client(&address).await;
        for _ in 0..3 {
            assert_eq!(call(&mut client, &READ, PATIENT).await, good(), "{name}");
        }
        let dropped = client.dropped();
        assert_eq!(dropped.stale + dropped.invalid, 3, "{name}");
        // Alone it is as good as silence, and the connection stays in step.
        let (address, _server) = serve(move |count, request| {
            Some(vec![if count == 0 { wrong(request) } else { request.reply() }])
        })
        .await;
        let mut client = self::client(&address).await;
        assert_eq!(call(&mut client, &READ, SHORT).await, Answer::Silence, "{name}");
        assert_eq!(call(&mut client, &READ, PATIENT).await, good(), "{name}");
    }
}

#[tokio::test]
async fn wrong_echo_of_a_write_is_no_answer() {
    for echo in [[16, 0, 0, 0, 2], [16, 0, 1, 0, 3]] {
        let (address, _server) = serve(move |_, request| Some(vec![request.frame(&echo)])).await;
        let mut client = client(&address).await;
        let write = Request::Write { address: 1, words: vec![5, 6] };
        assert_eq!(call(&mut client, &write, SHORT).await, Answer::Silence);
        assert_eq!(client.dropped().invalid, 1);
    }
}

#[tokio::test]
async fn exceptions_carry_their_code() {
    for code in [1, 2, 3, 4, 5, 6, 8, 0x0A, 0x0B, 0x7F] {
        let (address, _server) = serve(move |_, request| Some(vec![request.frame(&[0x83, code])])).await;
        let mut client = client(&address).await;
        assert_eq!(call(&mut client, &READ, PATIENT).await, Answer::Exception(code));
        assert_eq!(call(&mut client, &READ, PATIENT).await, Answer::Exception(code));
    }
}

#[tokio::test]
async fn duplicated_replies_are_dropped() {
    let (address, _server) =
        serve(|_, request| Some(vec![[request.reply(), request.reply()].concat()])).await;
    let mut client = client(&address).await;
    for _ in 0..50 {
        assert_eq!(call(&mut client, &READ, PATIENT).await, good());
    }
    assert_eq!(client.dropped().stale, 49, "the last one lies unread");
}

#[tokio::test]
async fn reply_may_come_byte_by_byte() {
    let (address, _server) =
        serve(|_, request| Some(request.reply().chunks(1).map(<[u8]>::to_vec).collect())).await;
    let mut client = client(&address).await;
    for _ in 0..20 {
        assert_eq!(call(&mut client, &READ, PATIENT).await, good());
    }
}

#[tokio::test]
async fn half_a_frame_and_then_the_rest_stays_in_step() {
    let mut rest = Vec::new();
    let (address, _server) = serve(move |count, request| {
        let reply = request.reply();
        if count == 0 {
            rest = reply[6..].to_vec();
            return Some(vec![reply[..6].to_vec()]);
        }
        Some(vec![std::mem::take(&mut rest), reply])
    })
    .await;
    let mut client = client(&address).await;
    assert_eq!(call(&mut client, &READ, SHORT).await, Answer::Silence);
    assert_eq!(call(&mut client, &READ, PATIENT).await, good());
    assert_eq!(client.dropped().stale, 1);
}

#[tokio::test]
async fn peer_that_accepts_and_says_nothing_is_silent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = client(&listener.local_addr().unwrap().to_string()).await;
    for _ in 0..3 {
        assert_eq!(call(&mut client, &READ, SHORT).await, Answer::Silence);
    }
}

#[tokio::test]
async fn peer_that_takes_no_data_breaks_the_connection_at_the_deadline() {
    let (near, _far) = tokio::io::duplex(5);
    let mut client = ModbusClient::attach(near, WireTrace::default());
    assert_eq!(call(&mut client, &READ, SHORT).await, Answer::Broken);
    assert_eq!(client.poison(), Some(Poison::PartialSend));
    assert_eq!(call(&mut client, &READ, PATIENT).await, Answer::Broken);
}

#[tokio::test]
async fn stream_out_of_step_breaks_the_connection_at_once() {
    for (bytes, poison) in [
        (vec![0, 0, 0, 1, 0, 3, 1, 3, 0], Poison::ProtocolId { found: 1 }),
        (vec![0, 0, 0, 0, 0xFF, 0xFF], Poison::Length { found: 65_535 }),
        (vec![0, 0, 0, 0, 0, 1, 1], Poison::Length { found: 1 }),
    ] {
        let (address, _server) = serve(move |_, _| Some(vec![bytes.clone()])).await;
        let mut client = client(&address).await;
        assert_eq!(call(&mut client, &READ, PATIENT).await, Answer::Broken);
        assert_eq!(client.poison(), Some(poison));
        assert_eq!(call(&mut client, &READ, PATIENT).await, Answer::Broken);
    }
}

#[tokio::test]
async fn connection_closed_before_or_in_the_middle_of_a_reply_is_broken() {
    let (address, _server) = serve(|_, _| None).await;
    let mut first = client(&address).await;
    assert_eq!(call(&mut first, &READ, PATIENT).await, Answer::Broken);
    let mut answered = false;
    let (address, _server) = serve(move |_, request| {
        if answered {
            return None;
        }
        answered = true;
        Some(vec![request.reply()[..8].to_vec()])
    })
    .await;
    let mut second = client(&address).await;
    assert_eq!(call(&mut second, &READ, SHORT).await, Answer::Silence);
    assert_eq!(call(&mut second, &READ, PATIENT).await, Answer::Broken);
}

#[tokio::test]
async fn units_share_a_connection() {
    let (address, _server) = serve(|_, request| {
        // Unit 2 is not there.
        Some(if request.unit == 2 { vec![] } else { vec![request.reply()] })
    })
    .await;
    let mut client = client(&address).await;
    for _ in 0..3 {
        assert_eq!(client.exchange(1, &READ, Instant::now() + PATIENT).await, good());
        assert_eq!(client.exchange(2, &READ, Instant::now() + SHORT).await, Answer::Silence);
    }
}

#[tokio::test]
async fn connecting_has_a_deadline_and_names_a_refusal() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let error = tcp::connect(&address, PATIENT).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
}
