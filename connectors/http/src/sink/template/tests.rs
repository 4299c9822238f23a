//! What comes of a template, and what does not.

use postroom_connector::{Failure, SettingsError};
use serde_json::{Value, json};

use super::super::handed::handover;
use super::*;

/// A value that has to be escaped in every format, in which a person's name stands.
const NASTY: &str = "Zebediah <\"O'Neil\" & Co>\r\n\t100% é";

fn fill(escaping: Escaping, text: &str, message: Value) -> Result<String, ConnectorError> {
    let template = Template::read("body.template", text.to_owned(), escaping).expect(text);
    template.fill(&handover(message)).map(|body| String::from_utf8(body).expect("UTF-8"))
}

#[test]
fn a_value_comes_out_of_xml_as_it_went_in_whether_text_or_attribute() {
    let body = fill(
        Escaping::Xml,
        "<m a=\"{{ message.name }}\" b='{{ message.name }}'><c>{{ message.name }}</c><n>{{ message.n }}</n><o>{{ message.o }}</o></m>",
        json!({"name": NASTY, "n": 5, "o": null}),
    );
    let read = xml_document(body.expect("a body").as_bytes()).expect("XML");
    assert_eq!(read, json!({"@a": NASTY, "@b": NASTY, "c": NASTY, "n": "5", "o": ""}));
}

#[test]
fn a_value_comes_out_of_json_as_it_went_in_whatever_it_is() {
    let message = json!({"name": NASTY, "n": 5, "list": [1.5, {"a": null}], "yes": true});
    let text =
        "{\"name\": {{ message.name }}, \"all\": {{ message }}, \"n\": [{{ message.n }}, {{ message.yes }}]}";
    let body = fill(Escaping::Json, text, message.clone()).expect("a body");
    let expected = json!({"name": NASTY, "all": message, "n": [5, true]});
    assert_eq!(serde_json::from_str::<Value>(&body).expect("JSON"), expected);
}

#[test]
fn a_form_is_percent_encoded_and_a_text_is_as_it_is() {
    let body = fill(Escaping::Form, "name={{ message.name }}&id={{ id }}", json!({"name": "a&b=c\n é"}));
    let id = handover(json!({})).id;
    assert_eq!(body.expect("a body"), format!("name=a%26b%3Dc%0A%20%C3%A9&id={id}"));
    let body = fill(Escaping::Text, "Dear {{ message.name }}", json!({"name": NASTY}));
    assert_eq!(body.expect("a body"), format!("Dear {NASTY}"));
}

#[test]
fn what_a_block_captured_is_not_escaped_twice_and_nothing_goes_round_the_escaping() {
    let text = "{% set row %}<a>{{ message.name }}</a>{% endset %}<m>{{ row }}</m>";
    let body = fill(Escaping::Xml, text, json!({"name": "<&>"})).expect("a body");
    assert_eq!(body, "<m><a>&lt;&amp;&gt;</a></m>");
    let error = fill(Escaping::Xml, "<m>{{ message.name | safe }}</m>", json!({"name": "<x/>"}));
    assert_eq!(error.expect_err("an error").failure, Failure::Permanent);
}

#[test]
fn loops_and_conditions_read_what_may_be_absent() {
    let text = "<m>{% for p in message.people %}<p>{{ p.given }}</p>{% endfor %}\
        {% if message.note is defined %}<n>{{ message.note }}</n>{% endif %}<d>{{ message.d | default('none') }}</d></m>";
    let body =
        fill(Escaping::Xml, text, json!({"people": [{"given": "A"}, {"given": "B"}]})).expect("a body");
    assert_eq!(body, "<m><p>A</p><p>B</p><d>none</d></m>");
}

