//! Holds outputs back until the record they wait for is durable. Outputs of one step are released in the order
//! the core made them; an output that waits does not hold back a later one that need not.

use std::collections::VecDeque;

use wcs_types::{Output, Seq};

/// Outputs that wait, and outputs that may leave.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    durable: Seq,
    waiting: VecDeque<Output>,
    ready: VecDeque<Output>,
}

impl Gate {
    pub(crate) fn new(durable: Seq) -> Self {
        Self { durable, ..Self::default() }
    }

    pub(crate) fn durable(&self) -> Seq {
        self.durable
    }

    pub(crate) fn push(&mut self, output: Output) {
        if output.after <= self.durable {
            self.ready.push_back(output);
        } else {
            self.waiting.push_back(output);
        }
    }

    /// Everything up to `durable` is on disk.
    pub(crate) fn release(&mut self, durable: Seq) {
        assert!(durable >= self.durable, "what is durable stays durable");
        self.durable = durable;
        // A destination may rest on an older binding, so the queue is not sorted by what it waits for.
        for _ in 0..self.waiting.len() {
            let output = self.waiting.pop_front().expect("counted");
            if output.after <= durable {
                self.ready.push_back(output);
            } else {
                self.waiting.push_back(output);
            }
        }
    }

    pub(crate) fn pop(&mut self) -> Option<Output> {
        self.ready.pop_front()
    }

    pub(crate) fn waiting_count(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use wcs_types::output::OutputKind;
    use wcs_types::{Reply, Target, Ticket};

    use super::*;

    fn output(ticket: u64, after: u64) -> Output {
        let what = OutputKind::Reply(Reply::Done);
        Output { target: Target::Asker(Ticket(ticket)), generation: 0, after: Seq(after), what }
    }

    fn popped(gate: &mut Gate) -> Vec<u64> {
        std::iter::from_fn(|| gate.pop())
            .map(|output| match output.target {
                Target::Asker(ticket) => ticket.0,
                Target::Line(_) => panic!("only replies here"),
            })
            .collect()
    }

    #[test]
    fn gated_output_waits_for_its_record_and_not_for_others() {
        let mut gate = Gate::new(Seq(5));
        gate.push(output(1, 6));
        gate.push(output(2, 0));
        gate.push(output(3, 8));
        gate.push(output(4, 5));
        assert_eq!(popped(&mut gate), [2, 4]);
        gate.release(Seq(7));
        assert_eq!(popped(&mut gate), [1]);
        assert_eq!(gate.waiting_count(), 1);
        gate.release(Seq(8));
        assert_eq!(popped(&mut gate), [3]);
    }
}
