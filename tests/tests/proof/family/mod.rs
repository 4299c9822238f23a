//! A generated family of schemas, and of mappings between them: some right, some wrong in one way or several.

pub(crate) mod forms;
pub(crate) mod schemas;

use postroom_tests::dice::Dice;
use serde_json::Value;

use forms::{ENDS, FIELD, FORMS, Gives, LOOSE, PARTS};
use schemas::Schemas;

/// From here on in a hundred a mapping is written with care.
const CAREFUL: u64 = 50;
/// How often in a hundred something is set in an object inside.
const INSIDE: u64 = 8;
/// How deep expressions stand in one another.
const DEPTH: u64 = 2;

/// Makes the family: the same for the same seed.
pub(crate) struct Family {
    pub(crate) dice: Dice,
    /// The form of the next field.
    fields: u64,
    /// By type, the form of the next expression.
    forms: [usize; PARTS.len()],
}

impl Family {
    pub(crate) fn new(seed: u64) -> Self {
        Self { dice: Dice::new(seed), fields: seed, forms: [0; PARTS.len()] }
    }

    fn schemas(&mut self) -> Schemas<'_> {
        Schemas { dice: &mut self.dice, turn: &mut self.fields }
    }

    /// The schema of what comes.
    pub(crate) fn source(&mut self) -> Value {
        self.schemas().source()
    }

    /// The schema of what is taken.
    pub(crate) fn target(&mut self, source: &Value) -> Value {
        self.schemas().target(source)
    }

    /// A mapping that tries to make what `target` takes of what `source` gives.
    pub(crate) fn mapping(&mut self, source: &Value, target: &Value) -> String {
        let mut reads = Vec::new();
        reads_of(source, "", &mut reads);
        let care = self.dice.one_of(&[95, 90, 40, 20]);
        let text = Author { family: self, reads, target, care }.mapping();
        if text.contains("{{ word }}") { format!("word = %id\n{text}") } else { text }
    }
}

/// A field that can be read, and what it gives, where it is always that.
type Read = (String, Option<Gives>);

fn reads_of(schema: &Value, at: &str, reads: &mut Vec<Read>) {
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let is_required =
            schema["required"].as_array().is_some_and(|names| names.contains(&name.as_str().into()));
        let path = format!("{at}.{name}");
        let gives = match field["type"].as_str().filter(|_| is_required) {
            Some("string") => Some(Gives::Text),
            Some("integer") => Some(Gives::Whole),
            Some("boolean") => Some(Gives::Truth),
            Some("array") => Some(Gives::List),
            Some("object") => Some(Gives::Object),
            _ => None,
        };
        if field["type"] == "object" {
            let certain = if is_required { gives } else { None };
            let mut inside = Vec::new();
            reads_of(field, &path, &mut inside);
            reads.extend(inside.into_iter().map(|(path, gives)| (path, certain.and(gives))));
        }
        if field["type"].as_str().is_some_and(|kind| kind == "array") {
            reads.push((format!("{path}[0]"), None));
            reads.push((format!("{path}[-1]"), None));
        }
        let is_one = field.get("const").or(field.get("enum")).is_none() || gives == Some(Gives::Text);
        reads.push((path, gives.filter(|_| is_one)));
    }
}

/// Writes a mapping.
struct Author<'f> {
    family: &'f mut Family,
    reads: Vec<Read>,
    target: &'f Value,
    /// How often in a hundred a field is made of the one of its name.
    care: u64,
}

