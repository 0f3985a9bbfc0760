//! Letting others of the same thread go first. A link that has sent inputs gives way to the core, and the core that
//! has made outputs gives way to the links: each runs once, in the order they became ready, without a timer, a system
//! call or another thread between. Nothing depends on it but time: where the other side is elsewhere or has nothing to
//! do, giving way costs one turn of the task queue.

use std::future::poll_fn;
use std::task::Poll;

/// Ends when every task that was ready on this thread has been run once.
///
/// Not `tokio::task::yield_now`: that asks the operating system for news first.
pub async fn give_way() {
    let mut has_given = false;
    poll_fn(|context| {
        if std::mem::replace(&mut has_given, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tokio::sync::Notify;

    use super::give_way;

    #[tokio::test]
    async fn a_task_that_was_woken_first_runs_first() {
        let (wake, order) = (Arc::new(Notify::new()), Arc::new(Mutex::new(Vec::new())));
        let core = tokio::spawn({
            let (wake, order) = (Arc::clone(&wake), Arc::clone(&order));
            async move {
                for turn in 0..3 {
                    wake.notified().await;
                    order.lock().unwrap().push(("core", turn));
                }
            }
        });
        let link = tokio::spawn({
            let order = Arc::clone(&order);
            async move {
                for turn in 0..3 {
                    wake.notify_one();
                    give_way().await;
                    order.lock().unwrap().push(("link", turn));
                }
            }
        });
        core.await.unwrap();
        link.await.unwrap();
        let order = order.lock().unwrap();
        assert_eq!(*order, [("core", 0), ("link", 0), ("core", 1), ("link", 1), ("core", 2), ("link", 2)]);
    }
}
