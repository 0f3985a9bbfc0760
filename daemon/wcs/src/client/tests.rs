//! The commands against the service itself on a socket of its own, with a store and without a core.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use wcs_api::ports::{AskError, Asking, Control, Figures, Gauges, Records, RecordsError, Told};
use wcs_api::shifts::Times;
use wcs_api::{Api, Limits, LiveHandle, Parts, StoreSlot, bind};
use wcs_intake::Mapping;
use wcs_store::{Address, Settings, Store};
use wcs_types::{Calendar, OperatorId, Seq, Verb};

use crate::client::options::{ImportOptions, ServiceOptions, SmokeOptions, WhyOptions};
use crate::client::{import, smoke, status, why};
use crate::exit::Failure;
use crate::shown::Shown;

/// A core that is not there, and a journal without records.
struct Nobody;

impl Control for Nobody {
    fn ask(&self, _: OperatorId, _: Verb) -> Asking<'_> {
        Box::pin(std::future::ready(Err(AskError::Stopping)))
    }
}

impl Records for Nobody {
    fn durable(&self) -> Seq {
        Seq::NONE
    }

    fn read(&self, _: Seq, _: &mut dyn FnMut(&Told) -> bool) -> Result<(), RecordsError> {
        Ok(())
    }
}

impl Figures for Nobody {
    fn collect(&self, _: &mut dyn Gauges) {}
}

/// The service on a free port.
struct Serving {
    runtime: Runtime,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    folder: TempDir,
}

impl Serving {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let address = Address::Sqlite(folder.path().join("store.db"));
        let settings = Settings::patient(address);
        let store = runtime.block_on(Store::open(&settings, 0)).unwrap();
        let plant = Arc::new(
            wcs_specs::load_plant(include_str!("../../../../configs/plant.toml"), "plant.toml").unwrap(),
        );
        let api = Api::new(Parts {
            times: Times::new(&Calendar::of(&plant)).unwrap(),
            store: StoreSlot::of(store),
            control: Arc::new(Nobody),
            records: Arc::new(Nobody),
            figures: Arc::new(Nobody),
            live: LiveHandle::new(Arc::clone(&plant)),
            mappings: BTreeMap::from([("retail".to_owned(), Mapping::retail())]),
            limits: Limits::default(),
            now_ms: Arc::new(|| 1_795_651_200_000),
            plant,
        });
        let bound = runtime.block_on(bind(SocketAddr::from(([127, 0, 0, 1], 0)))).unwrap();
        let (address, (stop, stopped)) = (bound.address(), oneshot::channel());
        runtime.spawn(bound.serve(api, async {
            stopped.await.unwrap_or_default();
        }));
        Self { runtime, address, stop: Some(stop), folder }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn service(&self) -> ServiceOptions {
        ServiceOptions { url: self.url() }
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn import(&self, file: PathBuf, mapping: Option<&str>) -> Result<(), Failure> {
        let mapping = mapping.map(str::to_owned);
        import::import(&ImportOptions { file, mapping, service: self.service() }, Shown::Json)
    }

    /// How many orders are stored.
    fn orders(&self) -> usize {
        let service = crate::client::http::Service::at(&self.url()).unwrap();
        let page: Value = service.json("/api/orders").unwrap();
        page["items"].as_array().unwrap().len()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop.send(()).unwrap_or_default();
        }
        let _context = self.runtime.enter();
    }
}

const MAPPING: &str = "[file]\nencoding = \"utf-8\"\ndelimiter = \",\"\n[columns]\norder = \"order\"\nsku = \"sku\"\n\
    quantity = \"pieces\"\ndescription = \"text\"\ncustomer = \"customer\"\n[[refuse]]\nreason = \"return\"\n\
    column = \"quantity\"\nrule = \"not_positive\"\n";
const HEAD: &str = "order,sku,pieces,text,customer\n";

fn code(ended: Result<(), Failure>) -> u8 {
    ended.map_or_else(|failure| failure.code(), |()| 0)
}

