//! An alarm through its life over HTTP, at the shipped binary: nobody answers at the address of the sorter, so its link is
//! down. A person writes, takes it, puts it away and knows; what was said is durable over a kill, and shelves, names and
//! comments are there again in the next process.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use wcs_tests::child::{tell, wait_until};
use wcs_tests::plant::write_demo;
use wcs_tests::{Desk, Site};

const LIMIT: Duration = Duration::from_secs(60);
const OPERATOR: &[(&str, &str)] = &[("wcs-operator", "31")];

/// An address at which nobody answers.
fn nobody() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

fn one(desk: &Desk, query: &str) -> Result<Option<Value>> {
    let page = desk.http.get(&format!("/api/alarms?{query}"))?.expect(&[200])?.json()?;
    Ok(page["items"].as_array().context("a list")?.first().cloned())
}

#[test]
fn an_alarm_is_lived_through_over_http_and_a_kill() -> Result<()> {
    let folder = tempfile::tempdir()?;
    write_demo(folder.path(), "plant.toml", nobody()?)?;
    let site = Site::new(folder.path(), LIMIT)?;
    let served = site.start()?;
    let desk = &served.desk;
    let alarm = wait_until("the link counts as down", LIMIT, || one(desk, "headline=true&line=sorter1"))?;
    ensure!(alarm["code"] == "link_down" && alarm["state"] == "unacknowledged", "{alarm}");
    ensure!(alarm["priority"] == "high" && alarm["action"]["code"] == "check_link", "{alarm}");
    let id = alarm["id"].as_u64().context("an id")?;
    let ask = |verb: &str, body: Value| {
        let body = body.to_string();
        desk.http.send(&format!("/api/alarms/{id}/{verb}"), "application/json", body.as_bytes(), OPERATOR)
    };
    ask("comment", json!({ "text": "cable pulled for the fork lift" }))?.expect(&[200])?;
    ask("assign", json!({ "operator": 7 }))?.expect(&[200])?;
    ask("shelve", json!({ "minutes": 60 }))?.expect(&[200])?;
    ask("shelve", json!({ "minutes": 1441 }))?.expect(&[422])?;
    let refused = desk.http.press(&format!("/api/alarms/{id}/acknowledge"))?.expect(&[409])?.json()?;
    ensure!(refused["code"] == "alarm.shelved" && refused["alarm"] == id, "{refused}");
    ensure!(one(desk, "headline=true")?.is_none(), "what is shelved is no headline");
    served.daemon.kill()?;

    let served = site.start()?;
    let desk = &served.desk;
    let again = wait_until("the views are there", LIMIT, || one(desk, "state=shelved"))?;
    ensure!(again["id"] == id && again["assigned_to"] == 7 && again["shelved"]["operator"] == 31, "{again}");
    ensure!(again["comments"][0]["text"] == "cable pulled for the fork lift", "{again}");
    desk.http.press(&format!("/api/alarms/{id}/unshelve"))?.expect(&[200])?;
    let done = desk.http.press(&format!("/api/alarms/{id}/acknowledge"))?.expect(&[200])?.json()?;
    let known = one(desk, &format!("state=acknowledged&position={}", done["position"]))?;
    ensure!(known.is_some_and(|alarm| alarm["id"] == id), "it is known");
    let metrics = desk.http.get("/metrics")?.expect(&[200])?.body;
    for line in [
        "wcs_alarms_active{priority=\"high\"} 1",
        "wcs_alarms_unacknowledged{priority=\"high\"} 0",
        "wcs_alarms_shelved 0",
    ] {
        ensure!(metrics.lines().any(|found| found == line), "{line} is not in the figures");
    }
    let gone = desk.http.press("/api/alarms/9/acknowledge")?.expect(&[404])?.json()?;
    ensure!(gone["code"] == "alarm.not_found", "{gone}");
    served.daemon.interrupt()?.expect_code(0)?;
    tell(&format!("alarm {id}: written, assigned, shelved, killed, unshelved, known"));
    Ok(())
}
