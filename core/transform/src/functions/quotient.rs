//! `/`: a quotient is finite or an error.

use vrl::compiler::prelude::*;

use super::numbers::finite;
use super::own::{Arguments, Outcome, Own, unchecked};

/// A name that no source can spell, because `/` is no letter.
pub(super) const DIVIDE: &str = "/";

const NUMBER: u16 = kind::INTEGER | kind::FLOAT;
const TWO: &[Parameter] = &[
    Parameter::required("value", NUMBER, "the number"),
    Parameter::required("by", NUMBER, "what it is divided by"),
];

/// The functions of this module.
pub(super) const FUNCTIONS: &[Own] = &[Own {
    name: DIVIDE,
    parameters: TWO,
    returns: kind::FLOAT,
    result: |_| TypeDef::float().fallible(),
    run: quotient,
    check: unchecked,
}];

fn quotient([one, by, ..]: Arguments) -> Outcome {
    match (one.try_into_f64(), by.try_into_f64()) {
        (Ok(_), Ok(0.0)) => Err("a division by 0"),
        (Ok(one), Ok(by)) => finite(one / by),
        _ => Err("not numbers"),
    }
}
