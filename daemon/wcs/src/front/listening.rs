//! Where the HTTP service listens: takes its address, waits for one that is taken, and answers until it is told to stop.
//! What is answered is `wcs_api`'s; a line never waits for any of it.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::watch;
use wcs_api::{Api, BindError, Bound, bind};

/// Pause before an address that could not be had is tried again: at first, and at most.
const BIND_AGAIN: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(15));

/// Binds and answers until `stop`; tells where it listens once it does.
pub(super) async fn serve(
    (listen, takes_any_port): (SocketAddr, bool),
    api: Api,
    mut stop: watch::Receiver<bool>,
    told: watch::Sender<Option<SocketAddr>>,
) {
    let Some(bound) = take(listen, takes_any_port, &mut stop).await else { return };
    told.send_replace(Some(bound.address()));
    let stopped = async move {
        // The sender lives as long as the daemon; gone, it is a stop as well.
        stop.wait_for(|stop| *stop).await.map(|_| ()).unwrap_or_default();
    };
    if let Err(error) = bound.serve(api, stopped).await {
        tracing::error!(%error, "the HTTP service ended");
    }
}

/// Takes the address. One that is taken is no reason for a line to stand: it is tried again until `stop`, or given up for
/// a free port where any will do.
async fn take(
    mut listen: SocketAddr,
    takes_any_port: bool,
    stop: &mut watch::Receiver<bool>,
) -> Option<Bound> {
    let (mut pause, pause_max) = BIND_AGAIN;
    loop {
        match bind(listen).await {
            Ok(bound) => return Some(bound),
            Err(error @ BindError::NotLoopback { .. }) => unreachable!("settings were checked: {error}"),
            // To look first whether it is free would leave room for another to take it in between.
            Err(BindError::Io { cause, .. })
                if takes_any_port && listen.port() != 0 && cause.kind() == ErrorKind::AddrInUse =>
            {
                listen.set_port(0);
                continue;
            }
            Err(error) => tracing::error!(
                %error,
                "nobody can ask anything; lines run. Another daemon may listen there: name another address in \
                 [http] of the site file, or with --listen. It is tried again"
            ),
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => pause = pause_max.min(pause * 2),
            _ = stop.wait_for(|stop| *stop) => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_address_is_given_up_only_where_any_port_will_do() {
        let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let taken = holder.local_addr().unwrap();
        let (stop, mut stopped) = watch::channel(false);
        let elsewhere = take(taken, true, &mut stopped).await.unwrap().address();
        assert!(elsewhere != taken && elsewhere.ip() == taken.ip());
        stop.send_replace(true);
        assert!(take(taken, false, &mut stopped).await.is_none(), "it waits until it is told to stop");
        drop(holder);
        assert_eq!(take(taken, false, &mut stopped).await.unwrap().address(), taken);
    }
}
