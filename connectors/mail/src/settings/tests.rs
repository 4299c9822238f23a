//! Settings as a council may write them, right and wrong.

use super::*;

const RIGHT: &str = "server = { host = 'mail.zedshire.example' }\nfrom = 'hub@zedshire.example'\n";

fn settings(text: &str) -> Settings {
    Settings { table: text.parse().expect("TOML"), data: "/data".into(), system: "waste".to_owned() }
}

fn read(text: &str) -> Result<SinkSettings, SettingsError> {
    SinkSettings::read(&settings(text))
}

#[test]
fn what_is_not_said_is_tls_and_a_body_without_any_field() {
    let read = read(&format!("{RIGHT}to = ['Waste <waste@zedshire.example>']")).expect("settings");
    assert_eq!((read.concurrency, read.composer.max_bytes), (AT_ONCE, MAX_BYTES));
    assert!(format!("{:?}", read.server).contains("port: 465, tls: Required"), "{:?}", read.server);
    assert!(!TEXT.contains("item.message") && !TEXT.contains("http"));
    assert!(!read.composer.templates.has(Part::Html));
}

#[test]
fn a_line_without_tls_stays_on_the_machine_unless_the_settings_say_so() {
    let server = |server: &str| {
        read(&format!("server = {{ {server} }}\nfrom = 'hub@zedshire.example'\nto = ['a@zedshire.example']"))
    };
    for host in ["localhost", "127.0.0.1", "::1"] {
        server(&format!("host = '{host}', tls = 'off'")).expect("settings");
    }
    assert_eq!(server("host = 'mail.example', tls = 'off'").expect_err("an error").key, "server.tls");
    server("host = 'mail.example', tls = 'off', plain = true").expect("settings");
    server("host = 'mail.example', tls = 'starttls'").expect("settings");
}

#[test]
fn settings_that_cannot_work_are_refused_with_their_key() {
    for (more, key) in [
        ("to = []", "to"),
        ("to = ['waste']", "to"),
        ("to = ['émile@b.example']", "to"),
        ("to = ['a@b.example']\nreply_to = \"a@b.example\\nBcc: c@d.example\"", "reply_to"),
        ("to = [\"A\\r\\nBcc: c@d.example <a@b.example>\"]", "to"),
        ("to = ['a@b.example']\nsubject = 5", "subject"),
        ("to = ['a@b.example']\nsubject = '{{ items[0].message.name }}'", "subject"),
        ("to = ['a@b.example']\ntext = '{% for %}'", "text"),
        ("to = ['a@b.example']\nhtml = { file = 'x' }", "html"),
        ("to = ['a@b.example']\nfields = ['a..b']", "fields"),
        ("to = ['a@b.example']\nattachment = { name = 'a.csv' }", "fields"),
        ("to = ['a@b.example']\nfields = ['a']\nattachment = { }", "attachment.name"),
        (
            "to = ['a@b.example']\nfields = ['a']\nattachment = { name = 'a', columns = ['b'] }",
            "attachment.columns",
        ),
        (
            "to = ['a@b.example']\nfields = ['a']\nattachment = { name = 'a', encoding = 'utf-16be' }",
            "attachment.encoding",
        ),
        ("to = ['a@b.example']\nfields = ['a']\nattachment = { name = '{{ nmae }}' }", "attachment.name"),
        ("to = ['a@b.example']\nmax_bytes = 0", "max_bytes"),
        ("to = ['a@b.example']\nconcurrency = 17", "concurrency"),
        ("to = ['a@b.example']\ncopy = true", "copy"),
    ] {
        let error = read(&format!("{RIGHT}{more}")).expect_err(more);
        assert_eq!(error.key, key, "{more}: {error}");
    }
    assert_eq!(read("from = 'a@b.example'\nto = ['a@b.example']").expect_err("an error").key, "server");
}

#[test]
fn a_server_that_cannot_be_met_is_refused_with_its_key_and_without_its_secret() {
    for (server, key) in [
        ("host = ''", "server.host"),
        ("host = 'mail.example', user = 'u'", "server.password"),
        ("host = 'mail.example', password = { env = 'A' }", "server.user"),
        ("host = 'mail.example', user = 'u', password = 'quite-secret'", "server.password"),
        ("host = 'mail.example', timeout = '60'", "server.timeout"),
        ("host = 'mail.example', timeout = '5min'", "server.timeout"),
        ("host = 'mail.example', hello = 'a b'", "server.hello"),
        ("host = 'localhost', tls = 'off', ca = 'ca.pem'", "server.ca"),
        ("host = 'mail.example', tls = 'maybe'", "server.tls"),
    ] {
        let text = format!("server = {{ {server} }}\nfrom = 'a@b.example'\nto = ['a@b.example']");
        let error = read(&text).expect_err(server);
        assert_eq!(error.key, key, "{server}: {error}");
        assert!(!error.to_string().contains("quite-secret"), "{error}");
    }
}

#[test]
fn every_listed_field_is_revealed_and_an_authority_is_a_certificate_in_use() {
    use postroom_connector::{CertificateAt, CertificateRole, SinkKind};
    let server = "server = { host = 'mail.zedshire.example', ca = 'ca.pem' }\nfrom = 'a@b.example'\nto = ['a@b.example']";
    let settings = settings(&format!("{server}\nfields = ['uprn', 'address.line1']"));
    let revealed = |key: &str, field: &str| Revealed { key: key.to_owned(), field: field.to_owned() };
    assert_eq!(
        crate::MailSink.reveals(&settings),
        [revealed("fields[0]", "uprn"), revealed("fields[1]", "address.line1")]
    );
    let ca = CertificateAt::file("server.ca", CertificateRole::Authority, "/data/ca.pem");
    assert_eq!(crate::MailSink.certificates(&settings), [ca]);
}
