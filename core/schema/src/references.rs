//! Where the references of a schema lead: never back to where they stand. Whatever goes down a schema comes to an end.

use std::collections::HashSet;

use serde_json::Value;

use crate::{MAX_REFERENCES, SchemaProblem};

/// Checks that no `$ref` leads back to a part of the schema around it, or through too many others.
pub(crate) fn check(schema: &Value) -> Result<(), SchemaProblem> {
    Walk { root: schema, around: vec![], done: HashSet::new() }.part("")
}

struct Walk<'a> {
    root: &'a Value,
    /// The targets that led here, one from another.
    around: Vec<&'a str>,
    done: HashSet<&'a str>,
}

impl<'a> Walk<'a> {
    /// The part of the schema at the pointer `target`.
    fn part(&mut self, target: &'a str) -> Result<(), SchemaProblem> {
        let Some(schema) = self.root.pointer(target).filter(|_| !self.done.contains(target)) else {
            return Ok(());
        };
        let mut references = Vec::new();
        collect(schema, target, &mut references)?;
        self.around.push(target);
        for (pointer, next) in references {
            let problem = |words: String| Err(SchemaProblem { pointer: format!("{pointer}/$ref"), words });
            if self.around.contains(&next) {
                return problem(
                    "the reference leads back to itself: a schema cannot contain itself".to_owned(),
                );
            }
            if self.around.len() > MAX_REFERENCES {
                return problem(format!("more than {MAX_REFERENCES} references lead here, one from another"));
            }
            self.part(next)?;
        }
        self.around.pop();
        self.done.insert(target);
        Ok(())
    }
}

/// Every reference below `schema`, which stands at the pointer `at`: where it stands, and where in the file it leads.
///
/// # Errors
/// At an `$id` below the root: references would begin anew there, which whoever else follows them does not know. At a
/// reference with `%`: some decode it and some do not, and each would follow another.
fn collect<'a>(schema: &'a Value, at: &str, found: &mut Vec<(String, &'a str)>) -> Result<(), SchemaProblem> {
    match schema {
        Value::Object(rules) => {
            let target =
                rules.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix('#'));
            if target.is_some_and(|target| target.contains('%')) {
                let words =
                    "a reference is written without `%`: give what it leads to a name that needs none";
                return Err(SchemaProblem { pointer: format!("{at}/$ref"), words: words.to_owned() });
            }
            found.extend(target.map(|target| (at.to_owned(), target)));
            if !at.is_empty() && rules.get("$id").is_some_and(Value::is_string) {
                let words = "only the whole schema has an `$id`".to_owned();
                return Err(SchemaProblem { pointer: format!("{at}/$id"), words });
            }
            for (keyword, below) in rules {
                collect(below, &format!("{at}/{keyword}"), found)?;
            }
        }
        Value::Array(parts) => {
            for (number, part) in parts.iter().enumerate() {
                collect(part, &format!("{at}/{number}"), found)?;
            }
        }
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_schema_within_the_schema_has_no_id() {
        let within = json!({"$id": "a", "properties": {"b": {"$id": "urn:b", "type": "string"}}});
        assert_eq!(pointer(&within).as_deref(), Some("/properties/b/$id"));
        assert_eq!(pointer(&json!({"$id": "a", "properties": {"$id": {"type": "string"}}})), None);
    }

    #[test]
    fn a_reference_that_some_decode_and_some_do_not_is_refused() {
        let two = json!({"properties": {"a": {"$ref": "#/$defs/n%20x"}},
            "$defs": {"n x": {"type": "string"}, "n%20x": {"type": "integer"}}});
        assert_eq!(pointer(&two).as_deref(), Some("/properties/a/$ref"));
    }

    fn pointer(schema: &Value) -> Option<String> {
        check(schema).err().map(|problem| problem.pointer)
    }

    #[test]
    fn a_schema_that_contains_itself_is_refused_where_it_does() {
        let tree = json!({"properties": {"left": {"$ref": "#"}}});
        assert_eq!(pointer(&tree).as_deref(), Some("/properties/left/$ref"));
        let two = json!({"$ref": "#/$defs/a", "$defs": {
            "a": {"items": {"$ref": "#/$defs/b"}}, "b": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/a"}]}}});
        assert_eq!(pointer(&two).as_deref(), Some("/$defs/b/anyOf/1/$ref"));
    }

    #[test]
    fn one_part_may_be_referred_to_from_many_places() {
        let shared = json!({"properties": {"a": {"$ref": "#/$defs/x"}, "b": {"items": {"$ref": "#/$defs/x"}}},
            "$defs": {"x": {"properties": {"y": {"$ref": "#/$defs/y"}}}, "y": {"type": "string"}}});
        assert_eq!(pointer(&shared), None);
        assert_eq!(pointer(&json!({"properties": {"$ref": {"type": "string"}}})), None);
    }

    #[test]
    fn references_lead_through_a_limited_number_of_others() {
        let chain = |length: usize| {
            let next = |at: usize| (format!("d{at}"), json!({"$ref": format!("#/$defs/d{}", at + 1)}));
            let mut parts: serde_json::Map<String, Value> = (0..length).map(next).collect();
            parts.insert(format!("d{length}"), json!({"type": "string"}));
            json!({"properties": {"a": {"$ref": "#/$defs/d0"}}, "$defs": parts})
        };
        assert_eq!(pointer(&chain(20)), None);
        assert!(
            check(&chain(2_000)).is_err_and(|problem| problem.words.starts_with("more than 64 references"))
        );
    }
}
