//! The follower and the checkpoints it writes: a start from one comes to the state a replay of everything comes to,
//! and one that is damaged, foreign or of another version is never used, and named where it should have served.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up its stage is broken")]

#[expect(dead_code, reason = "what a member must come to is the business of the corpus")]
mod kept;

use kept::{made_anew, members, written};
use wcs_engine::{Boot, Chronicle, FollowError, Follower, Replay, boot, journal_context, prove, restore};
use wcs_journal::{
    Checkpoint, MemoryStorage, Opened, Options, Room, checkpoint_name, list_checkpoints, open,
    read_checkpoint, write_checkpoint,
};
use wcs_types::{CORE_VERSION, MonoTime, Plant, Record, Seq};

struct Scene {
    plant: Plant,
    records: Vec<Record>,
    storage: MemoryStorage,
}

impl Scene {
    /// A journal of the present version with the inputs of the member that was killed three times.
    fn new() -> Self {
        let member = members().into_iter().find(|member| member.name == "killed-v1").unwrap();
        let (_, plant, records) = member.read();
        let records = made_anew(&plant, records);
        let storage = written(journal_context(&plant), &records);
        Self { plant, records, storage }
    }

    fn last(&self) -> Seq {
        self.records.last().unwrap().seq
    }

    fn follower(&self) -> Follower<MemoryStorage> {
        let (follower, refused) = Follower::start(self.storage.clone(), self.plant.clone()).unwrap();
        assert_eq!(refused, []);
        follower
    }

    /// Writes a checkpoint of each of these records.
    fn save(&self, records: &[u64]) {
        let mut follower = self.follower();
        for seq in records {
            follower.follow(Seq(*seq), usize::MAX).unwrap();
            assert!(follower.checkpoint().unwrap());
        }
    }

    fn boot(&self) -> Boot<MemoryStorage> {
        let options = Options { room: Room::default(), genesis: 1, trusted: Seq::NONE };
        boot(self.storage.clone(), self.plant.clone(), options, |_| MonoTime::ZERO, |_| ()).unwrap()
    }

    /// State and chronicle by replay of everything.
    fn replayed(&self) -> (Replay, Chronicle) {
        let mut replay = Replay::new(self.plant.clone(), CORE_VERSION);
        let mut chronicle = Chronicle::default();
        for record in &self.records {
            replay.follow(record).unwrap();
            chronicle.see_record(record);
        }
        (replay, chronicle)
    }
}

#[test]
fn start_from_a_checkpoint_comes_to_the_state_of_a_full_replay() {
    for saved in [1, 100, 333, 653] {
        let scene = Scene::new();
        scene.save(&[saved]);
        let Boot { engine, chronicle, start, recovered, .. } = scene.boot();
        assert_eq!((start.restored, start.replayed), (Seq(saved), scene.last().0 - saved));
        assert_eq!(recovered.last_seq, scene.last());
        let (replay, whole) = scene.replayed();
        assert_eq!(chronicle, whole, "saved at {saved}");
        assert_eq!(engine.core().plant_digest(), replay.core().plant_digest());
        engine.core().check_invariants().unwrap();
        // The engine has said its first words; the same words after a full replay give the same state.
        for seq in list_checkpoints(&scene.storage).unwrap() {
            assert!(scene.storage.vanish(&checkpoint_name(seq)));
        }
        let full = scene.boot();
        assert_eq!(full.start.restored, Seq::NONE);
        assert_eq!(full.engine.core().state_hash(), engine.core().state_hash());
    }
}

#[test]
fn every_checkpoint_is_what_the_replay_comes_to() {
    let scene = Scene::new();
    let mut follower = scene.follower();
    let (mut replay, mut chronicle) = (Replay::new(scene.plant.clone(), CORE_VERSION), Chronicle::default());
    for record in &scene.records {
        follower.follow(record.seq, 1).unwrap();
        replay.follow(record).unwrap();
        chronicle.see_record(record);
        follower.checkpoint().unwrap();
        let checkpoint = read_checkpoint(&scene.storage, record.seq).unwrap();
        assert!(prove(&checkpoint, replay.core(), &chronicle).unwrap(), "record {}", record.seq.0);
    }
    assert_eq!(list_checkpoints(&scene.storage).unwrap(), [scene.last(), Seq(scene.last().0 - 1)]);
    let first = &scene.records[0];
    let mut early = Replay::new(scene.plant.clone(), CORE_VERSION);
    early.follow(first).unwrap();
    let late = read_checkpoint(&scene.storage, scene.last()).unwrap();
    prove(&late, early.core(), &Chronicle::default()).unwrap_err();
}

