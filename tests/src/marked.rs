//! Marked data: for each event type of a vocabulary that tells of a person, valid data with every field set, in which each value
//! of a personal field is one that stands nowhere else. It finds them again in any text; it does not know who writes one.
//!
//! What cannot be marked is what a schema lists, and true or false: a word of the schema is in many a text.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "support for tests: what goes wrong here fails the test"
)]

use chrono::{Days, NaiveDate};
use postroom_schema::{EventType, Vocabulary};
use serde_json::{Map, Value, json};

/// What stands in every personal text that may hold any word.
pub const WORD: &str = "zq7canary";
/// Letters of the second half of a postcode.
const LETTERS: [char; 20] =
    ['A', 'B', 'D', 'E', 'F', 'G', 'H', 'J', 'L', 'N', 'P', 'Q', 'R', 'S', 'T', 'U', 'W', 'X', 'Y', 'Z'];
/// Where numbers begin that are marks, the greatest first.
const NUMBERS: [u64; 3] = [907_707_700_000, 907_707_000, 90_770_000];
/// Where those with a fraction begin, in ten millionths.
const FRACTIONS: u32 = 90_770_000;

/// What a form asks for, and the values of nobody that have it.
pub const FORMS: &[(&str, &[&str])] = &[
    ("date", &["2026-03-20", "1999-12-31"]),
    ("date-time", &["2026-03-20T10:14:00Z", "2026-10-25T01:30:00+01:00"]),
    ("email", &["ann@zedshire.example"]),
    ("uri", &["https://zedshire.example/a"]),
    (PHONE, &["+44 1632 960001"]),
    ("^[A-Z]{1,2}([0-9]{2}([A-Z]{2})?)?$", &["R", "PP03", "BL"]),
    (POSTCODE, &["ZE1 1AA", "Z1 9ZZ"]),
    ("^[a-z0-9]+(-[a-z0-9]+)*$", &["a", "garden-waste"]),
    ("^[a-z][A-Za-z0-9]*(\\.[A-Za-z0-9]+)*$", &["pp.full.householder", "a"]),
    ("^[a-z]+$", &["a", "bcd"]),
    (LANGUAGE, &["en", "cy", "pan"]),
];
const PHONE: &str = "^[+0-9][0-9 ]{5,24}$";
const POSTCODE: &str = "^[A-Z]{1,2}[0-9R][0-9A-Z]? [0-9][ABD-HJLNP-UW-Z]{2}$";
const LANGUAGE: &str = "^[a-z]{2,3}$";

/// Marked data of an event type.
pub struct Marked {
    /// The type.
    pub event_type: String,
    /// Valid data, every field set.
    pub data: Value,
    /// The values of personal fields, as they stand in a text.
    pub planted: Vec<String>,
    /// The places of those that cannot be marked, as JSON pointers.
    pub listed: Vec<String>,
}

impl Marked {
    /// An event with them, in structured mode.
    pub fn event(&self, id: &str, source: &str) -> Value {
        json!({
            "specversion": "1.0", "id": id, "source": source, "type": self.event_type,
            "subject": format!("person:{id}"), "time": "2026-03-20T10:14:00Z", "data": self.data,
        })
    }
}

/// The marked data of each type that has a personal field, no two values alike.
pub fn all(vocabulary: &Vocabulary) -> Vec<Marked> {
    let mut marks = Marks::default();
    let marked = vocabulary.types().map(|known| marks.of(known));
    marked.filter(|marked| !marked.planted.is_empty() || !marked.listed.is_empty()).collect()
}

/// Which of `planted` stands in a text, in capitals or not; a number or a word only as a whole.
pub fn found<'a>(planted: impl IntoIterator<Item = &'a String>, text: &str) -> Option<String> {
    let text = text.to_lowercase();
    if text.contains(WORD) {
        return Some(WORD.to_owned());
    }
    let is_whole = |at: usize, length: usize| {
        let (before, behind) = (text[..at].chars().next_back(), text[at + length..].chars().next());
        ![before, behind].into_iter().flatten().any(char::is_alphanumeric)
    };
    let stands = |value: &&String| {
        let value = value.to_lowercase();
        text.match_indices(&value).any(|(at, _)| is_whole(at, value.len()))
    };
    planted.into_iter().find(stands).cloned()
}

