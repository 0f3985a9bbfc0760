//! A store that cannot be had when the daemon starts: the daemon serves what needs no store, says 503 to the rest, and
//! has its store as soon as it is there, without a new start. An address that is taken is no reason not to run either.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use wcs_tests::child::{Child, wait_until};
use wcs_tests::http::Http;
use wcs_tests::plant::write_demo;
use wcs_tests::program::wcs;

const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn a_store_that_comes_later_is_taken_into_use() -> Result<()> {
    let folder = tempfile::tempdir()?;
    write_demo(folder.path(), "plant.toml", SocketAddr::from(([127, 0, 0, 1], 1)))?;
    let site = "plant = \"plant.toml\"\ndata = \"data\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
                [store]\naddress = \"sqlite:later/store.db\"\n";
    fs::write(folder.path().join("site.toml"), site)?;
    let mut daemon = Child::start(wcs(folder.path(), &["run", "--site", "site.toml"])?, LIMIT)?;
    let said = daemon.wait_out("serving on http://")?;
    let http = Http::new(said.parse().with_context(|| said.clone())?);
    daemon.wait_err(&["the store cannot be used"])?;
    let refused = http.get("/api/orders")?.expect(&[503])?.json()?;
    ensure!(refused["code"] == "store.unavailable", "{refused}");
    http.get("/api/lines")?.expect(&[200])?;
    fs::create_dir(folder.path().join("later"))?;
    wait_until("the store is there", LIMIT, || Ok((http.get("/api/orders")?.status == 200).then_some(())))?;
    daemon.interrupt()?.expect_code(0)?;
    ensure!(folder.path().join("later/store.db").is_file(), "the store is where the site file says");
    Ok(())
}

#[test]
fn an_address_that_is_taken_is_had_when_it_is_free() -> Result<()> {
    let folder = tempfile::tempdir()?;
    write_demo(folder.path(), "plant.toml", SocketAddr::from(([127, 0, 0, 1], 1)))?;
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    let arguments = ["run", "--plant", "plant.toml", "--data", "data", "--listen", &address];
    let mut daemon = Child::start(wcs(folder.path(), &arguments)?, LIMIT)?;
    daemon.wait_err(&["nobody can ask anything; lines run"])?;
    drop(taken);
    let said = daemon.wait_out("serving on http://")?;
    ensure!(said == address, "{said}");
    daemon.interrupt()?.expect_code(0)?;
    Ok(())
}
