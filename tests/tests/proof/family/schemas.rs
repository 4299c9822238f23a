//! Schemas of the family: every keyword that the proof knows, each form in its turn.

use postroom_tests::dice::Dice;
use serde_json::{Map, Value, json};

/// Names of fields, in sources and in targets.
pub(crate) const NAMES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];
/// Fields of the objects inside.
const INNER: [&str; 3] = ["x", "y", "z"];
/// How many forms of fields have nothing inside.
const PLAIN: u64 = 24;
/// How many there are in all.
const FORMS: u64 = 47;

/// Makes schemas.
pub(crate) struct Schemas<'d> {
    pub(crate) dice: &'d mut Dice,
    /// The form of the next field.
    pub(crate) turn: &'d mut u64,
}

impl Schemas<'_> {
    /// The schema of what comes.
    pub(crate) fn source(&mut self) -> Value {
        let closed = self.dice.happens(85);
        let source = self.object(&NAMES, 2, closed);
        with_words(source)
    }

    /// The schema of what is taken: often the one of what comes, with other rules.
    pub(crate) fn target(&mut self, source: &Value) -> Value {
        if self.dice.happens(30) {
            return source.clone();
        }
        let mut target = if self.dice.happens(75) { source.clone() } else { self.source() };
        for name in NAMES {
            if self.dice.happens(12) {
                target["properties"][name] = self.field(1);
            }
        }
        let more = match self.dice.below(20) {
            0 => json!({"additionalProperties": {"type": ["string", "integer"]}}),
            1 => json!({"anyOf": [{"required": ["a"]}, {"required": ["b"]}, {"required": ["c"]}]}),
            2 => json!({"minProperties": 3, "maxProperties": 6}),
            3 => json!({"dependentRequired": {"a": ["b"]}, "propertyNames": {"maxLength": 4}}),
            4 => json!({"dependentSchemas": {"a": {"properties": {"b": {"type": "string"}}}}}),
            5 => json!({"if": {"required": ["a"]}, "then": {"required": ["c"]}, "else": {"required": ["d"]}}),
            6 => json!({"not": {"required": ["a", "b"]}}),
            7 => json!({"unevaluatedProperties": false}),
            _ => json!({}),
        };
        extend(&mut target, more);
        target
    }

    /// A schema of an object with some of these fields.
    fn object(&mut self, names: &[&str], depth: u64, closed: bool) -> Value {
        let mut fields = Map::new();
        let mut required = Vec::new();
        for name in names {
            if self.dice.happens(75) {
                fields.insert((*name).to_owned(), self.field(depth));
                if self.dice.happens(50) {
                    required.push(*name);
                }
            }
        }
        let mut object = json!({"type": "object", "properties": fields, "required": required});
        if closed {
            object["additionalProperties"] = false.into();
        }
        object
    }

    fn inner(&mut self, depth: u64, closed: bool) -> Value {
        self.object(&INNER, depth, closed)
    }

    fn field(&mut self, depth: u64) -> Value {
        *self.turn += 1;
        // The turns of a pair of schemas are others than those of the next.
        let form = (*self.turn + self.dice.below(3)) % if depth == 0 { PLAIN } else { FORMS };
        if form < PLAIN { plain(form) } else { self.nested(form, depth - 1) }
    }

    fn nested(&mut self, form: u64, depth: u64) -> Value {
        let least = self.dice.below(3);
        match form - PLAIN {
            0 => json!({"type": "array", "items": self.field(depth), "minItems": least}),
            1 => json!({"type": "array", "items": self.field(depth), "minItems": 1, "maxItems": 2}),
            2 => json!({"type": "array", "items": self.field(depth), "maxItems": 3, "uniqueItems": true}),
            3 => {
                json!({"type": "array", "prefixItems": [{"type": "string"}, self.field(depth)], "items": {"type": "integer"}})
            }
            4 => {
                json!({"type": "array", "prefixItems": [{"type": "integer"}], "items": {"type": "string"}, "minItems": 2})
            }
            5 => json!({"type": "array", "items": {"type": ["string", "integer"]},
                "contains": {"type": "integer"}, "minContains": 1, "maxContains": 2}),
            6 => json!({"type": "array"}),
            7 => {
                json!({"type": ["array", "string"], "items": {"type": "string", "minLength": 1}, "unevaluatedItems": false})
            }
            8 | 9 => self.inner(depth, true),
            10 => self.inner(depth, false),
            11 => with(
                self.inner(depth, false),
                json!({"additionalProperties": {"type": ["integer", "string"]}}),
            ),
            12 => with(self.inner(depth, false), json!({"additionalProperties": true, "minProperties": 1})),
            13 => with(self.inner(depth, true), json!({"patternProperties": {"^q": {"type": "integer"}}})),
            14 => {
                with(self.inner(depth, false), json!({"propertyNames": {"maxLength": 5}, "maxProperties": 4}))
            }
            15 => with(self.inner(depth, true), json!({"dependentRequired": {"x": ["y"]}})),
            16 => json!({"anyOf": [{"type": "string"}, self.inner(0, true)]}),
            17 => json!({"anyOf": [{"type": "array", "items": {"type": "string"}, "minItems": 2},
                {"type": "array", "items": {"type": "integer"}}, {"type": "null"}]}),
            18 => json!({"oneOf": [{"type": "null"}, {"type": "integer"}, {"$ref": "#/$defs/word"}]}),
            19 => json!({"oneOf": [self.inner(0, true), {"type": "array", "items": self.field(0)}]}),
            20 => json!({"allOf": [{"$ref": "#/$defs/place"}, {"properties": {"x": {"minLength": 2}}}]}),
            21 => json!({"$ref": "#/$defs/place", "required": ["y"]}),
            _ => json!({"type": ["object", "null"], "additionalProperties": self.field(depth)}),
        }
    }
}

