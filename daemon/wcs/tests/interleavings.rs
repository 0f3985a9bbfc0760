//! The lock-free code of the binary in every order in which its threads can meet: the source is that of the product,
//! compiled against the atomics of loom.

#[path = "../src/service/spans.rs"]
mod spans;

/// What the source finds under this name.
mod atomics {
    pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};
}

use loom::sync::Arc;
use loom::thread;

use spans::{Spans, SpansRead};

/// How many spans a reading shows at most this long.
fn below(read: &SpansRead, seconds: f64) -> u64 {
    let class = read.buckets.iter().find(|(bound, _)| *bound >= seconds);
    class.map_or(read.count, |(_, count)| *count)
}

#[test]
fn a_distribution_is_one_at_every_moment_it_is_read() {
    let mut model = loom::model::Builder::new();
    // Interrupted at most so often in one order.
    model.preemption_bound = Some(3);
    model.check(|| {
        let spans = Arc::new(Spans::default());
        let core = {
            let spans = Arc::clone(&spans);
            thread::spawn(move || {
                spans.add_us(3);
                spans.add_us(7);
            })
        };
        let early = spans.read();
        assert!(below(&early, 5e-6) <= below(&early, 1e-5), "classes hold what lies below them");
        assert!(below(&early, 10.0) <= early.count, "no class holds more than there are");
        core.join().unwrap();
        let late = spans.read();
        assert_eq!(
            (below(&late, 5e-6), below(&late, 1e-5), late.count),
            (1, 2, 2),
            "nothing that was added is lost"
        );
        assert!((late.sum - 1e-5).abs() < 1e-12, "{}", late.sum);
        assert!(early.count <= late.count && below(&early, 1e-5) <= below(&late, 1e-5), "it only grows");
    });
}
