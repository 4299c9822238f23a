//! What each format makes of an input, good and bad.

use crate::common::{format, steps};

fn check(toml: &str, input: impl Into<Vec<u8>>, expected: &[&str]) {
    assert_eq!(steps(&format(toml), input), expected, "{toml}");
}

const COLUMNS: &str = r#"{ kind = "csv", columns = ["a", "b"] }"#;
const HEADER: &str = r#"{ kind = "csv", header = true, required = ["UPRN"], delimiter = "\t" }"#;
const MIXED: &str = r#"{ kind = "mixed-csv", records = { 11 = { name = "street", columns = ["record", "usrn"] }, 99 = { name = "trailer", columns = ["record"] } } }"#;
const BATCH: &str =
    r#"{ kind = "xml", record = "Report", lists = ["Line"], trailer = { count = "End/Count" } }"#;

#[test]
fn rows_are_objects_of_texts_as_written() {
    check(
        COLUMNS,
        "1, x \r\n\"2\",\"a \"\"b\"\"\nc\"\r\n",
        &[r#"line 1: {"a":"1","b":" x "}"#, r#"line 2: {"a":"2","b":"a \"b\"\nc"}"#],
    );
    check(HEADER, "UPRN\tname\n000123\tZoë\n", &[r#"line 2: {"UPRN":"000123","name":"Zoë"}"#]);
    check(HEADER, "UPRN\n", &[]);
}

#[test]
fn a_row_with_missing_or_surplus_columns_is_refused_with_its_line_and_the_rest_goes_on() {
    check(
        COLUMNS,
        "1,2\n\"x\ny\",2,3\n1\n\n\"1\"x,2\n1,2\n",
        &[
            r#"line 1: {"a":"1","b":"2"}"#,
            "line 2: surplus-columns at ",
            "line 4: missing-columns at b",
            "line 6: stray-quote at a",
            r#"line 7: {"a":"1","b":"2"}"#,
        ],
    );
}

#[test]
fn a_missing_newline_at_the_very_end_is_no_cut_off_row() {
    check(COLUMNS, "1,2\n3,4", &[r#"line 1: {"a":"1","b":"2"}"#, r#"line 2: {"a":"3","b":"4"}"#]);
    check(COLUMNS, "1,2\n3,", &[r#"line 1: {"a":"1","b":"2"}"#, r#"line 2: {"a":"3","b":""}"#]);
}

#[test]
fn a_cut_off_last_row_refuses_the_input() {
    check(COLUMNS, "1,2\n3", &[r#"line 1: {"a":"1","b":"2"}"#, "refused: line 2: cut-off at "]);
    check(COLUMNS, "1,2\n3,\"4\n", &[r#"line 1: {"a":"1","b":"2"}"#, "refused: line 2: cut-off at "]);
    check(COLUMNS, "3", &["line 1: missing-columns at b"]);
    check(HEADER, "UPRN\tname\n1", &["refused: line 2: cut-off at "]);
    check(
        MIXED,
        "11,1\n1",
        &[r#"line 1: {"kind":"street","record":"11","usrn":"1"}"#, "refused: line 2: cut-off at "],
    );
}

#[test]
fn a_header_that_lacks_a_column_or_names_one_twice_refuses_the_input() {
    check(HEADER, "uprn\tname\n1\t2\n", &["refused: line 1: missing-header at UPRN"]);
    check(HEADER, "UPRN,name\n1,2\n", &["refused: line 1: missing-header at UPRN"]);
    check(HEADER, "UPRN\tname\tname\n1\t2\t3\n", &["refused: line 1: duplicate-header at "]);
}

#[test]
fn mixed_rows_are_told_apart_by_their_kind_and_an_unknown_kind_is_refused() {
    check(
        MIXED,
        "11,20900161\n12,x\n99\n",
        &[
            r#"line 1: {"kind":"street","record":"11","usrn":"20900161"}"#,
            "line 2: unknown-record at kind",
            r#"line 3: {"kind":"trailer","record":"99"}"#,
        ],
    );
    check(
        r#"{ kind = "mixed-csv", column = 2, records = { A = { name = "x", columns = ["n", "c"] } } }"#,
        "1,A\n2\n",
        &[r#"line 1: {"c":"A","kind":"x","n":"1"}"#, "line 2: unknown-record at kind"],
    );
}

const FIXED: &str = r#"{ kind = "fixed-width", fields = [{ name = "uprn", width = 4 }, { width = 1 }, { name = "name", width = 5 }] }"#;
const KINDS: &str = r#"{ kind = "fixed-width", kind_at = { start = 1, width = 2 }, records = { H = { name = "head", fields = [{ name = "of", width = 4 }] }, D1 = { name = "row", fields = [{ width = 2 }, { name = "sum", width = 3 }] } } }"#;

#[test]
fn fields_of_fixed_width_are_counted_in_characters_and_lose_the_spaces_around_them() {
    check(
        FIXED,
        "0012|Zoë  \r\n   1|  a b\n\n    |     ",
        &[
            r#"line 1: {"name":"Zoë","uprn":"0012"}"#,
            r#"line 2: {"name":"a b","uprn":"1"}"#,
            r#"line 4: {"name":"","uprn":""}"#,
        ],
    );
    let kept = FIXED.replace("fields", "keep_spaces = true, fields");
    check(&kept, "   1|  a b\n", &[r#"line 1: {"name":"  a b","uprn":"   1"}"#]);
}

#[test]
fn a_line_that_is_too_short_or_too_long_is_refused_and_the_rest_goes_on() {
    check(
        FIXED,
        "0012|Zoë\n0012|Zoë  x\n0012|Zoë    \n0\n0012|Zoë  \n",
        &[
            "line 1: missing-columns at name",
            "line 2: surplus-columns at ",
            r#"line 3: {"name":"Zoë","uprn":"0012"}"#,
            "line 4: missing-columns at uprn",
            r#"line 5: {"name":"Zoë","uprn":"0012"}"#,
        ],
    );
    check(
        FIXED,
        "0012|Zoë  \n0012|Z",
        &[r#"line 1: {"name":"Zoë","uprn":"0012"}"#, "refused: line 2: cut-off at "],
    );
    let early = FIXED.replace("fields", "may_end_early = true, fields");
    check(
        &early,
        "0012\n0012|Z",
        &[r#"line 1: {"name":"","uprn":"0012"}"#, r#"line 2: {"name":"Z","uprn":"0012"}"#],
    );
}

#[test]
fn lines_of_fixed_width_are_told_apart_by_what_stands_at_one_place() {
    check(
        KINDS,
        "H Zb\nD1 12\nX \nD1 ab",
        &[
            r#"line 1: {"kind":"head","of":"H Zb"}"#,
            r#"line 2: {"kind":"row","sum":"12"}"#,
            "line 3: unknown-record at kind",
            r#"line 4: {"kind":"row","sum":"ab"}"#,
        ],
    );
    check(KINDS, "H Zb\nD", &[r#"line 1: {"kind":"head","of":"H Zb"}"#, "refused: line 2: cut-off at "]);
}

#[test]
fn an_input_of_another_kind_or_encoding_is_refused_whatever_the_format() {
    for toml in [COLUMNS, HEADER, MIXED, FIXED, KINDS, BATCH, r#"{ kind = "json" }"#, r#"{ kind = "jsonl" }"#]
    {
        check(toml, "", &["refused: line 1: empty at "]);
        check(toml, "<!DOCTYPE html><html>", &["refused: line 1: wrong-kind at "]);
        check(toml, *b"PK\x03\x04\x14\0", &["refused: line 1: wrong-kind at "]);
        check(toml, *b"\xff\xfea\0", &["refused: line 1: encoding at "]);
    }
    check(COLUMNS, *b"1,2\n3,Zo\xeb\n", &[r#"line 1: {"a":"1","b":"2"}"#, "refused: line 2: encoding at "]);
    check(COLUMNS, "1,2\n3,\0\n", &[r#"line 1: {"a":"1","b":"2"}"#, "refused: line 2: nul-character at "]);
    let windows = r#"{ kind = "csv", columns = ["a"], encoding = "windows-1252" }"#;
    check(windows, *b"\x80 Zo\xeb\n", &[r#"line 1: {"a":"€ Zoë"}"#]);
    let utf16 = r#"{ kind = "csv", columns = ["a"], encoding = "utf-16le" }"#;
    check(utf16, *b"\xff\xfea\0\r\0\n\0", &[r#"line 1: {"a":"a"}"#]);
}

#[test]
fn a_json_document_is_one_record_or_a_list_of_them() {
    check(r#"{ kind = "json" }"#, "\n {\"a\": [1.0]}\n", &[r#"line 2: {"a":[1]}"#]);
    check(
        r#"{ kind = "json" }"#,
        "[1,\n \"]\\\"\", {\"a\": {}}]",
        &["line 1: 1", r#"line 2: "]\"""#, r#"line 2: {"a":{}}"#],
    );
    check(r#"{ kind = "json" }"#, "[ ]", &[]);
}

#[test]
fn records_under_a_pointer_are_read_item_by_item() {
    let items = r#"{ kind = "json", records = "/data/a~1b" }"#;
    check(
        items,
        r#"{"x": [{}], "data": {"n": 1, "a/b": [1, 2], "z": null}, "y": 2}"#,
        &["line 1: 1", "line 1: 2"],
    );
    check(items, r#"{"data": {"a/b": {"id": 1}}}"#, &[r#"line 1: {"id":1}"#]);
    check(items, r#"{"data": {}}"#, &["refused: line 1: no-records at /data/a/b"]);
    check(items, r#"{"data": [1]}"#, &["refused: line 1: no-records at /data/a/b"]);
    check(
        items,
        r#"{"data": {"a/b": [1], "a/b": [2]}}"#,
        &["line 1: 1", "refused: line 1: duplicate-key at "],
    );
}

#[test]
fn json_that_is_not_well_formed_refuses_the_document_and_a_broken_rule_only_its_record() {
    let json = r#"{ kind = "json" }"#;
    check(json, "[1,\n{\"a\": oops}, 2]", &["line 1: 1", "refused: line 2: not-json at "]);
    check(json, "[1, 2", &["line 1: 1", "line 1: 2", "refused: line 1: not-json at "]);
    check(json, "[1 2]", &["line 1: 1", "refused: line 1: not-json at "]);
    check(json, "[1,]", &["line 1: 1", "refused: line 1: not-json at "]);
    check(json, "[1] 2", &["line 1: 1", "refused: line 1: not-json at "]);
    check(json, "{\"a\": 1", &["refused: line 1: not-json at "]);
    check(json, "]", &["refused: line 1: not-json at "]);
    check(json, "[{\"a\": 1, \"a\": 2},\n 3]", &["line 1: duplicate-key at /a", "line 2: 3"]);
}

#[test]
fn a_json_line_that_is_not_json_is_refused_and_the_rest_goes_on() {
    check(
        r#"{ kind = "jsonl" }"#,
        "{\"a\": 1}\r\n\nnonsense\n[2]",
        &[r#"line 1: {"a":1}"#, "line 3: not-json at ", "line 4: [2]"],
    );
    check(
        r#"{ kind = "jsonl" }"#,
        "{\"a\": 1}\n{\"a\": ",
        &[r#"line 1: {"a":1}"#, "refused: line 2: cut-off at "],
    );
}

#[test]
fn an_element_becomes_json_by_local_names() {
    let xml = r#"<?xml version="1.0" encoding="UTF-8"?>
<b:Batch xmlns:b="urn:x"><Head/>
  <b:Report b:id="7" xmlns:c="urn:y">
    <b:Text> a &amp; <![CDATA[<b>]]>&#233; </b:Text><Empty/><Blank> </Blank>
    <Line>1</Line><Two>a</Two><Two>b</Two><Rich lang="en">x</Rich>
  </b:Report>
  <End><Count> 1 </Count></End>
</b:Batch>"#;
    check(
        BATCH,
        xml,
        &[
            r##"line 3: {"@id":"7","Blank":"","Empty":"","Line":["1"],"Rich":{"#text":"x","@lang":"en"},"Text":" a & <b>é ","Two":["a","b"]}"##,
        ],
    );
}

#[test]
fn a_trailer_must_be_there_and_tell_the_number_of_records() {
    let report = "<Report>1</Report>";
    let refused = |inner: &str, expected: &str| {
        check(BATCH, format!("<B>{report}\n{inner}</B>"), &["line 1: \"1\"", expected]);
    };
    refused("", "refused: line 2: trailer-missing at End/Count");
    refused("<End><Count>8</Count></End>", "refused: line 2: trailer-count at End/Count");
    refused("<End><Count>one</Count></End>", "refused: line 2: trailer-count at End/Count");
    refused("<End><Count>1</Count><Count>1</Count></End>", "refused: line 2: trailer-count at ");
    check(BATCH, "<B><End><Count>0</Count></End></B>", &[]);
    check(r#"{ kind = "xml", record = "R" }"#, "<B><r/></B>", &["refused: line 1: no-records at R"]);
}

#[test]
fn xml_that_is_not_well_formed_or_could_expand_is_refused() {
    let one = r#"{ kind = "xml", record = "R" }"#;
    for (xml, rule) in [
        ("<B><R>", "cut-off"),
        ("<B><R></B>", "not-xml"),
        ("<B><R", "not-xml"),
        ("<B/><B/>", "not-xml"),
        ("<B/>x", "not-xml"),
        ("text", "not-xml"),
        ("<B><R a='1' a='2'/></B>", "not-xml"),
        ("<B><R>\u{1}</R></B>", "not-xml"),
        ("<B>&copy;</B>", "xml-entity"),
        ("<B>&#1;</B>", "xml-entity"),
        ("<B><R a='&x;'/></B>", "xml-entity"),
        ("<!DOCTYPE B [<!ENTITY x 'y'>]><B>&x;</B>", "xml-dtd"),
        ("<?xml version='1.0' encoding='ISO-8859-1'?><B/>", "encoding"),
    ] {
        check(one, xml, &[&format!("refused: line 1: {rule} at ")]);
    }
    check(one, "<B><R p:a='1' q:a='2'/><R>2</R></B>", &["line 1: duplicate-key at @a", "line 1: \"2\""]);
    check(one, "<x>".repeat(65), &["refused: line 1: too-deep at "]);
}

#[test]
fn a_fault_tells_both_numbers_and_never_a_value() {
    let format = format(COLUMNS);
    let words: Vec<_> = format
        .read(Box::new(&b"Ada,Lovelace,secret\nAda,\"Lovelace\"secret\nAda,Zo\xeb\n"[..]))
        .map(|step| format!("{step:?}"))
        .collect();
    assert!(words[0].contains("expected 2 columns, found 3"), "{words:?}");
    assert!(words.iter().all(|words| !words.contains("Ada") && !words.contains("secret")), "{words:?}");
}

#[test]
fn a_format_that_contradicts_itself_is_refused() {
    for (wrong, key) in [
        (r#"kind = "csv""#, "columns"),
        (r#"kind = "csv", header = true, columns = ["a"]"#, "header"),
        (r#"kind = "csv", columns = ["a"], required = ["a"]"#, "required"),
        (r#"kind = "csv", columns = ["a", "a"]"#, "columns"),
        (r#"kind = "csv", columns = []"#, "columns"),
        (r#"kind = "csv", header = true, delimiter = "\"""#, "delimiter"),
        (r#"kind = "mixed-csv", records = {}"#, "records"),
        (r#"kind = "mixed-csv", column = 0, records = { 1 = { name = "a", columns = ["b"] } }"#, "column"),
        (r#"kind = "mixed-csv", records = { 1 = { name = "a", columns = ["kind"] } }"#, "records.1.columns"),
        (r#"kind = "fixed-width""#, "fields"),
        (r#"kind = "fixed-width", fields = [{ width = 3 }]"#, "fields"),
        (r#"kind = "fixed-width", fields = [{ name = "a", width = 0 }]"#, "fields"),
        (
            r#"kind = "fixed-width", fields = [{ name = "a", width = 1 }, { name = "a", width = 1 }]"#,
            "fields",
        ),
        (r#"kind = "fixed-width", kind_at = { start = 1, width = 1 }"#, "fields"),
        (
            r#"kind = "fixed-width", kind_at = { start = 0, width = 1 }, records = { 1 = { name = "a", fields = [] } }"#,
            "kind_at",
        ),
        (
            r#"kind = "fixed-width", kind_at = { start = 1, width = 1 }, records = { 1 = { name = "a", fields = [{ name = "kind", width = 1 }] } }"#,
            "records.1.fields",
        ),
        (r#"kind = "json", records = "items""#, "records"),
        (r#"kind = "xml", record = "a:b""#, "record"),
        (r#"kind = "xml", record = "a", trailer = { count = "/a" }"#, "trailer.count"),
    ] {
        let table: toml::Table = wrong_table(wrong);
        let format: postroom_format::Format = table.try_into().expect("a format");
        assert_eq!(format.check().map_err(|error| error.key), Err(key.to_owned()), "{wrong}");
    }
    for unknown in
        [r#"kind = "yaml""#, r#"kind = "json", record = "a""#, r#"kind = "csv", encoding = "latin1""#]
    {
        assert!(wrong_table(unknown).try_into::<postroom_format::Format>().is_err(), "{unknown}");
    }
}

fn wrong_table(inner: &str) -> toml::Table {
    let outer: toml::Table = format!("format = {{ {inner} }}").parse().expect("TOML");
    outer["format"].as_table().cloned().expect("a table")
}

#[test]
fn the_fields_of_rows_are_known_where_the_settings_fix_them() {
    assert_eq!(format(COLUMNS).fields(), Some(vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(format(HEADER).fields(), Some(vec!["UPRN".to_owned()]));
    assert_eq!(format(MIXED).fields(), None);
    assert_eq!(format(FIXED).fields(), Some(vec!["uprn".to_owned(), "name".to_owned()]));
    assert_eq!(format(KINDS).fields(), None);
}
