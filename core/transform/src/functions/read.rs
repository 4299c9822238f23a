//! The reading of a variable, which no source can spell: as VRL reads it, but what it costs is counted (`budget`), and so is
//! how large its type is (`size`).

use std::panic::resume_unwind;

use vrl::compiler::prelude::*;

use crate::{budget, size};

/// A name that no source can spell, because `$` is no letter.
pub(super) const READ: &str = "$";
/// Longest text, in bytes, that the compiler calculates with.
const MAX_CONSTANT_BYTES: usize = 4 * 1024;

#[derive(Debug, Clone, Copy)]
pub(super) struct Read;

impl Function for Read {
    fn identifier(&self) -> &'static str {
        READ
    }

    fn usage(&self) -> &'static str {
        ""
    }

    fn category(&self) -> &'static str {
        Category::Type.as_ref()
    }

    fn return_kind(&self) -> u16 {
        kind::ANY
    }

    fn examples(&self) -> &'static [Example] {
        &[]
    }

    fn parameters(&self) -> &'static [Parameter] {
        const VARIABLE: &[Parameter] = &[Parameter::required("value", kind::ANY, "the variable")];
        VARIABLE
    }

    fn compile(
        &self,
        state: &TypeState,
        context: &mut FunctionCompileContext,
        given: ArgumentList,
    ) -> Compiled {
        let variable = given.required("value");
        let gives = variable.type_def(state);
        if !size::read(gives.kind(), context.span()) {
            // VRL would go on with what is too large already. It is caught in `compile`, and no panic: nothing is printed.
            resume_unwind(Box::new("a type is too large"));
        }
        let grows =
            gives.kind().contains_bytes() || gives.kind().contains_array() || gives.kind().contains_object();
        Ok(if grows { Box::new(Call { variable }) } else { variable })
    }
}

#[derive(Debug, Clone)]
struct Call {
    variable: Box<dyn Expression>,
}

impl Expression for Call {
    fn resolve(&self, context: &mut Context) -> Resolved {
        let value = self.variable.resolve(context)?;
        budget::spend(budget::weight(&value))?;
        Ok(value)
    }

    fn resolve_constant(&self, state: &TypeState) -> Option<Value> {
        self.variable.resolve_constant(state).filter(|value| match value {
            Value::Array(_) | Value::Object(_) => false,
            value => budget::weight(value) <= MAX_CONSTANT_BYTES,
        })
    }

    fn type_info(&self, state: &TypeState) -> TypeInfo {
        TypeInfo::new(state, self.variable.type_def(state))
    }
}
