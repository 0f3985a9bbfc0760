//! Another owner takes the line in the middle of a shift, with loads on the belt. The daemon stops commanding; the one that
//! is started after it, however the first one ended, takes the line up again and accounts for every piece.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its stage is broken")]

mod shift;

use std::cell::RefCell;
use std::rc::Rc;

use wcs_sim::report::{Physical, Tally, reconcile};
use wcs_sim::stack::{Death, Return, Stack};
use wcs_types::{AlarmCode, Fact, Input, LineId, LinkChange, MonoTime, Nanos};

const NOTICE_MAX: Nanos = Nanos::from_secs(10);
const DOWN: Nanos = Nanos::from_secs(2);
const RUN_MAX: Nanos = Nanos::from_secs(3 * 3_600);

/// Another owner takes the line; ours notices, ends by `death` and is started again.
fn fence_and_start_again(stack: &mut Stack, death: Death) {
    assert!(stack.daemon().is_attached());
    assert!(stack.take_over(NOTICE_MAX).unwrap(), "the newcomer keeps the line while ours runs");
    assert!(stack.daemon().is_fenced());
    stack.go_down(death, DOWN, Return::default()).unwrap();
    assert!(!stack.daemon().is_fenced());
}

#[test]
fn the_next_process_takes_the_line_up_with_what_is_on_the_belt() {
    let physical = Rc::new(RefCell::new(Physical::default()));
    let (mut stack, pieces) = shift::begin(&physical, 40);
    let deaths = [Death::Stopped, Death::Killed, Death::Power { seed: 3 }];
    for (death, at) in deaths.into_iter().zip([20, 45, 70]) {
        assert!(!stack.run(MonoTime::ZERO + Nanos::from_secs(at)).unwrap(), "there is more to sort");
        fence_and_start_again(&mut stack, death);
    }
    assert!(stack.run(MonoTime::ZERO + RUN_MAX).unwrap());
    let watched = stack.watched().unwrap();
    assert!(watched.breaches().is_empty(), "the bystander at the wire saw {:?}", watched.breaches());

    let plant = stack.daemon().engine().core().plant().clone();
    let mut tally = Tally::default();
    let (mut fences, mut gone, mut owners) = (0, 0, Vec::new());
    for entry in stack.daemon().records().unwrap() {
        let record = entry.unwrap().record;
        if let Input::Link { change, .. } = &record.input {
            if let LinkChange::Fenced { owner } | LinkChange::Attached { owner } = change {
                owners.push(*owner);
            }
            fences += u32::from(matches!(change, LinkChange::Fenced { .. }));
        }
        let is_gone = |fact: &Fact| matches!(fact, Fact::AlarmGone(key) if key.code == AlarmCode::FencedOff);
        gone += record.facts.iter().filter(|fact| is_gone(fact)).count();
        tally.add(&plant, &record);
    }
    assert_eq!((fences, gone), (3, 3));
    assert!(owners.windows(2).all(|pair| pair[1].is_newer_than(pair[0])), "{owners:?}");
    let found = reconcile(&plant, LineId(0), &tally, &physical.borrow(), pieces);
    assert_eq!((found.pieces.difference, found.pieces.ledger_difference), (0, 0));
    assert_eq!(found.disagreements.len(), 0);
}
