//! A device that must not be operated: the daemon says which and why, writes nothing to it, looks again from time to
//! time, and goes on with the other sorter of the plant as if nothing were the matter.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use wcs_specs::{Profile, SorterMap, Vectors};
use wcs_tests::child::{Child, wait_until};
use wcs_tests::peer::PeerClient;
use wcs_tests::plant::write_pair;
use wcs_tests::program::wcs;
use wcs_tests::{RegisterServer, Shift, orders};
use wcs_types::plant::BlockBases;

const LIMIT: Duration = Duration::from_secs(40);
const UNIT: u8 = 1;
const WRITE: u8 = 16;

/// Puts the image of a sound device into a server, with one register changed.
fn device(
    map: &SorterMap,
    profile: &Profile,
    block: &str,
    offset: usize,
    word: u16,
) -> Result<RegisterServer> {
    let vectors = Vectors::load(profile)?;
    let image = |name: &str| vectors.image(name).map(|image| image.words.clone()).context("a vector");
    let mut header = image("header of a running sorter")?;
    let mut statics = image("static block of the demo sorter")?;
    let lanes = image("lane bitmaps: lane 5 full, lane 17 at fault")?;
    let changed = if block == "header" { &mut header } else { &mut statics };
    ensure!(changed[offset] != word, "the register was sound");
    changed[offset] = word;
    let server = RegisterServer::start()?;
    server.hold(map.header_block.start, &header);
    server.hold(map.statics_block.start, &statics);
    server.hold(map.lanes_block.start, &lanes);
    server.make_writable(map.control_block.start, map.control_block.count);
    Ok(server)
}

/// Runs a plant of the device and of a sound sorter; the daemon must name `reason` for the first and run the second.
fn check(block: &str, point: &str, word: u16, reason: &[&str]) -> Result<()> {
    let profile = Profile::load("wcs-sorter-hs")?;
    let map = SorterMap::resolve(&profile, &BlockBases::default())?;
    let device = device(&map, &profile, block, profile.offset(block, point)?, word)?;
    let folder = tempfile::tempdir()?;
    orders::write_made(&folder.path().join("orders.csv"), 4, 5)?;
    let shift = Shift::start(folder.path(), 20, LIMIT)?;
    write_pair(folder.path(), "pair.toml", [device.address(), shift.address])?;
    let arguments = ["run", "--plant", "pair.toml", "--data", "pair"];
    let mut daemon = Child::start(wcs(folder.path(), &arguments)?, LIMIT)?;
    daemon.wait_err(&["device_faulted", "line=0"])?;
    let client = PeerClient::libmodbus(folder.path())?;
    wait_until("the sound sorter has an owner", LIMIT, || {
        ensure!(daemon.is_running()?, "{daemon}");
        let header = client.read(shift.address, UNIT, map.header_block.start, map.header_block.count)?;
        let is_owned = header[map.header.owner_epoch] != 0 && header[map.header.link_state] == 1;
        Ok(is_owned.then_some(()))
    })?;
    let before = device.connects();
    wait_until("the device is looked at again", LIMIT, || Ok((device.connects() > before).then_some(())))?;
    let requests = device.take_requests();
    ensure!(
        !requests.is_empty() && requests.iter().all(|frame| frame[7] != WRITE),
        "nothing is written to it"
    );
    let ended = daemon.interrupt()?.expect_code(0)?;
    let is_sound = !ended.err.lines().any(|line| line.contains("alarm raised") && line.contains("line=1"));
    ensure!(is_sound, "no alarm of the sound sorter: {ended}");
    // Behind the time stamp, whose digits are anything.
    let told = ended.err.lines().filter_map(|line| line.split_once(" wcs")).any(|(_, line)| {
        let line = line.to_lowercase();
        line.contains("fault") && reason.iter().all(|part| line.contains(part))
    });
    ensure!(told, "the log names the reason {reason:?}: {ended}");
    shift.sim.interrupt()?.expect_code(0)?;
    Ok(())
}

#[test]
fn a_wrong_magic_is_named() -> Result<()> {
    check("header", "magic", 0x1234, &["magic"])
}

#[test]
fn another_major_version_is_named() -> Result<()> {
    check("header", "version", 0x0200, &["version"])
}

#[test]
fn too_few_lanes_are_named() -> Result<()> {
    check("statics", "lane_count", 63, &["lanes", "63", "64"])
}

#[test]
fn a_slot_count_the_profile_does_not_allow_is_named() -> Result<()> {
    check("statics", "evt_slots", 60, &["60"])
}
