//! Every answer has its meaning.

use postroom_connector::Concern;

use super::super::handed::answer;
use super::super::rule::MAX_TEXT_CHARS;
use super::*;

/// By the status, and where the pointers point.
fn judge() -> Judge {
    let pointers = Pointers { reference: Some("/made/id".to_owned()), problem: Some("/code".to_owned()) };
    Judge { purpose: Purpose::Deliver, pointers, rule: None, speech: Speech::Any }
}

fn soap() -> Judge {
    let pointers = Pointers {
        reference: Some("/Body/Moved/Ref".to_owned()),
        problem: Some("/Body/Fault/detail/Code".to_owned()),
    };
    Judge { pointers, speech: Speech::Soap, ..judge() }
}

fn ruled(source: &str) -> Judge {
    Judge { rule: Some(Arc::new(Rule::read("answer.rule", source).expect(source))), ..judge() }
}

fn envelope(body: &str) -> String {
    format!("<s:Envelope xmlns:s='urn:s'><s:Header/><s:Body>{body}</s:Body></s:Envelope>")
}

#[test]
fn every_status_has_its_meaning() {
    use Failure::{Down, Permanent, Transient, Unknown};
    for (failure, statuses) in [
        (None, &[200, 201, 202, 204][..]),
        (Some(Transient), &[408, 429, 500, 503, 599]),
        (Some(Unknown), &[502, 504]),
        (Some(Down), &[401, 407]),
        (Some(Permanent), &[301, 302, 304, 307, 400, 403, 404, 409, 410, 413, 422, 451]),
    ] {
        for status in statuses {
            let result = judge().receipt(&answer(*status, ""));
            assert_eq!(result.as_ref().err().map(|error| error.failure), failure, "{status}");
            let wait = result.err().and_then(|error| error.retry_after);
            assert_eq!(wait.is_some(), failure == Some(Transient), "{status}");
        }
    }
}

