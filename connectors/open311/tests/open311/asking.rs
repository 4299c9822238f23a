//! What anybody may ask, and hears.

use serde_json::{Value, json};

use crate::desk::{Desk, client};

async fn desk() -> Desk {
    Desk::open("wait = '0s'", |_| None).await
}

fn request(id: &str, status: &str, code: &str, requested: &str) -> Value {
    json!({
        "service_request_id": id, "status": status, "service_code": code, "requested_datetime": requested,
        "updated_datetime": requested,
    })
}

async fn ids(desk: &Desk, query: &str) -> Vec<String> {
    let heard = desk.get(&format!("requests.json?{query}")).await;
    assert_eq!(heard.status, 200, "{query}: {heard:?}");
    let text = |request: &Value| request["service_request_id"].as_str().expect("an id").to_owned();
    heard.json().as_array().expect("a list").iter().map(text).collect()
}

#[tokio::test]
async fn services_and_their_definitions_are_told_as_the_specification_shows_them() {
    let desk = desk().await;
    let services = desk.get("services.json?jurisdiction_id=zedshire.example").await.json();
    assert_eq!(
        services[0],
        json!({
            "service_code": "potholes", "service_name": "Potholes & cracks", "description": "Holes in the road",
            "metadata": false, "type": "batch", "keywords": "road, hole", "group": "streets",
        })
    );
    assert_eq!((&services[1]["metadata"], &services[1]["type"]), (&json!(true), &json!("realtime")));
    let xml = desk.get("services.xml").await;
    assert!(xml.body.contains("<services><service><service_code>potholes</service_code>"), "{}", xml.body);
    assert!(xml.body.contains("<service_name>Potholes &amp; cracks</service_name>"), "{}", xml.body);

    let definition = desk.get("services/DMV66.json").await.json();
    assert_eq!(
        definition,
        json!({"service_code": "DMV66", "attributes": [{
            "variable": true, "code": "WHISHETN", "datatype": "singlevaluelist", "required": true,
            "datatype_description": "", "order": 1, "description": "What is the make?",
            "values": [{"key": "123", "name": "Ford"}, {"key": "124", "name": "Chrysler"}],
        }]})
    );
    let xml = desk.get("services/DMV66.xml").await.body;
    assert!(
        xml.contains("<service_definition><service_code>DMV66</service_code><attributes><attribute>"),
        "{xml}"
    );
    assert!(xml.contains("<values><value><key>123</key><name>Ford</name></value>"), "{xml}");
}

#[tokio::test]
async fn requests_are_found_by_ids_times_status_and_service() {
    let desk = desk().await;
    for message in [
        request("1", "open", "a", "2026-01-01T00:00:00Z"),
        request("2", "closed", "b", "2026-02-01T01:00:00+01:00"),
        request("3", "open", "b", "2026-03-01T00:00:00Z"),
    ] {
        desk.tell(message).await;
    }
    let range = "start_date=2026-01-01T00:00:00Z&end_date=2026-03-01T00:00:00Z";
    for (query, expected) in [
        (range.to_owned(), &["3", "2", "1"][..]),
        (format!("{range}&status=open"), &["3", "1"]),
        (format!("{range}&status=open,closed&service_code=b"), &["3", "2"]),
        (format!("{range}&service_code=a,c"), &["1"]),
        ("start_date=2026-02-01T00:00:00Z&end_date=2026-02-01T00:00:00+00:00".to_owned(), &["2"]),
        ("service_request_id=3,1,9&status=closed".to_owned(), &["3", "1"]),
        ("end_date=2026-02-28T00:00:00Z".to_owned(), &["2", "1"]),
    ] {
        assert_eq!(ids(&desk, &query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn an_answer_tells_the_last_ninety_days_and_a_thousand_at_most() {
    let desk = desk().await;
    let ago = |days: i64| (chrono::Utc::now() - chrono::Duration::days(days)).to_rfc3339();
    desk.tell(request("old", "open", "a", &ago(91))).await;
    for number in 0..1_001 {
        desk.tell(request(&format!("{number}"), "open", "a", &ago(89))).await;
    }
    let told = ids(&desk, "").await;
    assert_eq!(told.len(), 1_000);
    assert!(!told.contains(&"old".to_owned()));
    assert_eq!(ids(&desk, "service_request_id=old").await, ["old"]);
}

#[tokio::test]
async fn what_is_not_there_or_makes_no_sense_is_an_error_in_the_form_that_was_asked_for() {
    let desk = desk().await;
    for (resource, status) in [
        ("requests/none.json", 404),
        ("services/none.json", 404),
        ("tokens/none.json", 404),
        ("services.json?jurisdiction_id=elsewhere", 404),
        ("elsewhere.json", 404),
        ("requests.json?status=lost", 400),
        ("requests.json?start_date=yesterday", 400),
        ("requests.json?start_date=2026-01-01T00:00:00Z&end_date=2026-05-01T00:00:00Z", 400),
    ] {
        let heard = desk.get(resource).await;
        assert_eq!((heard.status, &heard.json()[0]["code"]), (status, &json!(status)), "{resource}");
        let xml = desk.get(&resource.replace(".json", ".xml")).await;
        assert!(xml.body.contains(&format!("<errors><error><code>{status}</code>")), "{resource}: {xml:?}");
        assert_eq!(xml.kind, "text/xml; charset=utf-8");
    }
    assert_eq!(desk.post("services.json", "a=1").await.status, 405);
    let head = |resource: &str| client().head(format!("{}/{resource}", desk.ground.base_url())).send();
    for (resource, status) in [("services.json", 200), ("requests.xml", 200), ("services/none.json", 404)] {
        assert_eq!(head(resource).await.expect("an answer").status().as_u16(), status, "{resource}");
    }
    assert_eq!(desk.get("requests").await.status, 404);
}
