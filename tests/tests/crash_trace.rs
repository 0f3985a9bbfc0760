//! What leaves the daemon, and when, as the operating system sees it: no byte of an acknowledgement is on its way to
//! the PLC before the sync that covers the event came back, and every file the journal rests on has a lasting name by
//! then. Through three lives, two of which end by `kill -9`.

use std::time::Duration;

use anyhow::{Result, ensure};
use wcs_specs::{Profile, SorterMap};
use wcs_tests::child::tell;
use wcs_tests::recording::{Lives, record};
use wcs_tests::size::choose;
use wcs_tests::story::Story;
use wcs_tests::syscalls::What;
use wcs_types::plant::BlockBases;

const LIMIT: Duration = Duration::from_secs(300);
const KILLS: usize = 2;
/// Syncs that are left out in turn, to see that one that matters is missed.
const SYNCS_TRIED: usize = 24;

fn story_of(lives: &Lives) -> Result<Story> {
    let map = SorterMap::resolve(&Profile::load("wcs-sorter-hs")?, &BlockBases::default())?;
    let mut story = Story::new(&map);
    for calls in lives {
        story.tell(calls, &mut |_, _| Ok(()))?;
    }
    Ok(story)
}

#[test]
fn no_acknowledgement_leaves_before_the_sync_that_covers_it() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let lives = record(folder.path(), choose(10, 150), KILLS, LIMIT)?;
    let story = story_of(&lives)?;
    ensure!(story.problems().is_empty(), "{}", story.problems().join("\n"));
    ensure!(story.advances() >= choose(50, 1_000), "only {} acknowledgements", story.advances());
    let count = |is_one: fn(&What) -> bool| lives.iter().flatten().filter(|call| is_one(&call.what)).count();
    let syncs = count(|what| matches!(what, What::Sync { .. }));
    let names = count(|what| matches!(what, What::Rename { .. }));
    let directory_syncs = count(|what| matches!(what, What::SyncDirectory));
    ensure!(names > KILLS && directory_syncs > KILLS, "{names} renames, {directory_syncs} directory syncs");
    let sends = count(|what| matches!(what, What::Send { .. }));
    tell(&format!(
        "{} acknowledgements of {} records, none before its sync; {syncs} syncs, {names} renames, {directory_syncs} \
         directory syncs, {sends} requests",
        story.advances(),
        story.records().len()
    ));
    check_that_it_can_fail(&lives)
}

/// The same trace, changed in one place each, is found out.
fn check_that_it_can_fail(lives: &Lives) -> Result<()> {
    let last = lives.len() - 1;
    let mut early = lives.clone();
    // Every request leaves before the sync that was under way or had come back last.
    let syncs: Vec<usize> = early[last]
        .iter()
        .filter(|call| matches!(call.what, What::Sync { .. }))
        .filter_map(|call| call.ended)
        .collect();
    for call in early[last].iter_mut().filter(|call| matches!(call.what, What::Send { .. })) {
        let before = syncs.partition_point(|sync| *sync < call.begun);
        if let Some(sync) = before.checked_sub(2).and_then(|at| syncs.get(at)) {
            call.begun = *sync + 1;
        }
    }
    ensure!(
        !story_of(&early)?.problems().is_empty(),
        "acknowledgements that leave a sync earlier are not found"
    );
    let mut nameless = lives.clone();
    nameless[0].retain(|call| call.what != What::SyncDirectory);
    ensure!(!story_of(&nameless)?.problems().is_empty(), "a missing directory sync is not found");
    // A sync whose records hold no event, or that of a checkpoint, is missed by nobody: some of those tried hold one.
    let tried = (1..=syncs.len()).step_by(syncs.len().div_ceil(SYNCS_TRIED));
    let mut found = 0;
    for missing in tried {
        let mut unsynced = lives.clone();
        let mut seen = 0;
        unsynced[last].retain(|call| {
            seen += usize::from(matches!(call.what, What::Sync { .. }));
            !matches!(call.what, What::Sync { .. }) || seen != missing
        });
        found += usize::from(!story_of(&unsynced)?.problems().is_empty());
    }
    tell(&format!("{found} of {} left out are missed", syncs.len().min(SYNCS_TRIED)));
    ensure!(found > 0, "a missing sync is not found");
    Ok(())
}
