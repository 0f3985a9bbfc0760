//! Frames of programs that share no code with us against the vectors of the profile: every client asks for the same
//! thing with the same bytes, and a server that is not ours answers requests of the vectors with their replies.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use wcs_drivers::ModbusClient;
use wcs_drivers::trace::WireTrace;
use wcs_sessions::{Answer, Request};
use wcs_specs::codec::decode;
use wcs_specs::{FrameVector, Profile, Vectors};
use wcs_tests::RegisterServer;
use wcs_tests::peer::{Came, Operation, PeerClient, PeerMode, PeerServer, compile};

const WAIT: Duration = Duration::from_secs(5);
const READ: u8 = 3;
const WRITE: u8 = 16;
const ILLEGAL_ADDRESS: u8 = 2;
const BUSY: u8 = 6;
/// Bytes of a transaction number, which every client counts as it likes.
const TRANSACTION: usize = 2;

fn vectors() -> Result<(Profile, Vectors)> {
    let profile = Profile::load("wcs-sorter-hs")?;
    let vectors = Vectors::load(&profile)?;
    ensure!(!vectors.frames.is_empty() && !vectors.images.is_empty(), "there are vectors");
    Ok((profile, vectors))
}

/// Our client asked as if it were a stranger.
fn ask_ours(server: SocketAddr, unit: u8, operation: &Operation) -> Result<Came> {
    let request = match operation.clone() {
        Operation::Read { address, count } => Request::Read { address, count },
        Operation::Write { address, words } => Request::Write { address, words },
        Operation::Body(_) => anyhow::bail!("our client sends no bodies of others"),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(server).await?;
        let mut client = ModbusClient::attach(stream, WireTrace::default());
        Ok::<Answer, std::io::Error>(
            client.exchange(unit, &request, tokio::time::Instant::now() + WAIT).await,
        )
    })?;
    Ok(match answer {
        Answer::Registers(words) => Came::Words(words),
        Answer::Written => Came::Written(u16::try_from(written_count(operation))?),
        Answer::Exception(code) => Came::Exception(code),
        other @ (Answer::Silence | Answer::Broken) => anyhow::bail!("{other:?}"),
    })
}

fn written_count(operation: &Operation) -> usize {
    if let Operation::Write { words, .. } = operation { words.len() } else { 0 }
}

fn operation_of(frame: &FrameVector) -> Operation {
    let told = &frame.telegram;
    match told.function {
        READ => Operation::Read { address: told.address, count: told.count },
        _ => Operation::Write { address: told.address, words: told.words.clone() },
    }
}

fn expected(frame: &FrameVector) -> Came {
    let told = &frame.telegram;
    match (told.exception, told.function) {
        (Some(code), _) => Came::Exception(code),
        (None, READ) => Came::Words(told.words.clone()),
        (None, _) => Came::Written(told.count),
    }
}

/// Plays the device of one frame vector and gives what the client made of it and the bytes it sent.
fn play(
    frame: &FrameVector,
    ask: impl FnOnce(SocketAddr, u8, &Operation) -> Result<Came>,
) -> Result<(Came, Vec<Vec<u8>>)> {
    let server = RegisterServer::start()?;
    let told = &frame.telegram;
    server.set_busy(told.exception == Some(BUSY));
    if told.function == READ && told.exception.is_none() {
        server.hold(told.address, &told.words);
    }
    if told.function == WRITE && told.exception.is_none() {
        server.make_writable(told.address, told.count);
    }
    let came = ask(server.address(), told.unit, &operation_of(frame))?;
    if told.function == WRITE && told.exception.is_none() {
        ensure!(server.words(told.address, told.count) == told.words, "{}: the words arrived", frame.name);
    }
    Ok((came, server.take_requests()))
}

