//! What a program makes, as far as its text says: objects, lists, literals and parts of the data, each with its place.
//!
//! It follows variables, branches and the functions that pass on what they are given. It knows no types; what it does
//! not follow is unknown, so that "only these" is never said of more than these.

mod range;
mod read;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use vrl::diagnostic::Span;
use vrl::parser::ast::Program;

/// How many references of the data's schema are followed one after another.
const MAX_HOPS: usize = 32;
/// Most spots that are told apart at one path; beyond that nothing is known.
const MAX_SPOTS: usize = 64;
/// Most steps of looking for spots in one comparison; beyond that nothing is known.
const MAX_LOOKS: usize = 100_000;

/// What a program makes.
#[derive(Debug)]
pub(crate) struct Outline {
    made: Arc<Piece>,
    /// Every [`What::Calculated`], in the order in which the program calculates.
    calculated: Vec<Arc<Piece>>,
    /// What the data certainly keeps, where a schema tells it.
    schema: Option<Arc<Value>>,
    /// Whether a pattern stands anywhere but where a function is given it.
    has_patterns: bool,
}

/// Something that the program makes, and where.
#[derive(Debug)]
pub(crate) struct Piece {
    span: Span,
    what: What,
}

#[derive(Debug)]
enum What {
    /// Anything.
    Unknown,
    /// The data, whole.
    Data,
    Literal(Value),
    /// By name, with the place of name and value.
    Object(BTreeMap<String, (Span, Arc<Piece>)>),
    List(Vec<Arc<Piece>>),
    /// One of these, which are the list or the value.
    Either(Vec<Arc<Piece>>),
    /// The items of all of these, which are lists.
    Joined(Vec<Arc<Piece>>),
    /// Two objects as one.
    Merged {
        under: Arc<Piece>,
        over: Arc<Piece>,
        depth: Depth,
    },
    /// Without what is empty.
    Compact(Arc<Piece>),
    /// What stands there in it.
    At(Arc<Piece>, Step),
    /// A number, if not a text.
    Calculated(Calculation, Arc<Piece>, Arc<Piece>),
    /// How many there are of something.
    Count,
}

/// How a number comes of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Calculation {
    Sum,
    Difference,
    Product,
}

/// Whether a field of one object replaces that of another, or is merged with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Depth {
    Shallow,
    Deep,
}

/// One step down into a value.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// To the field of that name.
    Field(String),
    /// To any item.
    Item,
}

/// One of the things that may stand at a path.
#[derive(Debug, Clone)]
pub(crate) struct Spot<'a> {
    /// The place of the expression.
    pub(crate) own: Span,
    /// The place of the field with its name, where it is one.
    pub(crate) entry: Span,
    pub(crate) is: Is<'a>,
    /// Whether what is empty was taken out of it.
    pub(crate) compacted: bool,
}

