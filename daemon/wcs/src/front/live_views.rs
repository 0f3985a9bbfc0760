//! Live views over the kept journals of every core version: after each record they must say what the core itself and
//! the chronicle of the journal say.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use wcs_api::live::Live;
use wcs_api::ports::Told;
use wcs_engine::{Chronicle, Replay, journal_plant};
use wcs_journal::{FileStorage, Reader, recover};
use wcs_types::{BatchId, Code, Fact, Input, LineId, Plant, Record, Seq, Verb};

struct Kept {
    name: String,
    plant: Plant,
    core_version: u32,
    records: Vec<Record>,
}

/// The journals of the corpus that hold records of one plant.
fn corpus() -> Vec<Kept> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/tests/corpus");
    let members = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let read = |path: std::path::PathBuf| {
        let storage = FileStorage::open_read_only(&path).unwrap();
        let found = recover(&storage).unwrap();
        let context = found.context.as_ref().unwrap();
        let reader = Reader::open(&storage, Seq(1), found.last_seq).unwrap();
        Kept {
            name: path.file_name().unwrap().to_string_lossy().into_owned(),
            plant: journal_plant(context).unwrap(),
            core_version: context.core_version,
            records: reader.map(|entry| entry.unwrap().record).collect(),
        }
    };
    members.filter(|path| path.is_dir()).map(read).collect()
}

#[test]
fn live_views_say_what_the_core_says() {
    let kept = corpus();
    assert!(kept.len() >= 5, "there are kept journals");
    for journal in &kept {
        let compared = compare(journal);
        assert!(compared > 0, "{}: nothing was compared", journal.name);
    }
}

/// Follows one journal with both; gives how many labels were compared.
fn compare(journal: &Kept) -> u64 {
    let name = &journal.name;
    let mut live = Live::new(Arc::new(journal.plant.clone()));
    let mut replay = Replay::new(journal.plant.clone(), journal.core_version);
    let mut chronicle = Chronicle::default();
    let mut labels: Vec<(LineId, Code)> = Vec::new();
    let mut planned: BTreeMap<BatchId, u64> = BTreeMap::new();
    let mut compared = 0;
    for record in &journal.records {
        replay.follow(record).unwrap_or_else(|error| panic!("{name}: {error}"));
        chronicle.see_record(record);
        live.apply(&Told { unix_ms: 1_700_000_000_000 + record.now.0 / 1_000_000, record: record.clone() });
        let at = record.seq.0;
        if let Input::Verb { verb: Verb::Stage { spec, jobs, .. }, .. } = &record.input {
            labels.extend(jobs.iter().flat_map(|job| &job.codes).map(|code| (spec.line, code.clone())));
            labels.sort();
            labels.dedup();
        }
        assert_eq!(live.loads().open().next().is_none(), chronicle.is_belt_empty(), "{name} {at}: belt");
        let permit = live.lines().any(|line| line.is_permitted);
        assert_eq!(permit, chronicle.is_permitted(), "{name} {at}: permit");
        for batch in live.batches().iter() {
            let progress = batch.progress();
            let done = chronicle.pieces_done(batch.spec.batch);
            assert_eq!(u64::from(progress.done), done, "{name} {at}: pieces of batch {}", batch.spec.batch);
            assert!(progress.done + progress.in_flight <= progress.planned, "{name} {at}: {progress:?}");
            planned.insert(batch.spec.batch, progress.planned.into());
        }
        for fact in &record.facts {
            if let Fact::BatchStarted { batch } = fact {
                assert!(planned.contains_key(batch), "{name} {at}: batch {batch} was not seen to be staged");
            }
        }
        // All labels are many: those of every record would take minutes.
        if at % 17 == 0 {
            for (line, label) in &labels {
                let own = live.chute_for_label(*line, label).map(|(_, chute)| chute);
                assert_eq!(own, replay.core().chute_for_label(*line, label), "{name} {at}: label {label}");
                compared += 1;
            }
        }
    }
    compared
}
