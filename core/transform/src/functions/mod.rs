//! The functions that a mapping may call: pure, bounded, without clock, environment or network, and honest about types.
//!
//! VRL's own wherever they are so; ours where the library reads `007` as octal, cuts characters in two, makes 0 of
//! null, repeats a text a million times, or tells a type that the result does not have. Ours bear VRL's names.

mod arithmetic;
mod closures;
#[cfg(test)]
mod extremes;
mod lists;
mod merge;
mod numbers;
mod own;
mod quotient;
mod read;
mod settled;
mod table;
mod text;
mod times;

use std::sync::OnceLock;

use vrl::compiler::Function;
use vrl::compiler::value::kind;
use vrl::stdlib;

use crate::reading;

pub use table::{Allowed, FUNCTIONS, functions_as_markdown};

/// Whether a mapping may call `name`.
pub(crate) fn is_allowed(name: &str) -> bool {
    FUNCTIONS.binary_search_by(|function| function.name.cmp(name)).is_ok()
}

/// Whether a call of `name` gives a text, if anything.
pub(crate) fn gives_text(name: &str) -> bool {
    all().iter().any(|function| function.identifier() == name && function.return_kind() == kind::BYTES)
}

/// The quotient of two numbers, for the operator `/`; no source can spell it.
pub(crate) const DIVIDE: &str = quotient::DIVIDE;
pub(crate) use arithmetic::{Calculated, MINUS, PLUS, TIMES};
pub(crate) use merge::MERGE;
pub(crate) use times::is_told;
/// The value itself, null where it is absent, for the left side of `||`; no source can spell it.
pub(crate) const PRESENT: &str = text::PRESENT;

/// A variable as it is, for every place where one is read; no source can spell it.
pub(crate) const READ: &str = read::READ;

/// The functions for VRL's compiler, made once.
pub(crate) fn all() -> &'static [Box<dyn Function>] {
    static ALL: OnceLock<Vec<Box<dyn Function>>> = OnceLock::new();
    ALL.get_or_init(|| {
        let mut all = library();
        for rows in
            [text::FUNCTIONS, numbers::FUNCTIONS, arithmetic::FUNCTIONS, lists::FUNCTIONS, times::FUNCTIONS]
        {
            all.extend(rows.iter().map(|row| Box::new(*row) as Box<dyn Function>));
        }
        all.extend(reading::functions());
        all.extend(closures::FUNCTIONS.iter().map(|each| Box::new(*each) as Box<dyn Function>));
        all.extend(quotient::FUNCTIONS.iter().map(|row| Box::new(*row) as Box<dyn Function>));
        all.push(Box::new(merge::Merge));
        all.push(Box::new(read::Read));
        all.into_iter().map(|function| Box::new(settled::Settled(function)) as Box<dyn Function>).collect()
    })
}

fn library() -> Vec<Box<dyn Function>> {
    vec![
        Box::new(stdlib::Array),
        Box::new(stdlib::Boolean),
        Box::new(stdlib::Contains),
        Box::new(stdlib::Downcase),
        Box::new(stdlib::EndsWith),
        Box::new(stdlib::Float),
        Box::new(stdlib::Includes),
        Box::new(stdlib::Integer),
        Box::new(stdlib::IsArray),
        Box::new(stdlib::IsInteger),
        Box::new(stdlib::IsNull),
        Box::new(stdlib::IsNullish),
        Box::new(stdlib::IsObject),
        Box::new(stdlib::IsString),
        Box::new(stdlib::Keys),
        Box::new(stdlib::Match),
        Box::new(stdlib::Object),
        Box::new(stdlib::StartsWith),
        Box::new(stdlib::String),
        Box::new(stdlib::StripWhitespace),
        Box::new(stdlib::Truncate),
        Box::new(stdlib::Upcase),
        Box::new(stdlib::Values),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_exactly_the_functions_that_can_be_called() {
        let mut callable: Vec<&str> = all().iter().map(|function| function.identifier()).collect();
        let unspeakable = [
            PLUS,
            MINUS,
            TIMES,
            DIVIDE,
            PRESENT,
            READ,
            reading::OF_VARIABLE,
            reading::OF_RESULT,
            reading::SET,
        ];
        callable.retain(|name| !unspeakable.contains(name));
        callable.sort_unstable();
        let told: Vec<&str> = FUNCTIONS.iter().map(|function| function.name).collect();
        assert_eq!(told, callable);
    }

    #[test]
    fn nothing_that_reaches_outside_or_forward_can_be_called() {
        for name in
            ["now", "get_env_var", "http_request", "dns_lookup", "random_int", "uuid_v4", "log", "del"]
        {
            assert!(!is_allowed(name), "{name}");
        }
    }
}
