//! The rules that VRL does not hold, over the syntax tree, with their places.
//!
//! Assignments and `return` stand only where statements stand, because VRL loses their types elsewhere (in operands,
//! arguments and closures). Where the tree passes through, unsound operators are replaced.

use std::collections::{BTreeSet, HashSet};

use vrl::diagnostic::Span;
use vrl::parser::ast::{
    Array, Assignment, AssignmentOp, AssignmentTarget, Block, Container, Expr, FunctionArgument,
    FunctionCall, FunctionClosure, Group, Ident, IfStatement, Literal, Node, Not, Object, Op, Predicate,
    Program, Query, QueryTarget, Return, RootExpr, Unary,
};
use vrl::path::{OwnedSegment, OwnedValuePath, PathPrefix};

use crate::context::LOOKUP;
use crate::fields::{Fields, Missing};
use crate::literals::{self, Literals};
use crate::problem::{Problem, Source};
use crate::{MAX_ASSIGNMENTS, MAX_CLOSURES, functions, operators, reading, size};

/// Where an expression stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// As a line of the program or of a block: here it may assign or return.
    Statement,
    /// As the value of an assignment: a block in it has statements again.
    Assigned,
    /// Anywhere else.
    Operand,
}

impl Place {
    fn in_block(self) -> Self {
        if self == Self::Operand { Self::Operand } else { Self::Statement }
    }
}

/// What the walk found.
pub(crate) struct Held {
    /// What breaks a rule.
    pub(crate) problems: Vec<Problem>,
    /// Every variable that is assigned anywhere.
    pub(crate) assigned: BTreeSet<String>,
    /// Whether compiling it would take too long or too deep a stack.
    pub(crate) too_large: bool,
}

/// Walks `program`, noting what breaks a rule, and gives back the tree that is compiled.
pub(crate) fn hold(source: Source<'_>, fields: Fields, program: Program) -> (Program, Held) {
    let mut rules = Rules {
        source,
        fields,
        scopes: vec![HashSet::new()],
        assigned: BTreeSet::new(),
        assignments: 0,
        literals: Literals::default(),
        too_large: false,
        problems: vec![],
    };
    let mut lines = Vec::new();
    for line in program {
        let (span, line) = line.take();
        match line {
            RootExpr::Expr(expr) => {
                let with = rules.line(expr, Place::Statement).into_iter();
                lines.extend(with.map(|expr| Node::new(span, RootExpr::Expr(expr))));
            }
            error @ RootExpr::Error(_) => lines.push(Node::new(span, error)),
        }
    }
    let program = Program(lines);
    (program, Held { problems: rules.problems, assigned: rules.assigned, too_large: rules.too_large })
}

/// Whether a query asks for something under `%lookup`.
fn is_lookup(query: &Query) -> bool {
    let first = query.path.segments.first();
    *query.target.inner() == QueryTarget::External(PathPrefix::Metadata)
        && query.path.segments.len() > 1
        && first.is_some_and(|first| *first == OwnedSegment::field(LOOKUP))
}

/// The problem that a field which is read is not there.
pub(crate) fn misread(source: Source<'_>, span: Span, missing: Missing, is_lookup: bool) -> Problem {
    let near = missing.near.map(|near| format!("did you mean `{near}`?"));
    if is_lookup {
        let words = format!("there is no lookup `{}` here", missing.name);
        let hint = near.unwrap_or_else(|| "declare it as a [[lookup]]; a `when` has none".to_owned());
        return Problem { hint: Some(hint), ..source.at(span, "unknown-lookup", words) };
    }
    let words = format!("there is no field `{}` here", missing.name);
    Problem { hint: near, ..source.at(span, "unknown-field", words) }
}

/// The problem that the types would not tell what comes of what is set.
pub(crate) fn unsure(source: Source<'_>, span: Span) -> Problem {
    let words = "this path leads through what may be absent or of another type, or through a list whose length is not known";
    let hint = "set the whole, as in `x.place = merge(object(x.place) ?? {}, { \"town\": ... })`";
    Problem { hint: Some(hint.to_owned()), ..source.at(span, "wrong-path", words.to_owned()) }
}

/// The variable that is set, and where in it.
fn part_of(target: &AssignmentTarget) -> Option<(&Ident, &OwnedValuePath)> {
    match target {
        AssignmentTarget::Internal(name, path) => Some((name, path.as_ref()?)),
        AssignmentTarget::Query(query) => match query.target.inner() {
            QueryTarget::Internal(name) => Some((name, query.path.inner())),
            _ => None,
        },
        AssignmentTarget::External(_) | AssignmentTarget::Noop => None,
    }
}

