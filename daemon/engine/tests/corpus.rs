//! Journals of released versions, kept in `tests/corpus`: what a daemon wrote stays readable, and what the core made
//! of it comes out again. Its own version must match to the last hash; an older one is imposed, and the differing
//! decisions are as many as `members.txt` lists. A change of hashes without a new `CORE_VERSION` fails here.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up its stage is broken")]

mod kept;

use std::fs;

use kept::{Member, corpus, made_anew, members, written};
use wcs_engine::{Boot, Divergence, Replay, boot};
use wcs_journal::{Options, Reader, Room, verify};
use wcs_types::{CORE_VERSION, MonoTime, Seq};

/// No file in the tree is larger.
const FILE_SIZE_MAX: u64 = 512 * 1024;

fn check_member(member: &Member, replay: &Replay) {
    let differ = replay.difference_count();
    assert_eq!(differ, member.differ, "{}: differing decisions", member.name);
    assert_eq!(replay.core().plant_digest(), member.digest, "{}: plant digest", member.name);
    replay.core().check_invariants().unwrap();
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
        check_member(&member, &replay);
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
    let (_, plant, records) = members().first().unwrap().read();
    // Made anew by this version, so that it shows the same when the member has become an old one.
    let mut records = made_anew(&plant, records);
    let at = records.len() / 2;
    records[at].hash.0 ^= 1;
    let mut replay = Replay::new(plant, CORE_VERSION);
    let divergence = records.iter().find_map(|record| replay.follow(record).err()).unwrap();
    assert!(
        matches!(divergence, Divergence::Hash { seq, .. } if seq == records[at].seq),
        "not at record {}: {divergence}",
        records[at].seq.0
    );
}

#[test]
fn journal_of_an_older_core_is_booted_with_its_decisions() {
    for member in members() {
        let (found, plant, records) = member.read();
        let mut context = found.context.unwrap();
        context.core_version = CORE_VERSION - 1;
        let storage = written(context, &records);
        let options = Options { room: Room::default(), genesis: 1, trusted: Seq::NONE };
        let Boot { engine, recovered, start, .. } =
            boot(storage.clone(), plant.clone(), options, |_| MonoTime::ZERO, |_| ()).unwrap();
        assert_eq!(recovered.last_seq, Seq(member.records));
        assert_ne!(recovered.context.unwrap().core_version, CORE_VERSION);
        assert_eq!((start.imposed, start.differing), (member.records, member.differ), "{}", member.name);
        engine.core().check_invariants().unwrap();
        // The first records of the new process are in no journal yet: the state before them is the member's.
        let mut replay = Replay::new(plant, CORE_VERSION - 1);
        for entry in Reader::open(&storage, Seq(1), recovered.last_seq).unwrap() {
            replay.follow(&entry.unwrap().record).unwrap();
        }
        check_member(&member, &replay);
    }
}