#[test]
fn import_tells_by_its_exit_code_what_became_of_the_rows() {
    let serving = Serving::start();
    let mapping = serving.file("m.toml", MAPPING).display().to_string();
    let good = serving.file("good.csv", &format!("{HEAD}A,S1,2,t,c\nA,S2,1,t,c\nB,S1,1,t,c\n"));
    assert_eq!(code(serving.import(good.clone(), Some(&mapping))), 0);
    assert_eq!(serving.orders(), 2);
    // Again is the same answer, and stores nothing.
    assert_eq!(code(serving.import(good, Some(&mapping))), 0);
    assert_eq!(serving.orders(), 2);
    let partly = serving.file("partly.csv", &format!("{HEAD}C,S1,2,t,c\nC,S2,-1,t,c\n"));
    let failure = serving.import(partly, Some(&mapping)).unwrap_err();
    assert_eq!(failure.code(), 1);
    assert!(failure.to_string().contains("1 rows of"), "{failure}");
    let differs = serving.file("differs.csv", &format!("{HEAD}B,S1,5,t,c\n"));
    assert_eq!(code(serving.import(differs, Some(&mapping))), 1);
    assert_eq!(serving.orders(), 3);
}

#[test]
fn import_of_what_cannot_be_taken_is_bad_input() {
    let serving = Serving::start();
    let mapping = serving.file("m.toml", MAPPING).display().to_string();
    let semicolons = serving.file("s.csv", &format!("{HEAD}A,S1,2,t,c\n").replace(',', ";"));
    let failure = serving.import(semicolons, Some(&mapping)).unwrap_err();
    assert_eq!(failure.code(), 2);
    assert!(failure.to_string().contains("semicolon"), "{failure}");
    let good = serving.file("good.csv", &format!("{HEAD}A,S1,2,t,c\n"));
    assert_eq!(code(serving.import(good.clone(), Some("no-such-mapping"))), 2);
    let broken = serving.file("b.toml", "[columns\n").display().to_string();
    assert_eq!(code(serving.import(good.clone(), Some(&broken))), 2);
    assert_eq!(code(serving.import(serving.folder.path().join("none.csv"), Some(&mapping))), 2);
    let url = "http://127.0.0.1:1".to_owned();
    let nobody = ImportOptions { file: good, mapping: None, service: ServiceOptions { url } };
    assert_eq!(code(import::import(&nobody, Shown::Lines)), 1);
    assert_eq!(serving.orders(), 0);
}

#[test]
fn smoke_and_status_ask_what_the_service_answers() {
    let serving = Serving::start();
    let ended = smoke::smoke(&SmokeOptions { url: serving.url() }, Shown::Json);
    assert!(ended.is_ok(), "{ended:?}");
    assert_eq!(code(status::status(&serving.service(), Shown::Lines)), 0);
    let nobody = SmokeOptions { url: "http://127.0.0.1:1".to_owned() };
    let failure = smoke::smoke(&nobody, Shown::Lines).unwrap_err();
    assert_eq!(failure.code(), 1);
    assert!(failure.to_string().starts_with("17 of 17 checks"), "{failure}");
    let ended = status::status(&ServiceOptions { url: nobody.url }, Shown::Lines);
    assert_eq!(code(ended), 1);
}

#[test]
fn why_tells_an_order_without_loads_and_does_not_know_another() {
    let serving = Serving::start();
    let mapping = serving.file("m.toml", MAPPING).display().to_string();
    let good = serving.file("good.csv", &format!("{HEAD}A,S1,2,t,c\n"));
    assert_eq!(code(serving.import(good, Some(&mapping))), 0);
    let ask = |subject: &str| {
        let options = WhyOptions { subject: subject.to_owned(), service: serving.service(), data: None };
        why::why(&options, Shown::Lines)
    };
    assert_eq!(code(ask("A")), 0);
    assert_eq!(code(ask("-/A")), 0);
    for unknown in
        ["B", "x/A", "0-1-1", "a label that is none of any load and much longer than 64 bytes can hold"]
    {
        let failure = ask(unknown).unwrap_err();
        assert_eq!(failure.code(), 1, "{unknown}");
        assert!(failure.to_string().contains("is known"), "{failure}");
    }
}
