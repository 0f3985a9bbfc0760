//! A Modbus/TCP server that does what a script says with each request. It answers when a request is there, so
//! no test depends on how long something takes, except where silence is what is tested.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A request as received.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Received {
    /// Transaction id.
    pub(crate) transaction: u16,
    /// Unit.
    pub(crate) unit: u8,
    /// Function code and data.
    pub(crate) pdu: Vec<u8>,
}

impl Received {
    /// The right reply: registers hold 7, writes are echoed.
    pub(crate) fn reply(&self) -> Vec<u8> {
        self.frame(&self.good_pdu())
    }

    /// The PDU of the right reply.
    pub(crate) fn good_pdu(&self) -> Vec<u8> {
        if self.pdu[0] == 16 {
            return self.pdu[..5].to_vec();
        }
        let count = self.pdu[4];
        let mut pdu = vec![3, count * 2];
        (0..count).for_each(|_| pdu.extend([0, 7]));
        pdu
    }

    /// A reply frame with any PDU.
    pub(crate) fn frame(&self, pdu: &[u8]) -> Vec<u8> {
        let mut frame = self.transaction.to_be_bytes().to_vec();
        frame.extend([0, 0]);
        frame.extend((pdu.len() as u16 + 1).to_be_bytes());
        frame.push(self.unit);
        frame.extend_from_slice(pdu);
        frame
    }
}

/// The next request; `None` when the peer closed.
pub(crate) async fn receive(stream: &mut TcpStream) -> Option<Received> {
    let mut head = [0; 7];
    stream.read_exact(&mut head).await.ok()?;
    let length = usize::from(u16::from_be_bytes([head[4], head[5]]));
    let mut pdu = vec![0; length - 1];
    stream.read_exact(&mut pdu).await.ok()?;
    Some(Received { transaction: u16::from_be_bytes([head[0], head[1]]), unit: head[6], pdu })
}

/// A server for one connection: for the n-th request it sends what `script` gives, and closes on `None`.
pub(crate) async fn serve<F>(mut script: F) -> (String, JoinHandle<usize>)
where
    F: FnMut(usize, &Received) -> Option<Vec<Vec<u8>>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut count = 0;
        while let Some(request) = receive(&mut stream).await {
            let Some(parts) = script(count, &request) else { break };
            for part in parts {
                if stream.write_all(&part).await.is_err() {
                    return count;
                }
                stream.flush().await.unwrap();
                tokio::task::yield_now().await;
            }
            count += 1;
        }
        count
    });
    (address, task)
}
