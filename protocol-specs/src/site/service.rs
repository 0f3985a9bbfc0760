//! Tables `[http]`, `[store]` and `[log]` of a site file: where the daemon listens and how much it takes, where its
//! store is, and what it logs.
//!
//! A password never stands in a site file or in an argument: files are copied and arguments are shown to everybody on
//! the machine. It comes from a file, a variable of the environment or a credential of the service manager, and who
//! reads it there is not decided here.

use std::net::SocketAddr;

use super::word_of;
use crate::section::{Reading, Section};

/// Where the HTTP service listens when nobody says anything else.
pub const DEFAULT_LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9_500);

const HTTP_KEYS: [&str; 6] =
    ["listen", "json_kib_max", "csv_kib_max", "body_seconds_max", "requests_max", "event_clients_max"];
const STORE_KEYS: [&str; 4] = ["address", "password_file", "password_env", "password_credential"];

/// Table `[http]`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Http {
    /// Address of this machine that is listened on; loopback.
    pub listen: SocketAddr,
    /// Largest JSON body, KiB.
    pub json_kib_max: u32,
    /// Largest CSV body, KiB.
    pub csv_kib_max: u32,
    /// Longest time a body may take to arrive, seconds.
    pub body_seconds_max: u16,
    /// Requests carried out at once; more are told to come again.
    pub requests_max: u16,
    /// Clients that follow the events at once.
    pub event_clients_max: u16,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: DEFAULT_LISTEN,
            json_kib_max: 8 * 1_024,
            csv_kib_max: 64 * 1_024,
            body_seconds_max: 30,
            requests_max: 256,
            event_clients_max: 64,
        }
    }
}

/// Table `[store]`. Nothing in it: SQLite, `store.db` in the data directory.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct StoreSite {
    /// Where it is.
    pub address: Option<StoreAddress>,
    /// Where the password is.
    pub password: Option<Secret>,
}

/// Where a store is, without a password.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum StoreAddress {
    /// A file.
    Sqlite(String),
    /// A database server, as `postgres://user@host:port/name`.
    Postgres(String),
}

/// Where a secret is to be had.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Secret {
    /// The first line of a file.
    File(String),
    /// A variable of the environment.
    Environment(String),
    /// A credential of the service manager (`LoadCredential=`), by its name.
    Credential(String),
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Table `[log]`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Log {
    /// How lines are written.
    pub format: LogFormat,
    /// What is logged; `warn` when not given.
    pub filter: Option<String>,
}

/// An address to listen on: one of this machine's own.
///
/// # Errors
/// It is no address, or other machines could reach it; says what to do.
pub fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr =
        text.parse().map_err(|_| format!("`{text}` is no address: write 127.0.0.1:9500"))?;
    if address.ip().is_loopback() {
        Ok(address)
    } else {
        Err(format!(
            "`{text}` can be reached by other machines, and there is no login yet: listen on 127.0.0.1:{}, and put \
             a proxy that asks for a login in front of it",
            address.port()
        ))
    }
}

