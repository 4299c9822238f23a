//! `map`, `filter` and `count` over lists, with types that are sound because closures change nothing outside them.

use vrl::compiler::function::closure::{Definition, Input, Output, Runner, Variable, VariableKind};
use vrl::compiler::prelude::*;

use crate::budget;

/// The functions of this module.
pub(super) const FUNCTIONS: &[Each] = &[Each::Map, Each::Filter, Each::Count];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Each {
    Map,
    Filter,
    Count,
}

impl Function for Each {
    fn identifier(&self) -> &'static str {
        match self {
            Self::Map => "map",
            Self::Filter => "filter",
            Self::Count => "count",
        }
    }

    fn usage(&self) -> &'static str {
        ""
    }

    fn category(&self) -> &'static str {
        Category::Enumerate.as_ref()
    }

    fn return_kind(&self) -> u16 {
        if *self == Self::Count { kind::INTEGER } else { kind::ARRAY }
    }

    fn examples(&self) -> &'static [Example] {
        &[]
    }

    fn parameters(&self) -> &'static [Parameter] {
        const LIST: &[Parameter] = &[Parameter::required("value", kind::ARRAY, "the list")];
        LIST
    }

    fn closure(&self) -> Option<Definition> {
        let output = if *self == Self::Map { Kind::any() } else { Kind::boolean() };
        let input = Input {
            parameter_keyword: "value",
            kind: Kind::array(Collection::any()),
            variables: vec![Variable { kind: VariableKind::TargetInnerValue }],
            output: Output::Kind(output),
            example: example! { title: "each", source: "map([1]) -> |item| { item }", result: Ok("[1]") },
        };
        Some(Definition { inputs: vec![input], is_iterator: true, supports_break: false })
    }

    fn compile(&self, _: &TypeState, _: &mut FunctionCompileContext, given: ArgumentList) -> Compiled {
        let closure = given.required_closure()?;
        Ok(Call { list: given.required("value"), closure, each: *self }.as_expr())
    }
}

#[derive(Debug, Clone)]
struct Call {
    list: Box<dyn Expression>,
    closure: Closure,
    each: Each,
}

impl FunctionExpression for Call {
    fn resolve(&self, context: &mut Context) -> Resolved {
        let Value::Array(items) = self.list.resolve(context)? else { return Err("not a list".into()) };
        let run =
            Runner::new(&self.closure.variables, |context: &mut Context| self.closure.block.resolve(context));
        let mut kept = Vec::with_capacity(if self.each == Each::Count { 0 } else { items.len() });
        let mut count = 0_i64;
        for mut item in items {
            context.checkpoint()?;
            if self.each == Each::Map {
                run.map_value(context, &mut item)?;
                budget::spend(budget::weight(&item))?;
                kept.push(item);
                continue;
            }
            let whole = (self.each == Each::Filter).then(|| item.clone());
            run.map_value(context, &mut item)?;
            if item == Value::Boolean(true) {
                count += 1;
                kept.extend(whole);
            }
        }
        Ok(if self.each == Each::Count { Value::Integer(count) } else { Value::Array(kept) })
    }

    fn type_def(&self, state: &TypeState) -> TypeDef {
        let made = &self.closure.block_type_def;
        let result = match self.each {
            Each::Count => TypeDef::integer(),
            Each::Map => TypeDef::array(Collection::from_unknown(made.kind().clone().upgrade_undefined())),
            Each::Filter => {
                let list = self.list.type_def(state);
                let items = list.kind().as_array().map_or_else(Kind::any, Collection::reduced_kind);
                TypeDef::array(Collection::from_unknown(items.without_undefined()))
            }
        };
        result.maybe_fallible(made.is_fallible())
    }
}
