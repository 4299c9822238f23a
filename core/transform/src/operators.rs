//! Operators that VRL types or runs unsoundly become calls of functions of ours, which no source can spell.
//!
//! `*` would repeat a text as often as the data says, and wrap round. `||` reads an absent field as null, but VRL's
//! type for it says that such a field is never null, so that the right side were never used. `/` would give what is infinite. Variables are read at a price.

use vrl::diagnostic::Span;
use vrl::parser::ast::{Container, Expr, FunctionArgument, FunctionCall, Ident, Literal, Node, Op, Opcode};

use crate::functions;

/// What is compiled in place of an operator between two operands.
pub(crate) fn sound(span: Span, Op(left, code, right): Op) -> Expr {
    match code.inner() {
        Opcode::Mul => call(span, functions::MULTIPLY, vec![*left, *right]),
        Opcode::Div if !is_one_or_more(&right) => call(span, functions::DIVIDE, vec![*left, *right]),
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
        Expr::FunctionCall(call) => call.ident.inner().as_ref() == functions::READ,
        expr => matches!(expr, Expr::Query(_) | Expr::Variable(_) | Expr::IfStatement(_)),
    }
}