/// What is set, read.
fn read(target: &Node<AssignmentTarget>) -> Option<Node<Expr>> {
    let span = target.span();
    let expr = match (target.inner(), part_of(target.inner())) {
        (AssignmentTarget::Internal(name, None), _) => Expr::Variable(Node::new(span, name.clone())),
        (_, Some((name, path))) => {
            let (target, path) = (QueryTarget::Internal(name.clone()), path.clone());
            Expr::Query(Node::new(
                span,
                Query { target: Node::new(span, target), path: Node::new(span, path) },
            ))
        }
        _ => return None,
    };
    Some(Node::new(span, expr))
}

struct Rules<'a> {
    source: Source<'a>,
    fields: Fields,
    /// The variables assigned so far: of the program, then of each closure around the place.
    scopes: Vec<HashSet<String>>,
    /// Every variable that is assigned anywhere.
    assigned: BTreeSet<String>,
    assignments: usize,
    literals: Literals,
    too_large: bool,
    problems: Vec<Problem>,
}

impl Rules<'_> {
    fn note(&mut self, span: Span, code: &str, words: impl Into<String>, hint: Option<&str>) {
        let hint = hint.map(str::to_owned);
        self.problems.push(Problem { hint, ..self.source.at(span, code, words) });
    }

    /// A line, with what is looked at before it.
    fn line(&mut self, node: Node<Expr>, place: Place) -> Vec<Node<Expr>> {
        let mut lines: Vec<Node<Expr>> = match node.inner() {
            Expr::Assignment(it) => {
                let targets = match it.inner() {
                    Assignment::Single { target, .. } => vec![target],
                    Assignment::Infallible { ok, err, .. } => vec![ok, err],
                };
                targets.into_iter().filter_map(|target| self.looked_at(target)).collect()
            }
            _ => vec![],
        };
        lines.push(self.expr(node, place));
        lines
    }

    /// What is looked at before something is set in a variable that is there.
    fn looked_at(&self, target: &Node<AssignmentTarget>) -> Option<Node<Expr>> {
        let (name, path) = part_of(target.inner())?;
        let is_there = self.scopes.iter().any(|scope| scope.contains(&name.to_string()));
        let needs_none = path.segments.is_empty() || literals::is_far(path);
        (is_there && !needs_none)
            .then(|| Node::new(target.span(), reading::of_target(target.span(), name.clone(), path)))
    }

    fn expr(&mut self, node: Node<Expr>, place: Place) -> Node<Expr> {
        let (span, expr) = node.take();
        size::expression(self.scopes.len() - 1);
        let expr = match expr {
            Expr::Container(container) => Expr::Container(container.map(|it| self.container(it, place))),
            Expr::IfStatement(it) => Expr::IfStatement(it.map(|it| self.if_statement(it, place))),
            Expr::Op(op) => self.op(span, op.into_inner()),
            Expr::Assignment(it) => {
                if place != Place::Statement {
                    self.note(
                        span,
                        "assignment-here",
                        "an assignment has to stand on a line of its own",
                        None,
                    );
                }
                Expr::Assignment(it.map(|it| self.assignment(it)))
            }
            Expr::Query(query) => {
                let query = query.map(|it| self.query(it));
                match query.target.inner() {
                    QueryTarget::Internal(_) => operators::read(span, reading::of_variable(query)),
                    _ => Expr::Query(query),
                }
            }
            Expr::Variable(name) => operators::read(span, Expr::Variable(name)),
            Expr::Literal(literal) => self.literal(span, literal),
            Expr::FunctionCall(call) => Expr::FunctionCall(call.map(|it| self.call(it))),
            Expr::Unary(unary) => Expr::Unary(unary.map(|Unary::Not(not)| Unary::Not(self.not(not)))),
            Expr::Return(it) => {
                if place != Place::Statement || self.scopes.len() > 1 {
                    self.note(
                        span,
                        "return-here",
                        "`return` has to stand on a line of its own, outside closures",
                        None,
                    );
                }
                Expr::Return(it.map(|it| Return { expr: Box::new(self.expr(*it.expr, Place::Operand)) }))
            }
            Expr::Abort(it) => {
                let hint = "a record or event that is not wanted is left out by a `when`";
                self.note(span, "abort", "`abort` is not allowed in mappings", Some(hint));
                Expr::Abort(it)
            }
            plain @ Expr::Break(_) => plain,
        };
        Node::new(span, expr)
    }

    fn literal(&mut self, span: Span, literal: Node<Literal>) -> Expr {
        if let Literal::String(template) = literal.inner()
            && template.as_literal_string().is_none()
        {
            let parts = Node::new(span, template.rewrite_to_concatenated_strings());
            return self.expr(parts, Place::Operand).into_inner();
        }
        self.problems.extend(self.literals.wrong(self.source, span, literal.inner()));
        self.too_large |= self.literals.too_many();
        Expr::Literal(literal)
    }

    /// An index that is too far is not even compiled: types are filled up to it as well.
    fn near(&mut self, span: Span, path: &OwnedValuePath) {
        let far = literals::far(self.source, span, path);
        self.too_large |= far.is_some();
        self.problems.extend(far);
    }

    fn not(&mut self, node: Node<Not>) -> Node<Not> {
        let (span, not) = node.take();
        let (bang, inner) = not.take();
        Node::new(span, Not::new(bang.span(), self.expr(*inner, Place::Operand)))
    }

    fn container(&mut self, container: Container, place: Place) -> Container {
        match container {
            Container::Group(group) => Container::Group(Box::new(
                group.map(|group| Group(self.expr(group.into_inner(), Place::Operand))),
            )),
            Container::Block(block) => Container::Block(block.map(|block| self.block(block, place))),
            Container::Array(items) => Container::Array(items.map(|items| {
                items.into_iter().map(|item| self.expr(item, Place::Operand)).collect::<Array>()
            })),
            Container::Object(fields) => Container::Object(fields.map(|fields| self.object(fields))),
        }
    }

    fn object(&mut self, fields: Object) -> Object {
        let mut names = HashSet::new();
        let mut kept = Vec::new();
        for (name, value) in fields {
            if !names.insert(name.inner().clone()) {
                self.note(name.span(), "duplicate-key", format!("the field `{name}` is given twice"), None);
            }
            kept.push((name, self.expr(value, Place::Operand)));
        }
        kept.into_iter().collect()
    }

    fn block(&mut self, block: Block, place: Place) -> Block {
        Block(block.into_iter().flat_map(|line| self.line(line, place.in_block())).collect())
    }

    fn if_statement(&mut self, it: IfStatement, place: Place) -> IfStatement {
        IfStatement {
            predicate: it.predicate.map(|predicate| match predicate {
                Predicate::One(expr) => Predicate::One(Box::new(self.expr(*expr, Place::Operand))),
                Predicate::Many(exprs) => {
                    Predicate::Many(exprs.into_iter().map(|expr| self.expr(expr, Place::Operand)).collect())
                }
            }),
            if_node: it.if_node.map(|block| self.block(block, place)),
            else_node: it.else_node.map(|block| block.map(|block| self.block(block, place))),
        }
    }

    fn op(&mut self, span: Span, Op(left, code, right): Op) -> Expr {
        let (left, right) = (self.expr(*left, Place::Operand), self.expr(*right, Place::Operand));
        operators::sound(span, Op(Box::new(left), code, Box::new(right)))
    }

    fn assignment(&mut self, assignment: Assignment) -> Assignment {
        match assignment {
            Assignment::Single { target, op, expr } => {
                let mut expr = self.expr(*expr, Place::Assigned);
                self.target(&target);
                let old = (op == AssignmentOp::Merge).then(|| read(&target)).flatten();
                if let Some(old) = old {
                    expr = operators::merged(expr.span(), self.expr(old, Place::Operand), expr);
                    return Assignment::Single { target, op: AssignmentOp::Assign, expr: Box::new(expr) };
                }
                Assignment::Single { target, op, expr: Box::new(expr) }
            }
            Assignment::Infallible { ok, err, op, expr } => {
                let expr = Box::new(self.expr(*expr, Place::Operand));
                self.target(&ok);
                self.target(&err);
                Assignment::Infallible { ok, err, op, expr }
            }
        }
    }

    fn target(&mut self, target: &Node<AssignmentTarget>) {
        let name = match target.inner() {
            AssignmentTarget::Internal(name, path) => {
                path.iter().for_each(|path| self.near(target.span(), path));
                name
            }
            AssignmentTarget::Query(query) => match query.target.inner() {
                QueryTarget::Internal(name) => {
                    self.near(target.span(), query.path.inner());
                    name
                }
                QueryTarget::External(_) => return self.read_only(target.span()),
                _ => return,
            },
            AssignmentTarget::External(_) => return self.read_only(target.span()),
            AssignmentTarget::Noop => return,
        };
        self.assignments += 1;
        if self.assignments == MAX_ASSIGNMENTS + 1 {
            self.too_large = true;
            let words = format!("more than {MAX_ASSIGNMENTS} assignments");
            self.note(target.span(), "too-many-assignments", words, None);
        }
        let name = name.to_string();
        let own = self.scopes.last().is_some_and(|scope| scope.contains(&name));
        if !own && self.scopes.iter().any(|scope| scope.contains(&name)) {
            let words = format!("`{name}` belongs to what is around the closure, which cannot change it");
            let hint = "let the closure give the value back, or use another name";
            self.note(target.span(), "assignment-in-closure", words, Some(hint));
        }
        self.assigned.insert(name.clone());
        if let Some(scope) = self.scopes.last_mut() {
            scope.insert(name);
        }
    }

    fn read_only(&mut self, span: Span) {
        let hint = "collect the result in a variable and put it on the last line";
        self.note(span, "read-only", "`.` and `%` cannot be changed", Some(hint));
    }

    fn query(&mut self, query: Query) -> Query {
        let span = Span::new(query.target.span().start(), query.path.span().end());
        self.near(span, query.path.inner());
        let missing = match query.target.inner() {
            QueryTarget::External(prefix) => self.fields.missing(*prefix, &query.path),
            _ => None,
        };
        if let Some(missing) = missing {
            let is_lookup = is_lookup(&query);
            self.problems.push(misread(self.source, span, missing, is_lookup));
        }
        let Query { target, path } = query;
        let (at, target) = target.take();
        let value = match target {
            plain @ (QueryTarget::External(_) | QueryTarget::Internal(_)) => {
                return Query { target: Node::new(at, plain), path };
            }
            QueryTarget::FunctionCall(call) => Expr::FunctionCall(Node::new(at, call)),
            QueryTarget::Container(container) => Expr::Container(Node::new(at, container)),
        };
        let value = self.expr(Node::new(at, value), Place::Operand);
        let call = reading::of_result(span, path.inner(), value);
        Query { target: Node::new(at, QueryTarget::FunctionCall(call)), path }
    }

    /// What is given to a function; to `exists` a read as it stands.
    fn argument(&mut self, function: &str, it: FunctionArgument) -> FunctionArgument {
        let (span, expr) = it.expr.take();
        let expr = match expr {
            Expr::Query(query) if function == "exists" => {
                Node::new(span, Expr::Query(query.map(|it| self.query(it))))
            }
            other => self.expr(Node::new(span, other), Place::Operand),
        };
        FunctionArgument { ident: it.ident, expr }
    }

    fn call(&mut self, call: FunctionCall) -> FunctionCall {
        let name = call.ident.inner().clone();
        if !functions::is_allowed(&name) {
            let words = format!("the function `{name}` is not allowed in mappings");
            self.note(call.ident.span(), "unknown-function", words, None);
        }
        if call.abort_on_error {
            let words = format!("`{name}!` would stop the mapping at an error, which is not allowed");
            let hint = "give a default with `??`, or take the error with `value, err = ...`";
            self.note(call.ident.span(), "failing-call", words, Some(hint));
        }
        let arguments =
            call.arguments.into_iter().map(|argument| argument.map(|it| self.argument(&name, it)));
        FunctionCall {
            arguments: arguments.collect(),
            closure: call.closure.map(|closure| closure.map(|closure| self.closure(closure))),
            ident: call.ident,
            abort_on_error: call.abort_on_error,
        }
    }

    fn closure(&mut self, closure: FunctionClosure) -> FunctionClosure {
        let FunctionClosure { variables, block } = closure;
        if self.scopes.len() == MAX_CLOSURES + 1 {
            self.too_large = true;
            let words = format!("closures are nested deeper than {MAX_CLOSURES} levels");
            self.note(block.span(), "nested-too-deep", words, None);
        }
        self.scopes.push(variables.iter().map(|variable| variable.inner().to_string()).collect());
        let block = block.map(|block| self.block(block, Place::Statement));
        self.scopes.pop();
        FunctionClosure { variables, block }
    }
}
