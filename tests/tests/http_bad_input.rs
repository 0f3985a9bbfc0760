//! What no client should send, over a real socket to the shipped binary: too much, too slow, too deep, torn off, and what is
//! no HTTP at all. Each is turned away with a 4xx or a closed connection, the service goes on, its memory stays bounded,
//! and nothing of it is stored.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use wcs_tests::child::tell;
use wcs_tests::front_door::FrontDoor;
use wcs_tests::raw_http::{Came, RawHttp, post};

const LIMIT: Duration = Duration::from_secs(120);
/// Little patience, so that the test needs little.
const LIMITS: &str = "body_seconds_max = 1\n";
/// Largest JSON body where the site file says nothing.
const BODY_MAX: usize = 8 << 20;
const HUNDRED_MB: usize = 100_000_000;
/// Clients that send too much at once.
const FLOODS: usize = 4;
/// What may be held for them all, and as much again for what was grown on the way.
const MEMORY_GROWTH_KIB_MAX: u64 = (2 * FLOODS * BODY_MAX) as u64 / 1024;
/// Connections that are opened, and on which little comes.
const HALF_OPEN: usize = 300;

const ORDERS: &str = "/api/orders";
const GOOD: &str = r#"{"orders":[{"number":"A1","lines":[{"sku":"s1","quantity":1}]}]}"#;

fn start(folder: &Path) -> Result<FrontDoor> {
    FrontDoor::start(folder, LIMITS, LIMIT)
}

/// The service answers, and no order is stored.
fn must_be_untouched(door: &FrontDoor, after: &str) -> Result<()> {
    let page = door.http.get(ORDERS).with_context(|| after.to_owned())?.expect(&[200])?.json()?;
    let is_empty = page["items"].as_array().is_some_and(Vec::is_empty);
    ensure!(is_empty, "something of it is stored after {after}: {page}");
    Ok(())
}

/// The problem document of an answer, which has to say `code`.
fn must_be_problem(came: &Came, status: u16, code: &str) -> Result<Value> {
    ensure!(came.status == Some(status), "{came:?} instead of {status}");
    ensure!(came.text.to_ascii_lowercase().contains("content-type: application/problem+json"), "{came:?}");
    let (_, body) = came.text.split_once("\r\n\r\n").context("a body")?;
    let problem: Value = serde_json::from_str(body).with_context(|| body.to_owned())?;
    ensure!(problem["code"] == code, "{problem} instead of {code}");
    Ok(problem)
}

#[test]
fn bodies_that_are_too_large_are_not_taken_in() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let door = start(folder.path())?;
    let before = door.memory_peak_kib()?;
    // The head says how much is to come: the answer does not wait for a byte of it.
    let head = format!(
        "POST {ORDERS} HTTP/1.1\r\nhost: wcs\r\ncontent-type: application/json\r\ncontent-length: {HUNDRED_MB}\r\n\r\n"
    );
    must_be_problem(&RawHttp::ask(door.address, head.as_bytes())?, 413, "body.too_large")?;

    // In chunks nobody knows. As many as the service takes are sent, and it must not take all.
    let address = door.address;
    let floods: Vec<Result<(usize, Came)>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..FLOODS).map(|_| scope.spawn(move || flood(address))).collect();
        threads.into_iter().map(|thread| thread.join().expect("a client does not panic")).collect()
    });
    for came in floods {
        let (sent, came) = came?;
        ensure!(sent < HUNDRED_MB, "all {sent} bytes were taken: {came:?}");
        ensure!(came.is_turned_away(), "{came:?}");
        tell(&format!("a body without an end: {sent} bytes left, then {:?}", came.status));
    }
    let growth = door.memory_peak_kib()? - before;
    ensure!(growth <= MEMORY_GROWTH_KIB_MAX, "the process grew by {growth} KiB");
    tell(&format!("{FLOODS} such bodies at once: the process grew by {growth} KiB"));
    must_be_untouched(&door, "too large bodies")?;
    door.stop()?;
    Ok(())
}

/// Sends a body in chunks until the service has had enough; bytes sent, and its answer.
fn flood(address: SocketAddr) -> Result<(usize, Came)> {
    let mut connection = RawHttp::connect(address)?;
    let head = format!(
        "POST {ORDERS} HTTP/1.1\r\nhost: wcs\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    connection.send(head.as_bytes())?;
    let chunk = [b"10000\r\n".as_slice(), &[b' '; 0x10000], b"\r\n"].concat();
    let mut sent = 0;
    while sent < HUNDRED_MB && connection.send(&chunk)? {
        sent += 0x10000;
    }
    Ok((sent, connection.answer()?))
}

#[test]
fn slow_clients_are_not_waited_for() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let door = start(folder.path())?;
    let mut slow = RawHttp::connect(door.address)?;
    let request = post(ORDERS, "", GOOD.as_bytes());
    slow.send(&request[..request.len() - 5])?;
    must_be_problem(&slow.answer()?, 408, "body.slow")?;

    let mut slow = RawHttp::connect(door.address)?;
    slow.send(b"GET /api/orders HTTP/1.1\r\nhost: wcs\r\nx-slow: ")?;
    let came = slow.answer()?;
    ensure!(came.is_turned_away(), "{came:?}");

    // Others are served while many wait.
    let mut waiting = (0..HALF_OPEN).map(|_| RawHttp::connect(door.address)).collect::<Result<Vec<_>>>()?;
    for (at, connection) in waiting.iter_mut().enumerate() {
        let part: &[u8] = if at % 2 == 0 { b"POST /api/orders HT" } else { &request[..request.len() - 1] };
        connection.send(part)?;
    }
    must_be_untouched(&door, "the first bytes of many requests")?;
    for connection in &mut waiting {
        let came = connection.answer()?;
        ensure!(came.is_turned_away(), "{came:?}");
    }
    must_be_untouched(&door, "slow requests")?;
    door.stop()?;
    Ok(())
}

