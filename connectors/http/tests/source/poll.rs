//! What is asked for, and how far it is taken.

use std::time::Instant;

use postroom_connector::{Arrival, Ending, Source, SourceKind};
use postroom_connector_http::HttpSource;
use postroom_event::Reading;
use tempfile::TempDir;

use crate::room::{batch, data, records, settings, source, take};
use crate::system::{Does, System, answer, says};

/// Longer than any test, so that no second round begins by itself.
const SELDOM: &str = "every = '1h'";

fn poll(system: &System, top: &str, path: &str, more: &str) -> Box<dyn Source> {
    poll_in(&data(), system, (top, path, more))
}

fn poll_in(folder: &TempDir, system: &System, (top, path, more): (&str, &str, &str)) -> Box<dyn Source> {
    let url = format!("{}{path}", system.address);
    source(&settings(folder, &format!("{top}\n[poll]\nurl = '{url}'\n{more}")))
}

/// The first lines of the requests so far.
fn asked(system: &System) -> Vec<String> {
    let lines = system.requests().into_iter();
    lines.map(|request| request.lines().next().unwrap_or_default().replace(" HTTP/1.1", "")).collect()
}

const TOP: &str = "key = ['/id', '/v']\nrecords = '/items'";
const BY_TIME: &str = "cursor = { max = '/at', start = '2026-01-01T00:00:00Z', overlap = '5min' }";