#[test]
fn a_missing_field_is_permanent_and_named_by_its_path_and_line() {
    for (text, path) in [
        ("<m>\n{{ message.owner.name }}</m>", "message.owner.name"),
        ("<m>\n{{ message.absent.name }}</m>", "message.absent"),
        ("<m>\n{{ message.absent }}</m>", "message.absent"),
        ("<m>\n{% for p in message.absent %}x{% endfor %}</m>", "message.absent"),
        ("<m>\n{% for p in message.people %}{{ p.absent }}{% endfor %}</m>", "p.absent"),
    ] {
        let message =
            json!({"name": "Zebediah", "owner": {"id": "Zebediah"}, "people": [{"given": "Zebediah"}]});
        let error = fill(Escaping::Xml, text, message).expect_err(text);
        assert_eq!(error.failure, Failure::Permanent, "{text}");
        assert!(error.words.contains(&format!("`{path}")), "{text}: {error}");
        assert!(error.words.contains("line 2"), "{text}: {error}");
        assert!(!error.to_string().contains("Zebediah"), "{error}");
    }
}

#[test]
fn what_cannot_be_filled_in_is_permanent_and_tells_no_value() {
    for (escaping, text, message) in [
        (Escaping::Xml, "<m>{{ message.name }}", json!({"name": "Zebediah"})),
        (Escaping::Xml, "<m>{{ message }}</m>", json!({"name": "Zebediah"})),
        (Escaping::Xml, "<m>{{ message.name }}</m>", json!({"name": "Zebediah\u{1}"})),
        (Escaping::Xml, "<m>{{ message.name | int }}</m>", json!({"name": "Zebediah"})),
        (Escaping::Xml, "<m>{{ message.name | absent }}</m>", json!({"name": "Zebediah"})),
        (Escaping::Json, "{\"name\": \"{{ message.name }}\"}", json!({"name": "Zebediah"})),
        (Escaping::Text, "{{ message.name + 1 }}", json!({"name": "Zebediah"})),
        (
            Escaping::Text,
            "{% for i in range(100000) %}{% for j in range(100000) %}{{ message.name }}{% endfor %}{% endfor %}",
            json!({"name": "Zebediah"}),
        ),
        (
            Escaping::Text,
            "{% for i in range(9999) %}{{ message.name }}{% endfor %}",
            json!({"name": "Zebediah".repeat(1_000)}),
        ),
    ] {
        let error = fill(escaping, text, message).expect_err(text);
        assert_eq!(error.failure, Failure::Permanent, "{text}");
        assert!(!error.to_string().contains("Zebediah"), "{error}");
    }
}

#[test]
fn a_batch_is_told_as_its_messages() {
    let mut batch = handover(json!({"n": 1}));
    batch.items.extend(handover(json!({"n": 2})).items);
    batch.id = "batch-1".to_owned();
    let read = |text: &str| Template::read("body.template", text.to_owned(), Escaping::Xml).expect(text);
    let text = "<b id='{{ id }}'>{% for m in messages %}<n>{{ m.n }}</n>{% endfor %}</b>";
    let body = read(text).fill(&batch).expect("a body");
    assert_eq!(String::from_utf8(body).expect("UTF-8"), "<b id='batch-1'><n>1</n><n>2</n></b>");
    let error = read("<b>{{ message.n }}</b>").fill(&batch).expect_err("an error");
    assert_eq!(error.failure, Failure::Permanent);
}

#[test]
fn a_template_that_cannot_work_is_refused_with_its_line() {
    let read = |text: &str| -> SettingsError {
        Template::read("body.template", text.to_owned(), Escaping::Xml).expect_err(text)
    };
    for (text, told) in
        [("<m>\n{{ message.</m>", "line 2"), ("{% for %}", "line 1"), ("{{ mesage.name }}", "`mesage`")]
    {
        let error = read(text);
        assert_eq!(error.key, "body.template");
        assert!(error.words.contains(told), "{text}: {error}");
    }
    assert!(read(&" ".repeat(MAX_TEMPLATE_BYTES + 1)).words.contains("longer"));
}