impl Author<'_> {
    fn dice(&mut self) -> &mut Dice {
        &mut self.family.dice
    }

    fn mapping(mut self) -> String {
        let taken = self.target["properties"].as_object();
        let mut names: Vec<String> = taken.into_iter().flat_map(|fields| fields.keys().cloned()).collect();
        if self.dice().happens(7) {
            names.push("surplus".to_owned());
        }
        names.retain(|_| !self.dice().happens(4));
        if names.is_empty() {
            return ".".to_owned();
        }
        if self.care > CAREFUL && self.dice().happens(60) {
            let is_certain =
                |name: &String| self.reads.iter().any(|(path, gives)| path[1..] == *name && gives.is_some());
            let (certain, others): (Vec<String>, Vec<String>) = names.into_iter().partition(is_certain);
            return format!("merge(compact({}), {})", self.object(&others), self.object(&certain));
        }
        let (some, rest) = names.split_at(names.len() / 2);
        let (all, some, rest) = (names.as_slice(), some, rest);
        match self.dice().below(16) {
            0 => ".".to_owned(),
            1 => format!("compact({})", self.object(all)),
            2 => format!("merge(compact({}), {})", self.object(some), self.object(rest)),
            3 => format!("if {} {{ return {} }}\n{}", self.truth(), self.object(all), self.object(all)),
            4 => format!("out = {}\n{}out", self.object(rest), self.sets(some)),
            5 => format!("out = {}\nif {} {{\n{}}}\nout", self.object(all), self.truth(), self.sets(some)),
            6 => {
                let (one, other) = (self.sets(some), self.sets(rest));
                format!("out = {{}}\nif {} {{\n{one}}} else {{\n{other}}}\nout", self.truth())
            }
            7 => format!("out = {}\nout |= {}\nout", self.object(rest), self.object(some)),
            8 => format!("out = .\n{}out", self.sets(all)),
            9 => format!("merge(., {})", self.object(all)),
            10 => {
                let (text, one, other) = (self.written(Gives::Text, 1), self.object(all), self.object(all));
                format!(
                    "number, error = to_int({text})\nif error == null {{ return merge({one}, {{ \"a\": number }}) }}\n{other}"
                )
            }
            11 => format!("if {} {{ {} }} else {{ {} }}", self.truth(), self.object(all), self.object(some)),
            12 => {
                let (list, item) = (self.written(Gives::List, 1), self.written(Gives::Any, 1));
                let (at, object) = (self.dice().one_of(&["0", "-1", "2"]), self.object(all));
                format!("items = {list}\nitems[{at}] = {item}\nmerge({object}, {{ \"{}\": items }})", all[0])
            }
            13 => format!("merge({}, compact({}), deep: true)", self.object(all), self.object(some)),
            _ => self.object(all),
        }
    }

    fn truth(&mut self) -> String {
        self.written(Gives::Truth, 1)
    }

    fn object(&mut self, names: &[String]) -> String {
        let entries: Vec<String> =
            names.iter().map(|name| format!("  \"{name}\": {}", self.made(name))).collect();
        format!("{{\n{}\n}}", entries.join(",\n"))
    }

    fn sets(&mut self, names: &[String]) -> String {
        let set = names.iter().map(|name| {
            let made = self.made(name);
            let below = if self.dice().happens(INSIDE) { ".x" } else { "" };
            format!("out.{name}{below} = {made}\n")
        });
        set.collect()
    }

    /// An expression for a field of that name.
    fn made(&mut self, name: &str) -> String {
        let taken = &self.target["properties"][name];
        let same = format!(".{name}");
        let care = self.care;
        if self.dice().happens(care) && self.reads.iter().any(|(path, _)| *path == same) {
            return same;
        }
        match self.dice().below(8) {
            0 => self.read(|_| true),
            1 => taken["enum"][0].as_str().map_or_else(|| "1".to_owned(), |value| format!("\"{value}\"")),
            2 => self.written(Gives::Any, DEPTH),
            _ => {
                let types =
                    taken["type"].as_array().and_then(|types| types.first()).unwrap_or(&taken["type"]);
                let gives = match types.as_str() {
                    Some("string") => Gives::Text,
                    Some("integer") => Gives::Whole,
                    Some("number") => Gives::Number,
                    Some("boolean") => Gives::Truth,
                    Some("array") => Gives::List,
                    Some("object") => Gives::Object,
                    _ => Gives::Any,
                };
                self.written(gives, DEPTH)
            }
        }
    }

    /// A read of one of the fields that are fit for it; null where there are none.
    fn read(&mut self, is_fit: impl Fn(Option<Gives>) -> bool) -> String {
        let fit: Vec<String> =
            self.reads.iter().filter(|(_, gives)| is_fit(*gives)).map(|(path, _)| path.clone()).collect();
        let at = self.dice().below(fit.len().max(1) as u64);
        fit.get(usize::try_from(at).expect("few")).cloned().unwrap_or_else(|| "null".to_owned())
    }

    /// An expression of that type.
    fn written(&mut self, gives: Gives, depth: u64) -> String {
        let read = if gives == Gives::Any { self.read(|_| true) } else { self.read(|it| it == Some(gives)) };
        let ends = ENDS.iter().find(|(of, _)| *of == gives).map_or(&["null"][..], |(_, ends)| ends);
        if depth == 0 || self.dice().happens(15) {
            let is_read = read != "null" && self.dice().happens(70);
            return if is_read { read } else { self.dice().one_of(ends).to_owned() };
        }
        let forms: Vec<&str> = FORMS.iter().filter(|(of, _)| *of == gives).map(|(_, form)| *form).collect();
        let turn = &mut self.family.forms[gives as usize];
        *turn += 1;
        let form = forms[*turn % forms.len()];
        self.filled(form, depth - 1)
    }

    /// The form with its parts written.
    fn filled(&mut self, form: &str, depth: u64) -> String {
        let mut pieces = form.split('<');
        let mut text = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            let part = piece.split_once('>').and_then(|(name, rest)| Some((self.part(name, depth)?, rest)));
            match part {
                Some((made, rest)) => text += &(made + rest),
                None => text = format!("{text}<{piece}"),
            }
        }
        text
    }

    fn part(&mut self, name: &str, depth: u64) -> Option<String> {
        match name {
            FIELD => Some(self.read(|_| true)).filter(|read| read != "null").or(Some(".".to_owned())),
            LOOSE => Some(match self.dice().below(3) {
                0 => {
                    let whole: Vec<String> =
                        self.reads.iter().map(|(path, _)| path[1..].to_owned()).collect();
                    let whole = whole.into_iter().rfind(|name| !name.contains(['.', '[']));
                    whole.map_or_else(|| "null".to_owned(), |name| format!("(get(., [\"{name}\"]) ?? null)"))
                }
                _ => self.read(|gives| gives.is_none()),
            }),
            name => {
                let (_, gives) = PARTS.iter().find(|(known, _)| *known == name)?;
                Some(self.written(*gives, depth))
            }
        }
    }
}
