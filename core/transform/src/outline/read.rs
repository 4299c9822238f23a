//! From the syntax tree to what it makes: one pass, in the order in which it runs.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;
use vrl::diagnostic::Span;
use vrl::parser::ast::{
    Assignment, AssignmentOp, AssignmentTarget, Container, Expr, FunctionCall, Ident, IfStatement, Literal,
    Node, Opcode, Program, Query, QueryTarget, RootExpr,
};
use vrl::path::{OwnedSegment, OwnedValuePath, PathPrefix};

use super::{Calculation, Depth, Piece, Step, What};

/// Functions that give what they are given, or fail.
const SAME: [&str; 6] = ["array", "bool", "float", "int", "object", "string"];
/// Functions that take a pattern, of which nothing is left in what they give.
const OF_PATTERNS: [&str; 6] = ["contains", "match", "parse_regex", "parse_regex_all", "replace", "split"];

/// What a program makes.
pub(super) struct Read {
    /// What it gives: its last line or what a `return` says.
    pub(super) made: Arc<Piece>,
    /// What it calculates on its way.
    pub(super) calculated: Vec<Arc<Piece>>,
    /// Whether it lets a pattern stand.
    pub(super) has_patterns: bool,
}

/// What the program makes.
pub(super) fn made(program: &Program) -> Read {
    let mut reader = Reader::default();
    let mut last = None;
    for line in &program.0 {
        if let RootExpr::Expr(expr) = line.inner() {
            last = Some(reader.expr(expr));
        }
    }
    let ends = last.filter(|_| reader.flow == Flow::On);
    let mut all = std::mem::take(&mut reader.returned);
    all.extend(ends);
    Read {
        made: either(Span::new(0, 1), all),
        calculated: reader.calculated,
        has_patterns: reader.has_patterns,
    }
}

/// Whether what stands next is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Flow {
    #[default]
    On,
    /// A `return` was met on this way.
    Ended,
}

#[derive(Default)]
struct Reader {
    variables: HashMap<String, Arc<Piece>>,
    returned: Vec<Arc<Piece>>,
    calculated: Vec<Arc<Piece>>,
    flow: Flow,
    has_patterns: bool,
}

fn new(span: Span, what: What) -> Arc<Piece> {
    Arc::new(Piece { span, what })
}

fn either(span: Span, mut all: Vec<Arc<Piece>>) -> Arc<Piece> {
    match (all.pop(), all.is_empty()) {
        (Some(only), true) => only,
        (Some(last), false) => {
            all.push(last);
            new(span, What::Either(all))
        }
        (None, _) => new(span, What::Either(vec![])),
    }
}

impl Reader {
    fn expr(&mut self, node: &Node<Expr>) -> Arc<Piece> {
        let span = node.span();
        match node.inner() {
            Expr::Literal(it) => {
                self.has_patterns |= is_pattern(node);
                new(span, literal(it.inner()))
            }
            Expr::Container(it) => self.container(span, it.inner()),
            Expr::IfStatement(it) => self.branches(span, it.inner()),
            Expr::Op(op) => {
                let (left, right) = (self.expr(&op.inner().0), self.expr(&op.inner().2));
                match op.inner().1.inner() {
                    Opcode::Err | Opcode::Or => either(span, vec![left, right]),
                    Opcode::Merge => {
                        new(span, What::Merged { under: left, over: right, depth: Depth::Shallow })
                    }
                    Opcode::Add => self.calculated(span, Calculation::Sum, left, right),
                    Opcode::Sub => self.calculated(span, Calculation::Difference, left, right),
                    Opcode::Mul => self.calculated(span, Calculation::Product, left, right),
                    _ => new(span, What::Unknown),
                }
            }
            Expr::Assignment(it) => self.assignment(span, it.inner()),
            Expr::Query(it) => self.query(span, it.inner()),
            Expr::FunctionCall(it) => self.call(span, it.inner()),
            Expr::Variable(name) => self.variable(span, name.inner()),
            Expr::Return(it) => {
                let made = self.expr(&it.inner().expr);
                self.returned.push(made);
                self.flow = Flow::Ended;
                either(span, vec![])
            }
            Expr::Unary(_) | Expr::Abort(_) | Expr::Break(_) => new(span, What::Unknown),
        }
    }

    fn calculated(
        &mut self,
        span: Span,
        with: Calculation,
        one: Arc<Piece>,
        other: Arc<Piece>,
    ) -> Arc<Piece> {
        let made = new(span, What::Calculated(with, one, other));
        self.calculated.push(Arc::clone(&made));
        made
    }

