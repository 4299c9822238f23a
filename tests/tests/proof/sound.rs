//! What `check` says holds: whatever keeps a source's schema, a mapping of it fails in no way that was not announced.

use std::cell::Cell;
use std::fs;
use std::path::Path;

use postroom_schema::Validator;
use postroom_tests::council::house;
use postroom_tests::dice::Dice;
use postroom_transform::{
    BEYOND, Context, Data, Fit, Happens, Input, Mapping, MetaValue, Metadata, OUTSIDE, Presence, Runner,
    Shape,
};
use serde_json::{Value, json};

use crate::sample;

/// Random events of each route, unless the environment says how many.
const OF_ROUTE: usize = 500;
/// The environment's name for that number: `deploy/long-run` asks for 20,000.
const OF_A_ROUTE: &str = "POSTROOM_EVENTS_OF_A_ROUTE";
/// How often data are made anew, at most, where they do not keep what the samples know nothing of, e.g. `not`.
const REPEATS: usize = 30;

const META: &dyn Metadata = &[
    ("id", MetaValue::Text("e1")),
    ("source", MetaValue::Text("/systems/shop")),
    ("type", MetaValue::Text("t.v1")),
    ("subject", MetaValue::Text("uprn:1")),
];

/// Rules whose violations are told by another rule, or further down.
const WIDE: [&str; 18] = [
    "anyOf",
    "oneOf",
    "allOf",
    "not",
    "if",
    "wrong-type",
    "may-be-null",
    "open-object",
    "everything below",
    "patternProperties",
    "prefixItems",
    "$ref",
    "properties",
    "items",
    "required",
    "additionalProperties",
    "dependentSchemas",
    "unevaluatedItems",
];

/// Whether it was announced that the rule may be broken at that place.
fn is_announced(fit: &Fit, pointer: &str, rule: &str) -> bool {
    let path = dotted(pointer);
    let told = fit.left.iter().map(|left| (left.path.as_str(), left.rule.as_str()));
    let told = told.chain(fit.misfits.iter().map(|it| (it.path.as_str(), it.problem.code.as_str())));
    told.into_iter().any(|(at, told)| match told {
        // What fits no form is told of the whole, and announced of what is inside.
        _ if matches!(rule, "anyOf" | "oneOf") && is_below(at, &path) => true,
        "missing" | "may-be-missing" => rule == "required" && is_at(&path, parent(at)),
        "unknown-field" => rule == "additionalProperties" && is_at(&path, parent(at)),
        "dependentRequired" => is_at(&path, at) && rule == "required",
        "not-in-enum" => is_at(&path, at) && matches!(rule, "enum" | "const"),
        _ if WIDE.contains(&told) => is_below(&path, at),
        _ => is_at(&path, at) && told == rule,
    })
}

/// A JSON pointer as a path of the proof: `/a/0/b` is `.a[].b`.
fn dotted(pointer: &str) -> String {
    let steps = pointer.split('/').skip(1).map(|step| match step.parse::<usize>() {
        Ok(_) => "[]".to_owned(),
        Err(_) => format!(".{step}"),
    });
    let path: String = steps.collect();
    if path.starts_with('.') { path } else { format!(".{path}") }
}

fn parent(path: &str) -> &str {
    match path.rfind('.') {
        Some(0) | None => ".",
        Some(at) => &path[..at],
    }
}

fn is_below(path: &str, at: &str) -> bool {
    let ends = path.char_indices().filter(|(_, letter)| matches!(letter, '.' | '[')).map(|(end, _)| end);
    at == "." || ends.chain([path.len()]).any(|end| is_at(&path[..end], at))
}

/// Whether a path is the one that was told, in which `*` is any field.
fn is_at(path: &str, told: &str) -> bool {
    let (path, told): (Vec<&str>, Vec<&str>) = (path.split('.').collect(), told.split('.').collect());
    let is_field = |(step, told): (&&str, &&str)| match told.strip_prefix('*') {
        Some(items) => step.find('[').map_or("", |at| &step[at..]) == items,
        None => step == told,
    };
    path.len() == told.len() && path.iter().zip(&told).all(is_field)
}

/// A mapping, with what it is proved against.
pub(crate) struct Proved {
    pub(crate) name: String,
    pub(crate) mapping: Mapping,
    pub(crate) fit: Fit,
    pub(crate) takes: Validator,
    pub(crate) lookups: Vec<Answers>,
    /// How many events it was tried with.
    pub(crate) tried: Cell<usize>,
}

/// What a lookup of this name may answer: any of these messages, or a text where there is none.
pub(crate) struct Answers(String, Vec<Data>);

