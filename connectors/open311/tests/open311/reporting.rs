//! Reports: what becomes of them, what their senders hear, and what is kept of them.

use postroom_connector::conformance::{CANARY, SECRET};
use postroom_connector::{CertificateAt, CertificateRole, Ending, Failure, SourceKind};
use postroom_connector_open311::Open311Source;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::desk::{DEADLINE, Desk, Ground, batch, client, get, post, posting, read, report, source, tell};

/// Most reports that wait.
const MOST_WAITING: usize = 400;

fn nothing(_record: &Value) -> Option<Value> {
    None
}

/// Takes it on under an id of its own.
fn takes_it_on(record: &Value) -> Option<Value> {
    Some(json!({
        "token": record["token"], "service_request_id": "W-2140541", "status": "open",
        "updated_datetime": record["requested_datetime"],
    }))
}

#[tokio::test]
async fn a_report_is_answered_with_the_id_of_the_back_office_where_it_comes_in_time() {
    let desk = Desk::open("wait = '20s'", takes_it_on).await;
    let heard = desk.post("requests.json", &report("A+hole")).await;
    let expected = json!([{
        "service_request_id": "W-2140541", "service_notice": "We look within a week", "account_id": null,
    }]);
    assert_eq!((heard.status, heard.json()), (200, expected));
    assert_eq!(heard.kind, "application/json; charset=utf-8");

    let heard = desk.post("requests.xml", &report("Another")).await;
    assert_eq!(heard.kind, "text/xml; charset=utf-8");
    let answer = "<service_requests><request><service_request_id>W-2140541</service_request_id>\
                  <service_notice>We look within a week</service_notice><account_id/></request></service_requests>";
    assert!(heard.body.ends_with(answer), "{}", heard.body);
}

#[tokio::test]
async fn a_report_whose_id_comes_later_is_answered_with_a_token_that_tells_it_then() {
    let desk = Desk::open("wait = '0s'", nothing).await;
    let heard = desk.post("requests.json", &report("A+hole")).await;
    let token = heard.text("token").expect("a token");
    assert_eq!((heard.status, heard.json()[0].get("service_request_id")), (200, None));
    let waiting = desk.get(&format!("tokens/{token}.json")).await;
    assert_eq!(
        (waiting.status, waiting.json()),
        (200, json!([{"service_request_id": null, "token": token}]))
    );

    desk.tell(json!({"token": token, "service_request_id": "7", "updated_datetime": "2026-05-04T12:00:00Z"}))
        .await;
    let told = desk.get(&format!("tokens/{token}.xml")).await;
    let answer =
        format!("<request><service_request_id>7</service_request_id><token>{token}</token></request>");
    assert!(told.body.contains(&answer), "{}", told.body);
    let request = desk.get("requests/7.json").await.json();
    assert_eq!(
        (&request[0]["service_name"], &request[0]["status"]),
        (&json!("Potholes & cracks"), &json!("open"))
    );
    assert_eq!(desk.get("tokens/none.json").await.status, 404);
}

#[tokio::test]
async fn a_record_holds_all_that_was_reported_and_nobody_is_told_who_did() {
    let desk = Desk::open("wait = '0s'", nothing).await;
    let heard = desk.post("requests.json", &report("A+hole")).await;
    let record = desk.taken().remove(0);
    assert_eq!(record["first_name"], CANARY);
    assert_eq!((&record["lat"], &record["description"]), (&json!(51.75), &json!("A hole")));
    assert!(!record.to_string().contains(SECRET));

    let token = heard.text("token").expect("a token");
    desk.tell(
        json!({"token": token, "service_request_id": "7", "updated_datetime": record["requested_datetime"]}),
    )
    .await;
    let mut answers = heard.body;
    for resource in ["requests.json", "requests.xml", "requests/7.json", "requests/7.xml"] {
        let told = desk.get(resource).await;
        assert!(told.body.contains("potholes"), "{resource}: {told:?}");
        answers += &told.body;
    }
    answers += &desk.get(&format!("tokens/{token}.json")).await.body;
    assert!(!answers.contains("Canary-7f3a"), "{answers}");
    let kept = desk.ground.kept_bytes();
    let holds = |text: &str| kept.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(holds(&token), "the store was not looked at");
    assert!(!holds("Canary-7f3a") && !holds(SECRET) && !holds("A hole"));
}

#[tokio::test]
async fn the_same_report_posted_twice_is_one_and_another_is_another() {
    let desk = Desk::open("wait = '0s'", nothing).await;
    let mut tokens = Vec::new();
    for description in ["A+hole", "A+hole", "Another+hole"] {
        tokens.push(desk.post("requests.json", &report(description)).await.text("token").expect("a token"));
    }
    assert_eq!(tokens[0], tokens[1]);
    assert_ne!(tokens[0], tokens[2]);
    let records = desk.taken();
    assert_eq!(records[0], records[1], "the hub knows it again by its key");
}

