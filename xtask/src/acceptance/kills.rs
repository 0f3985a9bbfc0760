//! The kill line: `wcs sim run` keeps the sorter turning while `wcs run` is killed ten times at random
//! moments and started again on the same data. Afterwards daemon and ledger must agree, and the journal must
//! replay. The daemon says on standard output when the PLC has shown the permit and taken a destination (`commanding
//! after N ms: ...`); the time is taken here, from the start of the process to the arrival of that word.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::{Invocation, Place};

pub(super) const STORY: &str = "wcs sim run goes on; wcs run is killed ten times, then runs to its end; \
                                wcs reconcile; wcs replay";

const KILLS: u32 = 10;
const COMMANDING_MS_MAX: u64 = 500;
/// Start of the line by which the daemon says that it commands again.
const COMMANDING: &str = "commanding after ";
/// What such a line says when loads awaited their destinations.
const TAKEN: &str = "first destination taken";
const COMMANDING_WAIT: Duration = Duration::from_secs(30);
const END_WAIT: Duration = Duration::from_secs(1_200);

/// A child of this play; it never outlives the play.
struct Player(Child);

impl Drop for Player {
    fn drop(&mut self) {
        // It may have ended by itself; both answers are fine here.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

pub(super) fn play(place: &Place) -> Result<String, String> {
    let mut seed = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_nanos() as u64);
    place.say(&format!("seed {seed}"));
    let sorter = start(place, &sorter_arguments(place), "sorter.log")?;
    let (mut slowest, mut with_destination) = (0, 0);
    let mut note = |(ms, said): (u64, String)| {
        slowest = slowest.max(ms);
        with_destination += u32::from(said.contains(TAKEN));
    };
    for round in 0..KILLS {
        let mut daemon = start_daemon(place, round)?;
        note(daemon.wait_commanding()?);
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let moment = Duration::from_millis(200 + (seed >> 33) % 8_000);
        if daemon.has_ended_within(moment) {
            return Err(format!("the daemon ended by itself before kill {}", round + 1));
        }
        drop(daemon);
    }
    let mut daemon = start_daemon(place, KILLS)?;
    note(daemon.wait_commanding()?);
    daemon.wait_end()?;
    drop(sorter);
    let data = place.folder.join("data").display().to_string();
    let ledger = place.folder.join("ledger.jsonl").display().to_string();
    finish(place, &["reconcile", "--data", &data, "--ledger", &ledger])?;
    finish(place, &["replay", &data])?;
    if slowest > COMMANDING_MS_MAX {
        return Err(format!("commanding again after {slowest} ms, {COMMANDING_MS_MAX} are allowed"));
    }
    if with_destination == 0 {
        return Err("no load ever awaited its destination when the daemon came back".to_owned());
    }
    Ok(format!(
        "{KILLS} kills, commanding after at most {slowest} ms, {with_destination} times with a destination taken, reconcile zero"
    ))
}

struct Daemon {
    player: Player,
    lines: Receiver<String>,
    started: Instant,
}

impl Daemon {
    /// Milliseconds from the start of the process until it said that the PLC obeys, and what it said.
    fn wait_commanding(&mut self) -> Result<(u64, String), String> {
        let until = Instant::now() + COMMANDING_WAIT;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).map_err(|error| match error {
                RecvTimeoutError::Timeout => "the daemon never said that it commands".to_owned(),
                RecvTimeoutError::Disconnected => "the daemon ended before it commanded".to_owned(),
            })?;
            if line.starts_with(COMMANDING) {
                let ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
                println!("  kills: {ms} ms: {line}");
                return Ok((ms, line));
            }
        }
    }

    fn has_ended_within(&mut self, span: Duration) -> bool {
        let until = Instant::now() + span;
        loop {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => return false,
                Err(RecvTimeoutError::Disconnected) => return true,
            }
        }
    }

    /// Waits until the daemon has sorted everything and ended with 0.
    fn wait_end(mut self) -> Result<(), String> {
        if !self.has_ended_within(END_WAIT) {
            return Err(format!("the daemon did not finish in {} s", END_WAIT.as_secs()));
        }
        let status = self.player.0.wait().map_err(|error| error.to_string())?;
        if status.success() { Ok(()) } else { Err(format!("the daemon ended with {status}")) }
    }
}

fn sorter_arguments(place: &Place) -> Vec<String> {
    let mut arguments = vec!["sim".to_owned(), "run".to_owned()];
    arguments.extend(shared_arguments(place));
    let ledger = place.folder.join("ledger.jsonl").display().to_string();
    arguments.extend(["--listen", "127.0.0.1:1502", "--speed", "5", "--ledger"].map(str::to_owned));
    arguments.push(ledger);
    arguments
}

fn shared_arguments(place: &Place) -> Vec<String> {
    let configs = place.root.join("configs");
    let pairs = [
        ("--plant", configs.join("plant.toml")),
        ("--orders", place.days.join("2010-12-01.csv")),
        ("--mapping", configs.join("mappings").join("retail.toml")),
    ];
    let mut arguments: Vec<String> =
        pairs.iter().flat_map(|(flag, path)| [(*flag).to_owned(), path.display().to_string()]).collect();
    arguments.extend(["--seed", "1"].map(str::to_owned));
    arguments
}

fn start_daemon(place: &Place, round: u32) -> Result<Daemon, String> {
    let mut arguments = vec!["run".to_owned()];
    arguments.extend(shared_arguments(place));
    let data = place.folder.join("data").display().to_string();
    arguments.extend(["--assign", "volume", "--identify", "lpn", "--data"].map(str::to_owned));
    arguments.extend([data, "--report".to_owned(), "report.json".to_owned()]);
    let started = Instant::now();
    let mut player = start(place, &arguments, &format!("daemon-{round}.log"))?;
    let output = player.0.stdout.take().expect("standard output of a player is piped");
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return; // the play is over
            }
        }
    });
    Ok(Daemon { player, lines, started })
}

fn start(place: &Place, arguments: &[String], log: &str) -> Result<Player, String> {
    let shown = Invocation { program: "wcs".to_owned(), arguments: arguments.to_vec(), report: None };
    place.say(&format!("$ {shown} &"));
    let errors = File::create(place.folder.join(log)).map_err(|error| format!("{log}: {error}"))?;
    let is_daemon = arguments.first().is_some_and(|first| first == "run");
    Command::new(&place.binary)
        .args(arguments)
        .current_dir(&place.folder)
        .stdin(Stdio::null())
        .stdout(if is_daemon { Stdio::piped() } else { Stdio::null() })
        .stderr(errors)
        .spawn()
        .map(Player)
        .map_err(|error| format!("{}: {error}", place.binary.display()))
}

/// Runs a command of the binary to its end; gives what it printed, or fails with its exit code.
fn finish(place: &Place, arguments: &[&str]) -> Result<String, String> {
    let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    let ran = place
        .run(&Invocation { program: "wcs".to_owned(), arguments, report: None })
        .map_err(|error| format!("{error:#}"))?;
    ran.must_succeed()?;
    Ok(ran.printed)
}
