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
use crate::lengths;

/// The fields that are read and not there, each with the place of the read.
pub(crate) type Misread = Rc<RefCell<Vec<(Span, Missing)>>>;

/// The places where something is set though the types would not tell what comes of it.
pub(crate) type Unsure = Rc<RefCell<Vec<Span>>>;

/// A read of a variable.
pub(crate) const OF_VARIABLE: &str = ".";
/// A value of which something is read.
pub(crate) const OF_RESULT: &str = "().";
/// Before something is set at a path of a variable.
pub(crate) const SET: &str = "=";

/// The functions of this module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    OfVariable,
    OfResult,
    Set,
    Exists,
    Get,
}

/// The functions that read, for VRL's compiler.
pub(crate) fn functions() -> [Box<dyn Function>; 5] {
    [Reading::OfVariable, Reading::OfResult, Reading::Set, Reading::Exists, Reading::Get]
        .map(|each| Box::new(each) as _)
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

/// Before something is set at `path` of the variable, as a call.
pub(crate) fn of_target(span: Span, name: ast::Ident, path: &OwnedValuePath) -> ast::Expr {
    let path = ast::Node::new(span, ast::Literal::RawString(path.to_string()));
    let path = ast::Node::new(span, ast::Expr::Literal(path));
    let variable = ast::Node::new(span, ast::Expr::Variable(ast::Node::new(span, name)));
    let mut call = call(span, SET, variable, None);
    call.arguments.push(ast::Node::new(span, ast::FunctionArgument { ident: None, expr: path }));
    ast::Expr::FunctionCall(ast::Node::new(span, call))
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
            Self::Set => SET,
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
        const AT: &[Parameter] = &[
            Parameter::required("variable", kind::ANY, "the variable"),
            Parameter::required("path", kind::BYTES, "where something is set"),
        ];
        match self {
            Self::OfVariable => READ,
            Self::OfResult => PATH,
            Self::Set => AT,
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
                let gives = match query.as_variable() {
                    Some(variable) => lengths::certain(variable.type_def(state).kind()).at_path(query.path()),
                    None => query.type_def(state).kind().clone(),
                };
                Ok(Box::new(Part { query, gives }))
            }
            Self::OfResult => {
                let (path, closure) = (given.required_literal("path", state)?, given.required_closure()?);
                if let Ok(path) = parse_value_path(&path.to_string_lossy()) {
                    look(closure.block_type_def.kind(), &path, context);
                }
                Ok(Value { closure }.as_expr())
            }
            Self::Set => {
                let (variable, path) = (given.required("variable"), given.required_literal("path", state)?);
                let path =
                    parse_value_path(&path.to_string_lossy()).unwrap_or_else(|_| OwnedValuePath::root());
                let can_be_set = lengths::can_be_set(variable.type_def(state).kind(), &path);
                if let Some(unsure) = context.get_external_context::<Unsure>().filter(|_| !can_be_set) {
                    unsure.borrow_mut().push(context.span());
                }
                Ok(Nothing.as_expr())
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
        let made = &self.closure.block_type_def;
        made.clone().with_kind(lengths::certain(made.kind()))
    }
}

/// A variable, or what stands at a path of it.
#[derive(Debug, Clone)]
struct Part {
    query: Query,
    gives: Kind,
}

impl Expression for Part {
    fn resolve(&self, context: &mut Context) -> Resolved {
        self.query.resolve(context)
    }

    fn resolve_constant(&self, state: &TypeState) -> Option<vrl::value::Value> {
        self.query.resolve_constant(state)
    }

    fn type_info(&self, state: &TypeState) -> TypeInfo {
        TypeInfo::new(state, TypeDef::from(self.gives.clone()))
    }
}

/// What is only looked at while compiling.
#[derive(Debug, Clone)]
struct Nothing;

impl FunctionExpression for Nothing {
    fn resolve(&self, _: &mut Context) -> Resolved {
        Ok(vrl::value::Value::Null)
    }

    fn type_def(&self, _: &TypeState) -> TypeDef {
        TypeDef::null()
    }
}
