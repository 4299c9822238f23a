//! Certificates that end soon, and those that cannot be used: what is told of them, and that nothing of them is repeated.

use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use postroom_tests::council::{TestCouncil, yard_rows};
use postroom_tests::hub::TestHub;
use postroom_tests::hub::http::get;
use postroom_tests::hub::until;
use postroom_tests::ports;
use postroom_tests::rabbitmq::Rabbit;
use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use crate::work::small;

const DAY: Duration = Duration::from_secs(86_400);
/// What must be in no line.
const CANARY: &str = "quite secret";

/// A certificate that ends so long after the beginning of 1970, and its key, as PEM.
fn pair(ends: Duration) -> (String, String) {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    params.not_after = date_time_ymd(1970, 1, 1) + ends;
    let key = KeyPair::generate().expect("a key");
    (params.self_signed(&key).expect("a certificate").pem(), key.serialize_pem())
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970")
}

/// A target that is met over TLS, with the authority in the file `ca` of the data folder.
fn target(hub: &TestHub, name: &str, ca: &str) {
    let text = format!(
        "title = \"Desk\"\n[target]\nconnector = \"mail\"\n[target.settings]\nfrom = \"hub@zedshire.example\"\n\
         to = [\"desk@zedshire.example\"]\nserver = {{ host = \"localhost\", port = 1, ca = \"{ca}\" }}\n"
    );
    hub.council.write(&format!("systems/{name}/system.toml"), &text);
}

fn put(hub: &TestHub, name: &str, text: &str) {
    let data = hub.council.data();
    fs::create_dir_all(&data).expect("a folder");
    fs::write(data.join(name), text).expect("a file");
}

#[test]
fn a_certificate_that_ends_soon_has_ended_or_is_none_is_told_by_log_metric_and_status() {
    let mut hub = small();
    for (name, ca) in
        [("desk", "soon.pem"), ("post", "over.pem"), ("yonder", "none.pem"), ("well", "well.pem")]
    {
        target(&hub, name, ca);
    }
    let soon = now() + DAY * 5;
    put(&hub, "soon.pem", &pair(soon).0);
    put(&hub, "over.pem", &pair(now() - DAY * 2).0);
    put(&hub, "none.pem", CANARY);
    put(&hub, "well.pem", &pair(now() + DAY * 365).0);
    hub.start();
    let address = hub.wait_for("health.listening")["address"].as_str().expect("an address").to_owned();
    let mut said = [(); 3]
        .map(|()| hub.wait_for_any(&["certificate.expiring", "certificate.expired", "certificate.unusable"]));
    said.sort_by_key(|line| line["system"].to_string());
    let [expiring, expired, unusable] = said;
    assert_eq!(
        (&expiring["event"], &expiring["system"], &expiring["setting"], &expiring["role"], &expiring["days"]),
        (
            &"certificate.expiring".into(),
            &"desk".into(),
            &"target.server.ca".into(),
            &"authority".into(),
            &5.into()
        )
    );
    assert_eq!(
        (&expired["event"], &expired["level"], &expired["system"], &expired["days"]),
        (&"certificate.expired".into(), &"ERROR".into(), &"post".into(), &2.into())
    );
    assert_eq!((&unusable["system"], &unusable["setting"]), (&"yonder".into(), &"target.server.ca".into()));
    let reason = unusable["reason"].as_str().expect("a reason");
    assert!(reason.ends_with("none.pem holds no certificate as PEM"), "{reason}");

    let left = until("the metric", || {
        let series = "postroom_certificate_seconds_left{system=\"desk\",setting=\"target.server.ca\",role=\"authority\"} ";
        get(&address, "/metrics").1.lines().find_map(|line| line.strip_prefix(series)?.parse::<f64>().ok())
    });
    assert!((4.9 * 86_400.0..=5.0 * 86_400.0).contains(&left), "{left}");

    let status = hub.json(&["status", "--json"]);
    let certificates = status["standing"]["certificates"].as_array().expect("certificates").clone();
    let of = |system: &str| certificates.iter().find(|one| one["system"] == system).expect("its certificate");
    assert_eq!(certificates.len(), 4);
    assert_eq!(of("desk")["until"].as_u64(), Some(soon.as_secs() * 1_000_000));
    assert_eq!((of("well")["role"].as_str(), of("well")["trouble"].is_null()), (Some("authority"), true));
    assert_eq!(of("yonder")["until"].as_u64(), None);
    let told = hub.say(&["status"]);
    for line in [
        "EXPIRES: the certificate target.server.ca of desk ends ",
        "EXPIRED: the certificate target.server.ca of post ended ",
        "UNUSABLE: target.server.ca of yonder: the file ",
    ] {
        assert_eq!(told.lines().filter(|told| told.starts_with(line)).count(), 1, "{line}: {told}");
    }
    assert!(!told.contains("of well") && !told.contains(CANARY), "{told}");
    assert!(hub.stop().success());
    assert!(!format!("{:?}", hub.lines).contains(CANARY));
}

