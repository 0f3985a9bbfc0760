//! What a daemon is started with: the site file, overridden by arguments, with every path where it really is. Reads the
//! secret of the store from where the site says it is; nothing here is ever printed.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use wcs_intake::Mapping;
use wcs_specs::{DEFAULT_LISTEN, Http, Realtime, Secret, Site, StoreAddress, listen_address, store_address};
use wcs_store::Address;

use crate::arguments::RunOptions;
use crate::exit::Failure;
use crate::site_file::path_in;

/// Settings of a daemon.
pub(crate) struct Settings {
    pub(crate) plant: PathBuf,
    pub(crate) data: PathBuf,
    pub(crate) journal: PathBuf,
    pub(crate) realtime: Realtime,
    /// The side that is served; `None` for a daemon whose orders come from a file and that nobody asked to listen.
    pub(crate) front: Option<FrontSettings>,
}

/// Settings of everything behind the journal: store and HTTP service.
pub(crate) struct FrontSettings {
    pub(crate) http: Http,
    /// Where the address is taken, any free port will do: a demo is found by what it prints.
    pub(crate) takes_any_port: bool,
    pub(crate) store: Address,
    /// Folder with mappings of order files, beside the built-in one.
    pub(crate) mappings: Option<PathBuf>,
    /// A mapping of the process itself, by name.
    pub(crate) own_mapping: Option<(String, Mapping)>,
}

impl FrontSettings {
    /// A front of the demo: on the usual port when it is free, else on any; its store in the data directory.
    pub(crate) fn of_demo(data: &Path, own_mapping: (String, Mapping)) -> Self {
        let store = Address::Sqlite(data.join("store.db"));
        Self {
            http: Http { listen: DEFAULT_LISTEN, ..Http::default() },
            takes_any_port: true,
            store,
            mappings: None,
            own_mapping: Some(own_mapping),
        }
    }
}

impl Settings {
    /// Settings of `wcs run`.
    pub(crate) fn of_run(options: &RunOptions, site: &Site) -> Result<Self, Failure> {
        let file = options.site.as_deref();
        let named = |argument: &Option<PathBuf>, key: &Option<String>| {
            argument.clone().or_else(|| key.as_deref().map(|path| path_in(file, path)))
        };
        let missing = |what: &str| {
            let remedy = format!("no {what} is named: give --{what}, or the key `{what}` in the site file");
            Failure::bad_input(remedy)
        };
        let plant = named(&options.plant, &site.plant).ok_or_else(|| missing("plant"))?;
        let data = named(&options.data, &site.data).ok_or_else(|| missing("data"))?;
        let journal =
            site.journal.as_deref().map_or_else(|| data.join("journal"), |path| path_in(file, path));
        let is_scripted = options.order.orders.is_some();
        let is_served = !is_scripted || options.listen.is_some() || site.http.is_some();
        let front = is_served.then(|| front(options, site, &data)).transpose()?;
        Ok(Self { plant, data, journal, realtime: site.realtime.clone(), front })
    }
}

fn front(options: &RunOptions, site: &Site, data: &Path) -> Result<FrontSettings, Failure> {
    let file = options.site.as_deref();
    let mut http = site.http.unwrap_or_default();
    if let Some(listen) = options.listen {
        http.listen = listen;
    }
    let store = match (&options.store, &site.store.address) {
        (Some(StoreAddress::Sqlite(path)), _) => Address::Sqlite(PathBuf::from(path)),
        (None, Some(StoreAddress::Sqlite(path))) => Address::Sqlite(path_in(file, path)),
        (None, None) => Address::Sqlite(data.join("store.db")),
        (Some(StoreAddress::Postgres(url)), _) | (None, Some(StoreAddress::Postgres(url))) => {
            let password =
                site.store.password.as_ref().map(|secret| read_secret(secret, file)).transpose()?;
            Address::Postgres(password.map_or_else(|| url.clone(), |password| with_password(url, &password)))
        }
    };
    let mappings = site.mappings.as_deref().map(|path| path_in(file, path));
    Ok(FrontSettings { http, takes_any_port: false, store, mappings, own_mapping: None })
}

/// A secret, from where it is.
fn read_secret(secret: &Secret, site: Option<&Path>) -> Result<String, Failure> {
    let read = |path: &Path| {
        let text = std::fs::read_to_string(path);
        let text = text.map_err(|error| {
            Failure::bad_input(format!("the password of the store: {}: {error}", path.display()))
        })?;
        Ok(text.lines().next().unwrap_or_default().to_owned())
    };
    match secret {
        Secret::File(path) => read(&path_in(site, path)),
        Secret::Environment(name) => std::env::var(name).map_err(|_| {
            Failure::bad_input(format!("the password of the store: {name} is not set in the environment"))
        }),
        Secret::Credential(name) => {
            let folder = std::env::var_os("CREDENTIALS_DIRECTORY").ok_or_else(|| {
                Failure::bad_input(format!(
                    "the password of the store: there is no credential `{name}`: add LoadCredential={name}:PATH to \
                     the unit"
                ))
            })?;
            read(&Path::new(&folder).join(name))
        }
    }
}

