//! What each layout writes, and what it refuses to write.

use postroom_format::{Layout, WriteError};
use serde_json::{Value, json};

fn layout(inner: &str) -> Layout {
    let outer: toml::Table = format!("format = {{ {inner} }}").parse().expect("TOML");
    let layout: Layout = outer["format"].clone().try_into().expect("a layout");
    layout.check().expect("a layout without contradictions");
    layout
}

fn write(inner: &str, messages: &[Value]) -> Result<Vec<u8>, WriteError> {
    let mut bytes = Vec::new();
    layout(inner).write(messages, &mut bytes).map(|()| bytes)
}

fn check(inner: &str, messages: &[Value], expected: &str) {
    let bytes = write(inner, messages).expect("written");
    assert_eq!(String::from_utf8(bytes).expect("UTF-8"), expected);
}

#[test]
fn rows_take_their_columns_by_dotted_paths_and_leave_values_as_they_are() {
    let messages = [
        json!({"uprn": 12, "address": {"line1": "1, \"High\" Street\nZedbury"}, "open": true}),
        json!({"uprn": null, "address": {"line1": "=SUM(A1)"}}),
    ];
    check(
        r#"kind = "csv", columns = ["uprn", "address.line1", "open"]"#,
        &messages,
        "uprn,address.line1,open\r\n12,\"1, \"\"High\"\" Street\nZedbury\",true\r\n,=SUM(A1),\r\n",
    );
    check(
        r#"kind = "csv", columns = ["uprn"], header = false, delimiter = "|", newline = "lf""#,
        &messages,
        "12\n\"\"\n",
    );
}

#[test]
fn lines_of_fixed_width_are_filled_up_and_never_cut() {
    let fields = r#"kind = "fixed-width", newline = "lf", fields = [
        { text = "D1", width = 2 }, { path = "uprn", width = 6, align = "right", pad = "0" },
        { path = "name.last", width = 4 }, { width = 1 }]"#
        .replace('\n', " ");
    check(
        &fields,
        &[json!({"uprn": 12, "name": {"last": "Zoë"}}), json!({"uprn": 123_456})],
        "D1000012Zoë  \nD1123456     \n",
    );
    let refused = |message| write(&fields, &[message]).expect_err("refused").to_string();
    assert_eq!(refused(json!({"uprn": 1_234_567})), "message 1: `uprn` is longer than 6 characters");
    assert_eq!(refused(json!({"name": {"last": "a\nb"}})), "message 1: `name.last` has a line end in it");
    assert_eq!(refused(json!({"uprn": []})), "message 1: `uprn` is an object or a list, not a text");
}

#[test]
fn json_lines_hold_a_message_on_each_line() {
    check(r#"kind = "jsonl""#, &[json!({"a": "x\ny"}), json!([1])], "{\"a\":\"x\\ny\"}\n[1]\n");
}

#[test]
fn elements_take_their_names_from_keys_and_lists_repeat_them() {
    check(
        r#"kind = "xml", root = "changes", record = "change""#,
        &[
            json!({"@id": 7, "line": ["a < b", "c & d"], "none": null, "address": {"town": "Zedbury"}}),
            json!({"#text": "x"}),
        ],
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<changes>\n\
         <change id=\"7\"><address><town>Zedbury</town></address><line>a &lt; b</line><line>c &amp; d</line>\
         <none></none></change>\n<change>x</change>\n</changes>\n",
    );
}

#[test]
fn a_character_that_the_encoding_lacks_is_an_error_and_never_a_question_mark() {
    let windows = r#"kind = "csv", columns = ["a"], header = false, encoding = "windows-1252""#;
    assert_eq!(write(windows, &[json!({"a": "€ Zoë"})]).expect("written"), b"\x80 Zo\xeb\r\n");
    for lacking in ["Łódź", "\u{81}"] {
        let error = write(windows, &[json!({"a": "x"}), json!({"a": lacking})]).expect_err("an error");
        assert_eq!(error.to_string(), "message 2: a character of `a` is not in windows-1252");
    }
    let xml = r#"kind = "xml", root = "r", record = "x", encoding = "windows-1252""#;
    assert!(matches!(write(xml, &[json!({"a": "Łódź"})]), Err(WriteError::NotEncodable { .. })));
    let utf16 = r#"kind = "csv", columns = ["a"], header = false, encoding = "utf-16le""#;
    assert_eq!(write(utf16, &[json!({"a": "ż"})]).expect("written"), b"\xff\xfe\x7c\x01\r\0\n\0");
}

#[test]
fn what_a_form_cannot_hold_is_an_error_with_its_place() {
    let told = |inner: &str, message: Value| write(inner, &[message]).expect_err("an error").to_string();
    let csv = r#"kind = "csv", columns = ["a"]"#;
    assert_eq!(told(csv, json!({"a": [1]})), "message 1: `a` is an object or a list, not a text");
    let xml = r#"kind = "xml", root = "r", record = "x""#;
    assert_eq!(told(xml, json!({"a b": 1})), "message 1: the key `a b` is not the name of an XML element");
    assert_eq!(told(xml, json!({"a": "\u{1}"})), "message 1: a character of `a` is not allowed in XML");
    assert_eq!(told(xml, json!({"a": [[1]]})), "message 1: `a` is an object or a list, not a text");
}

#[test]
fn a_layout_that_contradicts_itself_is_refused() {
    for (wrong, key) in [
        (r#"kind = "csv", columns = []"#, "columns"),
        (r#"kind = "csv", columns = ["a..b"]"#, "columns"),
        (r#"kind = "csv", columns = ["a"], encoding = "utf-16""#, "encoding"),
        (r#"kind = "xml", root = "a b", record = "x""#, "root"),
        (r#"kind = "fixed-width", fields = []"#, "fields"),
        (r#"kind = "fixed-width", fields = [{ path = "a", width = 0 }]"#, "fields"),
        (r#"kind = "fixed-width", fields = [{ path = "a..b", width = 1 }]"#, "fields"),
        (r#"kind = "fixed-width", fields = [{ text = "ab", width = 1 }]"#, "fields"),
        (r#"kind = "fixed-width", fields = [{ path = "a", text = "a", width = 1 }]"#, "fields"),
    ] {
        let outer: toml::Table = format!("format = {{ {wrong} }}").parse().expect("TOML");
        let layout: Layout = outer["format"].clone().try_into().expect("a layout");
        assert_eq!(layout.check().map_err(|error| error.key), Err(key.to_owned()), "{wrong}");
    }
}