    fn variable(&self, span: Span, name: &str) -> Arc<Piece> {
        self.variables.get(name).cloned().unwrap_or_else(|| new(span, What::Unknown))
    }

    fn lines(&mut self, span: Span, lines: &[Node<Expr>]) -> Arc<Piece> {
        let last = lines.iter().map(|line| self.expr(line)).last();
        last.unwrap_or_else(|| new(span, What::Literal(Value::Null)))
    }

    fn container(&mut self, span: Span, container: &Container) -> Arc<Piece> {
        match container {
            Container::Group(it) => self.expr(&it.inner().0),
            Container::Block(it) => self.lines(span, &it.inner().0),
            Container::Array(it) => {
                let items = it.inner().clone().into_iter();
                new(span, What::List(items.map(|item| self.expr(&item)).collect()))
            }
            Container::Object(it) => {
                let fields = it.inner().clone().into_iter().map(|(name, value)| {
                    let entry = Span::new(name.start(), value.end());
                    (name.into_inner(), (entry, self.expr(&value)))
                });
                new(span, What::Object(fields.collect()))
            }
        }
    }

    fn branches(&mut self, span: Span, it: &IfStatement) -> Arc<Piece> {
        let before = (self.variables.clone(), self.flow);
        let then = self.lines(it.if_node.span(), &it.if_node.inner().0);
        let after =
            (std::mem::replace(&mut self.variables, before.0), std::mem::replace(&mut self.flow, before.1));
        let other = match &it.else_node {
            Some(block) => self.lines(block.span(), &block.inner().0),
            None => new(span, What::Literal(Value::Null)),
        };
        self.join(span, after);
        either(span, vec![then, other])
    }

    /// Goes on with what either of two ways leaves behind.
    fn join(&mut self, span: Span, (variables, flow): (HashMap<String, Arc<Piece>>, Flow)) {
        if self.flow == Flow::Ended {
            (self.variables, self.flow) = (variables, flow);
        } else if flow == Flow::On {
            for (name, one) in variables {
                let made = match self.variables.remove(&name) {
                    Some(other) if !Arc::ptr_eq(&one, &other) => either(span, vec![one, other]),
                    _ => one,
                };
                self.variables.insert(name, made);
            }
        }
    }

    fn assignment(&mut self, span: Span, assignment: &Assignment) -> Arc<Piece> {
        match assignment {
            Assignment::Single { target, op, expr } => {
                let made = self.expr(expr);
                self.assign(target, op, Arc::clone(&made));
                made
            }
            Assignment::Infallible { ok, err, op, expr } => {
                let made = self.expr(expr);
                // Of an error the variable is empty, 0 or false.
                let unknown = new(span, What::Unknown);
                self.assign(ok, op, either(span, vec![made, Arc::clone(&unknown)]));
                self.assign(err, &AssignmentOp::Assign, Arc::clone(&unknown));
                unknown
            }
        }
    }

    fn assign(&mut self, target: &Node<AssignmentTarget>, op: &AssignmentOp, made: Arc<Piece>) {
        let root = OwnedValuePath::root();
        let (name, path) = match target.inner() {
            AssignmentTarget::Internal(name, path) => (name, path.as_ref().unwrap_or(&root)),
            AssignmentTarget::Query(Query { target, path }) => match target.inner() {
                QueryTarget::Internal(name) => (name, path.inner()),
                _ => return,
            },
            AssignmentTarget::Noop | AssignmentTarget::External(_) => return,
        };
        let span = target.span();
        let old = self.variable(span, name);
        self.variables.insert(name.to_string(), put(span, old, &path.segments, op, made));
    }

    fn query(&mut self, span: Span, query: &Query) -> Arc<Piece> {
        let made = match query.target.inner() {
            QueryTarget::External(PathPrefix::Event) => new(span, What::Data),
            QueryTarget::Internal(name) => self.variable(span, name),
            QueryTarget::FunctionCall(call) => self.call(span, call),
            QueryTarget::Container(container) => self.container(span, container),
            QueryTarget::External(PathPrefix::Metadata) => new(span, What::Unknown),
        };
        query.path.segments.iter().fold(made, |made, segment| {
            let step = match segment {
                OwnedSegment::Field(name) => Step::Field(name.to_string()),
                OwnedSegment::Index(_) => Step::Item,
            };
            new(span, What::At(made, step))
        })
    }

