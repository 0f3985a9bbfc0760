//! Whatever stands in the registers and whatever the wire answers: no panic, no unbounded queue, no write
//! before an attachment.

use proptest::prelude::*;
use wcs_types::{Nanos, SorterCommand};

use super::bench::Bench;
use crate::exchange::{Answer, Request};

fn answer(request: &Request, noise: u16, good: Answer) -> Answer {
    match (noise % 16, request) {
        (0, _) => Answer::Silence,
        (1, _) => Answer::Exception((noise >> 8) as u8),
        (2, _) => Answer::Written,
        (3, _) => Answer::Registers(vec![noise; usize::from(noise >> 9)]),
        (4, _) => Answer::Broken,
        (5 | 6, Request::Read { count, .. }) => {
            Answer::Registers((0..*count).map(|index| noise.wrapping_mul(index | 1).rotate_left(5)).collect())
        }
        (7, Request::Read { .. }) => match good {
            Answer::Registers(mut words) => {
                let place = usize::from(noise >> 4) % words.len();
                words[place] = words[place].wrapping_add(noise >> 7);
                Answer::Registers(words)
            }
            other => other,
        },
        _ => good,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn arbitrary_registers_never_panic(noise in prop::collection::vec(any::<u16>(), 600), polls_core: bool) {
        let mut bench = Bench::ready();
        bench.plc.is_lenient = true;
        for (step, noise) in noise.into_iter().enumerate() {
            if step % 5 == 0 {
                bench.plc.scan(step as u32, "X");
            }
            if step % 3 == 0 {
                let command = bench.destination(u32::from(noise % 50), noise, u32::from(noise) * 4);
                bench.command(SorterCommand::Destination(command));
            }
            if let Some(exchange) = bench.session.poll_exchange(bench.now) {
                let good = bench.plc.answer(&exchange.request);
                let answer = answer(&exchange.request, noise, good);
                bench.session.handle_answer(bench.now, exchange.id, answer);
            }
            if bench.session.must_disconnect() {
                bench.reconnect();
            }
            bench.plc.tick(bench.now);
            bench.now += Nanos::from_millis(u64::from(noise % 64));
            if polls_core {
                bench.serve_core();
            }
        }
    }

    #[test]
    fn arbitrary_images_are_never_written_to(seed in any::<u16>(), keeps_head: bool) {
        let mut bench = Bench::new();
        bench.attaches = false;
        let kept = if keeps_head { 4 } else { 0 };
        for (address, word) in bench.plc.registers.iter_mut().enumerate().skip(kept) {
            *word = seed.wrapping_mul((address as u16) | 1).rotate_left(u32::from(seed % 13));
        }
        bench.session.handle_connected(bench.now);
        bench.run_ms(300);
        let wrote = bench.requests.iter().any(|request| matches!(request, Request::Write { .. }));
        prop_assert!(!wrote);
    }
}
