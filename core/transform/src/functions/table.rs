//! The functions of mappings, each with what it gives and examples that are tests: the page `docs/functions.md`.

/// One function that a mapping may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowed {
    /// The name, as it is called.
    pub name: &'static str,
    /// How it is called and what it gives.
    pub words: &'static str,
    /// Expressions, and what each gives as JSON of the data that the page shows.
    pub examples: &'static [(&'static str, &'static str)],
}

/// The data of the examples.
const SAMPLE: &str = r#"{ "number": 7, "name": " Ann ", "phone": "01632 960001", "rate": 2.5, "open": true, "note": null, "people": [{ "given": "Ann", "age": 40 }, { "given": "Bo" }] }"#;

const fn allowed(
    name: &'static str,
    words: &'static str,
    examples: &'static [(&'static str, &'static str)],
) -> Allowed {
    Allowed { name, words, examples }
}

/// Every function that a mapping may call, by name.
pub const FUNCTIONS: &[Allowed] = &[
    allowed("abs", "`abs(number)`: the number without its sign.", &[("abs(-3) ?? 0", "3")]),
    allowed(
        "append",
        "`append(list, items)`: the list followed by the items of the other.",
        &[("append([1], [2, 3])", "[1,2,3]")],
    ),
    allowed(
        "array",
        "`array(value)`: the value if it is a list; an error otherwise.",
        &[("array(.note) ?? []", "[]")],
    ),
    allowed(
        "bool",
        "`bool(value)`: the value if it is true or false; an error otherwise.",
        &[("bool(.open) ?? false", "true"), ("bool(.name) ?? false", "false")],
    ),
    allowed(
        "ceil",
        "`ceil(number, precision: 0)`: rounded up to so many decimal places.",
        &[("ceil(2.31)", "3"), ("ceil(2.31, 1)", "2.4")],
    ),
    allowed(
        "compact",
        "`compact(value)`: without nulls, empty texts, empty lists and empty objects, at any depth.",
        &[(r#"compact({ "a": "x", "b": "", "c": null })"#, r#"{"a":"x"}"#), ("compact([{}, 1, []])", "[1]")],
    ),
    allowed(
        "contains",
        "`contains(text, substring, case_sensitive: true)`: whether the text holds the other.",
        &[
            (r#"contains("Zedbury", "ed")"#, "true"),
            (r#"contains("Zedbury", "ED", case_sensitive: false)"#, "true"),
        ],
    ),
    allowed(
        "count",
        "`count(list) -> |item| { ... }`: for how many items the closure is true.",
        &[("count(.people) -> |person| { exists(person.age) }", "1")],
    ),
    allowed("downcase", "`downcase(text)`: in small letters.", &[(r#"downcase("ÉLODIE")"#, r#""élodie""#)]),
    allowed(
        "ends_with",
        "`ends_with(text, substring, case_sensitive: true)`: whether the text ends so.",
        &[(r#"ends_with("report.csv", ".csv")"#, "true")],
    ),
    allowed(
        "exists",
        "`exists(.field)`: whether the field is there, null or not.",
        &[("exists(.note)", "true"), ("exists(.town)", "false")],
    ),
    allowed(
        "filter",
        "`filter(list) -> |item| { ... }`: the items for which the closure is true.",
        &[("filter(.people) -> |person| { exists(person.age) }", r#"[{"age":40,"given":"Ann"}]"#)],
    ),
    allowed(
        "flatten",
        "`flatten(list)`: the items of the lists in the list, at any depth, as one list.",
        &[("flatten([1, [2, [3]]])", "[1,2,3]")],
    ),
    allowed(
        "float",
        "`float(value)`: the value if it is a number with a fraction; an error otherwise.",
        &[("float(.rate) ?? 0.0", "2.5"), ("float(.name) ?? 0.0", "0")],
    ),
    allowed(
        "floor",
        "`floor(number, precision: 0)`: rounded down to so many decimal places.",
        &[("floor(2.78)", "2"), ("floor(2.78, 1)", "2.7")],
    ),
    allowed(
        "format_timestamp",
        "`format_timestamp(timestamp, format, timezone: \"Europe/London\")`: as text in that form (strftime).",
        &[(r#"format_timestamp(t'2026-07-01T09:00:00Z', "%d/%m/%Y %H:%M")"#, r#""01/07/2026 10:00""#)],
    ),
    allowed(
        "get",
        "`get(value, path)`: what stands at a path that is only known at run time; null if nothing.",
        &[(r#"get(.people, [1, "given"]) ?? null"#, r#""Bo""#)],
    ),
    allowed(
        "includes",
        "`includes(list, item)`: whether the item is in the list.",
        &[(r#"includes(["new", "changed"], "new")"#, "true")],
    ),
    allowed(
        "int",
        "`int(value)`: the value if it is a whole number; an error otherwise.",
        &[("int(.number) ?? 0", "7"), ("int(.name) ?? 0", "0")],
    ),
    allowed("is_array", "`is_array(value)`: whether it is a list.", &[("is_array(.people)", "true")]),
    allowed(
        "is_integer",
        "`is_integer(value)`: whether it is a whole number.",
        &[("is_integer(.number)", "true"), ("is_integer(.rate)", "false")],
    ),
    allowed(
        "is_null",
        "`is_null(value)`: whether it is null or absent.",
        &[("is_null(.note)", "true"), (r#"is_null("")"#, "false")],
    ),
    allowed(
        "is_nullish",
        "`is_nullish(value)`: whether it is null, absent, `-`, or a text of nothing but spaces.",
        &[("is_nullish(.note)", "true"), (r#"is_nullish("  ")"#, "true")],
    ),
    allowed("is_object", "`is_object(value)`: whether it is an object.", &[("is_object(.people)", "false")]),
    allowed("is_string", "`is_string(value)`: whether it is a text.", &[("is_string(.name)", "true")]),
    allowed(
        "join",
        "`join(list, separator: \"\")`: a list of texts as one text.",
        &[(r#"join(["1 High Street", "Zedbury"], ", ")"#, r#""1 High Street, Zedbury""#)],
    ),
    allowed(
        "keys",
        "`keys(object)`: the names of its fields as a list of texts.",
        &[(r#"keys({ "a": 1, "b": 2 })"#, r#"["a","b"]"#)],
    ),
    allowed(
        "length",
        "`length(value)`: how many characters, items or fields it has.",
        &[(r#"length("é☃")"#, "2"), ("length(.people)", "2")],
    ),
    allowed(
        "map",
        "`map(list) -> |item| { ... }`: the list of what the closure makes of each item.",
        &[("map(.people) -> |person| { person.given }", r#"["Ann","Bo"]"#)],
    ),
    allowed(
        "match",
        "`match(text, r'pattern')`: whether the pattern is found in the text.",
        &[(r#"match("ZE1 1AA", r'^ZE')"#, "true")],
    ),
    allowed(
        "merge",
        "`merge(object, other, deep: false)`: both objects as one; the other's fields win.",
        &[
            (r#"merge({ "a": 1, "b": 2 }, { "b": 3 })"#, r#"{"a":1,"b":3}"#),
            (r#"merge({ "a": { "x": 1 } }, { "a": { "y": 2 } }, deep: true)"#, r#"{"a":{"x":1,"y":2}}"#),
        ],
    ),
    allowed(
        "mod",
        "`mod(integer, modulus)`: the remainder of a division; an error for a modulus of 0.",
        &[("mod(7, 3) ?? 0", "1"), ("mod(7, 0) ?? 0", "0")],
    ),
    allowed(
        "object",
        "`object(value)`: the value if it is an object; an error otherwise.",
        &[("object(.people[0]) ?? {}", r#"{"age":40,"given":"Ann"}"#)],
    ),
    allowed(
        "parse_float",
        "`parse_float(text)`: the number that the text writes; an error otherwise.",
        &[(r#"parse_float("2.50") ?? 0.0"#, "2.5"), (r#"parse_float("none") ?? 0.0"#, "0")],
    ),
    allowed(
        "parse_int",
        "`parse_int(text)`: the whole number that the text writes in decimal digits, zeros before it or not.",
        &[(r#"parse_int("007") ?? 0"#, "7"), (r#"parse_int("7 bins") ?? 0"#, "0")],
    ),
    allowed(
        "parse_regex",
        "`parse_regex(text, r'(?P<name>...)')`: the named groups of the first match; an error without one.",
        &[(
            r#"parse_regex("2026-03-20", r'^(?P<year>\d+)-(?P<month>\d+)') ?? {}"#,
            r#"{"month":"03","year":"2026"}"#,
        )],
    ),
    allowed(
        "parse_timestamp",
        "`parse_timestamp(text, format, timezone: \"Europe/London\", clock_change: \"earlier\")`: the instant (strptime); for a time that the clocks skip or show twice an error, or the earlier or later of the two that it may tell.",
        &[(
            r#"format_timestamp(parse_timestamp("20/03/2026 10:14", "%d/%m/%Y %H:%M") ?? t'1970-01-01T00:00:00Z', "%+", timezone: "UTC")"#,
            r#""2026-03-20T10:14:00+00:00""#,
        )],
    ),
    allowed("push", "`push(list, item)`: the list with one item more.", &[("push([1], 2)", "[1,2]")]),
    allowed(
        "replace",
        "`replace(text, pattern, with, count: -1)`: with each match of a text or pattern replaced.",
        &[
            (r#"replace("a-b-c", "-", " ")"#, r#""a b c""#),
            (r#"replace("2026-03-20", r'^(\d+)-(\d+)-(\d+)$', "$3/$2/$1")"#, r#""20/03/2026""#),
        ],
    ),
    allowed(
        "round",
        "`round(number, precision: 0)`: rounded to so many decimal places.",
        &[("round(2.5)", "3"), ("round(2.345, 2)", "2.35")],
    ),
    allowed(
        "slice",
        "`slice(value, start, end)`: characters or items from start up to end, from 0; negative from the end.",
        &[(r#"slice("Zedbury", 0, 3) ?? """#, r#""Zed""#), ("slice([1, 2, 3], -2) ?? []", "[2,3]")],
    ),
    allowed(
        "split",
        "`split(text, pattern, limit)`: the parts between the matches of a text or pattern.",
        &[(r#"split("a, b", ", ")"#, r#"["a","b"]"#)],
    ),
    allowed(
        "starts_with",
        "`starts_with(text, substring, case_sensitive: true)`: whether the text starts so.",
        &[(r#"starts_with("ZE1 1AA", "ZE")"#, "true")],
    ),
    allowed(
        "string",
        "`string(value)`: the value if it is a text; an error otherwise.",
        &[(r#"string(.phone) ?? """#, r#""01632 960001""#), (r#"string(.note) ?? "none""#, r#""none""#)],
    ),
    allowed(
        "strip_whitespace",
        "`strip_whitespace(text)`: without spaces at both ends.",
        &[("strip_whitespace(.name)", r#""Ann""#)],
    ),
    allowed(
        "to_bool",
        "`to_bool(value)`: true or false from text (`true`, `yes`, `y`, `t`, `1` and their opposites) or number.",
        &[(r#"to_bool("yes") ?? false"#, "true"), (r#"to_bool("perhaps") ?? false"#, "false")],
    ),
    allowed(
        "to_float",
        "`to_float(value)`: a number from a number or text; an error for null.",
        &[(r#"to_float("2.5") ?? 0.0"#, "2.5")],
    ),
    allowed(
        "to_int",
        "`to_int(value)`: a whole number from a number or text; an error for null and for a fraction.",
        &[(r#"to_int("7") ?? 0"#, "7"), ("to_int(.rate) ?? 0", "0")],
    ),
    allowed(
        "to_string",
        "`to_string(value)`: a text from a number, a timestamp, true or false; an error for null.",
        &[("to_string(.rate)", r#""2.5""#)],
    ),
    allowed(
        "truncate",
        "`truncate(text, limit, suffix: \"\")`: at most so many characters, with the suffix where it was cut.",
        &[
            (r#"truncate("Zedbury", 3)"#, r#""Zed""#),
            (r#"truncate("Zedbury", 3, suffix: "...")"#, r#""Zed...""#),
        ],
    ),
    allowed(
        "unique",
        "`unique(list)`: each item once, in the order of the first.",
        &[("unique([1, 2, 1])", "[1,2]")],
    ),
    allowed("upcase", "`upcase(text)`: in capital letters.", &[(r#"upcase("ze1 1aa")"#, r#""ZE1 1AA""#)]),
    allowed(
        "values",
        "`values(object)`: the values of its fields as a list.",
        &[(r#"values({ "a": 1, "b": 2 })"#, "[1,2]")],
    ),
];

/// The page of the functions, as Markdown.
pub fn functions_as_markdown() -> String {
    let head = format!(
        "# Functions\n\nWritten by `postroom docs functions`. These are the functions that a mapping may call: pure, total and bounded, so\n\
         that what `check` proves of their types holds. One that can fail is followed by `??` and what is to be given then.\n\
         Each example is run as a test, with the data\n\n    {SAMPLE}\n"
    );
    let of = |function: &Allowed| {
        let examples = function.examples.iter().map(|(source, gives)| format!("    {source}    # {gives}\n"));
        format!("\n## {}\n\n{}\n\n{}", function.name, function.words, examples.collect::<String>())
    };
    head + &FUNCTIONS.iter().map(of).collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Context, Input, Mapping, Runner, Shape};
    use serde_json::{Value, json};

    fn shape() -> Shape {
        let person = json!({"type": "object", "additionalProperties": false, "required": ["given"],
            "properties": {"given": {"type": "string"}, "age": {"type": "integer"}}});
        Shape::of_schema(&json!({
            "type": "object", "additionalProperties": false, "required": ["number", "name", "rate", "open", "people"],
            "properties": {
                "number": {"type": ["integer", "null"]}, "name": {"type": "string"}, "phone": {"type": ["string", "null"]}, "rate": {"type": "number"},
                "open": {"type": ["boolean", "null"]}, "note": {"type": ["string", "null"]}, "town": {"type": "string"},
                "people": {"type": "array", "items": person}
            }
        }))
    }

    #[test]
    fn every_example_gives_what_its_page_says() {
        let data: Value = serde_json::from_str(SAMPLE).expect("JSON");
        let mut wrong = Vec::new();
        for (source, expected) in FUNCTIONS.iter().flat_map(|function| function.examples) {
            let gives = Mapping::compile(source, &shape(), Context::Route)
                .map_err(|problems| format!("{problems:?}"))
                .and_then(|mapping| {
                    let mut input = Input::new(data.clone().into(), &[]);
                    Runner::default().map(&mapping, &mut input).map_err(|error| error.to_string())
                })
                .map(|result| Value::from(result).to_string());
            if gives.as_deref() != Ok(expected) {
                wrong.push(format!("{source}: {gives:?}, not {expected}"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn every_function_has_an_example_that_calls_it() {
        for function in FUNCTIONS {
            let call = format!("{}(", function.name);
            assert!(function.examples.iter().any(|(source, _)| source.contains(&call)), "{}", function.name);
        }
    }

    #[test]
    fn the_page_of_the_functions_stands_in_docs() {
        assert_eq!(
            include_str!("../../../../docs/functions.md"),
            functions_as_markdown(),
            "`postroom docs functions` writes it"
        );
    }
}
