//! Journals of released versions, kept in `tests/corpus`: what a daemon wrote stays readable, and what the core made
//! of it comes out again. Its own version must match to the last hash; an older one is imposed, and the differing
//! decisions are as many as `members.txt` lists. A change of hashes without a new `CORE_VERSION` fails here.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up its stage is broken")]

use std::fs;
use std::path::{Path, PathBuf};

use wcs_core::{Core, Step};
use wcs_engine::{Boot, Divergence, Replay, boot, journal_plant};
use wcs_journal::{
    Batch, FileStorage, MemoryStorage, Opened, Options, Reader, Recovered, Room, open, recover, verify,
};
use wcs_types::{CORE_VERSION, MonoTime, Plant, Record, Seq, StateHash};

/// No file in the tree is larger.
const FILE_SIZE_MAX: u64 = 512 * 1024;

/// A line of `members.txt`.
struct Member {
    name: String,
    core: u32,
    records: u64,
    differ: u64,
    digest: StateHash,
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join("corpus")
}

fn members() -> Vec<Member> {
    let text = fs::read_to_string(corpus().join("members.txt")).unwrap();
    text.lines().filter(|line| !line.starts_with('#')).map(member).collect()
}

fn member(line: &str) -> Member {
    let mut words = line.split_whitespace();
    let name = words.next().unwrap().to_owned();
    let mut value = |key: &str| words.next().unwrap().strip_prefix(key).unwrap().to_owned();
    Member {
        name,
        core: value("core=").parse().unwrap(),
        records: value("records=").parse().unwrap(),
        differ: value("differ=").parse().unwrap(),
        digest: StateHash(u64::from_str_radix(&value("digest="), 16).unwrap()),
    }
}

impl Member {
    fn storage(&self) -> FileStorage {
        FileStorage::open_read_only(&corpus().join(&self.name)).unwrap()
    }

    fn read(&self) -> (Recovered, Plant, Vec<Record>) {
        let storage = self.storage();
        let found = recover(&storage).unwrap();
        let plant = journal_plant(found.context.as_ref().unwrap()).unwrap();
        let reader = Reader::open(&storage, Seq(1), found.last_seq).unwrap();
        let records: Vec<Record> = reader.map(|entry| entry.unwrap().record).collect();
        (found, plant, records)
    }

    fn check(&self, replay: &Replay) {
        let differ = replay.difference_count();
        assert_eq!(differ, self.differ, "{}: differing decisions", self.name);
        assert_eq!(replay.core().plant_digest(), self.digest, "{}: plant digest", self.name);
        replay.core().check_invariants().unwrap();
    }
}

#[test]
fn every_member_replays() {
    for member in members() {
        let report = verify(&member.storage()).unwrap();
        assert_eq!(report.records, member.records, "{}: records", member.name);
        let (found, plant, records) = member.read();
        assert_eq!(found.context.unwrap().core_version, member.core, "{}: core version", member.name);
        assert!(member.core <= CORE_VERSION, "{} was written by a version to come", member.name);
        let mut replay = Replay::new(plant, member.core);
        for record in &records {
            replay.follow(record).unwrap_or_else(|divergence| {
                panic!(
                    "{}: {divergence}\na change of what the core decides or holds needs a new CORE_VERSION",
                    member.name
                )
            });
        }
        member.check(&replay);
    }
}

#[test]
fn present_version_has_a_member_and_files_are_small() {
    let members = members();
    assert!(
        members.iter().any(|member| member.core == CORE_VERSION),
        "no journal of core version {CORE_VERSION} is kept: add one, tests/corpus/README.md says how"
    );
    for member in &members {
        for entry in fs::read_dir(corpus().join(&member.name)).unwrap() {
            let entry = entry.unwrap();
            let size = entry.metadata().unwrap().len();
            assert!(size <= FILE_SIZE_MAX, "{} has {size} bytes", entry.path().display());
        }
    }
    let folders = fs::read_dir(corpus()).unwrap().map(|entry| entry.unwrap());
    let folders = folders.filter(|entry| entry.path().is_dir()).count();
    assert_eq!(folders, members.len(), "every folder stands in members.txt");
}

#[test]
fn one_changed_hash_is_found_at_its_record() {
    let (_, plant, mut records) = members().first().unwrap().read();
    let at = records.len() / 2;
    // Made anew by this version, so that it shows the same when the member has become an old one.
    let (mut own, mut step) = (Core::new(plant.clone()), Step::default());
    for record in &mut records {
        own.handle(record.now, record.gap, &record.input, None, &mut step);
        record.hash = own.state_hash();
        record.decisions.clone_from(&step.decisions);
        record.facts.clone_from(&step.facts);
    }
    records[at].hash.0 ^= 1;
    let mut replay = Replay::new(plant, CORE_VERSION);
    let divergence = records.iter().find_map(|record| replay.follow(record).err()).unwrap();
    assert!(
        matches!(divergence, Divergence::Hash { seq, .. } if seq == records[at].seq),
        "not at record {}: {divergence}",
        records[at].seq.0
    );
}

/// The member as an older daemon would have left it on its disk.
fn as_left_by_older(member: &Member) -> MemoryStorage {
    let (found, _, records) = member.read();
    let mut context = found.context.unwrap();
    context.core_version = CORE_VERSION - 1;
    let storage = MemoryStorage::new();
    let room = Room { segment_size: 1 << 20, reserve_size: 1 << 16 };
    let options = Options { room, genesis: found.genesis, trusted: Seq::NONE };
    let Opened { mut writer, .. } = open(storage.clone(), context, options).unwrap();
    for part in records.chunks(16) {
        let mut batch = Batch::new();
        part.iter().for_each(|record| batch.push(record));
        writer.append(&batch).unwrap();
        writer.sync().unwrap();
    }
    storage
}

#[test]
fn journal_of_an_older_core_is_booted_with_its_decisions() {
    for member in members() {
        let storage = as_left_by_older(&member);
        let plant = member.read().1;
        let options = Options { room: Room::default(), genesis: 1, trusted: Seq::NONE };
        let Boot { engine, recovered, .. } =
            boot(storage.clone(), plant.clone(), options, |_| MonoTime::ZERO, |_| ()).unwrap();
        assert_eq!(recovered.last_seq, Seq(member.records));
        assert_ne!(recovered.context.unwrap().core_version, CORE_VERSION);
        engine.core().check_invariants().unwrap();
        // The first records of the new process are in no journal yet: the state before them is the member's.
        let mut replay = Replay::new(plant, CORE_VERSION - 1);
        for entry in Reader::open(&storage, Seq(1), recovered.last_seq).unwrap() {
            replay.follow(&entry.unwrap().record).unwrap();
        }
        member.check(&replay);
    }
}