    fn call(&mut self, span: Span, call: &FunctionCall) -> Arc<Piece> {
        let named = |name: &str| {
            let is = |ident: &Node<Ident>| ident.inner().as_ref() == name;
            call.arguments.iter().any(|argument| argument.inner().ident.as_ref().is_some_and(is))
        };
        let is_deep = named("deep") || call.arguments.len() > 2;
        let only_deep =
            call.arguments.iter().all(|argument| argument.inner().ident.is_none()) || named("deep");
        let takes_patterns = OF_PATTERNS.contains(&call.ident.inner().as_ref());
        let is_taken = |expr: &Node<Expr>| takes_patterns && is_pattern(expr);
        let mut one = |expr: &Node<Expr>| {
            if is_taken(expr) { new(span, What::Unknown) } else { self.expr(expr) }
        };
        let mut given: Vec<Arc<Piece>> =
            call.arguments.iter().map(|argument| one(&argument.inner().expr)).collect();
        given.reverse();
        let (first, second) = (given.pop().filter(|_| only_deep), given.pop());
        let what = match (call.ident.inner().as_ref(), first, second) {
            (name, Some(same), _) if SAME.contains(&name) => return same,
            ("length" | "count", ..) => What::Count,
            ("compact", Some(whole), None) => What::Compact(whole),
            ("merge", Some(under), Some(over)) => {
                let depth = if is_deep { Depth::Deep } else { Depth::Shallow };
                What::Merged { under, over, depth }
            }
            // What is left of a list is another list of the same items.
            ("filter", Some(list), None) => What::Joined(vec![list]),
            ("append", Some(list), Some(items)) => What::Joined(vec![list, items]),
            ("push", Some(list), Some(item)) => What::Joined(vec![list, new(span, What::List(vec![item]))]),
            ("map", Some(list), None) => What::List(vec![self.each(span, call, list)]),
            _ => What::Unknown,
        };
        new(span, what)
    }

    /// What a closure makes of an item of the list.
    fn each(&mut self, span: Span, call: &FunctionCall, list: Arc<Piece>) -> Arc<Piece> {
        let Some(closure) = &call.closure else { return new(span, What::Unknown) };
        let around = self.variables.clone();
        if let Some(item) = closure.inner().variables.first() {
            let name = item.inner().to_string();
            self.variables.insert(name, new(item.span(), What::At(list, Step::Item)));
        }
        let block = &closure.inner().block;
        let made = self.lines(block.span(), &block.inner().0);
        self.variables = around;
        made
    }
}

/// An object with one field.
fn inside(span: Span, name: String, made: Arc<Piece>) -> Arc<Piece> {
    new(span, What::Object([(name, (span, made))].into()))
}

/// What is left of `old` once `made` was put where `segments` lead to.
fn put(
    span: Span,
    old: Arc<Piece>,
    segments: &[OwnedSegment],
    op: &AssignmentOp,
    made: Arc<Piece>,
) -> Arc<Piece> {
    let over = match (segments.split_first(), op) {
        (None, AssignmentOp::Assign) => return made,
        (None, AssignmentOp::Merge) => made,
        (Some((OwnedSegment::Field(name), rest)), op) => {
            let below = new(span, What::At(Arc::clone(&old), Step::Field(name.to_string())));
            inside(span, name.to_string(), put(span, below, rest, op, made))
        }
        (Some((OwnedSegment::Index(_), _)), _) => return new(span, What::Unknown),
    };
    new(span, What::Merged { under: old, over, depth: Depth::Shallow })
}

fn is_pattern(node: &Node<Expr>) -> bool {
    matches!(node.inner(), Expr::Literal(it) if matches!(it.inner(), Literal::Regex(_)))
}

fn literal(literal: &Literal) -> What {
    match literal {
        Literal::String(text) if text.0.is_empty() => What::Literal(Value::from("")),
        Literal::String(text) => {
            text.as_literal_string().map_or(What::Unknown, |text| What::Literal(Value::from(text)))
        }
        Literal::RawString(text) => What::Literal(Value::from(text.as_str())),
        Literal::Integer(number) => What::Literal(Value::from(*number)),
        Literal::Float(number) => What::Literal(Value::from(number.into_inner())),
        Literal::Boolean(value) => What::Literal(Value::from(*value)),
        Literal::Null => What::Literal(Value::Null),
        Literal::Regex(_) | Literal::Timestamp(_) => What::Unknown,
    }
}
