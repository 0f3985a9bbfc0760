//! Asks the daemon, and again where it says that it cannot just now: a person would do the same.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::DoorShared;
use crate::client::http::{Answer, Service};
use crate::exit::Failure;

const JSON: &str = "application/json";
/// Pause before it asks again.
const AGAIN: Duration = Duration::from_millis(250);
/// Longest time it asks again; a disk may stand still for a while.
const PATIENCE: Duration = Duration::from_secs(120);

/// The daemon, as somebody sees it who has patience.
pub(super) struct Daemon<'a> {
    service: Service,
    shared: &'a DoorShared,
}

impl<'a> Daemon<'a> {
    pub(super) fn at(address: SocketAddr, shared: &'a DoorShared) -> Result<Self, Failure> {
        Ok(Self { service: Service::at(&format!("http://{address}"))?, shared })
    }

    /// An answer that is not "not now".
    fn patiently(&self, ask: impl Fn(&Service) -> Result<Answer, Failure>) -> Result<Answer, Failure> {
        let began = Instant::now();
        loop {
            let told = ask(&self.service);
            let may_pass = match &told {
                Ok(answer) => matches!(answer.status, 202 | 503),
                Err(_) => true,
            };
            if !may_pass || began.elapsed() >= PATIENCE || self.shared.is_stopped() {
                return told;
            }
            std::thread::sleep(AGAIN);
        }
    }

    pub(super) fn get(&self, path: &str) -> Result<Value, Failure> {
        let answer = self.patiently(|service| service.get(path))?;
        if answer.is_success() { answer.json() } else { Err(answer.failure()) }
    }

    /// A page that is not JSON.
    pub(super) fn text(&self, path: &str) -> Result<String, Failure> {
        let answer = self.patiently(|service| service.get(path))?;
        if answer.is_success() { Ok(answer.body) } else { Err(answer.failure()) }
    }

    pub(super) fn send(&self, path: &str, media_type: &str, body: &[u8]) -> Result<Answer, Failure> {
        self.patiently(|service| service.post(path, media_type, body))
    }

    /// Posts JSON; what it is told, whatever that is.
    pub(super) fn ask(&self, path: &str, body: &Value) -> Result<Answer, Failure> {
        self.send(path, JSON, body.to_string().as_bytes())
    }

    /// Posts JSON; anything but success is a failure.
    pub(super) fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let answer = self.ask(path, body)?;
        if answer.is_success() { answer.json() } else { Err(answer.failure()) }
    }

    /// Posts nothing; what it is told, whatever that is.
    pub(super) fn press(&self, path: &str) -> Result<Answer, Failure> {
        self.send(path, JSON, &[])
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.shared.is_stopped()
    }
}