fn plain(form: u64) -> Value {
    match form {
        0 | 1 => json!({"type": "string"}),
        2 => json!({"type": "integer", "minimum": 0, "maximum": 100}),
        3 => json!({"type": "boolean"}),
        4 => json!({"type": "number"}),
        5 => json!({"type": ["string", "null"], "maxLength": 5}),
        6 => json!({"enum": ["a", "b", 1]}),
        7 => json!({"type": "string", "pattern": "^[a-z]+$"}),
        8 => json!({"type": "string", "minLength": 1}),
        9 => json!({"type": "integer"}),
        10 => json!({"type": "string", "format": "date"}),
        11 => json!({"type": "string", "format": "date-time"}),
        12 => json!({"type": "string", "enum": ["a", "b", "c", ""]}),
        13 => json!({"type": ["integer", "null"], "exclusiveMinimum": -10, "exclusiveMaximum": 10}),
        14 => json!({"type": "integer", "multipleOf": 5, "minimum": -50}),
        15 => json!({"type": "number", "minimum": -1.5, "maximum": 99.5}),
        16 => json!({"const": "a"}),
        17 => json!({"enum": [1, 2.5, null, true, "x"]}),
        18 => json!({"type": ["string", "integer", "boolean"]}),
        19 => json!({"$ref": "#/$defs/word", "maxLength": 12}),
        20 => json!({"type": "string", "not": {"const": "a"}}),
        21 => json!({}),
        22 => json!({"type": ["number", "null"]}),
        _ => json!({"type": "integer", "if": {"minimum": 10}, "then": {"multipleOf": 2}}),
    }
}

fn extend(schema: &mut Value, more: Value) {
    if let (Some(schema), Value::Object(more)) = (schema.as_object_mut(), more) {
        schema.extend(more);
    }
}

fn with(mut schema: Value, more: Value) -> Value {
    extend(&mut schema, more);
    schema
}

fn with_words(schema: Value) -> Value {
    let defs = json!({"word": {"type": "string", "minLength": 1}, "place": {"type": "object",
        "additionalProperties": false, "required": ["x"],
        "properties": {"x": {"type": "string"}, "y": {"type": ["integer", "null"]}}}});
    with(schema, json!({"$defs": defs}))
}
