//! Connections: how many there may be, how long a request may take to come, and their end when the daemon stops. What is
//! asked and answered on them is the router's business.
//!
//! ```text
//! accepted (a place taken) --head in time--> request --answer--> waits for the next head --...
//!                     `--too slow, or none for that long--> closed (the place is free)
//! stop: no more are accepted, each is closed behind the answer under way, and serve ends with the last
//! ```

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Open connections. More wait in the queue of the system until one is closed.
const CONNECTIONS_MAX: u32 = 1_024;
/// Pause after the system had no descriptor left for a connection.
const ACCEPT_AGAIN: Duration = Duration::from_millis(200);

/// Serves `router` on `listener` until `stop` resolves and every connection has ended. The head of a request may take
/// `head_time_max`, and so long a connection may be without one.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    head_time_max: Duration,
    stop: impl Future<Output = ()> + Send,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX as usize));
    let (stopping, stopped) = watch::channel(false);
    let accepting = async {
        loop {
            let place = Arc::clone(&places).acquire_owned().await.expect("the semaphore is never closed");
            match accept(&listener).await {
                Ok(stream) => {
                    let connection = Connection { place, router: router.clone(), stopped: stopped.clone() };
                    tokio::spawn(connection.run(stream, head_time_max));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                }
            }
        }
    };
    tokio::select! {
        () = accepting => {}
        () = stop => {}
    }
    drop(listener);
    stopping.send_replace(true);
    // Every place is free again when the last connection has ended.
    places.acquire_many(CONNECTIONS_MAX).await.expect("the semaphore is never closed").forget();
}

/// The next connection. One that was gone before it was accepted is nobody's fault.
async fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Without it an answer in two segments waits for an acknowledgement in between.
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
                ) => {}
            Err(error) => return Err(error),
        }
    }
}

struct Connection {
    place: OwnedSemaphorePermit,
    router: Router,
    stopped: watch::Receiver<bool>,
}

impl Connection {
    async fn run(mut self, stream: TcpStream, head_time_max: Duration) {
        let service = TowerToHyperService::new(self.router);
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(head_time_max)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        // A sender that is gone is a stop as well.
        let stopped = async move { self.stopped.wait_for(|stopped| *stopped).await.map_or((), |_| ()) };
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = stopped => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended");
        }
        drop(self.place);
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::oneshot;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    struct Running {
        address: std::net::SocketAddr,
        stop: oneshot::Sender<()>,
        serving: tokio::task::JoinHandle<()>,
    }

    async fn start(head_time_max: Duration, router: Router) -> Running {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let stopped = async { stopped.await.unwrap() };
        let serving = tokio::spawn(serve(listener, router, head_time_max, stopped));
        Running { address, stop, serving }
    }

    #[tokio::test]
    async fn a_head_that_never_ends_is_not_waited_for() {
        let running = start(Duration::from_millis(50), Router::new()).await;
        let mut client = TcpStream::connect(running.address).await.unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nx-slow: ").await.unwrap();
        let mut left = Vec::new();
        // Ends only because the service closes.
        client.read_to_end(&mut left).await.unwrap();
        running.stop.send(()).unwrap();
        running.serving.await.unwrap();
    }

    #[tokio::test]
    async fn a_stop_closes_idle_connections_and_lets_answers_leave() {
        let (asked, was_asked) = oneshot::channel();
        let (go, gone) = oneshot::channel::<()>();
        let once = Arc::new(std::sync::Mutex::new(Some((asked, gone))));
        let handler = move || {
            let taken = once.lock().unwrap().take();
            async move {
                let (asked, gone) = taken.unwrap();
                asked.send(()).unwrap();
                gone.await.unwrap();
                "done"
            }
        };
        let running = start(LONG, Router::new().route("/", get(handler))).await;
        let mut idle = TcpStream::connect(running.address).await.unwrap();
        let mut busy = TcpStream::connect(running.address).await.unwrap();
        busy.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        was_asked.await.unwrap();
        running.stop.send(()).unwrap();
        let mut left = Vec::new();
        idle.read_to_end(&mut left).await.unwrap();
        assert!(left.is_empty());
        go.send(()).unwrap();
        busy.read_to_end(&mut left).await.unwrap();
        assert!(String::from_utf8(left).unwrap().ends_with("done"));
        running.serving.await.unwrap();
    }
}
