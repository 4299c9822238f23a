//! What the file keeps, forgets and finds.

use serde_json::json;

use super::*;

/// How long the same report is the same.
const SAME_WITHIN: Duration = Duration::from_secs(60);

/// A store, and the folder in which it is.
struct Kept(Store, tempfile::TempDir);

fn kept() -> Kept {
    let folder = tempfile::tempdir().expect("a folder");
    Kept(store(&folder, Side::Board), folder)
}

fn server(folder: &tempfile::TempDir) -> Store {
    store(folder, Side::Server { same_within: SAME_WITHIN })
}

fn store(folder: &tempfile::TempDir, side: Side) -> Store {
    let settings =
        Settings { table: toml::Table::new(), data: folder.path().to_owned(), system: "reports".to_owned() };
    Store::new(&settings, None, side, 30)
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

fn posted(content: &str) -> Posted {
    let told = json!({"service_code": "potholes", "service_name": "Potholes"});
    let told = told.as_object().expect("an object").clone();
    Posted { content: content.to_owned(), within: SAME_WITHIN, told }
}

fn update(message: &Value) -> Update {
    Update::read(message).expect("an update")
}

async fn told(store: &Store, id: &str) -> Option<Map<String, Value>> {
    store.search(&Search::Ids(vec![id.to_owned()])).await.expect("an answer").pop()
}

#[tokio::test]
async fn the_same_report_has_its_token_again_for_a_while_and_then_another() {
    let Kept(store, _folder) = kept();
    let noon = at("2026-05-04T12:00:00Z");
    let first = store.give(&posted("a"), noon).await.expect("a token");
    let again = store.give(&posted("a"), noon + chrono::Duration::seconds(59)).await.expect("a token");
    assert_eq!(first, again);
    let other = store.give(&posted("b"), noon).await.expect("a token");
    let later = store.give(&posted("a"), noon + chrono::Duration::seconds(61)).await.expect("a token");
    assert!(other.token != first.token && later.token != first.token);
}

#[tokio::test]
async fn an_id_that_the_board_learns_is_that_of_its_token_and_two_tokens_may_have_one() {
    let Kept(store, _folder) = kept();
    let noon = at("2026-05-04T12:00:00Z");
    let mut tokens = Vec::new();
    for content in ["a", "b"] {
        tokens.push(store.give(&posted(content), noon).await.expect("a token").token);
    }
    assert_eq!(store.id_of(&tokens[0]).await.expect("an answer"), Some(None));
    for token in &tokens {
        let message = json!({"token": token, "service_request_id": "W-1", "updated_datetime": "2026-05-04T13:00:00+01:00"});
        store.put(&update(&message), noon).await.expect("put");
        assert_eq!(store.id_of(token).await.expect("an answer"), Some(Some("W-1".to_owned())));
    }
    assert_eq!(store.id_of("none").await.expect("an answer"), None);
    let told = told(&store, "W-1").await.expect("a request");
    assert_eq!(told["service_name"], "Potholes");
    assert_eq!(told["requested_datetime"], "2026-05-04T12:00:00Z");
    assert_eq!(told["status"], "open");
}

#[tokio::test]
async fn an_older_update_never_overwrites_a_newer_one_and_what_is_not_said_stays() {
    let Kept(store, _folder) = kept();
    let now = at("2026-05-06T12:00:00Z");
    for (status, notes, time) in [
        ("closed", Some("Done"), "2026-05-05T12:00:00Z"),
        ("open", Some("Looked at"), "2026-05-05T12:59:59+01:00"),
        ("closed", None, "2026-05-05T12:00:01Z"),
    ] {
        let message = json!({"service_request_id": "W-1", "status": status, "status_notes": notes, "updated_datetime": time});
        store.put(&update(&message), now).await.expect("put");
    }
    let told = told(&store, "W-1").await.expect("a request");
    assert_eq!((&told["status"], &told["status_notes"]), (&json!("closed"), &json!("Done")));
    assert_eq!(told["updated_datetime"], "2026-05-05T12:00:01Z");
}

#[tokio::test]
async fn what_is_told_of_a_token_without_an_id_is_the_newest_in_whatever_order_it_comes() {
    let now = at("2026-05-06T12:00:00Z");
    let told_of = |time: &str, told: &[(&str, &str)]| {
        let mut message = json!({"updated_datetime": time});
        for (name, value) in told {
            message[*name] = json!(value);
        }
        message
    };
    let newer = told_of("2026-05-05T12:00:00Z", &[("status", "closed"), ("status_notes", "Done")]);
    let older = told_of("2026-05-04T12:00:00Z", &[("status", "open"), ("agency_responsible", "Roads")]);
    let with_id = told_of("2026-05-03T12:00:00Z", &[("service_request_id", "W-1"), ("status", "open")]);
    for order in [[&older, &newer, &with_id], [&newer, &older, &with_id], [&newer, &with_id, &older]] {
        let Kept(store, _folder) = kept();
        let token = store.give(&posted("a"), now).await.expect("a token").token;
        for message in order {
            let mut message = message.clone();
            message["token"] = json!(token);
            store.put(&update(&message), now).await.expect("put");
        }
        let told = told(&store, "W-1").await.expect("a request");
        assert_eq!((&told["status"], &told["status_notes"]), (&json!("closed"), &json!("Done")), "{order:?}");
        assert_eq!(told["updated_datetime"], "2026-05-05T12:00:00Z", "{order:?}");
        assert_eq!(told["requested_datetime"], "2026-05-06T12:00:00Z", "{order:?}");
    }
}

#[tokio::test]
async fn a_token_keeps_the_id_that_was_told_last_however_late_an_older_one_comes() {
    let now = at("2026-05-06T12:00:00Z");
    let (older, newer) = (("W-1", "2026-05-04T12:00:00Z"), ("W-2", "2026-05-05T12:00:00Z"));
    for order in [[older, newer], [newer, older]] {
        let Kept(store, _folder) = kept();
        let token = store.give(&posted("a"), now).await.expect("a token").token;
        for (id, time) in order {
            let message = json!({"token": token, "service_request_id": id, "updated_datetime": time});
            store.put(&update(&message), now).await.expect("put");
        }
        assert_eq!(store.id_of(&token).await.expect("an answer"), Some(Some("W-2".to_owned())), "{order:?}");
        let told = told(&store, "W-1").await.expect("a request of its own");
        assert_eq!(told["updated_datetime"], older.1, "{order:?}");
    }
}

#[tokio::test]
async fn of_a_report_that_can_be_the_same_no_more_not_a_byte_of_its_hash_is_left() {
    let Kept(_, folder) = kept();
    let server = server(&folder);
    let noon = at("2026-05-04T12:00:00Z");
    let hash = "0123456789abcdef-of-a-report";
    server.give(&posted(hash), noon).await.expect("a token");
    let holds = || {
        let files = std::fs::read_dir(folder.path().join("open311")).expect("a folder");
        let bytes = files.flat_map(|file| std::fs::read(file.expect("a file").path()).expect("its bytes"));
        bytes.collect::<Vec<u8>>().windows(hash.len()).any(|part| part == hash.as_bytes())
    };
    assert!(holds(), "the store was not looked at");
    server.clean(noon + chrono::Duration::seconds(61)).await.expect("cleaned");
    assert!(!holds());
}

#[tokio::test]
async fn what_is_too_old_is_forgotten() {
    let Kept(board, folder) = kept();
    let server = server(&folder);
    let then = at("2026-05-04T12:00:00Z");
    let token = server.give(&posted("a"), then).await.expect("a token").token;
    let message = json!({"service_request_id": "W-1", "updated_datetime": "2026-05-04T12:00:00Z"});
    board.put(&update(&message), then).await.expect("put");
    let later = then + chrono::Duration::days(31);
    server.clean(later).await.expect("cleaned");
    assert_eq!(server.id_of(&token).await.expect("an answer"), None);
    assert!(told(&server, "W-1").await.is_some(), "a request is the board's");
    board.clean(later).await.expect("cleaned");
    assert!(told(&board, "W-1").await.is_none());
}

#[tokio::test]
async fn a_file_that_is_removed_or_replaced_takes_nothing_more() {
    let Kept(store, folder) = kept();
    let noon = at("2026-05-04T12:00:00Z");
    store.give(&posted("a"), noon).await.expect("a token");
    std::fs::remove_dir_all(folder.path().join("open311")).expect("removed");
    for what in ["removed", "replaced"] {
        let error = store.give(&posted("b"), noon).await.expect_err(what);
        assert_eq!(error.failure, Failure::Down, "{what}");
        std::fs::create_dir_all(folder.path().join("open311")).expect("a folder");
        std::fs::write(folder.path().join("open311/reports.sqlite"), "").expect("a file");
    }
}

#[tokio::test]
async fn requests_are_found_by_time_status_and_service_the_newest_first() {
    let Kept(store, _folder) = kept();
    let now = at("2026-05-06T12:00:00Z");
    for (id, status, code, time) in [
        ("1", "open", "a", "2026-05-01T00:00:00Z"),
        ("2", "closed", "b", "2026-05-02T00:00:00Z"),
        ("3", "open", "b", "2026-05-03T00:00:00Z"),
    ] {
        let message = json!({"service_request_id": id, "status": status, "service_code": code,
            "requested_datetime": time, "updated_datetime": time});
        store.put(&update(&message), now).await.expect("put");
    }
    for (from, statuses, codes, expected) in [
        ("2026-05-01T00:00:00Z", &[][..], &[][..], &["3", "2", "1"][..]),
        ("2026-05-01T00:00:01Z", &[], &[], &["3", "2"]),
        ("2026-05-01T00:00:00Z", &["open"], &[], &["3", "1"]),
        ("2026-05-01T00:00:00Z", &["open", "closed"], &["b"], &["3", "2"]),
        ("2026-05-01T00:00:00Z", &[], &["c"], &[]),
    ] {
        let own = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        let wanted = Search::Range {
            from: at(from),
            until: at("2026-05-03T00:00:00Z"),
            statuses: own(statuses),
            codes: own(codes),
        };
        let found = store.search(&wanted).await.expect("an answer");
        let ids: Vec<_> = found.iter().map(|told| told["service_request_id"].clone()).collect();
        assert_eq!(ids, expected, "{from} {statuses:?} {codes:?}");
    }
}