/// What stands there.
#[derive(Debug, Clone)]
pub(crate) enum Is<'a> {
    Unknown,
    Literal(&'a Value),
    /// A part of the data as it came, which keeps this schema.
    Data(&'a Value),
    Object(&'a BTreeMap<String, (Span, Arc<Piece>)>),
    /// Something calculated or counted.
    Number(&'a Piece),
    /// A list, or objects as one.
    Other(&'a Piece),
}

impl Outline {
    /// What `program` makes of data that keeps `schema`.
    pub(crate) fn of(program: &Program, schema: Option<Arc<Value>>) -> Self {
        let read::Read { made, calculated, has_patterns } = read::made(program);
        Self { made, calculated, schema, has_patterns }
    }

    /// A look into it.
    pub(crate) fn look(&self) -> Look<'_> {
        Look { outline: self, left: Cell::new(MAX_LOOKS) }
    }
}

/// A look into an outline, of limited length.
pub(crate) struct Look<'a> {
    outline: &'a Outline,
    left: Cell<usize>,
}

impl<'a> Look<'a> {
    /// Whether the program lets a pattern stand that may come into what it makes.
    pub(crate) fn has_patterns(&self) -> bool {
        self.outline.has_patterns
    }

    /// What the program may give.
    pub(crate) fn results(&self) -> Vec<Spot<'a>> {
        self.spots(&self.outline.made)
    }

    /// What may stand one step below any of `spots`.
    pub(crate) fn below(&self, spots: &[Spot<'a>], step: &Step) -> Vec<Spot<'a>> {
        self.limited(spots.iter().flat_map(|spot| self.below_one(spot, step)).collect())
    }

    /// The schemas that a part of the data keeps: its own, and those that it refers to.
    pub(crate) fn kept(&self, schema: &'a Value) -> Vec<&'a Value> {
        let Some(root) = self.outline.schema.as_deref() else { return vec![] };
        let next = |schema: &&'a Value| {
            let target = schema.get("$ref").and_then(Value::as_str)?;
            root.pointer(target.strip_prefix('#')?)
        };
        std::iter::successors(Some(schema), next).take(MAX_HOPS).collect()
    }

    /// Nothing is known any more once there are too many, or the look takes too long.
    fn limited(&self, spots: Vec<Spot<'a>>) -> Vec<Spot<'a>> {
        match spots.first() {
            Some(first) if spots.len() > MAX_SPOTS || self.left.get() == 0 => {
                vec![Spot { is: Is::Unknown, ..first.clone() }]
            }
            _ => spots,
        }
    }

    fn spots(&self, made: &'a Piece) -> Vec<Spot<'a>> {
        self.left.set(self.left.get().saturating_sub(1));
        let spot = |is| Spot { own: made.span, entry: made.span, is, compacted: false };
        if self.left.get() == 0 {
            return vec![spot(Is::Unknown)];
        }
        match &made.what {
            What::Unknown => vec![spot(Is::Unknown)],
            What::Data => vec![spot(self.outline.schema.as_deref().map_or(Is::Unknown, Is::Data))],
            What::Literal(value) => vec![spot(Is::Literal(value))],
            What::Object(fields) => vec![spot(Is::Object(fields))],
            What::Calculated(..) | What::Count => vec![spot(Is::Number(made))],
            What::List(_) | What::Joined(_) | What::Merged { .. } => vec![spot(Is::Other(made))],
            What::Either(all) => self.limited(all.iter().flat_map(|one| self.spots(one)).collect()),
            What::Compact(whole) => {
                let all = self.spots(whole).into_iter();
                all.map(|spot| Spot { compacted: true, ..spot }).collect()
            }
            What::At(whole, step) => {
                let found = self.below(&self.spots(whole), step).into_iter();
                found.map(|spot| Spot { own: made.span, entry: made.span, ..spot }).collect()
            }
        }
    }

    fn below_one(&self, spot: &Spot<'a>, step: &Step) -> Vec<Spot<'a>> {
        let found = match (&spot.is, step) {
            (Is::Unknown | Is::Number(_), _) => vec![Spot { is: Is::Unknown, ..spot.clone() }],
            (Is::Data(schema), step) => {
                let is = self.part(schema, step).map_or(Is::Unknown, Is::Data);
                vec![Spot { is, ..spot.clone() }]
            }
            (Is::Object(fields), Step::Field(name)) => {
                let Some((entry, value)) = fields.get(name) else { return vec![] };
                self.spots(value).into_iter().map(|below| Spot { entry: *entry, ..below }).collect()
            }
            (Is::Other(made), step) => self.inside(made, step),
            (Is::Literal(_) | Is::Object(_), _) => vec![],
        };
        found
            .into_iter()
            .map(|below| Spot { compacted: below.compacted || spot.compacted, ..below })
            .collect()
    }

    /// The schema of a field or item of what keeps `schema`.
    fn part(&self, schema: &'a Value, step: &Step) -> Option<&'a Value> {
        self.kept(schema).into_iter().find_map(|schema| match step {
            Step::Field(name) => schema.get("properties")?.get(name),
            Step::Item => schema.get("items").filter(|_| schema.get("prefixItems").is_none()),
        })
    }

    fn inside(&self, made: &'a Piece, step: &Step) -> Vec<Spot<'a>> {
        match (&made.what, step) {
            (What::List(items), Step::Item) => items.iter().flat_map(|item| self.spots(item)).collect(),
            (What::Joined(lists), Step::Item) => {
                lists.iter().flat_map(|list| self.below(&self.spots(list), step)).collect()
            }
            (What::Merged { under, over, depth }, Step::Field(name)) => {
                let over = self.spots(over);
                let sets = |spot: &Spot<'_>| match spot.is {
                    Is::Object(fields) => !spot.compacted && fields.contains_key(name),
                    _ => false,
                };
                let replaced = *depth == Depth::Shallow && over.iter().all(sets);
                let mut found = self.below(&over, step);
                if !replaced {
                    found.extend(self.below(&self.spots(under), step));
                }
                found
            }
            _ => vec![],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// What the program may give at a path: literals as they are, `data` and its schema's `title`, or `?`.
    fn check(source: &str, path: &[Step], expected: &[&str]) {
        let program = vrl::parser::parse(source).expect("a program");
        let schema = json!({"properties": {
            "n": {"title": "n"}, "place": {"$ref": "#/$defs/place"},
            "people": {"items": {"title": "person", "properties": {"name": {"title": "name"}}}}
        }, "$defs": {"place": {"title": "place", "properties": {"town": {"title": "town"}}}}});
        let outline = Outline::of(&program, Some(Arc::new(schema)));
        let look = outline.look();
        let found = path.iter().fold(look.results(), |spots, step| look.below(&spots, step));
        let told = |spot: &Spot<'_>| match spot.is {
            Is::Literal(value) => value.to_string(),
            Is::Data(schema) => {
                let titled = look.kept(schema).into_iter().find_map(|schema| schema.get("title"));
                format!("data {}", titled.and_then(Value::as_str).unwrap_or("whole"))
            }
            _ => "?".to_owned(),
        };
        assert_eq!(found.iter().map(told).collect::<Vec<_>>(), expected, "{source}");
    }

    fn field(name: &str) -> Step {
        Step::Field(name.to_owned())
    }

    #[test]
    fn a_field_is_followed_through_objects_variables_and_functions_that_pass_it_on() {
        let a = &[field("a")];
        check(r#"{ "a": 1, "b": 2 }"#, a, &["1"]);
        check(r#"{ "a": .place.town }"#, a, &["data town"]);
        check("x = .place\n{ \"a\": string(x.town) ?? \"none\" }", a, &["data town", "\"none\""]);
        check(r#"compact({ "a": (.n) })"#, a, &["data n"]);
        check(r#"{ "a": upcase(.n) }"#, a, &["?"]);
        check(r#"{ "a": %subject }"#, a, &["?"]);
        check(".", &[field("place"), field("town")], &["data town"]);
        check("x = {}\nx.a = 1\nx", a, &["1"]);
        check("x = {}\nx.b.a = 1\nx.b.c = 2\nx", &[field("b"), field("a")], &["1"]);
    }

    #[test]
    fn branches_and_returns_are_all_that_may_come() {
        let a = &[field("a")];
        check("x = 1\nif .n == 1 { x = 2 }\n{ \"a\": x }", a, &["2", "1"]);
        check("x = 0\nif .n == 1 { x = 1 } else { x = 2 }\n{ \"a\": x }", a, &["1", "2"]);
        check("if .n == 1 { return { \"a\": 1 } }\n{ \"a\": 2 }", a, &["1", "2"]);
        check("x = 1\nif .n == 1 {\n x = 2\n return { \"a\": 0 }\n}\n{ \"a\": x }", a, &["0", "1"]);
        check("x = if .n == 1 { \"y\" } else { \"n\" }\n{ \"a\": x }", a, &["\"y\"", "\"n\""]);
    }

    #[test]
    fn of_merged_objects_the_second_wins_where_it_certainly_has_the_field() {
        let a = &[field("a")];
        check(r#"merge({ "a": 1 }, { "a": 2 })"#, a, &["2"]);
        check(r#"merge({ "a": 1 }, compact({ "a": 2 }))"#, a, &["2", "1"]);
        check(r#"merge({ "a": 1 }, .place)"#, a, &["?", "1"]);
        check(r#"{ "a": 1 } | { "b": 2 }"#, a, &["1"]);
        check(
            r#"merge({ "a": { "b": 1 } }, { "a": { "c": 2 } }, deep: true)"#,
            &[field("a"), field("b")],
            &["1"],
        );
    }

    #[test]
    fn items_are_those_of_lists_joined_pushed_filtered_and_mapped() {
        let item = &[Step::Item];
        check("[1, 2]", item, &["1", "2"]);
        check("push([1], 2)", item, &["1", "2"]);
        check("append([1], .people)", item, &["1", "data person"]);
        check("filter(.people) -> |p| { p.name == \"x\" }", item, &["data person"]);
        check("map(.people) -> |p| { { \"a\": p.name } }", &[Step::Item, field("a")], &["data name"]);
        check("slice(.people, 1)", item, &["?"]);
        check(".people[0]", &[field("name")], &["data name"]);
    }

    #[test]
    fn nothing_is_known_of_what_takes_too_long_to_look_at() {
        let twice = "x = if .n == 1 { x.a } else { x.b }\n".repeat(200);
        check(&format!("x = .\n{twice}{{ \"a\": x }}"), &[field("a")], &["?"]);
    }
}