/// The address with the password in its place, escaped.
fn with_password(url: &str, password: &str) -> String {
    let escaped: String = password
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect();
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    format!("{scheme}://{user}:{escaped}@{host}{path}")
}

/// Reads `--listen`.
pub(crate) fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    listen_address(text)
}

/// Reads `--store`.
pub(crate) fn parse_store(text: &str) -> Result<StoreAddress, String> {
    store_address(text)
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use wcs_specs::{Surroundings, load_site};

    use super::*;
    use crate::arguments::{Arguments, Command};

    fn settings(site: &str, arguments: &[&str]) -> Result<Settings, Failure> {
        let surroundings = Surroundings { cpus: (0..2).collect(), check_filter: |_| Ok(()) };
        let site = load_site(site, "site.toml", &surroundings).unwrap();
        let Command::Run(options) =
            Arguments::try_parse_from([&["wcs", "run"], arguments].concat()).unwrap().command
        else {
            panic!("it runs");
        };
        Settings::of_run(&options, &site)
    }

    const SITE: &str = "plant = \"plant.toml\"\ndata = \"/var/lib/wcs\"\njournal = \"j\"\n[http]\n\
                        listen = \"127.0.0.1:9600\"\n[store]\naddress = \"sqlite:s.db\"\n";

    #[test]
    fn paths_of_the_site_file_are_taken_from_its_folder() {
        let settings = settings(SITE, &["--site", "/etc/wcs/site.toml"]).unwrap();
        assert_eq!(settings.plant, Path::new("/etc/wcs/plant.toml"));
        assert_eq!(settings.data, Path::new("/var/lib/wcs"));
        assert_eq!(settings.journal, Path::new("/etc/wcs/j"));
        let front = settings.front.unwrap();
        assert_eq!(front.store, Address::Sqlite("/etc/wcs/s.db".into()));
        assert_eq!(front.http.listen.port(), 9_600);
    }

    #[test]
    fn arguments_override_the_site_file() {
        let more = ["--plant", "p", "--data", "d", "--listen", "127.0.0.1:1", "--store", "postgres://u@h/n"];
        let settings = settings(SITE, &more).unwrap();
        assert_eq!((settings.plant, settings.data), (PathBuf::from("p"), PathBuf::from("d")));
        let front = settings.front.unwrap();
        assert_eq!(front.store, Address::Postgres("postgres://u@h/n".to_owned()));
        assert_eq!(front.http.listen.port(), 1);
    }

    #[test]
    fn what_is_named_nowhere_is_said_with_the_remedy() {
        let failure = settings("", &["--data", "d"]).err().unwrap();
        assert_eq!((failure.code(), failure.to_string().contains("--plant")), (2, true));
        assert!(settings("", &["--plant", "p"]).err().unwrap().to_string().contains("--data"));
    }

    #[test]
    fn a_script_is_served_only_where_somebody_asks_for_it() {
        let script = ["--plant", "p", "--data", "d", "--orders", "o.csv"];
        assert!(settings("", &script).unwrap().front.is_none());
        assert!(settings("[http]\n", &script).unwrap().front.is_some());
        let listening = [&script[..], &["--listen", "127.0.0.1:0"]].concat();
        let front = settings("", &listening).unwrap().front.unwrap();
        assert_eq!(front.store, Address::Sqlite("d/store.db".into()));
        assert_eq!(settings("", &script[..4]).unwrap().front.unwrap().http.listen, DEFAULT_LISTEN);
    }

    #[test]
    fn a_password_is_put_in_escaped() {
        for (url, whole) in [
            ("postgres://wcs@db:5432/wcs", "postgres://wcs:a%40b%2F%3A@db:5432/wcs"),
            ("postgres://db/wcs?x=1", "postgres://:a%40b%2F%3A@db/wcs?x=1"),
            ("postgres://wcs@db", "postgres://wcs:a%40b%2F%3A@db"),
        ] {
            assert_eq!(with_password(url, "a@b/:"), whole);
        }
    }

    #[test]
    fn a_secret_that_is_not_there_is_named_by_its_place() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("secret"), "hunter2\n").unwrap();
        let site = folder.path().join("site.toml");
        assert_eq!(read_secret(&Secret::File("secret".into()), Some(&site)).unwrap(), "hunter2");
        let missing = read_secret(&Secret::File("none".into()), Some(&site)).err().unwrap();
        assert!(missing.code() == 2 && missing.to_string().contains("none"), "{missing}");
        let missing = read_secret(&Secret::Environment("WCS_NO_SUCH_NAME".into()), None).err().unwrap();
        assert!(missing.to_string().contains("WCS_NO_SUCH_NAME"), "{missing}");
    }
}