/// An address of a store.
///
/// # Errors
/// It is none, or it holds a password; says what to do.
pub fn store_address(text: &str) -> Result<StoreAddress, String> {
    if let Some(path) = text.strip_prefix("sqlite:").filter(|path| !path.is_empty()) {
        return Ok(StoreAddress::Sqlite(path.to_owned()));
    }
    let rest = text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://"));
    let Some(rest) = rest else {
        // What it is instead may be a password with something around it: it is not repeated.
        return Err("this names no store: write sqlite:store.db or postgres://user@host:5432/name".to_owned());
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
    if user.contains(':') || rest.contains("password=") {
        return Err("the address holds a password: take it out, and say where it is with password_file, \
                    password_env or password_credential"
            .to_owned());
    }
    Ok(StoreAddress::Postgres(text.to_owned()))
}

pub(super) fn read_http(reading: &mut Reading<'_>, section: &Section<'_, '_>) -> Http {
    section.check_keys(reading, &HTTP_KEYS);
    let usual = Http::default();
    let mut listen = usual.listen;
    if let Some((text, place)) = section.text_or_none(reading, "listen") {
        match listen_address(text) {
            Ok(address) => listen = address,
            Err(message) => reading.report(&place, format!("`listen`: {message}")),
        }
    }
    let mut size = |key, most, usual: u32| {
        let found = section.number_or_none(reading, key, 1..=most);
        found.map_or(usual, |(number, _)| u32::try_from(number).expect("the bounds are small"))
    };
    let json_kib_max = size("json_kib_max", 256 * 1_024, usual.json_kib_max);
    let csv_kib_max = size("csv_kib_max", 1_024 * 1_024, usual.csv_kib_max);
    let mut count = |key, most, usual: u16| {
        let found = section.number_or_none(reading, key, 1..=most);
        found.map_or(usual, |(number, _)| u16::try_from(number).expect("the bounds are small"))
    };
    Http {
        listen,
        json_kib_max,
        csv_kib_max,
        body_seconds_max: count("body_seconds_max", 3_600, usual.body_seconds_max),
        requests_max: count("requests_max", 10_000, usual.requests_max),
        event_clients_max: count("event_clients_max", 1_000, usual.event_clients_max),
    }
}

pub(super) fn read_store(reading: &mut Reading<'_>, section: &Section<'_, '_>) -> StoreSite {
    section.check_keys(reading, &STORE_KEYS);
    let mut address = None;
    if let Some((text, place)) = section.text_or_none(reading, "address") {
        match store_address(text) {
            Ok(found) => address = Some(found),
            Err(message) => reading.report(&place, format!("`address`: {message}")),
        }
    }
    let mut password = None;
    for (key, place_of) in [
        ("password_file", Secret::File as fn(String) -> Secret),
        ("password_env", Secret::Environment),
        ("password_credential", Secret::Credential),
    ] {
        let Some((text, place)) = section.text_or_none(reading, key) else { continue };
        if password.is_some() {
            reading.report(&place, format!("`{key}`: the password has a place already; keep one of them"));
        }
        if key == "password_credential" && text.contains('/') {
            reading.report(&place, format!("`{key}` is the name of a credential, not a path"));
        }
        if matches!(address, None | Some(StoreAddress::Sqlite(_))) {
            let message = format!("`{key}` needs an `address` that begins with postgres://");
            reading.report(&place, message);
        }
        password = Some(place_of(text.to_owned()));
    }
    StoreSite { address, password }
}

pub(super) fn read_log(
    reading: &mut Reading<'_>,
    section: &Section<'_, '_>,
    check_filter: fn(&str) -> Result<(), String>,
) -> Log {
    section.check_keys(reading, &["format", "filter"]);
    let words = [("text", LogFormat::Text), ("json", LogFormat::Json)];
    let format = word_of(reading, section, "format", &words).unwrap_or_default();
    let filter = section.text_or_none(reading, "filter").map(|(text, place)| {
        if let Err(problem) = check_filter(text) {
            reading
                .report(&place, format!("`filter`: {problem}; write warn, info, or info,wcs_drivers=debug"));
        }
        text.to_owned()
    });
    Log { format, filter }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Problems;
    use crate::site::{Site, Surroundings, load_site};

    fn load(text: &str) -> Result<Site, Problems> {
        let check_filter = |text: &str| if text == "==" { Err("it is none".to_owned()) } else { Ok(()) };
        load_site(text, "site.toml", &Surroundings { cpus: (0..4).collect(), check_filter })
    }

    fn problem(text: &str, line: u32, part: &str) {
        let problems = load(text).unwrap_err();
        let is_there = problems.0.iter().any(|found| found.line == line && found.message.contains(part));
        assert!(is_there, "no `{part}` on line {line} in:\n{problems}");
    }

    const WHOLE: &str = "plant = \"plant.toml\"\ndata = \"/var/lib/wcs\"\njournal = \"/journal\"\n[http]\n\
                         listen = \"[::1]:9501\"\njson_kib_max = 1\ncsv_kib_max = 2\nbody_seconds_max = 3\n\
                         requests_max = 4\nevent_clients_max = 5\n[store]\n\
                         address = \"postgres://wcs@db:5432/wcs\"\npassword_credential = \"store\"\n[log]\n\
                         format = \"json\"\nfilter = \"info\"\n";

    #[test]
    fn whole_file_is_read() {
        let site = load(WHOLE).unwrap();
        assert_eq!(site.plant.as_deref(), Some("plant.toml"));
        assert_eq!(site.data.as_deref(), Some("/var/lib/wcs"));
        assert_eq!(site.journal.as_deref(), Some("/journal"));
        let http = Http {
            listen: "[::1]:9501".parse().unwrap(),
            json_kib_max: 1,
            csv_kib_max: 2,
            body_seconds_max: 3,
            requests_max: 4,
            event_clients_max: 5,
        };
        assert_eq!(site.http, Some(http));
        let store = StoreSite {
            address: Some(StoreAddress::Postgres("postgres://wcs@db:5432/wcs".to_owned())),
            password: Some(Secret::Credential("store".to_owned())),
        };
        assert_eq!(site.store, store);
        assert_eq!(site.log, Log { format: LogFormat::Json, filter: Some("info".to_owned()) });
    }

    #[test]
    fn tables_that_are_empty_mean_the_usual() {
        let site = load("[http]\n[store]\n[log]\n").unwrap();
        assert_eq!(site.http, Some(Http::default()));
        assert_eq!(Http::default().listen.to_string(), "127.0.0.1:9500");
        assert_eq!((site.store, site.log), (StoreSite::default(), Log::default()));
        assert_eq!(load("").unwrap().http, None);
    }

    #[test]
    fn addresses_that_others_can_reach_are_refused_with_the_remedy() {
        for address in ["0.0.0.0:9500", "192.168.0.7:9500", "[::]:9500"] {
            problem(
                &WHOLE.replace("[::1]:9501", address),
                5,
                "there is no login yet: listen on 127.0.0.1:9500",
            );
        }
        problem(&WHOLE.replace("[::1]:9501", "9500"), 5, "is no address");
        problem(&WHOLE.replace("[::1]:9501", "localhost:9500"), 5, "is no address");
    }

    #[test]
    fn a_password_has_one_place_and_that_is_not_the_file() {
        for address in ["postgres://wcs:hunter2@db/wcs", "postgres://db/wcs?password=hunter2"] {
            let problems =
                load(&WHOLE.replace("postgres://wcs@db:5432/wcs", address)).unwrap_err().to_string();
            assert!(problems.contains("site.toml:12: `address`: the address holds a password"), "{problems}");
            assert!(!problems.contains("hunter2"), "{problems}");
        }
        problem(&format!("{WHOLE}[x]\n"), 17, "nearest valid key");
        let twice = WHOLE.replace("[log]", "password_env = \"PASSWORD\"\n[log]");
        let problems = load(&twice).unwrap_err().to_string();
        assert!(problems.contains("keep one of them"), "{problems}");
        problem("[store]\npassword_file = \"p\"\n", 2, "needs an `address`");
        problem(&WHOLE.replace("\"store\"", "\"a/b\""), 13, "not a path");
        assert!(
            load("[store]\naddress = \"mysql://x\"\n").unwrap_err().to_string().contains("names no store")
        );
    }

    #[test]
    fn what_is_out_of_bounds_or_unknown_is_named_with_its_line() {
        problem("[http]\njson_kib_max = 0\n", 2, "from 1 to");
        problem("[http]\nevent_clients_max = 5000\n", 2, "from 1 to 1000");
        problem("[http]\nport = 9500\n", 2, "has no key `port`");
        problem("[log]\nformat = \"jsn\"\n", 2, "the nearest is `json`");
        problem("[log]\nfilter = \"==\"\n", 2, "`filter`: it is none");
        problem("http = 3\n", 1, "must be a table");
        problem("plant = 3\n", 1, "must be a text");
    }
}