#[tokio::test]
async fn a_report_that_came_to_nothing_is_told_so_and_keeps_its_token() {
    let ground = Ground::new().await;
    let mut source = source(&ground.server("wait = '0s'"));
    assert!(matches!(source.next().await, Ok(postroom_connector::Arrival::Idle)));
    let url = format!("{}/requests.json", ground.base_url());
    let posted = posting(url.clone(), report("A+hole"));
    let mut lost = batch(source.as_mut()).await;
    let first = read(lost.as_mut()).await;
    drop(lost);
    assert_eq!(posted.await.expect("an answer").status, 503);

    let posted = posting(url, report("A+hole"));
    let mut again = batch(source.as_mut()).await;
    assert_eq!(read(again.as_mut()).await, first);
    // Whoever asks is answered while a report waits for the broker.
    assert_eq!(get(&format!("{}/services.json", ground.base_url())).await.status, 200);
    again.finish(Ending::Done).await.expect("taken");
    assert_eq!(posted.await.expect("an answer").text("token").as_deref(), first[0]["token"].as_str());
}

#[tokio::test]
async fn what_is_wrong_with_a_report_is_told_in_the_form_of_the_specification() {
    let desk = Desk::open("wait = '0s'", nothing).await;
    let place = "lat=1&long=1";
    for (form, status, words) in [
        ("service_code=potholes".to_owned(), 403, "api_key"),
        (format!("api_key=wrong&service_code=potholes&{place}"), 403, "api_key"),
        (format!("api_key={SECRET}&{place}"), 400, "service_code was not provided"),
        (format!("api_key={SECRET}&service_code=Canary-7f3a&{place}"), 404, "service_code was not found"),
        (format!("api_key={SECRET}&service_code=potholes&{place}&jurisdiction_id=x"), 404, "jurisdiction_id"),
        (format!("api_key={SECRET}&service_code=potholes"), 400, "address_string"),
        (format!("api_key={SECRET}&service_code=DMV66&{place}"), 400, "attribute[WHISHETN]"),
        (format!("api_key={SECRET}&service_code=potholes&{place}&phone=%ff"), 400, "UTF-8"),
    ] {
        let heard = desk.post("requests.json", &form).await;
        let error = &heard.json()[0];
        assert_eq!((heard.status, &error["code"]), (status, &json!(status)), "{form}");
        let description = error["description"].as_str().expect("a description");
        assert!(description.contains(words), "{form}: {description}");
        assert!(!heard.body.contains("Canary-7f3a") && !heard.body.contains(SECRET), "{}", heard.body);
        let xml = desk.post("requests.xml", &form).await;
        let start = format!("<errors><error><code>{status}</code><description>");
        assert!(xml.status == status && xml.body.contains(&start), "{form}: {xml:?}");
    }
    assert!(desk.taken().is_empty());
    let right = "service_code=DMV66&lat=1&long=1&attribute[WHISHETN]=123&jurisdiction_id=zedshire.example";
    let heard = desk.post(&format!("requests.json?api_key={SECRET}"), right).await;
    assert_eq!(heard.status, 200);
    assert_eq!(desk.taken()[0]["attributes"], json!([{"code": "WHISHETN", "value": "123"}]));
}

#[tokio::test]
async fn a_key_that_cannot_be_read_any_more_lets_nobody_in_and_a_new_one_does() {
    let ground = Ground::new().await;
    let mut source = source(&ground.server("wait = '0s'"));
    let key = ground.data.path().join("key");
    std::fs::remove_file(&key).expect("removed");
    let began = Instant::now();
    let error = loop {
        assert!(began.elapsed() < DEADLINE, "nobody was told");
        if let Err(error) = source.next().await {
            break error;
        }
    };
    assert_eq!(error.failure, Failure::Down);
    let url = format!("{}/requests.json", ground.base_url());
    assert_eq!(post(&url, &report("A+hole")).await.status, 503);

    std::fs::write(&key, "another").expect("written");
    while post(&url, &report("A+hole")).await.status != 403 {
        assert!(began.elapsed() < DEADLINE, "the new key was never read");
    }
    let posted = posting(url, report("A+hole").replace(SECRET, "another"));
    let taken = batch(source.as_mut()).await;
    taken.finish(Ending::Repeated).await.expect("taken");
    assert_eq!(posted.await.expect("an answer").status, 200);
}