#[tokio::test]
async fn pages_by_number_are_asked_for_until_one_is_empty_and_the_cursor_moves_behind_them() {
    let system = System::new(vec![
        says(r#"{"items": [{"id": 1, "v": 1, "at": "2026-07-01T12:00:00Z"}]}"#),
        says(r#"{"items": [{"id": 2, "v": 1, "at": "2026-07-01T11:00:00Z"}]}"#),
        says(r#"{"items": []}"#),
        says(r#"{"items": [{"id": 3, "v": 1, "at": "2026-07-01T13:00:00Z"}]}"#),
    ])
    .await;
    let more = format!("{BY_TIME}\npages = {{ by = 'number' }}\nevery = '1s'");
    let mut source = poll(&system, TOP, "/c?since={cursor}&page={page}", &more);
    assert_eq!(take(source.as_mut()).await, [r#"["1","1"]"#]);
    assert_eq!(take(source.as_mut()).await, [r#"["2","1"]"#]);
    assert_eq!(take(source.as_mut()).await, [r#"["3","1"]"#]);
    assert_eq!(
        asked(&system),
        [
            "GET /c?since=2025-12-31T23%3A55%3A00Z&page=1",
            "GET /c?since=2025-12-31T23%3A55%3A00Z&page=2",
            "GET /c?since=2025-12-31T23%3A55%3A00Z&page=3",
            "GET /c?since=2026-07-01T11%3A55%3A00Z&page=1",
        ]
    );
}

#[tokio::test]
async fn a_batch_carries_the_cursor_behind_it_and_a_source_resumes_there() {
    let page = r#"{"items": [{"id": 1, "v": 1, "at": "2026-07-01T12:00:00+01:00"}]}"#;
    let system = System::new(vec![says(page), says(page)]).await;
    let more = format!("{BY_TIME}\n{SELDOM}");
    let mut first = poll(&system, TOP, "/c?since={cursor}", &more);
    let cursor = batch(first.as_mut()).await.cursor().expect("a cursor");
    assert_eq!(cursor, "2026-07-01T12:00:00+01:00");
    let mut second = poll(&system, TOP, "/c?since={cursor}", &more);
    second.resume(&cursor).expect("a cursor of its own");
    take(second.as_mut()).await;
    assert_eq!(asked(&system)[1], "GET /c?since=2026-07-01T11%3A55%3A00%2B01%3A00");
    let error = second.resume("no time").expect_err("an error");
    assert!(
        error.failure == postroom_connector::Failure::Permanent && !error.to_string().contains("no time")
    );
}

#[tokio::test]
async fn what_is_read_again_in_the_overlap_has_the_same_key_and_what_has_changed_another() {
    let row = |v: u8| format!(r#"{{"items": [{{"id": 1, "v": {v}, "at": "2026-07-01T12:00:00Z"}}]}}"#);
    let system = System::new(vec![says(&row(1)), says(&row(1)), says(&row(2))]).await;
    let mut source = poll(&system, TOP, "/c?since={cursor}", &format!("{BY_TIME}\nevery = '1s'"));
    let (mut ids, mut keys) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let mut batch = batch(source.as_mut()).await;
        keys.extend(records(batch.as_mut()).await.into_iter().map(|record| record.key));
        ids.push(batch.id().to_owned());
        batch.finish(Ending::Done).await.expect("taken");
    }
    assert!(keys[0] == keys[1] && keys[1] != keys[2], "{keys:?}");
    assert_ne!(ids[0], ids[1], "the same answer from another cursor is another batch");
}

#[tokio::test]
async fn the_same_answer_to_the_same_question_is_taken_once() {
    let page = |id: u8| format!(r#"{{"items": [{{"id": {id}, "v": 1, "at": "2026-07-01T12:00:00Z"}}]}}"#);
    // From the start, then twice from the cursor that it moved to, then something else.
    let system = System::new(vec![says(&page(1)), says(&page(1)), says(&page(1)), says(&page(2))]).await;
    let mut source = poll(&system, TOP, "/c?since={cursor}", &format!("{BY_TIME}\nevery = '1s'"));
    let mut taken = Vec::new();
    for _ in 0..3 {
        taken.extend(take(source.as_mut()).await);
    }
    assert_eq!(taken, [r#"["1","1"]"#, r#"["1","1"]"#, r#"["2","1"]"#]);
    assert_eq!(asked(&system).len(), 4);
}

#[tokio::test]
async fn a_batch_that_is_dropped_is_asked_for_again_and_is_the_same() {
    let page = r#"{"items": [{"id": 1, "v": 1, "at": "2026-07-01T12:00:00Z"}]}"#;
    let system = System::new(vec![says(page), says(page)]).await;
    let mut source = poll(&system, TOP, "/c?since={cursor}", &format!("{BY_TIME}\n{SELDOM}"));
    let dropped = batch(source.as_mut()).await.id().to_owned();
    assert_eq!(batch(source.as_mut()).await.id(), dropped);
    let asked = asked(&system);
    assert_eq!(asked[0], asked[1]);
}

#[tokio::test]
async fn the_systems_own_cursor_is_followed_while_there_is_more() {
    let system = System::new(vec![
        says(r#"{"items": [{"id": 1, "v": 1}], "next": "a b"}"#),
        says(r#"{"items": [{"id": 2, "v": 1}], "next": "c&d"}"#),
        says(r#"{"items": [], "next": "c&d"}"#),
    ])
    .await;
    let more = format!("cursor = {{ at = '/next', start = '' }}\n{SELDOM}");
    let mut source = poll(&system, TOP, "/c?from={cursor}", &more);
    take(source.as_mut()).await;
    assert_eq!(batch(source.as_mut()).await.cursor().as_deref(), Some("c&d"));
    assert_eq!(asked(&system), ["GET /c?from=", "GET /c?from=a%20b"]);
}

#[tokio::test]
async fn the_next_page_is_where_a_pointer_or_the_link_header_says() {
    for (pages, head, next) in [
        ("{ by = 'next', at = '/next' }", "200 OK", r#", "next": "/c?page=b""#),
        ("{ by = 'link' }", "200 OK\r\nlink: </c?page=b>; rel=\"next\"", ""),
    ] {
        let first = answer(head, &format!(r#"{{"items": [{{"id": 1, "v": 1}}]{next}}}"#));
        let system = System::new(vec![first, says(r#"{"items": [{"id": 2, "v": 1}], "next": null}"#)]).await;
        let mut source = poll(&system, TOP, "/c", &format!("pages = {pages}\n{SELDOM}"));
        take(source.as_mut()).await;
        take(source.as_mut()).await;
        assert!(matches!(source.next().await, Ok(Arrival::Idle)), "the round is over");
        assert_eq!(asked(&system), ["GET /c", "GET /c?page=b"], "{pages}");
    }
}

#[tokio::test]
async fn pages_by_count_go_on_behind_what_came() {
    let system = System::new(vec![
        says(r#"{"items": [{"id": 1, "v": 1}, {"id": 2, "v": 1}]}"#),
        says(r#"{"items": [{"id": 3, "v": 1}]}"#),
        says(r#"{"items": []}"#),
    ])
    .await;
    let mut source = poll(&system, TOP, "/c?skip={page}", &format!("pages = {{ by = 'count' }}\n{SELDOM}"));
    take(source.as_mut()).await;
    take(source.as_mut()).await;
    assert!(matches!(source.next().await, Ok(Arrival::Idle)));
    assert_eq!(asked(&system), ["GET /c?skip=0", "GET /c?skip=2", "GET /c?skip=3"]);
}

#[tokio::test]
async fn an_answer_that_has_not_changed_is_304_and_brings_nothing() {
    let first = answer("200 OK\r\netag: \"v1\"", r#"{"items": [{"id": 1, "v": 1}]}"#);
    let again = || answer("200 OK\r\netag: \"v2\"", r#"{"items": [{"id": 1, "v": 2}]}"#);
    let system = System::new(vec![first, answer("304 Not Modified", ""), again()]).await;
    let mut source = poll(&system, TOP, "/c", "every = '1s'");
    assert_eq!(take(source.as_mut()).await, [r#"["1","1"]"#]);
    assert_eq!(take(source.as_mut()).await, [r#"["1","2"]"#]);
    let requests = system.requests();
    let marks: Vec<bool> =
        requests.iter().map(|request| request.contains("if-none-match: \"v1\"\r\n")).collect();
    assert_eq!(marks, [false, true, true]);
}

#[tokio::test]
async fn an_answer_without_records_is_an_empty_batch_once_where_an_answer_is_all_that_there_is() {
    let xml = "key = '/Id'\nformat = { kind = 'xml', record = 'Change' }";
    for (top, full, none) in [
        (TOP, r#"{"items": [{"id": 1, "v": 1}]}"#, r#"{"items": []}"#),
        (xml, "<all><Change><Id>1</Id></Change></all>", "<all><Misspelt><Id>1</Id></Misspelt></all>"),
    ] {
        let system = System::new([full, none, none, full].into_iter().map(says).collect()).await;
        let mut source = poll(&system, top, "/c", "every = '1s'");
        let mut taken = Vec::new();
        for _ in 0..3 {
            taken.push(take(source.as_mut()).await.len());
        }
        assert_eq!((taken, asked(&system).len()), (vec![1, 0, 1], 4), "{top}");
    }
}

#[test]
fn a_file_without_records_is_published_as_an_answer_is_and_one_with_a_soap_fault_is_none() {
    let folder = data();
    let xml =
        "key = '/Id'\nformat = { kind = 'xml', record = 'Change' }\npoll = { url = 'https://till.example/' }";
    let open = |text: &str| {
        let file = folder.path().join("all.xml");
        std::fs::write(&file, text).expect("a file");
        HttpSource.open(&settings(&folder, xml), &file)
    };
    assert!(matches!(open("<all/>"), Ok(Arrival::Batch(batch)) if batch.is_empty()));
    assert!(open("<e><Fault><faultstring>no</faultstring></Fault></e>").is_err());
}

#[test]
fn only_what_is_asked_for_whole_and_in_one_answer_can_be_compared() {
    let wholes = |more: &str| {
        let text = format!("{TOP}\n[poll]\nurl = 'https://till.example/{more}");
        HttpSource.check(&settings(&data(), &text)).expect("settings");
        HttpSource.gives_wholes(&settings(&data(), &text))
    };
    assert!(wholes("'"));
    assert!(!wholes("{cursor}'\ncursor = { max = '/at', start = '2026-01-01' }"));
    assert!(!wholes("'\npages = { by = 'link' }"));
    let hook = settings(&data(), "path = '/hooks/in'\nkey = '/id'\nbearer = { file = 'secret' }");
    assert!(!HttpSource.gives_wholes(&hook));
}

#[tokio::test]
async fn a_soap_service_is_asked_with_a_body_and_answers_with_elements() {
    let envelope = |inner: &str| {
        format!(
            "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><r:ChangesResponse \
             xmlns:r=\"urn:till\">{inner}</r:ChangesResponse></s:Body></s:Envelope>"
        )
    };
    let change = "<r:Change><r:Id>7</r:Id><r:At>2026-07-01T12:00:00</r:At></r:Change>";
    let system = System::new(vec![says(&envelope(change)), says(&envelope(""))]).await;
    let more = "body = '<Envelope><Since a=\"{cursor}\">{cursor}</Since></Envelope>'\n\
                headers = { SOAPAction = 'urn:till/Changes' }\nbearer = { file = 'secret' }\nevery = '1s'\n\
                cursor = { max = '/At', start = '2026-07-01T00:00:00' }";
    let top = "key = ['/Id', '/At']\nformat = { kind = 'xml', record = 'Change' }";
    let folder = data();
    let mut source = poll_in(&folder, &system, (top, "/soap", more));
    assert_eq!(take(source.as_mut()).await, [r#"["7","2026-07-01T12:00:00"]"#]);
    let began = Instant::now();
    let mut requests = system.requests();
    while requests.len() < 2 {
        assert!(began.elapsed() < crate::room::DEADLINE, "it was not asked again");
        assert!(matches!(source.next().await, Ok(Arrival::Idle)), "an answer without elements is empty");
        requests.extend(system.requests());
    }
    let (head, body) = requests[0].split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("POST /soap HTTP/1.1\r\n"), "{head}");
    for header in [
        "content-type: text/xml; charset=utf-8",
        "soapaction: urn:till/Changes",
        "authorization: Bearer open sesame",
    ] {
        assert!(head.lines().any(|line| line == header), "{header}: {head}");
    }
    assert!(body.contains("<Since a=\"2026-07-01T00:00:00\">2026-07-01T00:00:00</Since>"), "{body}");
    assert!(requests[1].contains("2026-07-01T12:00:00"), "the cursor has moved");
}

#[tokio::test]
async fn a_record_without_its_key_is_refused_alone() {
    let system = System::new(vec![says(r#"{"items": [{"id": 1}, {"id": 2, "v": 1}]}"#)]).await;
    let mut source = poll(&system, TOP, "/c", SELDOM);
    let mut batch = batch(source.as_mut()).await;
    let read = batch.read(10).await.expect("records");
    let Reading::Refused(fault) = &read[0] else { panic!("{read:?}") };
    assert_eq!((fault.rule, fault.place.as_str(), fault.number), ("no-key", "/v", 1));
    assert!(matches!(&read[1], Reading::Record(record) if record.number == 2));
    batch.finish(Ending::Done).await.expect("taken");
}

#[tokio::test]
async fn whoever_waits_for_an_answer_can_stop_and_come_back() {
    let system = System::new(vec![Does::Hangs]).await;
    let mut source = poll(&system, TOP, "/c", SELDOM);
    let began = Instant::now();
    for _ in 0..2 {
        assert!(matches!(source.next().await, Ok(Arrival::Idle)));
    }
    assert!(began.elapsed().as_secs() < 20);
    assert_eq!(system.requests().len(), 1, "the question that is under way is waited for");
}

#[tokio::test]
async fn a_system_is_asked_with_a_token_and_with_a_new_one_where_that_is_refused() {
    let token = |token: &str| says(&format!(r#"{{"access_token": "{token}", "expires_in": 3600}}"#));
    let tokens = System::new(vec![token("first"), token("second")]).await;
    let page = r#"{"items": [{"id": 1, "v": 1}]}"#;
    let system = System::new(vec![answer("401 Unauthorized", ""), says(page)]).await;
    let oauth2 = format!(
        "{SELDOM}\noauth2 = {{ token_url = '{}/token', client_id = 'hub', client_secret = {{ file = 'secret' }} }}",
        tokens.address
    );
    let folder = data();
    let mut source = poll_in(&folder, &system, (TOP, "/c", &oauth2));
    assert_eq!(take(source.as_mut()).await, [r#"["1","1"]"#]);
    let requests = system.requests();
    let shown = requests.iter().flat_map(|request| request.lines());
    let shown: Vec<_> = shown.filter_map(|line| line.strip_prefix("authorization: ")).collect();
    assert_eq!(shown, ["Bearer first", "Bearer second"]);
    let asked = tokens.requests();
    assert!(asked.len() == 2 && asked[0].ends_with("grant_type=client_credentials"), "{asked:?}");
}
