//! The lock-free code of this crate in every order in which its threads can meet, up to a bound: the sources are the product's,
//! compiled against the atomics of loom. Link and core are played; queue and wake-ups are loom's own.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up its stage is broken")]

#[path = "../src/credits.rs"]
pub mod credits;

/// What the sources of the crate find under this name.
mod atomics {
    pub(crate) use loom::sync::atomic::{AtomicUsize, Ordering};
}

use loom::sync::{Arc, Mutex, Notify};
use loom::thread;

use credits::Credits;

/// How often a thread is interrupted at most in one order.
const PREEMPTIONS_MAX: usize = 4;

/// A link with its credits, the queue to the core, and who is told of what.
struct Road {
    credits: Credits,
    queue: Mutex<usize>,
    most: usize,
    link: Notify,
    core: Notify,
}

impl Road {
    fn new(credits: usize) -> Arc<Self> {
        let (queue, link, core) = (Mutex::new(0), Notify::new(), Notify::new());
        Arc::new(Self { credits: Credits::new(credits), queue, most: credits, link, core })
    }

    /// The link sends so many inputs, each as soon as it has a credit. Looks once more than it sends, as the product
    /// does.
    fn send(&self, count: usize) {
        for _ in 0..count {
            while !self.credits.try_take() {
                self.link.wait();
            }
            let mut queue = self.queue.lock().unwrap();
            *queue += 1;
            assert!(*queue <= self.most, "the credits are the capacity of the queue");
            drop(queue);
            self.core.notify();
        }
        if self.credits.try_take() {
            self.credits.put_back();
        }
    }

    /// The core admits so many inputs, and tells a link that may sleep.
    fn admit(&self, count: usize) {
        let mut left = count;
        while left > 0 {
            self.core.wait();
            loop {
                let mut queue = self.queue.lock().unwrap();
                if *queue == 0 {
                    break;
                }
                *queue -= 1;
                drop(queue);
                left -= 1;
                if self.credits.give_back() {
                    self.link.notify();
                }
            }
        }
    }
}

/// Every order in which a link with so many credits can send so many inputs. A link that is never told is a deadlock,
/// which loom reports.
fn run(credits: usize, inputs: usize) {
    let mut model = loom::model::Builder::new();
    // What is found at all is found with few preemptions; without a bound the larger model takes minutes.
    model.preemption_bound = Some(PREEMPTIONS_MAX);
    model.check(move || {
        let road = Road::new(credits);
        let link = {
            let road = Arc::clone(&road);
            thread::spawn(move || road.send(inputs))
        };
        road.admit(inputs);
        link.join().unwrap();
        let left = std::iter::from_fn(|| road.credits.try_take().then_some(())).count();
        assert_eq!(left, credits, "no credit is lost and none is made");
    });
}

#[test]
fn a_link_without_credit_is_told_and_every_input_arrives() {
    run(1, 2);
}

#[test]
fn a_link_with_credit_left_need_not_be_told() {
    run(2, 3);
}