#[test]
fn a_key_of_a_listener_that_is_replaced_by_something_else_is_told_and_so_is_its_end() {
    let mut hub = small();
    let listen = ports::address();
    let text = format!(
        "title = \"Till\"\n[source]\nconnector = \"http\"\n[source.settings]\nlisten = \"{listen}\"\npath = \"/in\"\n\
         key = \"/id\"\nbearer = {{ file = \"token\" }}\ntls = {{ certificate = \"hub.pem\", key = \"hub.key\" }}\n\
         [[source.map]]\nrule = \"all\"\nevent = \"parcel.moved.v1\"\n"
    );
    hub.council.write("systems/till/system.toml", &text);
    let mapping = "{ \"subject\": \"parcel:1\", \"data\": { \"number\": 1, \"place\": \"shelf\" } }\n";
    hub.council.write("systems/till/events/parcel.moved.v1.vrl", mapping);
    let (certificate, key) = pair(now() + DAY * 365);
    put(&hub, "token", "open sesame");
    put(&hub, "hub.pem", &certificate);
    put(&hub, "hub.key", &key);
    hub.start();
    hub.wait_for("hub.ready");
    // Only what was read once can be replaced.
    until("the listener", || std::net::TcpStream::connect(listen).ok());
    put(&hub, "hub.key", CANARY);
    let unusable = hub.wait_for("certificate.unusable");
    assert_eq!((&unusable["system"], &unusable["setting"]), (&"till".into(), &"source.tls.key".into()));
    assert!(unusable["reason"].as_str().is_some_and(|reason| reason.contains("hub.key")), "{unusable}");
    put(&hub, "hub.key", &key);
    let usable = hub.wait_for("certificate.usable");
    assert_eq!((&usable["system"], &usable["setting"]), (&"till".into(), &"source.tls.key".into()));
    assert!(hub.stop().success());
    assert!(!format!("{:?}", hub.lines).contains(CANARY));
}

#[test]
fn a_certificate_that_a_system_showed_is_in_the_status_after_its_hub_has_met_it() {
    let mut hub = small();
    let listen = ports::address();
    let soon = now() + DAY * 5;
    let (certificate, key) = pair(soon);
    put(&hub, "hub.pem", &certificate);
    put(&hub, "hub.key", &key);
    put(&hub, "token", "open sesame");
    // The target is a listener of the hub itself.
    let till = format!(
        "title = \"Till\"\n[target]\nconnector = \"pull\"\n[target.settings]\nlisten = \"{listen}\"\n\
         bearer = {{ file = \"token\" }}\ntls = {{ certificate = \"hub.pem\", key = \"hub.key\" }}\n"
    );
    hub.council.write("systems/till/system.toml", &till);
    let dock = format!(
        "title = \"Dock\"\n[target]\nconnector = \"http\"\n[target.settings]\n\
         url = \"https://localhost:{}/none\"\nca = {{ file = \"hub.pem\" }}\n",
        listen.port()
    );
    hub.council.write("systems/dock/system.toml", &dock);
    hub.start();
    hub.wait_for("hub.ready");
    until("the listener", || std::net::TcpStream::connect(listen).ok());
    hub.council.feed("yard/in", "moves.csv", yard_rows(1, 1).as_bytes());
    let peer = until("what the dock showed", || {
        let status = hub.json(&["status", "--json"]);
        let certificates = status["standing"]["certificates"].as_array().expect("certificates");
        certificates.iter().find(|one| one["system"] == "dock" && one["role"] == "peer").cloned()
    });
    assert_eq!(
        (&peer["setting"], peer["until"].as_u64()),
        (&"target.url".into(), Some(soon.as_secs() * 1_000_000))
    );
    assert!(hub.stop().success());
    let line = "EXPIRES: the certificate target.url of dock ends ";
    assert!(
        hub.say(&["status"]).lines().any(|told| told.starts_with(line)),
        "from the ledger, without a hub"
    );
    for gone in ["routes/parcel-to-dock", "systems/dock"] {
        fs::remove_dir_all(hub.council.folder().join(gone)).expect("a folder that is gone");
    }
    assert!(!hub.say(&["status"]).contains(line), "of a system that is gone nothing is told");
}

#[test]
fn the_certificate_that_the_broker_shows_is_told_like_that_of_a_system() {
    let folder = tempfile::tempdir().expect("a folder");
    let (certificate, key) = (folder.path().join("broker.pem"), folder.path().join("broker.key"));
    let soon = now() + DAY * 5;
    let texts = pair(soon);
    fs::write(&certificate, texts.0).expect("a file");
    fs::write(&key, texts.1).expect("a file");
    let (_rabbit, url) = Rabbit::start_with_tls(&certificate, &key);
    let mut hub = TestHub::new(TestCouncil::small(), &url);
    hub.through = vec!["env".to_owned(), format!("SSL_CERT_FILE={}", certificate.display())];
    hub.start();
    let said = [(); 2].map(|()| hub.wait_for_any(&["hub.ready", "certificate.expiring"]));
    let expiring = said.iter().find(|line| line["event"] == "certificate.expiring").expect("a warning");
    let told = ["system", "setting", "role"].map(|field| expiring[field].as_str().unwrap_or_default());
    assert_eq!(told, ["hub", "broker.url", "peer"]);
    let line = "EXPIRES: the certificate broker.url of hub ends ";
    until("the line", || hub.say(&["status"]).lines().any(|told| told.starts_with(line)).then_some(()));
    assert!(hub.stop().success());
}