impl Proved {
    pub(crate) fn assert_holds(&self, data: &Value, runner: &mut Runner) -> Ended {
        let mut input = Input::new(data.clone().into(), META);
        let turn = self.tried.replace(self.tried.get() + 1);
        input.answer(self.lookups.iter().map(|Answers(name, messages)| {
            let message = turn.checked_rem(messages.len()).and_then(|turn| messages.get(turn));
            (name.as_str(), Some(message.map_or(MetaValue::Text("1"), MetaValue::Data)))
        }));
        let result = match runner.map(&self.mapping, &mut input) {
            Ok(result) => result,
            Err(error) => {
                assert_ne!(error.words, OUTSIDE, "{}\n{data}", self.name);
                let announced = self.fit.left.iter().any(|left| left.rule == BEYOND);
                assert!(announced, "{}: {error} was not announced\n{data}", self.name);
                return Ended::Failed;
            }
        };
        let Err(violations) = self.takes.validate(&result) else { return Ended::Taken };
        for violation in violations {
            let announced = is_announced(&self.fit, &violation.pointer, &violation.rule);
            assert!(announced, "{}: {violation} was not announced\n{data}\n{:#?}", self.name, self.fit);
        }
        Ended::Refused
    }

    /// Whether the result is wrong whatever the data is.
    pub(crate) fn is_never_taken(&self) -> bool {
        let certain = |path: &str| !path.trim_start_matches('.').contains(['.', '[']);
        let never = |code: &str| code == "missing";
        self.fit.misfits.iter().any(|misfit| {
            misfit.happens == Happens::Always && never(&misfit.problem.code) && certain(&misfit.path)
        })
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Taken,
    Refused,
    /// No result came of it.
    Failed,
}

/// Valid data of a schema; other data would tell nothing.
fn samples(schema: &Value, count: usize, dice: &mut Dice) -> Vec<Value> {
    let all = samples_of_any(schema, count, dice);
    assert_eq!(all.len(), count, "too few data are made of {schema}");
    all
}

/// The same of a schema that few data may keep, or none at all.
pub(crate) fn samples_of_any(schema: &Value, count: usize, dice: &mut Dice) -> Vec<Value> {
    let validator = Validator::compile(schema).expect("a schema");
    let mut valid = |_| {
        (0..REPEATS).find_map(|_| {
            let data = sample::value(schema, schema, dice);
            validator.validate(&data.clone().into()).is_ok().then_some(data)
        })
    };
    (0..count).map_while(&mut valid).collect()
}

fn read(path: &Path) -> Option<Value> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

/// A route of the example council, and the schema of its events.
fn route(folder: &Path, dice: &mut Dice) -> (Proved, Value) {
    let house = house();
    let council = house.join("deploy/council");
    let text = fs::read_to_string(folder.join("route.toml")).expect("a route");
    let written: toml::Table = text.parse().expect("TOML");
    let named = |key: &str| written[key].as_str().expect("a name").to_owned();
    let schema = |root: &Path| read(&root.join("schemas").join(named("from")).join("schema.json"));
    let event = schema(&house).or_else(|| schema(&council)).expect("the schema of the event");
    let message = format!("systems/{}/messages/{}.schema.json", named("to"), named("message"));
    let takes = read(&council.join(message)).expect("the schema of the message");
    let written_lookups =
        written.get("lookup").and_then(toml::Value::as_array).map_or(&[][..], Vec::as_slice);
    let names = written_lookups.iter().map(|lookup| lookup["name"].as_str().expect("a name"));
    let mut shape = Shape::of_schema(&event).with_lookups(names.map(|name| (name, Presence::Certain)));
    let mut lookups = Vec::new();
    for lookup in written_lookups {
        let name = lookup["name"].as_str().expect("a name");
        let sent = lookup.get("sent").map(|sent| {
            let system = lookup
                .get("system")
                .map_or_else(|| named("to"), |name| name.as_str().expect("a name").to_owned());
            let file = format!("systems/{system}/messages/{}.schema.json", sent.as_str().expect("a name"));
            read(&council.join(file)).expect("the schema of what was sent")
        });
        if let Some(sent) = &sent {
            shape = shape.with_answer(name, Shape::of_schema(sent), Presence::Certain);
        }
        let messages = sent.map_or_else(Vec::new, |sent| samples(&sent, OF_ROUTE, dice));
        lookups.push(Answers(name.to_owned(), messages.into_iter().map(Data::from).collect()));
    }
    let source = fs::read_to_string(folder.join("mapping.vrl")).expect("a mapping");
    let mapping = Mapping::compile(&source, &shape, Context::Route)
        .unwrap_or_else(|problems| panic!("{}: {problems:?}", folder.display()));
    let fit = mapping.fit(&takes);
    let takes = Validator::compile(&takes).expect("a schema");
    (
        Proved { name: folder.display().to_string(), mapping, fit, takes, lookups, tried: Cell::default() },
        event,
    )
}

#[test]
fn no_route_of_the_example_fails_in_a_way_that_was_not_announced() {
    let mut dice = Dice::new(5);
    let folder = house().join("deploy/council/routes");
    let routes: Vec<(Proved, Value)> = fs::read_dir(folder)
        .expect("the routes")
        .map(|entry| route(&entry.expect("a route").path(), &mut dice))
        .collect();
    let (mut runner, mut taken) = (Runner::held_to_types(), 0);
    let each = std::env::var(OF_A_ROUTE).map_or(OF_ROUTE, |each| each.parse().expect("a number"));
    for (proved, event) in &routes {
        assert_eq!(proved.fit.misfits, [], "{}", proved.name);
        for data in samples(event, each, &mut dice) {
            taken += usize::from(proved.assert_holds(&data, &mut runner) == Ended::Taken);
        }
    }
    assert!(taken * 4 > each * routes.len(), "too few are taken for the test to tell anything: {taken}");
}

/// Source mappings that refuse some rows, in every way in which a row can be wrong.
const OF_ROWS: [&str; 6] = [
    "{ \"subject\": \"a:\" + .id, \"data\": { \"id\": .id, \"n\": parse_int(.n) ?? .n } }",
    "{ \"subject\": .id, \"channel\": .kind, \"data\": compact({ \"id\": .id, \"n\": parse_int(.n) ?? 0, \"kind\": .kind }) }",
    "[{ \"subject\": .id, \"data\": { \"id\": .id, \"n\": 1 } }, { \"subject\": .n, \"time\": .n, \"data\": { \"id\": .n, \"n\": to_float(.n) ?? 1 } }]",
    "if .kind == \"a\" { return { \"subject\": \"a\", \"data\": null } }\ncompact({ \"subject\": .id, \"data\": { \"id\": .n, \"n\": 2 } })",
    "map(split(.id, \"\")) -> |c| { { \"subject\": c, \"data\": { \"id\": c, \"n\": parse_int(c) ?? null, \"kind\": c } } }",
    "data = { \"id\": .id }\nif .kind != \"\" { data.n = parse_int(.n) ?? -1 }\n{ \"subject\": slice(.id, 0, 1) ?? \"\", \"data\": data }",
];

#[test]
fn no_source_mapping_makes_an_event_that_is_wrong_in_a_way_that_was_not_announced() {
    let data = json!({"type": "object", "additionalProperties": false, "required": ["id", "n"], "properties": {
        "id": {"type": "string", "minLength": 1, "maxLength": 8}, "n": {"type": "integer", "minimum": 0},
        "kind": {"enum": ["a", "b"]}}});
    let validator = Validator::compile(&data).expect("a schema");
    let shape = Shape::of_texts(&["id".into(), "n".into(), "kind".into()]);
    let row = json!({"type": "object", "required": ["id", "n", "kind"],
        "properties": {"id": {"type": "string"}, "n": {"type": "string"}, "kind": {"type": "string"}}});
    let (mut dice, mut runner, mut refused) = (Dice::new(3), Runner::held_to_types(), 0);
    let rows: Vec<Value> = (0..300).map(|_| sample::value(&row, &row, &mut dice)).collect();
    for source in OF_ROWS {
        let mapping = Mapping::compile(source, &shape, Context::Source)
            .unwrap_or_else(|problems| panic!("{source}: {problems:?}"));
        let fit = mapping.fit_events(&data);
        for row in &rows {
            let made = runner.map(&mapping, &mut Input::new(row.clone().into(), META)).expect(source);
            let at = if Value::from(made.clone()).is_array() { "/0" } else { "" };
            for event in made.into_items() {
                let event = Value::from(event);
                if event.get("data").is_none() {
                    assert!(is_announced(&fit, at, "required"), "{source}: no data\n{row}\n{fit:#?}");
                    continue;
                }
                let violations = validator.validate(&event["data"].clone().into()).err().unwrap_or_default();
                refused += violations.len();
                for violation in violations {
                    let pointer = format!("{at}/data{}", violation.pointer);
                    let announced = is_announced(&fit, &pointer, &violation.rule);
                    assert!(announced, "{source}: {violation}\n{row}\n{fit:#?}");
                }
                let has_subject = event["subject"].as_str().is_some_and(|subject| !subject.is_empty());
                let announced = ["minLength", "required", "type"].iter().any(|rule| {
                    is_announced(&fit, &format!("{at}/subject"), rule) || is_announced(&fit, at, rule)
                });
                assert!(has_subject || announced, "{source}: no subject\n{row}\n{fit:#?}");
            }
        }
    }
    assert!(refused > 300, "too few are refused to tell anything: {refused}");
}

#[test]
fn what_is_wrong_in_a_result_is_looked_for_where_it_was_announced() {
    assert_eq!(dotted("/a/0/b"), ".a[].b");
    assert_eq!(dotted(""), ".");
    assert_eq!(dotted("/0"), ".[]");
    assert_eq!((parent(".a.b"), parent(".a"), parent(".")), (".a", ".", "."));
    assert!(is_at(".a[].b", ".*[].b") && is_at(".x", ".*") && !is_at(".x[]", ".*") && is_at(".", "."));
    assert!(is_below(".q.a", ".*") && is_below(".q[]", ".*") && !is_below(".q", ".*[]"));
    assert!(is_below(".a[].b", ".a") && is_below(".a", ".a") && !is_below(".ab", ".a"));
}
