//! `+`, `-` and `*`: as VRL's own for types and texts, but a number beyond 64 bits ends the run and never wraps round.

use std::collections::BTreeSet;

use vrl::compiler::prelude::*;

use super::numbers::{NUMBER, finite};
use super::own::{Arguments, Checked, Kinds, Outcome, Own, fallible_unless};

/// The sum, or two texts as one; no source can spell the name.
pub(crate) const PLUS: &str = "+";
/// The difference; no source can spell the name.
pub(crate) const MINUS: &str = "-";
/// The product of two numbers; no source can spell the name.
pub(crate) const TIMES: &str = "*";

/// The places where numbers may be added, subtracted or multiplied, for all that types tell: start and end in the source.
#[derive(Debug, Default)]
pub(crate) struct Calculated(pub(crate) BTreeSet<(usize, usize)>);

const ANY: &[Parameter] =
    &[Parameter::required("value", kind::ANY, "one"), Parameter::required("other", kind::ANY, "another")];
const NUMBERS: &[Parameter] =
    &[Parameter::required("value", NUMBER, "a number"), Parameter::required("other", NUMBER, "another")];

/// The functions of this module.
pub(super) const FUNCTIONS: &[Own] = &[
    own(PLUS, ANY, kind::BYTES | NUMBER, sum_kind, sum),
    own(MINUS, ANY, NUMBER, |given| number_kind(given, number()), difference),
    own(TIMES, NUMBERS, NUMBER, product_kind, product),
];

const fn own(
    name: &'static str,
    parameters: &'static [Parameter],
    returns: u16,
    result: fn(&Kinds) -> TypeDef,
    run: fn(Arguments) -> Outcome,
) -> Own {
    Own { name, parameters, returns, result, run, check: noted }
}

/// Notes the place where both may be numbers.
fn noted(given: &ArgumentList, state: &TypeState, context: &mut FunctionCompileContext) -> Checked {
    let may_be_number = |name| {
        let kind = given.required(name).type_def(state);
        kind.contains_integer() || kind.contains_float()
    };
    if may_be_number("value") && may_be_number("other") {
        let span = context.span();
        if let Some(Calculated(places)) = context.get_external_context_mut() {
            places.insert((span.start(), span.end()));
        }
    }
    Ok(())
}

fn number() -> Kind {
    Kind::integer().or_float()
}

fn sum_kind(given: &Kinds) -> TypeDef {
    if given[..2].iter().any(|kind| kind.is_bytes()) {
        let text = Kind::bytes().or_null();
        let [one, other] = [0, 1].map(|at| fallible_unless(Kind::bytes(), &given[at], &text));
        return one.union(other);
    }
    number_kind(given, number().or_bytes())
}

/// The type of what is calculated of two numbers; an error or of the kind `otherwise` where they may be something else.
fn number_kind(given: &Kinds, otherwise: Kind) -> TypeDef {
    match (given[0].kind(), given[1].kind()) {
        (one, other) if one.is_integer() && other.is_integer() => TypeDef::integer(),
        (one, other) if one.is_float() || other.is_float() => {
            let [one, other] = [0, 1].map(|at| fallible_unless(Kind::float(), &given[at], &number()));
            one.union(other)
        }
        _ => TypeDef::from(otherwise).fallible(),
    }
}

fn product_kind(given: &Kinds) -> TypeDef {
    match (given[0].kind(), given[1].kind()) {
        (one, other) if one.is_integer() && other.is_integer() => TypeDef::integer(),
        (one, other) if one.is_float() || other.is_float() => TypeDef::float(),
        _ => TypeDef::from(number()),
    }
}

fn sum(given: Arguments) -> Outcome {
    calculated(given, i64::checked_add, VrlValueArithmetic::try_add)
}

fn difference(given: Arguments) -> Outcome {
    calculated(given, i64::checked_sub, VrlValueArithmetic::try_sub)
}

fn product(given: Arguments) -> Outcome {
    if given[..2].iter().any(|value| !value.is_integer() && !value.is_float()) {
        return Err("not numbers");
    }
    calculated(given, i64::checked_mul, VrlValueArithmetic::try_mul)
}

/// Of whole numbers what `whole` says, of others what VRL's `other` says.
fn calculated(
    [one, another, ..]: Arguments,
    whole: fn(i64, i64) -> Option<i64>,
    other: fn(Value, Value) -> Result<Value, ValueError>,
) -> Outcome {
    if let (Value::Integer(one), Value::Integer(another)) = (&one, &another) {
        return whole(*one, *another).map(Value::Integer).ok_or("a whole number beyond 64 bits");
    }
    match other(one, another) {
        Ok(Value::Float(float)) => finite(float.into_inner()),
        Ok(value) => Ok(value),
        Err(_) => Err("of these no result can be made"),
    }
}
