//! What settings can be, and what they cannot.

use postroom_connector::Handover;
use postroom_request::header::CONTENT_TYPE;
use serde_json::json;

use super::super::handed::handover;
use super::super::request::Call;
use super::*;

fn settings(text: &str) -> Settings {
    Settings { table: text.parse().expect("TOML"), data: "/data".into(), system: "till".to_owned() }
}

fn read(text: &str) -> Result<SinkSettings, SettingsError> {
    SinkSettings::read(&settings(text))
}

/// The request for a message.
fn call(text: &str) -> Call {
    let told: Handover = handover(json!({"uprn": 7}));
    read(text).expect(text).deliver.request.call(&told).expect(text)
}

#[test]
fn what_is_not_said_is_a_post_of_json_within_thirty_seconds() {
    let settings = read("url = 'https://till.example/moves'").expect("settings");
    assert_eq!((settings.timeout, settings.concurrency, settings.interval), (TIMEOUT, None, None));
    for more in ["", "\nbody = { json = true }"] {
        let call = call(&format!("url = 'https://till.example/moves'{more}"));
        assert_eq!((call.method, call.address.as_str()), (Method::POST, "https://till.example/moves"));
        assert_eq!(call.head[CONTENT_TYPE], "application/json");
        assert_eq!(call.body.as_deref(), Some(br#"{"uprn":7}"#.as_slice()));
    }
}

#[test]
fn a_delete_has_no_body_unless_one_is_written() {
    let url = "url = 'https://till.example/moves/{message.uprn}'\nmethod = 'DELETE'";
    let bare = call(url);
    assert_eq!((bare.address.as_str(), bare.body), ("https://till.example/moves/7", None));
    assert!(bare.head.is_empty());
    assert!(call(&format!("{url}\nbody = {{ json = true }}")).body.is_some());
}

#[test]
fn soap_has_its_media_type_and_its_envelope() {
    let body = "url = 'https://till.example/'\nbody = { template = '<m>{{ message.uprn }}</m>' }";
    let old = call(&format!("{body}\nsoap = {{ version = '1.1', action = 'urn:Move' }}"));
    assert_eq!(old.head[CONTENT_TYPE], "text/xml; charset=utf-8");
    assert_eq!(old.head["soapaction"], "\"urn:Move\"");
    let sent = String::from_utf8(old.body.expect("a body")).expect("UTF-8");
    assert!(sent.contains("<soap:Body><m>7</m></soap:Body>"), "{sent}");
    let new = call(&format!("{body}\nsoap = {{ version = '1.2', action = 'urn:Move' }}"));
    assert_eq!(new.head[CONTENT_TYPE], "application/soap+xml; charset=utf-8; action=\"urn:Move\"");
    assert!(!new.head.contains_key("soapaction"));
}

#[test]
fn a_rate_leaves_no_more_at_once_than_have_their_turn_in_time() {
    for (more, at_once) in [
        ("rate = '10/s'", 16),
        ("rate = '1/s'", 15),
        ("rate = '10/min'", 2),
        ("rate = '10/min'\nconcurrency = 1", 1),
        ("rate = '10/min'\nconcurrency = 64", 2),
        ("rate = '100/s'\nconcurrency = 64", 64),
    ] {
        let settings = read(&format!("url = 'https://till.example/'\n{more}")).expect(more);
        assert_eq!(settings.concurrency, Some(at_once), "{more}");
    }
}

#[test]
fn settings_that_cannot_work_are_refused_with_their_key() {
    const OAUTH2: &str = "token_url = 'https://id.example/token', client_id = 'hub'";
    let oauth2 = |more: &str| format!("oauth2 = {{ {OAUTH2}, {more} }}");
    let soap = |more: &str| format!("soap = {{ version = '1.1' }}\n{more}");
    for (more, key) in [
        ("method = 'GET'", "method"),
        ("content_type = \"a\\nb\"", "content_type"),
        ("timeout = '30'", "timeout"),
        ("timeout = '2min'", "timeout"),
        ("timeout = 30", "timeout"),
        ("concurrency = 0", "concurrency"),
        ("rate = '10'", "rate"),
        ("rate = '1/min'", "rate"),
        ("reference = 'id'", "reference"),
        ("problem = 'code'", "problem"),
        ("body = { json = false }", "body"),
        ("body = { template = 'a' }", "body.format"),
        ("body = { template = 'a', format = 'yaml' }", "body.format"),
        ("body = { template = '{{ nmae }}', format = 'text' }", "body.template"),
        ("body = { template = '{{', format = 'text' }", "body.template"),
        (&soap(""), "body"),
        (&soap("body = { json = true }"), "body"),
        (&soap("body = { template = 'a', format = 'json' }"), "body.format"),
        (&soap("body = { template = '<a/>' }\ncontent_type = 'text/xml'"), "content_type"),
        ("answer = { rule = '.status ==' }", "answer.rule"),
        ("answer = { rule = '.status == 200' }", "answer.rule"),
        ("look_up = { url = 'https://till.example/moves' }", "look_up.url"),
        ("look_up = { url = 'https://till.example/moves/{message.ref}' }", "look_up.url"),
        ("answer = { rule = 'null' }\nlook_up = { url = 'https://till.example/moves' }", "look_up.url"),
        ("look_up = { url = 'https://till.example/moves', rule = 'null' }", "look_up.url"),
        ("look_up = { url = 'http://till.example/{id}' }", "look_up.url"),
        ("look_up = { url = 'https://till.example/{id}', method = 'PUT' }", "look_up.method"),
        ("look_up = { url = 'https://till.example/{id}', rule = '1' }", "look_up.rule"),
        ("look_up = { url = 'https://till.example/{id}', headers = { Host = 'a' } }", "look_up.headers.Host"),
        ("headers = { Host = 'a' }", "headers.Host"),
        ("headers = { X-Api-Key = 'quite-secret' }", "headers.X-Api-Key"),
        ("bearer = 'quite-secret'", "bearer"),
        ("basic = { user = 'u', password = 'quite-secret' }", "basic.password"),
        ("headers = { X-Tenant = 5 }", "headers.X-Tenant"),
        ("headers = { 'X Y' = 'a' }", "headers.X Y"),
        ("bearer = { env = 'A' }\nbasic = { user = 'u', password = { env = 'B' } }", "bearer"),
        (&oauth2("client_secret = 'quite-secret'"), "oauth2.client_secret"),
        (&oauth2("client_secret = { env = 'A' }, credentials = 'query'"), "oauth2.credentials"),
        (&format!("bearer = {{ env = 'A' }}\n{}", oauth2("client_secret = { env = 'A' }")), "bearer"),
        (
            "oauth2 = { token_url = 'http://id.example/', client_id = 'hub', client_secret = { env = 'A' } }",
            "oauth2.token_url",
        ),
        ("certificate = { file = 'hub.pem' }", "key"),
        ("key = { file = 'hub.pem' }", "certificate"),
        ("key = 'quite-secret'\ncertificate = { file = 'hub.pem' }", "key"),
        ("ca = 'quite-secret'", "ca"),
        ("nethod = 'POST'", "nethod"),
    ] {
        let error = read(&format!("url = 'https://till.example/'\n{more}")).expect_err(more);
        assert_eq!(error.key, key, "{more}: {error}");
        assert!(!error.to_string().contains("quite-secret"), "{error}");
    }
    for url in [
        "till.example",
        "ftp://till.example/",
        "https://u:quite-secret@till.example/",
        "https://till.example/{name}",
    ] {
        let error = read(&format!("url = '{url}'")).expect_err(url);
        assert_eq!(error.key, "url");
        assert!(!error.to_string().contains("quite-secret"), "{error}");
    }
    assert_eq!(read("method = 'POST'").expect_err("an error").key, "url");
}

#[test]
fn a_look_up_without_the_key_in_its_address_has_a_rule_and_tells_handovers_apart() {
    for look_up in [
        "url = 'https://till.example/moves/{message.uprn}', rule = 'null'",
        "url = 'https://till.example/search', method = 'POST', rule = 'null'",
    ] {
        let read = read(&format!("url = 'https://till.example/'\nlook_up = {{ {look_up} }}")).expect(look_up);
        let way = read.look_up.expect("a look-up");
        assert!(way.judge.rule.is_some(), "{look_up}");
        let [one, other] =
            [7, 8].map(|uprn| way.request.call(&handover(json!({"uprn": uprn}))).expect("a request"));
        assert!(one.address != other.address || one.body != other.body, "{look_up}");
    }
}

#[test]
fn secrets_come_from_where_the_settings_name_them() {
    let data = tempfile::tempdir().expect("a folder");
    std::fs::write(data.path().join("secret"), "open sesame\n").expect("a file");
    let from = "{ file = 'secret' }";
    for (auth, name, value) in [
        (format!("bearer = {from}"), "authorization", "Bearer open sesame"),
        (format!("headers = {{ X-Api-Key = {from} }}"), "x-api-key", "open sesame"),
        (
            format!("basic = {{ user = 'hub', password = {from} }}"),
            "authorization",
            "Basic aHViOm9wZW4gc2VzYW1l",
        ),
        (
            format!("look_up = {{ url = 'https://till.example/{{id}}', headers = {{ X-Token = {from} }} }}"),
            "x-token",
            "open sesame",
        ),
    ] {
        let table = format!("url = 'https://till.example/'\n{auth}").parse().expect("TOML");
        let settings = Settings { table, data: data.path().to_owned(), system: "till".to_owned() };
        let read = SinkSettings::read(&settings).expect("settings");
        assert_eq!(read.credentials.files(&settings), [data.path().join("secret")]);
        let opened = read.credentials.open(&settings, TIMEOUT).expect("secrets");
        let headers = opened.headers(Purpose::LookUp);
        assert!(headers[name] == value && headers[name].is_sensitive(), "{auth}");
        let is_everywhere = opened.headers(Purpose::Deliver).contains_key(name);
        assert_eq!(is_everywhere, !auth.starts_with("look_up"), "{auth}");
    }
}
