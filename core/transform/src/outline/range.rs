//! How far numbers may go that a program calculates, by what it writes and by the bounds that the schema of its data tells.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use super::{Calculation, Is, Look, Piece, What};

/// Within this nothing that is calculated leaves 64 bits, however a bound was rounded on its way through a float.
const SURE: f64 = (1_u64 << 62) as f64;
/// No text, list or object has more characters, items or fields.
const MOST_COUNTED: f64 = (1_u64 << 40) as f64;

/// Between which numbers something is, if it is a number; from infinity down to its opposite where it is none.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Range {
    least: f64,
    most: f64,
}

impl Range {
    const NONE: Self = Self { least: f64::INFINITY, most: f64::NEG_INFINITY };
    const ANY: Self = Self { least: f64::NEG_INFINITY, most: f64::INFINITY };
    const COUNT: Self = Self { least: 0.0, most: MOST_COUNTED };

    fn one(number: f64) -> Self {
        Self { least: number, most: number }
    }

    fn or(self, other: Self) -> Self {
        Self { least: self.least.min(other.least), most: self.most.max(other.most) }
    }

    fn and(self, other: Self) -> Self {
        Self { least: self.least.max(other.least), most: self.most.min(other.most) }
    }

    fn is_sure(self) -> bool {
        self.least >= -SURE && self.most <= SURE
    }

    /// What comes of the two; of something that is not sure anything, and of what is no number nothing.
    fn calculated(self, with: Calculation, other: Self) -> Self {
        if self == Self::NONE || other == Self::NONE {
            return Self::NONE;
        }
        if !self.is_sure() || !other.is_sure() {
            return Self::ANY;
        }
        match with {
            Calculation::Sum => Self { least: self.least + other.least, most: self.most + other.most },
            Calculation::Difference => Self { least: self.least - other.most, most: self.most - other.least },
            Calculation::Product => {
                [self.least * other.most, self.most * other.least, self.most * other.most]
                    .into_iter()
                    .map(Self::one)
                    .fold(Self::one(self.least * other.least), Self::or)
            }
        }
    }
}

/// The ranges of what was calculated already, by piece: each needs only those before it.
type Known = HashMap<*const Piece, Range>;

impl<'a> Look<'a> {
    /// The places, start and end, where what is calculated certainly stays within 64 bits.
    pub(crate) fn bounded(&self) -> Vec<(usize, usize)> {
        let mut known = Known::new();
        let mut sure: HashMap<(usize, usize), bool> = HashMap::new();
        for made in &self.outline.calculated {
            let What::Calculated(with, one, other) = &made.what else { continue };
            let range = self.range(one, &known).calculated(*with, self.range(other, &known));
            known.insert(Arc::as_ptr(made), range);
            let sure = sure.entry((made.span.start(), made.span.end())).or_insert(true);
            *sure &= range == Range::NONE || range.is_sure();
        }
        sure.into_iter().filter(|(_, sure)| *sure).map(|(place, _)| place).collect()
    }

    fn range(&self, made: &'a Piece, known: &Known) -> Range {
        self.spots(made).into_iter().map(|spot| self.range_of(&spot.is, known)).fold(Range::NONE, Range::or)
    }

    fn range_of(&self, is: &Is<'a>, known: &Known) -> Range {
        match is {
            Is::Unknown => Range::ANY,
            Is::Literal(value) => value.as_f64().map_or(Range::NONE, Range::one),
            Is::Data(schema) => self.kept(schema).into_iter().map(of_schema).fold(Range::ANY, Range::and),
            Is::Number(made) => match made.what {
                What::Count => Range::COUNT,
                _ => known.get(&std::ptr::from_ref(*made)).copied().unwrap_or(Range::ANY),
            },
            Is::Object(_) | Is::Other(_) => Range::NONE,
        }
    }
}

