//! Live views against the core: over the kept journals of every core version, and over lots of what devices and people
//! may do in any order. After each record the views must say what the core itself and the chronicle of the journal say.

mod lots;

use std::path::Path;
use std::sync::Arc;

use wcs_api::live::Live;
use wcs_api::ports::Told;
use wcs_core::Core;
use wcs_engine::{Chronicle, Replay, journal_plant};
use wcs_journal::{FileStorage, Reader, recover};
use wcs_types::{Code, Fact, Input, LineId, Plant, Record, Seq, Verb};

/// The views, and what they are held against beside the core.
struct Views {
    live: Live,
    chronicle: Chronicle,
    labels: Vec<(LineId, Code)>,
    compared: u64,
}

impl Views {
    fn new(plant: &Plant) -> Self {
        let live = Live::new(Arc::new(plant.clone()));
        Self { live, chronicle: Chronicle::default(), labels: Vec::new(), compared: 0 }
    }

    fn add(&mut self, record: &Record) {
        let unix_ms = 1_700_000_000_000 + record.now.0 / 1_000_000;
        self.live.apply(&Told { unix_ms, record: record.clone() });
        self.chronicle.see_record(record);
        let Input::Verb { verb, .. } = &record.input else { return };
        let (line, jobs) = match verb {
            Verb::Stage { spec, jobs, .. } => (spec.line, jobs),
            Verb::Add { jobs, .. } => (LineId(0), jobs),
            _ => return,
        };
        self.labels.extend(jobs.iter().flat_map(|job| &job.codes).map(|code| (line, code.clone())));
        self.labels.sort();
        self.labels.dedup();
    }

    /// Holds them against the core; `story` says where, when they differ.
    fn check(&mut self, core: &Core, record: &Record, with_labels: bool, story: &dyn Fn() -> String) {
        let (live, chronicle) = (&self.live, &self.chronicle);
        assert_eq!(live.loads().open().next().is_none(), chronicle.is_belt_empty(), "{}: belt", story());
        let permit = live.lines().any(|line| line.is_permitted);
        assert_eq!(permit, chronicle.is_permitted(), "{}: permit", story());
        assert!(live.alarms().iter().map(|(key, _)| key).eq(core.alarms()), "{}: alarms", story());
        self.check_alarms(core, story);
        for batch in live.batches().iter() {
            let progress = batch.progress();
            let done = chronicle.pieces_done(batch.spec.batch);
            assert_eq!(u64::from(progress.done), done, "{}: {progress:?}", story());
            assert!(progress.done + progress.in_flight <= progress.planned, "{}: {progress:?}", story());
        }
        for fact in &record.facts {
            if let Fact::BatchStarted { batch } = fact {
                assert!(live.progress(*batch).is_some(), "{}: batch {batch} is not known", story());
            }
        }
        if with_labels {
            for (line, label) in &self.labels {
                let own = live.chute_for_label(*line, label).map(|(_, chute)| chute);
                assert_eq!(own, core.chute_for_label(*line, label), "{}: label {label}", story());
                self.compared += 1;
            }
        }
    }
}

impl Views {
    /// Ids, life and grouping of alarms are as the core has them.
    fn check_alarms(&self, core: &Core, story: &dyn Fn() -> String) {
        let heads = self.live.alarms().heads();
        let mut own = self.live.alarms().listed();
        for alarm in core.listed_alarms() {
            let row = own.next().unwrap_or_else(|| panic!("{}: no view of {alarm:?}", story()));
            let known = (row.id, row.key, row.state(), row.is_up(), row.assigned, row.comments.len());
            let comments = usize::from(alarm.comments);
            let wanted = (alarm.id, alarm.key, alarm.state, alarm.is_up, alarm.assigned, comments);
            assert_eq!(known, wanted, "{}: alarm", story());
            assert_eq!(heads.head_of(row.id), alarm.head, "{}: head of {alarm:?}", story());
        }
        assert!(own.next().is_none(), "{}: an alarm the core does not list", story());
    }
}

#[test]
fn live_views_say_what_the_core_says_of_kept_journals() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/tests/corpus");
    let members = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let members: Vec<_> = members.filter(|path| path.is_dir()).collect();
    assert!(members.len() >= 5, "there are kept journals");
    for path in members {
        let storage = FileStorage::open_read_only(&path).unwrap();
        let found = recover(&storage).unwrap();
        let context = found.context.as_ref().unwrap();
        let plant = journal_plant(context).unwrap();
        let mut views = Views::new(&plant);
        let mut replay = Replay::new(plant, context.core_version);
        let name = path.display();
        for entry in Reader::open(&storage, Seq(1), found.last_seq).unwrap() {
            let record = entry.unwrap().record;
            replay.follow(&record).unwrap_or_else(|error| panic!("{name}: {error}"));
            views.add(&record);
            // All labels are many: those of every record would take minutes.
            let with_labels = record.seq.0 % 17 == 0 || record.seq == found.last_seq;
            views.check(replay.core(), &record, with_labels, &|| format!("{name} at {}", record.seq.0));
        }
        // One of the kept journals is of alarms alone: nothing is sorted in it.
        assert!(views.compared > 0 || views.labels.is_empty(), "{name}: no label was compared");
    }
}