#[test]
fn damaged_checkpoint_is_named_and_the_older_one_serves() {
    let scene = Scene::new();
    scene.save(&[200, 400]);
    scene.storage.corrupt(&checkpoint_name(Seq(400)), 3_000, 4);
    let Boot { start, engine, .. } = scene.boot();
    assert_eq!((start.restored, start.replayed), (Seq(200), scene.last().0 - 200));
    assert_eq!(start.refused.len(), 1);
    assert!(start.refused[0].to_string().contains(&checkpoint_name(Seq(400))), "{}", start.refused[0]);
    assert_eq!(engine.core().plant_digest(), scene.replayed().0.core().plant_digest());
    scene.storage.corrupt(&checkpoint_name(Seq(200)), 20, 1);
    let Boot { start, .. } = scene.boot();
    assert_eq!((start.restored, start.refused.len()), (Seq::NONE, 2));
}

#[test]
fn checkpoint_of_another_journal_or_state_is_refused() {
    let scene = Scene::new();
    scene.save(&[200, 300]);
    let good = read_checkpoint(&scene.storage, Seq(300)).unwrap();
    let older = read_checkpoint(&scene.storage, Seq(200)).unwrap();
    let bad: [(&str, Checkpoint); 4] = [
        ("another journal", Checkpoint { genesis: 5, ..good.clone() }),
        ("not the one the journal recorded", Checkpoint { hash: older.hash, ..good.clone() }),
        ("not the one of its record", Checkpoint { body: older.body.clone(), ..good.clone() }),
        ("unknown version", Checkpoint { body: vec![9; 40], ..good.clone() }),
    ];
    for (reason, checkpoint) in bad {
        assert!(scene.storage.vanish(&checkpoint_name(Seq(300))));
        write_checkpoint(&scene.storage, &checkpoint).unwrap();
        let start = scene.boot().start;
        assert_eq!((start.restored, start.refused.len()), (Seq(200), 1), "{reason}");
        assert!(start.refused[0].reason.contains(reason), "{}", start.refused[0]);
    }
}

#[test]
fn checkpoint_of_another_core_version_is_not_used() {
    let scene = Scene::new();
    scene.save(&[300]);
    let mut checkpoint = read_checkpoint(&scene.storage, Seq(300)).unwrap();
    assert!(scene.storage.vanish(&checkpoint_name(Seq(300))));
    checkpoint.context.core_version = CORE_VERSION - 1;
    write_checkpoint(&scene.storage, &checkpoint).unwrap();
    let start = scene.boot().start;
    assert_eq!((start.restored, start.replayed, start.refused), (Seq::NONE, scene.last().0, Vec::new()));
}

#[test]
fn journal_of_another_version_is_imposed_once_and_then_restored() {
    let mut scene = Scene::new();
    let mut context = journal_context(&scene.plant);
    context.core_version = CORE_VERSION - 1;
    scene.storage = written(context, &scene.records);
    let first = scene.boot();
    assert_eq!((first.start.imposed, first.start.differing), (scene.last().0, 0));
    // Its first records are not on disk; what is there is followed and saved under the present version.
    scene.save(&[scene.last().0]);
    let second = scene.boot();
    assert_eq!((second.start.restored, second.start.imposed), (scene.last(), 0));
    assert_eq!(second.engine.core().state_hash(), first.engine.core().state_hash());
    restore(&read_checkpoint(&scene.storage, scene.last()).unwrap()).unwrap();
}

#[test]
fn divergence_ends_the_follower_and_no_checkpoint_is_written() {
    let mut scene = Scene::new();
    scene.records[400].hash.0 ^= 1;
    scene.storage = written(journal_context(&scene.plant), &scene.records);
    let mut follower = scene.follower();
    let error = follower.follow(scene.last(), usize::MAX).unwrap_err();
    assert!(matches!(error, FollowError::Diverged(_)) && error.to_string().contains("record 401"), "{error}");
    assert!(!follower.checkpoint().unwrap());
    assert_eq!(follower.follow(scene.last(), usize::MAX).unwrap(), 0);
    assert_eq!(list_checkpoints(&scene.storage).unwrap(), []);
}

#[test]
fn follower_goes_behind_a_writer_over_segments_and_failures() {
    let scene = Scene::new();
    let storage = MemoryStorage::new();
    let room = Room { segment_size: 16 * 1024, reserve_size: 4 * 1024 };
    let options = Options { room, genesis: 3, trusted: Seq::NONE };
    let Opened { mut writer, .. } = open(storage.clone(), journal_context(&scene.plant), options).unwrap();
    let (mut follower, _) = Follower::start(storage.clone(), scene.plant.clone()).unwrap();
    for (turn, part) in scene.records.chunks(7).enumerate() {
        let mut batch = wcs_journal::Batch::new();
        part.iter().for_each(|record| batch.push(record));
        if turn % 5 == 4 {
            // The segment is given up; the batch goes to a new one.
            storage.fail_syncs(1);
        }
        writer.append(&batch).unwrap();
        while writer.sync().is_err() {}
        follower.follow(writer.durable_seq(), 5).unwrap();
        if turn % 3 == 0 {
            follower.follow(writer.durable_seq(), usize::MAX).unwrap();
            assert_eq!(follower.seq(), writer.durable_seq());
        }
    }
    follower.follow(writer.durable_seq(), usize::MAX).unwrap();
    assert_eq!(follower.replay().core().state_hash(), scene.records.last().unwrap().hash);
}