#[test]
fn torn_requests_store_nothing() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let door = start(folder.path())?;
    let request = post(ORDERS, "", GOOD.as_bytes());
    for end in [1, 10, request.len() / 2, request.len() - 1] {
        let mut connection = RawHttp::connect(door.address)?;
        connection.send(&request[..end])?;
        drop(connection);
    }
    must_be_untouched(&door, "torn requests")?;
    // The same request whole is taken: it was not its content that was refused.
    let came = RawHttp::ask(door.address, &request)?;
    ensure!(came.status == Some(200), "{came:?}");
    door.stop()?;
    Ok(())
}

#[test]
fn what_is_no_json_of_ours_is_a_problem_with_its_place() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let door = start(folder.path())?;
    let deep = [r#"{"orders":"#, &"[".repeat(10_000)].concat();
    let deep_object = [r#"{"orders":[{"number":"#, &r#"{"a":"#.repeat(10_000)].concat();
    let cases: [(&[u8], u16, &str, &str); 8] = [
        (deep.as_bytes(), 422, "body.invalid", "/orders/0"),
        (deep_object.as_bytes(), 422, "body.invalid", "/orders/0/number"),
        (b"{\"orders\":[{\"number\":\"\xff\xfe\"}]}", 400, "body.not_text", ""),
        (b"{\"orders\":", 400, "body.malformed", ""),
        (b"\xef\xbb\xbf{\"orders\":[]}", 400, "body.malformed", ""),
        (
            br#"{"orders":[{"number":"A1","colour":"red","lines":[]}]}"#,
            422,
            "body.invalid",
            "/orders/0/colour",
        ),
        (br#"{"orders":[{"number":1,"lines":[]}]}"#, 422, "body.invalid", "/orders/0/number"),
        (
            br#"{"orders":[{"number":"A1","lines":[{"sku":"s","quantity":-1}]}]}"#,
            422,
            "body.invalid",
            "/orders/0/lines/0/quantity",
        ),
    ];
    for (body, status, code, pointer) in cases {
        let came = RawHttp::ask(door.address, &post(ORDERS, "", body))?;
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        let problem = must_be_problem(&came, status, code).context(shown.clone())?;
        if !pointer.is_empty() {
            ensure!(problem["errors"][0]["pointer"] == pointer, "{shown}: {problem}");
        }
    }
    let wrong_type = String::from_utf8(post(ORDERS, "", GOOD.as_bytes()))?.replace("/json", "/xml");
    must_be_problem(&RawHttp::ask(door.address, wrong_type.as_bytes())?, 415, "media_type.unsupported")?;
    must_be_untouched(&door, "JSON that is none of ours")?;
    door.stop()?;
    Ok(())
}

#[test]
fn what_is_no_request_is_turned_away() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let door = start(folder.path())?;
    let many = (0..5_000).map(|at| format!("x-{at}: y\r\n")).collect::<String>();
    let requests: [(&str, Vec<u8>); 12] = [
        ("a greeting of TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec()),
        ("zeroes", vec![0; 4_096]),
        ("another protocol", b"HELO wcs\r\n\r\n".to_vec()),
        ("a version that is none", b"GET /api/orders HTTP/9.9\r\nhost: wcs\r\n\r\n".to_vec()),
        ("a header without a name", b"GET /api/orders HTTP/1.1\r\nhost: wcs\r\n: x\r\n\r\n".to_vec()),
        ("a zero byte in a header", post(ORDERS, "wcs-operator: 1\x00\r\n", GOOD.as_bytes())),
        ("a bare return in a header", post(ORDERS, "wcs-operator: 1\rx: y\r\n", GOOD.as_bytes())),
        ("two lengths", post(ORDERS, "content-length: 3\r\n", GOOD.as_bytes())),
        ("a length and chunks", post(ORDERS, "transfer-encoding: x, chunked, y\r\n", GOOD.as_bytes())),
        (
            "a path of 200 KB",
            format!("GET /{} HTTP/1.1\r\nhost: wcs\r\n\r\n", "a".repeat(200_000)).into_bytes(),
        ),
        ("5 000 headers", format!("GET /api/orders HTTP/1.1\r\nhost: wcs\r\n{many}\r\n").into_bytes()),
        ("an operator that is no number", post(ORDERS, "wcs-operator: 1, 2\r\n", b"{}")),
    ];
    for (what, request) in &requests {
        let came = RawHttp::ask(door.address, request).context(*what)?;
        ensure!(came.is_turned_away(), "{what}: {came:?}");
        must_be_untouched(&door, what)?;
    }
    // What a client puts into a path comes back in bodies only.
    for path in
        ["/api/x%0d%0aset-cookie:%20a=b", "/api/orders/-/a%0d%0aset-cookie:%20a=b", "/api/orders?a%0d%0ab=1"]
    {
        let request = format!("GET {path} HTTP/1.1\r\nhost: wcs\r\naccept-language: ko\r\n\r\n");
        let came = RawHttp::ask(door.address, request.as_bytes())?;
        ensure!(came.is_turned_away() && came.status.is_some(), "{path}: {came:?}");
        ensure!(!came.header_names().iter().any(|name| name == "set-cookie"), "{path}: {came:?}");
    }
    door.stop()?;
    Ok(())
}
