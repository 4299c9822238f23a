//! A function of ours as a row of data: parameters, the type of its result, and what it does.

use vrl::compiler::prelude::*;

/// Most parameters of a function of ours.
const PARAMETERS: usize = 4;

/// The arguments in the order of the parameters; null where an optional one is not given.
pub(super) type Arguments = [Value; PARAMETERS];
/// What is known of the arguments while compiling; undefined where an optional one is not given.
pub(super) type Kinds = [TypeDef; PARAMETERS];
/// The result, or what is wrong in words that quote no value.
pub(super) type Outcome = Result<Value, &'static str>;

/// What a check of the arguments finds.
pub(super) type Checked = Result<(), Box<dyn DiagnosticMessage>>;

/// One function of ours.
#[derive(Debug, Clone, Copy)]
pub(super) struct Own {
    pub(super) name: &'static str,
    pub(super) parameters: &'static [Parameter],
    /// The kinds of result that there are, for VRL's own documentation.
    pub(super) returns: u16,
    /// The type of the result, and whether the call can fail.
    pub(super) result: fn(&Kinds) -> TypeDef,
    /// What it does.
    pub(super) run: fn(Arguments) -> Outcome,
    /// What is checked of the arguments while compiling.
    pub(super) check: fn(&ArgumentList, &TypeState, &mut FunctionCompileContext) -> Checked,
}

/// Nothing to check beyond the kinds of the parameters.
pub(super) fn unchecked(_: &ArgumentList, _: &TypeState, _: &mut FunctionCompileContext) -> Checked {
    Ok(())
}

/// The type `kind`, fallible unless the argument is certain to be one of `fitting`.
pub(super) fn fallible_unless(kind: Kind, argument: &TypeDef, fitting: &Kind) -> TypeDef {
    TypeDef::from(kind).maybe_fallible(fitting.is_superset(argument.kind()).is_err())
}

impl Function for Own {
    fn identifier(&self) -> &'static str {
        self.name
    }

    fn usage(&self) -> &'static str {
        ""
    }

    fn category(&self) -> &'static str {
        Category::Type.as_ref()
    }

    fn return_kind(&self) -> u16 {
        self.returns
    }

    fn examples(&self) -> &'static [Example] {
        &[]
    }

    fn parameters(&self) -> &'static [Parameter] {
        self.parameters
    }

    fn compile(
        &self,
        state: &TypeState,
        context: &mut FunctionCompileContext,
        given: ArgumentList,
    ) -> Compiled {
        (self.check)(&given, state, context)?;
        let argument =
            |at: usize| self.parameters.get(at).and_then(|parameter| given.optional(parameter.keyword));
        Ok(Call { function: *self, arguments: std::array::from_fn(argument) }.as_expr())
    }
}

#[derive(Debug, Clone)]
struct Call {
    function: Own,
    arguments: [Option<Box<dyn Expression>>; PARAMETERS],
}

impl FunctionExpression for Call {
    fn resolve(&self, context: &mut Context) -> Resolved {
        let mut values = [const { Value::Null }; PARAMETERS];
        for (value, argument) in values.iter_mut().zip(self.arguments.iter().flatten()) {
            *value = argument.resolve(context)?;
        }
        (self.function.run)(values).map_err(Into::into)
    }

    fn type_def(&self, state: &TypeState) -> TypeDef {
        let kinds = std::array::from_fn(|at| {
            self.arguments[at].as_ref().map_or_else(TypeDef::undefined, |argument| argument.type_def(state))
        });
        (self.function.result)(&kinds)
    }
}
