//! A function whose type is told once, where it is called: VRL asks for the type of each argument twice, so that calls inside one
//! another would double the time with each level. What a call gives depends on nothing that changes after it was compiled.

use vrl::compiler::function::closure::Definition;
use vrl::compiler::prelude::*;

/// A function, which does what it did.
#[derive(Debug)]
pub(super) struct Settled(pub(super) Box<dyn Function>);

impl Function for Settled {
    fn identifier(&self) -> &'static str {
        self.0.identifier()
    }

    fn usage(&self) -> &'static str {
        self.0.usage()
    }

    fn category(&self) -> &'static str {
        self.0.category()
    }

    fn return_kind(&self) -> u16 {
        self.0.return_kind()
    }

    fn examples(&self) -> &'static [Example] {
        self.0.examples()
    }

    fn parameters(&self) -> &'static [Parameter] {
        self.0.parameters()
    }

    fn closure(&self) -> Option<Definition> {
        self.0.closure()
    }

    fn compile(
        &self,
        state: &TypeState,
        context: &mut FunctionCompileContext,
        given: ArgumentList,
    ) -> Compiled {
        let call = self.0.compile(state, context, given)?;
        let gives = call.type_def(state);
        Ok(Box::new(Call { call, gives }))
    }
}

#[derive(Debug, Clone)]
struct Call {
    call: Box<dyn Expression>,
    gives: TypeDef,
}

impl Expression for Call {
    fn resolve(&self, context: &mut Context) -> Resolved {
        self.call.resolve(context)
    }

    fn resolve_constant(&self, state: &TypeState) -> Option<Value> {
        self.call.resolve_constant(state)
    }

    fn type_info(&self, state: &TypeState) -> TypeInfo {
        TypeInfo::new(state, self.gives.clone())
    }
}