#[tokio::test]
async fn a_key_that_was_withdrawn_lets_nobody_in_though_no_report_is_taken() {
    let ground = Ground::new().await;
    let mut source = source(&ground.server("wait = '0s'"));
    assert!(matches!(source.next().await, Ok(postroom_connector::Arrival::Idle)));
    std::fs::write(ground.data.path().join("key"), "another").expect("written");
    // With a right key this is no report, so nobody waits for it to be taken.
    let form = format!("api_key={SECRET}");
    let (url, began) = (format!("{}/requests.json", ground.base_url()), Instant::now());
    while post(&url, &form).await.status != 403 {
        assert!(began.elapsed() < DEADLINE, "the old key went on working");
    }
}

#[tokio::test]
async fn whoever_asks_is_answered_though_as_many_reports_wait_as_may() {
    let ground = Ground::new().await;
    let mut source = source(&ground.server("wait = '0s'"));
    assert!(matches!(source.next().await, Ok(postroom_connector::Arrival::Idle)));
    let (url, client, mut posted) =
        (format!("{}/requests.json", ground.base_url()), client(), JoinSet::new());
    for _ in 0..=MOST_WAITING {
        let form = client.post(&url).header("content-type", "application/x-www-form-urlencoded");
        posted.spawn(form.body(report("A+hole")).send());
    }
    let first = timeout(DEADLINE, posted.join_next()).await.expect("in time").expect("an answer");
    assert_eq!(first.expect("no panic").expect("an answer").status().as_u16(), 503, "one too many");
    for _ in 0..3 {
        assert_eq!(get(&format!("{}/services.json", ground.base_url())).await.status, 200);
    }
    assert_eq!(posted.len(), MOST_WAITING, "the others wait");
}

#[tokio::test]
async fn whoever_comes_before_the_path_is_held_is_told_to_come_again() {
    let ground = Ground::new().await;
    let url = format!("{}/services.json", ground.base_url());
    assert_eq!(get(&url).await.status, 404);
    Open311Source.announce(&ground.server(""));
    assert_eq!(get(&url).await.status, 503);
}

#[tokio::test]
async fn the_certificate_of_the_server_is_told() {
    let ground = Ground::new().await;
    let settings = ground.server("tls = { certificate = 'hub.pem', key = 'hub.key' }");
    let file = ground.data.path().join("hub.pem");
    let own = CertificateAt::file("tls.certificate", CertificateRole::Own, file);
    assert_eq!(Open311Source.certificates(&settings), [own]);
    assert_eq!(Open311Source.certificates(&ground.server("")), []);
}

#[tokio::test]
async fn a_store_that_is_gone_is_told_and_nobody_is_given_a_token_that_would_be_lost() {
    let ground = Ground::new().await;
    let mut source = source(&ground.server("wait = '0s'"));
    assert!(matches!(source.next().await, Ok(postroom_connector::Arrival::Idle)));
    std::fs::remove_dir_all(ground.data.path().join("open311")).expect("removed");
    let url = format!("{}/requests.json", ground.base_url());
    let heard = post(&url, &report("A+hole")).await;
    assert_eq!((heard.status, &heard.json()[0]["code"]), (503, &json!(503)));
    let error = source.next().await.err().expect("an error");
    assert_eq!(error.failure, Failure::Down);
    assert!(!format!("{error} {error:?}").contains("Canary-7f3a"), "{error}");
}

#[tokio::test]
async fn what_the_board_was_told_survives_a_restart() {
    let desk = Desk::open("wait = '0s'", nothing).await;
    let token = desk.post("requests.json", &report("A+hole")).await.text("token").expect("a token");
    desk.tell(
        json!({"token": token, "service_request_id": "7", "status": "closed", "status_notes": "Filled",
        "updated_datetime": "2026-05-04T12:00:00Z"}),
    )
    .await;
    let desk = Desk::open_at(desk.close(), "wait = '0s'", nothing).await;
    assert_eq!(
        desk.get(&format!("tokens/{token}.json")).await.text("service_request_id").as_deref(),
        Some("7")
    );
    assert_eq!(desk.get("requests/7.json").await.text("status_notes").as_deref(), Some("Filled"));
    let again = desk.post("requests.json", &report("A+hole")).await;
    assert_eq!(
        again.text("service_request_id").as_deref(),
        Some("7"),
        "the report is known, and so is its id"
    );
}

#[tokio::test]
async fn a_message_that_the_board_cannot_keep_is_refused_for_good_and_tells_nothing() {
    let ground = Ground::new().await;
    let board = ground.board();
    for message in [
        json!({"service_request_id": "1", "updated_datetime": "2026-05-04T12:00:00Z", "email": CANARY}),
        json!({"service_request_id": "1", "updated_datetime": CANARY}),
        json!({"token": CANARY, "updated_datetime": "2026-05-04T12:00:00Z"}),
    ] {
        let error = tell(board.as_ref(), message).await.expect_err("an error");
        assert_eq!(error.failure, Failure::Permanent);
        assert!(!format!("{error} {error:?}").contains("Canary-7f3a"), "{error}");
    }
}
