//! The service as its users meet it: requests through the router, a real SQLite store, and a control core that is
//! played. No socket, no clock.

#[cfg(test)]
mod adding;
#[cfg(test)]
mod batches;
#[cfg(test)]
mod document;
#[cfg(test)]
mod files;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod orders;
#[cfg(test)]
mod refused;
#[cfg(test)]
mod service;
#[cfg(test)]
mod starting;
#[cfg(test)]
mod tables;