fn check_client(name: &str, ask: impl Fn(SocketAddr, u8, &Operation) -> Result<Came>) -> Result<()> {
    let (_, vectors) = vectors()?;
    for frame in &vectors.frames {
        let (came, requests) = play(frame, &ask).with_context(|| format!("{name}: {}", frame.name))?;
        ensure!(came == expected(frame), "{name}: {} came to {came:?}", frame.name);
        let [request] = &requests[..] else {
            anyhow::bail!("{name}: {} took {} requests", frame.name, requests.len())
        };
        ensure!(
            request[TRANSACTION..] == frame.request[TRANSACTION..],
            "{name}: {} was asked with {request:02x?}, not {:02x?}",
            frame.name,
            frame.request
        );
    }
    Ok(())
}

#[test]
fn our_client_sends_the_bytes_of_the_vectors() -> Result<()> {
    check_client("our client", ask_ours)
}

#[test]
fn libmodbus_sends_the_bytes_of_the_vectors() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let client = PeerClient::libmodbus(folder.path())?;
    check_client(client.name, |server, unit, operation| ask_peer(&client, server, unit, operation))
}

#[test]
fn pymodbus_sends_the_bytes_of_the_vectors() -> Result<()> {
    let client = PeerClient::pymodbus()?;
    check_client(client.name, |server, unit, operation| ask_peer(&client, server, unit, operation))
}

fn ask_peer(client: &PeerClient, server: SocketAddr, unit: u8, operation: &Operation) -> Result<Came> {
    client.ask(server, unit, std::slice::from_ref(operation))?.pop().context("an answer")
}

/// A server on libmodbus for one frame vector: with the registers the vector needs, or without those it must miss.
fn serve(program: &Path, frame: &FrameVector) -> Result<PeerServer> {
    let told = &frame.telegram;
    let mode = if told.exception == Some(BUSY) { PeerMode::Busy } else { PeerMode::Plain };
    if told.exception == Some(ILLEGAL_ADDRESS) {
        // Registers up to just below the ones asked for.
        return PeerServer::start(program, mode, told.address - 4, &[0; 4]);
    }
    let words = if told.function == READ && told.exception.is_none() {
        told.words.clone()
    } else {
        vec![0; told.count.into()]
    };
    PeerServer::start(program, mode, told.address, &words)
}

#[test]
fn libmodbus_server_answers_requests_of_the_vectors_with_their_replies() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let program = compile("libmodbus_server", folder.path())?;
    let (_, vectors) = vectors()?;
    for frame in &vectors.frames {
        let server = serve(&program, frame)?;
        let mut stream = TcpStream::connect(server.address)?;
        stream.set_read_timeout(Some(WAIT))?;
        stream.write_all(&frame.request)?;
        let mut reply = vec![0; frame.reply.len()];
        stream.read_exact(&mut reply).with_context(|| format!("the reply to `{}`", frame.name))?;
        ensure!(reply == frame.reply, "`{}` was answered {reply:02x?}, not {:02x?}", frame.name, frame.reply);
        drop(stream);
        let held = server.end()?;
        if frame.telegram.function == WRITE && frame.telegram.exception.is_none() {
            ensure!(held == frame.telegram.words, "`{}` wrote {held:04x?}", frame.name);
        }
    }
    Ok(())
}

#[test]
fn our_client_decodes_images_that_libmodbus_serves() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let program = compile("libmodbus_server", folder.path())?;
    let (profile, vectors) = vectors()?;
    for image in &vectors.images {
        // The longest image takes two reads; each server has one client.
        let mut words = Vec::new();
        for part in image.words.chunks(125) {
            let server = PeerServer::start(&program, PeerMode::Plain, 0, part)?;
            let count = u16::try_from(part.len())?;
            let came = ask_ours(server.address, 1, &Operation::Read { address: 0, count })?;
            let Came::Words(read) = came else { anyhow::bail!("`{}` came to {came:?}", image.name) };
            words.extend(read);
            server.end()?;
        }
        let decoded = decode(&profile, profile.area(&image.kind)?, &words);
        for (name, value) in decoded {
            let is_as_told = image.values.get(&name).map_or(value.is_zero(), |told| *told == value);
            ensure!(is_as_told, "`{}`: {name} decodes to {value:?}", image.name);
        }
    }
    Ok(())
}
