//! Temporary.
use wcs_sim::prove::*;
fn main() {
    let a: Vec<u64> = std::env::args().skip(1).map(|x| x.parse().unwrap()).collect();
    if a.len() == 1 {
        let plan = RunPlan::draw(a[0], RunSize::Full);
        println!(
            "{} {:?} {:?} {:?} {:?} {:?}\n{}",
            plan.groups.load_count(),
            plan.batches[0].spec,
            plan.outages,
            plan.setup,
            plan.sync_time,
            plan.wire,
            plan.fault_text
        );
    }
    let end = if a.len() > 1 { a[1] } else { a[0] + 1 };
    let began = std::time::Instant::now();
    let mut last = began;
    let r = prove(a[0]..end, RunSize::Full, |s, r| {
        let t = last.elapsed().as_millis();
        last = std::time::Instant::now();
        if t > 1000 || !r.ok || a.len() == 1 {
            println!("seed {s}: {} ms, {:?}", t, r.runs);
        }
        if !r.ok {
            let p = RunPlan::draw(s, RunSize::Full);
            println!(
                "  {:?} {:?} fifo {} items {} hand {} from {} max {} kinds {:?} outages {:?}",
                p.batches[0].spec.identify,
                p.batches[0].spec.assign,
                p.setup.plc.is_fifo_retentive,
                p.setup.plc.are_items_retentive,
                p.setup.people.may_hand_sort,
                p.setup.people.hand_sort_from,
                p.setup.people.attempts_max,
                p.faults.faults.iter().map(|f| f.kind.name()).collect::<Vec<_>>(),
                p.outages.iter().map(|o| (o.at.as_millis(), o.kind)).collect::<Vec<_>>()
            );
        }
        for f in &r.failures {
            println!("   FAIL {f}");
        }
    });
    println!("{:?} {:?} {:?} {:?} {:?}", r.checks, r.recoveries, r.faults, r.outcomes, r.reasons);
    println!("ok {} failures {} in {:?}", r.ok, r.failures.len(), began.elapsed());
}
