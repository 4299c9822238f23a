//! Operators that VRL types or runs unsoundly become calls of functions of ours, which no source can spell.
//!
//! `*` would repeat a text as often as the data says, and with `+` and `-` it would wrap round. `/` would give what is
//! infinite. `||` reads an absent field as null, but VRL's type for it says that such a field is never null, so that the right
//! side were never used. `|` forgets what the right side may lack. Variables are read at a price.

use vrl::diagnostic::Span;
use vrl::parser::ast::{Container, Expr, FunctionArgument, FunctionCall, Ident, Literal, Node, Op, Opcode};

use crate::{functions, reading};

/// What is compiled in place of an operator between two operands.
pub(crate) fn sound(span: Span, Op(left, code, right): Op) -> Expr {
    match code.inner() {
        Opcode::Mul => call(span, functions::TIMES, vec![*left, *right]),
        Opcode::Sub => call(span, functions::MINUS, vec![*left, *right]),
        Opcode::Div if !is_one_or_more(&right) => call(span, functions::DIVIDE, vec![*left, *right]),
        Opcode::Add if !is_text(&left) && !is_text(&right) => {
            call(span, functions::PLUS, vec![*left, *right])
        }
        Opcode::Merge => call(span, functions::MERGE, vec![*left, *right]),
        Opcode::Or => or(span, *left, code, right),
        _ => Expr::Op(Node::new(span, Op(left, code, right))),
    }
}

/// Whether it is a number, written out, by which a quotient is no larger than what is divided.
fn is_one_or_more(node: &Node<Expr>) -> bool {
    let Expr::Literal(literal) = node.inner() else { return false };
    match literal.inner() {
        Literal::Integer(number) => *number != 0,
        Literal::Float(number) => number.abs() >= 1.0,
        _ => false,
    }
}

/// What is compiled in place of `|=`: both as one.
pub(crate) fn merged(span: Span, under: Node<Expr>, over: Node<Expr>) -> Node<Expr> {
    Node::new(span, call(span, functions::MERGE, vec![under, over]))
}

/// What is compiled in place of a variable, or of a part of one.
pub(crate) fn read(span: Span, variable: Expr) -> Expr {
    call(span, functions::READ, vec![Node::new(span, variable)])
}

/// `(a || b) || c` as `a || (b || c)`, so that each left side is one operand: VRL types nested ones again and again.
fn or(span: Span, left: Node<Expr>, code: Node<Opcode>, right: Box<Node<Expr>>) -> Expr {
    let (at, left) = ungrouped(left).take();
    let op = match left {
        Expr::Op(op) if *op.inner().1.inner() == Opcode::Or => {
            let Op(first, inner, second) = op.into_inner();
            Op(first, inner, Box::new(Node::new(span, or(span, *second, code, right))))
        }
        left if may_be_absent(&left) => {
            let left = call(at, functions::PRESENT, vec![Node::new(at, left)]);
            Op(Box::new(Node::new(at, left)), code, right)
        }
        left => Op(Box::new(Node::new(at, left)), code, right),
    };
    Expr::Op(Node::new(span, op))
}

/// Whether an operand is a text, if it is anything: VRL's own `+` joins it to the other.
fn is_text(node: &Node<Expr>) -> bool {
    match node.inner() {
        Expr::Literal(literal) => matches!(literal.inner(), Literal::String(_) | Literal::RawString(_)),
        Expr::FunctionCall(call) => functions::gives_text(call.inner().ident.inner()),
        Expr::Container(container) => match container.inner() {
            Container::Group(group) => is_text(&group.inner().0),
            _ => false,
        },
        Expr::Op(op) => match (&op.inner().0, op.inner().1.inner(), &op.inner().2) {
            (left, Opcode::Add, right) => is_text(left) || is_text(right),
            (left, Opcode::Err, right) => is_text(left) && is_text(right),
            _ => false,
        },
        _ => false,
    }
}

fn ungrouped(node: Node<Expr>) -> Node<Expr> {
    let (span, expr) = node.take();
    match expr {
        Expr::Container(container) => match container.into_inner() {
            Container::Group(group) => ungrouped(group.into_inner().into_inner()),
            other => Node::new(span, Expr::Container(Node::new(span, other))),
        },
        other => Node::new(span, other),
    }
}

fn call(span: Span, name: &str, arguments: Vec<Node<Expr>>) -> Expr {
    let argument = |expr: Node<Expr>| Node::new(expr.span(), FunctionArgument { ident: None, expr });
    let arguments = arguments.into_iter().map(argument).collect();
    let ident = Node::new(span, Ident::new(name));
    Expr::FunctionCall(Node::new(
        span,
        FunctionCall { ident, abort_on_error: false, arguments, closure: None },
    ))
}

fn may_be_absent(expr: &Expr) -> bool {
    match expr {
        Expr::Query(_) | Expr::Variable(_) | Expr::IfStatement(_) => true,
        Expr::FunctionCall(call) => {
            [functions::READ, reading::OF_VARIABLE].contains(&call.inner().ident.inner().as_ref())
        }
        _ => false,
    }
}