/// How many values were made so far, and what was planted in the type at work.
#[derive(Default)]
struct Marks {
    made: u32,
    planted: Vec<String>,
    listed: Vec<String>,
}

impl Marks {
    fn of(&mut self, known: &EventType) -> Marked {
        let schema = known.validator.schema();
        let data = self.value(schema, schema, ("", false));
        let (planted, listed) = (std::mem::take(&mut self.planted), std::mem::take(&mut self.listed));
        Marked { event_type: known.name.clone(), data, planted, listed }
    }

    /// A value of `schema`, a part of `root`, at a place inside of what is personal or not.
    fn value(&mut self, root: &Value, schema: &Value, (at, around): (&str, bool)) -> Value {
        let is_personal = match &schema["x-class"] {
            Value::Null => around,
            class => *class != "none",
        };
        if let Some(target) = schema["$ref"].as_str() {
            let target = root.pointer(target.trim_start_matches('#')).expect("the reference leads somewhere");
            return self.value(root, target, (at, is_personal));
        }
        if let Some(first) = schema["enum"].get(0).or(schema.get("const")) {
            self.listed.extend(is_personal.then(|| at.to_owned()));
            return first.clone();
        }
        match schema["type"].as_str().expect("one type a field") {
            "object" => {
                let fields = schema["properties"].as_object().expect("fields").iter();
                let field = |(name, part): (&String, &Value)| {
                    (name.clone(), self.value(root, part, (&format!("{at}/{name}"), is_personal)))
                };
                Value::Object(fields.map(field).collect::<Map<_, _>>())
            }
            "array" => json!([self.value(root, &schema["items"], (&format!("{at}/0"), is_personal))]),
            "boolean" => {
                self.listed.extend(is_personal.then(|| at.to_owned()));
                json!(true)
            }
            kind if is_personal => self.mark(schema, kind),
            kind => plain(schema, kind),
        }
    }

    /// The next mark of that kind.
    fn mark(&mut self, schema: &Value, kind: &str) -> Value {
        self.made += 1;
        let value = match kind {
            "string" => json!(text(form(schema), self.made)),
            "integer" => json!(number(schema, self.made)),
            _ => json!(f64::from(FRACTIONS + self.made) / 1e7),
        };
        self.planted.push(value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        value
    }
}

/// The form that a text must have.
fn form(schema: &Value) -> Option<&str> {
    schema["pattern"].as_str().or(schema["format"].as_str())
}

/// A value of nobody.
fn plain(schema: &Value, kind: &str) -> Value {
    let samples = |form: &str| FORMS.iter().find(|(known, _)| *known == form).map(|(_, samples)| samples[0]);
    match (kind, form(schema)) {
        ("string", Some(form)) => json!(samples(form).expect("a sample of the form")),
        ("string", None) => json!("a"),
        _ => json!(schema["minimum"].as_i64().unwrap_or(0).max(1)),
    }
}

/// The mark of that number in the form that is asked for.
fn text(form: Option<&str>, number: u32) -> String {
    // `case new` moves a date by a thousand days at most: not to the day of another mark.
    let days = u64::from(20_000 + number * 1_001);
    let day = || NaiveDate::default().checked_sub_days(Days::new(days)).expect("a day");
    let letter = |of: u32| LETTERS[of as usize % LETTERS.len()];
    match form {
        None => format!("{WORD}{number:04}"),
        Some("date") => day().to_string(),
        Some("date-time") => format!("{}T04:05:06Z", day()),
        Some("email") => format!("{WORD}{number:04}@example.org"),
        Some("uri") => format!("https://{WORD}{number:04}.example/"),
        Some(PHONE) => format!("+4477009{number:05}"),
        Some(POSTCODE) => format!("ZQ7Q {}{}{}", number / 400 % 10, letter(number / 20), letter(number)),
        // As good a mark as three letters can be.
        Some(LANGUAGE) => "zqx".to_owned(),
        Some(form) => panic!("no mark of the form {form}"),
    }
}

/// The mark of that number that the schema lets pass.
fn number(schema: &Value, number: u32) -> u64 {
    let most = schema["maximum"].as_u64().unwrap_or(u64::MAX);
    let fitting = NUMBERS.into_iter().map(|first| first + u64::from(number)).find(|mark| *mark <= most);
    fitting.expect("room for a mark")
}