/// What a schema says, without the references that it follows.
fn of_schema(schema: &Value) -> Range {
    let listed = schema.get("enum").and_then(Value::as_array).map(Vec::as_slice);
    if let Some(values) = listed.or_else(|| schema.get("const").map(std::slice::from_ref)) {
        return values.iter().filter_map(Value::as_f64).map(Range::one).fold(Range::NONE, Range::or);
    }
    let is_number = |name: &Value| matches!(name.as_str(), Some("integer" | "number"));
    let types =
        schema.get("type").map(|types| types.as_array().map_or(std::slice::from_ref(types), Vec::as_slice));
    if types.is_some_and(|types| !types.iter().any(is_number)) {
        return Range::NONE;
    }
    let bound = |names: [&str; 2]| names.map(|name| schema.get(name).and_then(Value::as_f64));
    let least =
        bound(["minimum", "exclusiveMinimum"]).into_iter().flatten().fold(f64::NEG_INFINITY, f64::max);
    let most = bound(["maximum", "exclusiveMaximum"]).into_iter().flatten().fold(f64::INFINITY, f64::min);
    Range { least, most }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outline::Outline;
    use serde_json::json;

    /// Whether each calculation of the program, in the order of the source, certainly stays within 64 bits.
    fn check(source: &str, expected: &[bool]) {
        let program = vrl::parser::parse(source).expect("a program");
        let schema = json!({"type": "object", "properties": {
            "n": {"type": "integer"}, "few": {"$ref": "#/$defs/few"}, "half": {"type": "integer", "minimum": 0},
            "text": {"type": "string"}, "one": {"enum": [1, "a", null]}, "large": {"const": 9_000_000_000_000_000_000_i64},
            "rate": {"type": "number", "exclusiveMinimum": -1.5, "exclusiveMaximum": 1.5},
            "list": {"items": {"properties": {"few": {"$ref": "#/$defs/few"}, "n": {"type": ["integer", "null"]}}}}
        }, "$defs": {"few": {"type": ["integer", "null"], "minimum": -100, "maximum": 100}}});
        let outline = Outline::of(&program, Some(Arc::new(schema)));
        let bounded = outline.look().bounded();
        let mut places: Vec<_> =
            outline.calculated.iter().map(|made| (made.span.start(), made.span.end())).collect();
        places.sort_by_key(|(start, end)| (*end, *start));
        let found: Vec<bool> = places.iter().map(|place| bounded.contains(place)).collect();
        assert_eq!(found, expected, "{source}");
    }

    #[test]
    fn literals_counts_and_fields_with_both_bounds_stay_within() {
        check("1 + length(.list) - 1 * 3", &[true, true, true]);
        check("(int(.few) ?? 0) + .few * .few - .rate", &[true, true, true]);
        check(
            "[.one + 1, .large + 1, 9223372036854775807 + 1, 9223372036854775807 * 1]",
            &[true, false, false, false],
        );
        check(".text + .text", &[true]);
    }

    #[test]
    fn what_has_no_bound_or_is_not_followed_may_go_beyond() {
        check("[.n + 1, .half - 1, .half * 0, (to_int(.text) ?? 0) + 1, %line + 1]", &[false; 5]);
        check("[.few + .n + 1, .few - 1]", &[false, false, true]);
        check("map(.list) -> |it| { [it.few + 1, it.n + 1] }", &[true, false]);
    }

    #[test]
    fn a_variable_has_the_range_of_all_that_it_may_be() {
        check("x = 1\nif .n == 1 { x = .few }\nx + 1", &[true]);
        check("x = 1\nif .n == 1 { x = .n }\nx + 1", &[false]);
        check("x, err = .few + 1\nx + 1", &[true, false]);
    }

    #[test]
    fn what_grows_with_each_line_is_looked_at_once_a_line() {
        let lines = 300;
        let mut expected = vec![true; 62];
        expected.resize(lines, false);
        check(&format!("x = 1\n{}x", "x = x + x\n".repeat(lines)), &expected);
    }
}
