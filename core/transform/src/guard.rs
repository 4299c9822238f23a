//! What a filter certainly asks of one field, so that a router finds the routes of an event without running each filter.

use serde_json::Value;
use vrl::parser::ast::{Container, Expr, FunctionCall, Literal, Opcode, Program, QueryTarget, RootExpr};
use vrl::path::{OwnedSegment, PathPrefix};

/// Whole numbers from here on are compared as floats by VRL, and so equal their neighbours: 2^53.
const EXACT: u64 = 9_007_199_254_740_992;

/// Where the filter is true, the field at `path` equals one of `values`.
#[derive(Debug, Clone, PartialEq)]
pub struct Guard {
    /// The names of the fields from the root of the data, at least one.
    pub path: Vec<String>,
    /// Texts, whole numbers, true or false; none twice.
    pub values: Vec<Value>,
    /// How much of the filter the guard is.
    pub says: Says,
}

/// How much of a filter its guard is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says {
    /// The filter is true wherever its guard holds: it need not be run.
    All,
    /// The filter may ask for more.
    Part,
}

impl Guard {
    /// The most selective guard of a program that is one expression.
    pub(crate) fn of(program: &Program) -> Option<Self> {
        let [only] = &program.0[..] else { return None };
        let RootExpr::Expr(expr) = only.inner() else { return None };
        guards(expr)
            .into_iter()
            .min_by_key(|guard| (guard.values.iter().any(Value::is_boolean), guard.values.len()))
    }

    fn partly(self) -> Self {
        Self { says: Says::Part, ..self }
    }

    fn joined(mut self, other: &Self) -> Self {
        if other.says == Says::Part {
            self.says = Says::Part;
        }
        for value in &other.values {
            if !self.values.contains(value) {
                self.values.push(value.clone());
            }
        }
        self
    }
}

/// Every guard that the expression implies.
fn guards(expr: &Expr) -> Vec<Guard> {
    match expr {
        Expr::Container(container) => match container.inner() {
            Container::Group(group) => guards(&group.inner().0),
            _ => vec![],
        },
        Expr::FunctionCall(call) => included(call.inner()).into_iter().collect(),
        Expr::Op(op) => {
            let (left, right) = (op.inner().0.inner(), op.inner().2.inner());
            match op.inner().1.inner() {
                Opcode::Eq => equal(left, right).or_else(|| equal(right, left)).into_iter().collect(),
                Opcode::And => guards(left).into_iter().chain(guards(right)).map(Guard::partly).collect(),
                Opcode::Or => either(guards(left), &guards(right)),
                Opcode::Err if literal(right) == Some(Value::Bool(false)) => {
                    guards(left).into_iter().map(Guard::partly).collect()
                }
                _ => vec![],
            }
        }
        _ => vec![],
    }
}

fn either(left: Vec<Guard>, right: &[Guard]) -> Vec<Guard> {
    let both = |guard: Guard| {
        let other = right.iter().find(|other| other.path == guard.path)?;
        Some(guard.joined(other))
    };
    left.into_iter().filter_map(both).collect()
}

fn equal(field: &Expr, value: &Expr) -> Option<Guard> {
    Some(Guard { path: path(field)?, values: vec![literal(value)?], says: Says::All })
}

fn included(call: &FunctionCall) -> Option<Guard> {
    let [list, item] = &call.arguments[..] else { return None };
    let named = [list, item].iter().any(|argument| argument.inner().ident.is_some());
    if named || call.ident.inner().as_ref() != "includes" {
        return None;
    }
    let Expr::Container(container) = list.inner().expr.inner() else { return None };
    let Container::Array(items) = container.inner() else { return None };
    let values: Option<Vec<Value>> = items.inner().clone().into_iter().map(|item| literal(&item)).collect();
    let empty = Guard { path: path(&item.inner().expr)?, values: vec![], says: Says::All };
    Some(empty.joined(&Guard { path: vec![], values: values?, says: Says::All }))
}

fn path(expr: &Expr) -> Option<Vec<String>> {
    let Expr::Query(query) = expr else { return None };
    let query = query.inner();
    if *query.target.inner() != QueryTarget::External(PathPrefix::Event) || query.path.segments.is_empty() {
        return None;
    }
    let names = query.path.segments.iter().map(|segment| match segment {
        OwnedSegment::Field(name) => Some(name.to_string()),
        OwnedSegment::Index(_) => None,
    });
    names.collect()
}

fn literal(expr: &Expr) -> Option<Value> {
    let Expr::Literal(literal) = expr else { return None };
    match literal.inner() {
        Literal::String(text) => text.as_literal_string().map(Value::from),
        Literal::RawString(text) => Some(Value::from(text.as_str())),
        Literal::Integer(integer) if integer.unsigned_abs() < EXACT => Some(Value::from(*integer)),
        Literal::Boolean(value) => Some(Value::from(*value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(filter: &str, expected: Option<(&str, Value)>) {
        let program = vrl::parser::parse(filter).expect("a filter");
        let guard = Guard::of(&program).map(|guard| (guard.path.join("."), Value::from(guard.values)));
        assert_eq!(guard, expected.map(|(path, values)| (path.to_owned(), values)), "{filter}");
    }

    #[test]
    fn an_equality_in_a_conjunction_guards_the_filter() {
        check(r#".kind == "street""#, Some(("kind", json!(["street"]))));
        check(r#""street" == .a.kind"#, Some(("a.kind", json!(["street"]))));
        check(".n == 7", Some(("n", json!([7]))));
        check(".n == -7 && .x > 1", Some(("n", json!([-7]))));
        check(r#".open == true && (.town == "Zedbury" && .n > 3)"#, Some(("town", json!(["Zedbury"]))));
        check(r#"(starts_with(string(.a), "x") && .b == "y") ?? false"#, Some(("b", json!(["y"]))));
        check(r#".kind == s'street'"#, Some(("kind", json!(["street"]))));
    }

    #[test]
    fn alternatives_guard_where_both_ask_for_the_same_field() {
        check(r#".a == "x" || .a == "y" || "x" == .a"#, Some(("a", json!(["x", "y"]))));
        check(r#"includes(["x", "y", "x"], .a)"#, Some(("a", json!(["x", "y"]))));
        check(r#"(.a == "x" && .b == 1) || (.b == 2 && .c == 3)"#, Some(("b", json!([1, 2]))));
        check("includes([], .a)", Some(("a", json!([]))));
    }

    #[test]
    fn what_does_not_imply_an_equality_has_no_guard() {
        for filter in [
            "true",
            r#".a != "x""#,
            r#"!(.a == "x")"#,
            r#".a == "x" || .b == "x""#,
            r#".a == "x" || true"#,
            ".a == .b",
            ".a == 1.5",
            ".a == null",
            ".a == 9007199254740992",
            r#".a[0] == "x""#,
            r#". == "x""#,
            r#"%type == "x""#,
            r#"x = .a; x == "x""#,
            r#"if .c == 1 { return true }; .a == "x""#,
            r#"(.a == "x") ?? true"#,
            r#"includes(.list, "x")"#,
            r#"includes(["x", .b], .a)"#,
            r#"includes(item: ["x"], value: .a)"#,
            r#".a == "{{ b }}""#,
            r#"if .a == "x" { true } else { false }"#,
        ] {
            check(filter, None);
        }
    }
}