#[test]
fn the_reference_of_the_target_is_kept_where_it_gives_one() {
    for (body, reference) in [
        (r#"{"made": {"id": "T-1"}}"#, Some("T-1")),
        (r#"{"made": {"id": 17}}"#, Some("17")),
        (r#"{"made": {"id": null}}"#, None),
        ("<r><made><id>T-2</id></made></r>", Some("T-2")),
        ("no JSON", None),
        ("", None),
    ] {
        let receipt = judge().receipt(&answer(201, body)).expect("delivered");
        assert_eq!(receipt.reference.as_deref(), reference, "{body}");
    }
    let long = format!(r#"{{"made": {{"id": "{}\n"}}}}"#, "x".repeat(MAX_TEXT_CHARS * 2));
    let receipt = judge().receipt(&answer(200, &long)).expect("delivered");
    assert_eq!(receipt.reference.map(|reference| reference.len()), Some(MAX_TEXT_CHARS));
}

#[test]
fn an_answer_that_breaks_off_is_unknown_unless_its_status_refuses() {
    let rule = ruled("{ \"outcome\": \"delivered\" }");
    for judge in [judge(), soap(), rule] {
        for (status, failure) in
            [(200, Failure::Unknown), (500, Failure::Transient), (422, Failure::Permanent)]
        {
            let cut = Answer { body: Body::Cut("reset".to_owned()), ..answer(status, "") };
            assert_eq!(judge.receipt(&cut).expect_err("an error").failure, failure, "{status}");
        }
    }
}

#[test]
fn an_answer_that_is_too_long_is_unknown_where_more_than_its_status_counts() {
    let long = |status| Answer { body: Body::TooLong, ..answer(status, "") };
    assert_eq!(judge().receipt(&long(200)).expect("delivered").reference, None);
    for judge in [soap(), ruled("null")] {
        assert_eq!(judge.receipt(&long(200)).expect_err("an error").failure, Failure::Unknown);
        assert_eq!(judge.receipt(&long(422)).expect_err("an error").failure, Failure::Permanent);
    }
}

#[test]
fn a_refusal_tells_no_value_of_the_body_but_where_the_settings_point() {
    let body = r#"{"code": "uprn-unknown", "detail": "Ada Example"}"#;
    let told = judge().receipt(&answer(422, body)).expect_err("an error").to_string();
    assert_eq!(told, "the target refuses it: 422 Unprocessable Entity: uprn-unknown");
    let silent = Judge { pointers: Pointers::default(), ..judge() };
    let told = silent.receipt(&answer(422, body)).expect_err("an error").to_string();
    assert_eq!(told, "the target refuses it: 422 Unprocessable Entity");
    let moved = judge().receipt(&answer(301, "")).expect_err("an error").to_string();
    assert!(moved.contains("redirects are not followed"), "{moved}");
}

#[test]
fn a_soap_fault_counts_whatever_the_status_and_tells_no_value() {
    let fault = |code: &str| {
        envelope(&format!(
            "<s:Fault><faultcode>s:{code}</faultcode><faultstring>Zebediah</faultstring>\
             <detail><Code>E17</Code></detail></s:Fault>"
        ))
    };
    for status in [200, 400, 500] {
        let error = soap().receipt(&answer(status, &fault("Client"))).expect_err("an error");
        assert_eq!(error.to_string(), "the target refuses it: SOAP fault Client: E17", "{status}");
        assert_eq!((error.failure, error.retry_after), (Failure::Permanent, None), "{status}");
        let error = soap().receipt(&answer(status, &fault("Server"))).expect_err("an error");
        assert_eq!(error.to_string(), "the target cannot take it now: SOAP fault Server: E17", "{status}");
        assert_eq!((error.failure, error.retry_after.is_some()), (Failure::Transient, true), "{status}");
    }
    for (status, failure) in [(200, Failure::Transient), (500, Failure::Transient), (422, Failure::Permanent)]
    {
        let error = soap().receipt(&answer(status, &fault("Zebediah"))).expect_err("an error");
        assert_eq!(error.failure, failure, "{status}");
        assert!(!error.to_string().contains("Zebediah"), "{error}");
    }
}

#[test]
fn a_soap_target_delivers_by_an_envelope_or_by_nothing_and_not_by_a_web_page() {
    let moved = envelope("<m:Moved xmlns:m='urn:m'><m:Ref>T-9</m:Ref></m:Moved>");
    assert_eq!(soap().receipt(&answer(200, &moved)).expect("delivered").reference.as_deref(), Some("T-9"));
    soap().receipt(&answer(202, "")).expect("delivered");
    for strange in ["<html><body>Sign in</body></html>", "{}", "OK"] {
        let error = soap().receipt(&answer(200, strange)).expect_err(strange);
        assert_eq!(error.failure, Failure::Unknown, "{strange}");
    }
    assert_eq!(soap().receipt(&answer(503, "<html/>")).expect_err("an error").failure, Failure::Transient);
}

#[test]
fn a_rule_decides_before_anything_else() {
    use Failure::{Permanent, Transient, Unknown};
    for (outcome, status, failure) in [
        ("delivered", 409, None),
        ("refused", 200, Some(Permanent)),
        ("refused", 503, Some(Permanent)),
        ("again", 200, Some(Transient)),
        ("again", 400, Some(Transient)),
        ("unknown", 200, Some(Unknown)),
        ("absent", 200, Some(Permanent)),
        ("deliverd", 200, Some(Permanent)),
    ] {
        let judge = ruled(&format!("{{ \"outcome\": \"{outcome}\", \"words\": \"these\" }}"));
        let result = judge.receipt(&answer(status, "{}"));
        assert_eq!(result.as_ref().err().map(|error| error.failure), failure, "{outcome} {status}");
        let wait = result.err().and_then(|error| error.retry_after);
        assert_eq!(wait.is_some(), failure == Some(Transient), "{outcome} {status}");
    }
    let judge = ruled("if .status == 409 { { \"outcome\": \"delivered\", \"reference\": .body.ref } }");
    let receipt = judge.receipt(&answer(409, r#"{"ref": "T-3"}"#)).expect("delivered");
    assert_eq!(receipt.reference.as_deref(), Some("T-3"));
    assert_eq!(judge.receipt(&answer(422, "")).expect_err("an error").failure, Permanent);
}

#[test]
fn a_business_error_inside_a_200_is_refused_with_the_words_of_the_rule() {
    let judge = ruled(
        "if .body.ok == false { { \"outcome\": \"refused\", \"words\": .body.message, \"code\": .body.code } }",
    );
    let body = r#"{"ok": false, "message": "Specified UPRN does not exist", "code": "E17"}"#;
    let error = judge.receipt(&answer(200, body)).expect_err("an error");
    assert_eq!((error.failure, error.words.as_str()), (Failure::Permanent, "Specified UPRN does not exist"));
    assert_eq!(error.detail, "E17");
    judge.receipt(&answer(200, r#"{"ok": true}"#)).expect("delivered");
}

#[test]
fn what_says_no_to_the_message_is_business_and_what_says_no_to_the_request_is_technical() {
    use Concern::{Business, Technical};
    for (concern, statuses) in
        [(Business, &[400, 404, 409, 410, 412, 422]), (Technical, &[301, 403, 405, 406, 413, 415])]
    {
        for status in statuses {
            let error = judge().receipt(&answer(*status, "{}")).expect_err("an error");
            assert_eq!((error.failure, error.concern), (Failure::Permanent, concern), "{status}");
        }
    }
    for (outcome, concern) in [("refused", Business), ("absent", Technical), ("deliverd", Technical)] {
        let judge = ruled(&format!("{{ \"outcome\": \"{outcome}\" }}"));
        assert_eq!(judge.receipt(&answer(403, "{}")).expect_err("an error").concern, concern, "{outcome}");
    }
    for (code, concern) in [("Client", Business), ("MustUnderstand", Technical)] {
        let fault = envelope(&format!("<s:Fault><faultcode>s:{code}</faultcode></s:Fault>"));
        assert_eq!(soap().receipt(&answer(500, &fault)).expect_err("an error").concern, concern, "{code}");
    }
}

#[test]
fn a_look_up_finds_by_its_status_or_by_its_rule() {
    let looking = |judge| Judge { purpose: Purpose::LookUp, ..judge };
    for judge in [looking(judge()), looking(ruled("null"))] {
        assert!(judge.found(&answer(200, "{}")).expect("an answer").is_some());
        assert_eq!(judge.found(&answer(404, "")).expect("an answer"), None);
        assert_eq!(judge.found(&answer(500, "")).expect_err("an error").failure, Failure::Transient);
    }
    let judge = looking(ruled(
        "if .body.found == false { { \"outcome\": \"absent\" } } else if .status == 404 { { \"outcome\": \"again\" } }",
    ));
    assert_eq!(judge.found(&answer(200, r#"{"found": false}"#)).expect("an answer"), None);
    assert!(judge.found(&answer(200, r#"{"found": true}"#)).expect("an answer").is_some());
    assert_eq!(judge.found(&answer(404, "")).expect_err("an error").failure, Failure::Transient);
}

#[test]
fn a_look_up_that_is_refused_says_neither_that_the_message_arrived_nor_that_it_may_come_again() {
    use Failure::{Down, Transient, Unknown};
    for judge in [judge(), ruled("null"), soap()] {
        let judge = Judge { purpose: Purpose::LookUp, ..judge };
        for (failure, statuses) in [
            (Transient, &[301, 400, 403, 405, 410, 422, 429][..]),
            (Down, &[401, 407]),
            (Unknown, &[502, 504]),
        ] {
            for status in statuses {
                let error = judge.found(&answer(*status, "")).expect_err("no answer to the question");
                assert_eq!(error.failure, failure, "{status}");
            }
        }
    }
}

#[test]
fn a_rule_may_say_that_a_target_is_down_whatever_its_status_is() {
    let judge = ruled(
        r#"if .body.open == false { { "outcome": "down", "words": .body.message, "code": .body.code } }"#,
    );
    for status in [200, 422, 500] {
        let told = r#"{"open": false, "message": "The till is being counted", "code": "E9"}"#;
        let error = judge.receipt(&answer(status, told)).expect_err("an error");
        assert_eq!((error.failure, error.retry_after), (Failure::Down, None), "{status}");
        assert_eq!(error.to_string(), "The till is being counted: E9");
    }
    let error = judge.receipt(&answer(200, r#"{"open": false}"#)).expect_err("an error");
    assert_eq!(error.to_string(), "the target does not let the hub in: 200 OK");
    judge.receipt(&answer(200, r#"{"open": true}"#)).expect("delivered");
}
