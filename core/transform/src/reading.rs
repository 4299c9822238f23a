//! Reads of variables and results, which are asked of the compiler's own types while it compiles.
//!
//! The rules put such a read into a call that no source can spell and that runs as the read itself does; `exists` and
//! `get`, which read as well, are VRL's own and look first. What is read of `.` and `%` is told by the rules.

use std::cell::RefCell;
use std::rc::Rc;

use vrl::compiler::expression::Query;
use vrl::compiler::function::closure::{Definition, Input, Output};
use vrl::compiler::prelude::*;
use vrl::diagnostic::Span;
use vrl::parser::ast;
use vrl::path::{OwnedValuePath, parse_value_path};
use vrl::stdlib;

use crate::fields::{self, Missing};

/// The fields that are read and not there, each with the place of the read.
pub(crate) type Misread = Rc<RefCell<Vec<(Span, Missing)>>>;

/// A read of a variable.
pub(crate) const OF_VARIABLE: &str = ".";
/// A value of which something is read.
pub(crate) const OF_RESULT: &str = "().";

/// The functions of this module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    OfVariable,
    OfResult,
    Exists,
    Get,
}

/// The functions that read, for VRL's compiler.
pub(crate) fn functions() -> [Box<dyn Function>; 4] {
    [Reading::OfVariable, Reading::OfResult, Reading::Exists, Reading::Get].map(|each| Box::new(each) as _)
}

/// The read of a variable, as a call.
pub(crate) fn of_variable(query: ast::Node<ast::Query>) -> ast::Expr {
    let span = query.span();
    let expr = ast::Node::new(span, ast::Expr::Query(query));
    ast::Expr::FunctionCall(ast::Node::new(span, call(span, OF_VARIABLE, expr, None)))
}

/// `value`, of which `path` is read at `span`, as a call.
pub(crate) fn of_result(span: Span, path: &OwnedValuePath, value: ast::Node<ast::Expr>) -> ast::FunctionCall {
    let path = ast::Node::new(span, ast::Literal::RawString(path.to_string()));
    let block = ast::Node::new(value.span(), ast::Block(vec![value]));
    let closure = ast::Node::new(span, ast::FunctionClosure { variables: vec![], block });
    call(span, OF_RESULT, ast::Node::new(span, ast::Expr::Literal(path)), Some(closure))
}

fn call(
    span: Span,
    name: &str,
    expr: ast::Node<ast::Expr>,
    closure: Option<ast::Node<ast::FunctionClosure>>,
) -> ast::FunctionCall {
    let arguments = vec![ast::Node::new(span, ast::FunctionArgument { ident: None, expr })];
    let ident = ast::Node::new(span, ast::Ident::new(name));
    ast::FunctionCall { ident, abort_on_error: false, arguments, closure }
}

/// Notes the first step of `path` that leads nowhere from what is of `kind`.
fn look(kind: &Kind, path: &OwnedValuePath, context: &FunctionCompileContext) {
    let missing = fields::missing_at(kind, path);
    if let (Some(missing), Some(found)) = (missing, context.get_external_context::<Misread>()) {
        found.borrow_mut().push((context.span(), missing));
    }
}

fn look_at_variable(query: &Query, state: &TypeState, context: &FunctionCompileContext) {
    if let Some(variable) = query.as_variable() {
        look(variable.type_def(state).kind(), query.path(), context);
    }
}

impl Function for Reading {
    fn identifier(&self) -> &'static str {
        match self {
            Self::OfVariable => OF_VARIABLE,
            Self::OfResult => OF_RESULT,
            Self::Exists => stdlib::Exists.identifier(),
            Self::Get => stdlib::Get.identifier(),
        }
    }

    fn usage(&self) -> &'static str {
        ""
    }

    fn category(&self) -> &'static str {
        Category::Path.as_ref()
    }

    fn return_kind(&self) -> u16 {
        if *self == Self::Exists { kind::BOOLEAN } else { kind::ANY }
    }

    fn examples(&self) -> &'static [Example] {
        &[]
    }

    fn parameters(&self) -> &'static [Parameter] {
        const READ: &[Parameter] = &[Parameter::required("read", kind::ANY, "the read")];
        const PATH: &[Parameter] = &[Parameter::required("path", kind::BYTES, "what is read")];
        match self {
            Self::OfVariable => READ,
            Self::OfResult => PATH,
            Self::Exists => stdlib::Exists.parameters(),
            Self::Get => stdlib::Get.parameters(),
        }
    }

    fn closure(&self) -> Option<Definition> {
        let input = Input {
            parameter_keyword: "path",
            kind: Kind::bytes(),
            variables: vec![],
            output: Output::Kind(Kind::any()),
            example: example! { title: "of", source: "{}.a", result: Ok("null") },
        };
        let definition = Definition { inputs: vec![input], is_iterator: false, supports_break: false };
        (*self == Self::OfResult).then_some(definition)
    }

    fn compile(
        &self,
        state: &TypeState,
        context: &mut FunctionCompileContext,
        given: ArgumentList,
    ) -> Compiled {
        match self {
            Self::OfVariable => {
                let query = given.required_query("read")?;
                look_at_variable(&query, state, context);
                Ok(Box::new(query))
            }
            Self::OfResult => {
                let (path, closure) = (given.required_literal("path", state)?, given.required_closure()?);
                if let Ok(path) = parse_value_path(&path.to_string_lossy()) {
                    look(closure.block_type_def.kind(), &path, context);
                }
                Ok(Value { closure }.as_expr())
            }
            Self::Exists => {
                look_at_variable(&given.required_query("field")?, state, context);
                stdlib::Exists.compile(state, context, given)
            }
            Self::Get => {
                let path = given.required("path").resolve_constant(state);
                let path = path.and_then(|path| path.try_array().ok());
                if let Some(Ok(path)) = path.map(OwnedValuePath::try_from) {
                    look(given.required("value").type_def(state).kind(), &path, context);
                }
                stdlib::Get.compile(state, context, given)
            }
        }
    }
}

/// What a closure without arguments gives.
#[derive(Debug, Clone)]
struct Value {
    closure: Closure,
}

impl FunctionExpression for Value {
    fn resolve(&self, context: &mut Context) -> Resolved {
        self.closure.block.resolve(context)
    }

    fn type_def(&self, _: &TypeState) -> TypeDef {
        self.closure.block_type_def.clone()
    }
}
