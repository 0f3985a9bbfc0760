//! The server of arm A: it takes every request and answers each with the same page. What the load generator itself costs
//! the machine is then in both arms.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use anyhow::Result;

/// Bytes of an answer to a question: about a page of a hundred rows.
const PAGE_SIZE: usize = 32 * 1024;

/// Starts it; its threads end with the process.
pub(crate) fn start() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::Builder::new().name("null server".into()).spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            // A connection that breaks is the load generator's to report.
            std::thread::spawn(move || serve(stream).unwrap_or_default());
        }
    })?;
    Ok(address)
}

fn serve(mut out: TcpStream) -> std::io::Result<()> {
    out.set_nodelay(true)?;
    let mut requests = BufReader::new(out.try_clone()?);
    let page = answer(PAGE_SIZE);
    let taken = answer(100);
    let mut line = String::new();
    loop {
        let (mut size, mut is_question) = (0_usize, None);
        loop {
            line.clear();
            if requests.read_line(&mut line)? == 0 {
                return Ok(());
            }
            is_question.get_or_insert(line.starts_with("GET "));
            if line.trim_end().is_empty() {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                size = value.trim().parse().unwrap_or(0);
            }
        }
        let mut body = vec![0; size];
        requests.read_exact(&mut body)?;
        out.write_all(if is_question == Some(true) { &page } else { &taken })?;
    }
}

fn answer(size: usize) -> Vec<u8> {
    let body = format!("{{\"items\":[],\"next_cursor\":null{}}}", " ".repeat(size));
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body.as_bytes()].concat()
}
