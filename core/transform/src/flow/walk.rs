//! The walk over the syntax tree: what each expression may hold, and what decides on it.

use std::collections::BTreeMap;

use vrl::diagnostic::Span;
use vrl::parser::ast::{
    Assignment, AssignmentOp, AssignmentTarget, Block, Container, Expr, IfStatement, Literal, Node, Op,
    Opcode, Predicate, Program, Query, QueryTarget, RootExpr, Unary,
};
use vrl::path::{OwnedSegment, OwnedValuePath, PathPrefix};

use super::tree::{Origins, Tree, add, deciding};
use super::{FieldPath, ITEMS};

/// What the program makes.
pub(super) fn result(program: Program) -> Tree {
    let mut walk = Walk::default();
    let mut last = Tree::default();
    for line in program {
        if let RootExpr::Expr(expr) = line.into_inner() {
            last = walk.expr(&expr);
        }
    }
    // What led to an early end is with what it gave, so that it decides on the whole.
    last.join(walk.returned)
}

#[derive(Default)]
pub(super) struct Walk {
    pub(super) variables: BTreeMap<String, Tree>,
    /// Everything that was read so far: an error may depend on any of it.
    pub(super) read: Origins,
    /// What decided that the place is reached, a set for each `if` around it.
    conditions: Vec<Origins>,
    /// What an early end gives.
    returned: Tree,
}

impl Walk {
    pub(super) fn expr(&mut self, expr: &Node<Expr>) -> Tree {
        match expr.inner() {
            Expr::Literal(literal) => self.literal(literal.inner()),
            Expr::Container(container) => self.container(container.inner()),
            Expr::IfStatement(it) => self.if_statement(it.inner()),
            Expr::Op(op) => self.op(op.inner()),
            Expr::Assignment(it) => self.assignment(it.inner(), it.span()),
            Expr::Query(query) => self.query(query.inner(), query.span()),
            Expr::FunctionCall(call) => self.call(call.inner()),
            Expr::Variable(name) => self.variable(name.inner()),
            Expr::Unary(unary) => {
                let Unary::Not(not) = unary.inner();
                let (_, inner) = not.inner().clone().take();
                Tree::of(self.expr(&inner).whole())
            }
            Expr::Return(it) => {
                let value = self.expr(&it.inner().expr).with(self.reached_by());
                self.returned = std::mem::take(&mut self.returned).join(value).bounded();
                Tree::default()
            }
            Expr::Abort(_) | Expr::Break(_) => Tree::default(),
        }
    }

    /// What decided that the place is reached.
    fn reached_by(&self) -> Origins {
        let mut all = Origins::new();
        self.conditions.iter().for_each(|condition| add(&mut all, condition.clone()));
        all
    }

    fn literal(&mut self, literal: &Literal) -> Tree {
        match literal {
            Literal::String(text) if text.as_literal_string().is_none() => {
                self.expr(&Node::new(Span::default(), text.rewrite_to_concatenated_strings()))
            }
            _ => Tree::default(),
        }
    }

    fn variable(&mut self, name: &str) -> Tree {
        let tree = self.variables.get(name).cloned().unwrap_or_default();
        add(&mut self.read, tree.whole());
        tree
    }

    fn container(&mut self, container: &Container) -> Tree {
        match container {
            Container::Group(group) => self.expr(&group.inner().0),
            Container::Block(block) => self.block(block.inner()),
            Container::Array(items) => {
                let items = items.inner().clone().into_iter();
                let joined = items.fold(Tree::default(), |all, item| all.join(self.expr(&item)));
                Tree::around(ITEMS, joined).bounded()
            }
            Container::Object(fields) => {
                let fields = fields.inner().clone().into_iter();
                let one = |(name, value): (Node<String>, _)| Tree::around(name.inner(), self.expr(&value));
                fields.map(one).fold(Tree::default(), Tree::join).bounded()
            }
        }
    }

    pub(super) fn block(&mut self, block: &Block) -> Tree {
        block.0.iter().fold(Tree::default(), |_, line| self.expr(line))
    }

    fn if_statement(&mut self, it: &IfStatement) -> Tree {
        let predicate = match it.predicate.inner() {
            Predicate::One(expr) => self.expr(expr).whole(),
            Predicate::Many(exprs) => {
                exprs.iter().fold(Tree::default(), |all, expr| all.join(self.expr(expr))).whole()
            }
        };
        let predicate = deciding(predicate);
        self.conditions.push(predicate.clone());
        let before = self.variables.clone();
        let made = self.block(it.if_node.inner());
        let after = std::mem::replace(&mut self.variables, before);
        let otherwise = it.else_node.as_ref().map(|block| self.block(block.inner())).unwrap_or_default();
        self.conditions.pop();
        for (name, tree) in after {
            let other = self.variables.remove(&name).unwrap_or_default();
            self.variables.insert(name, other.join(tree).bounded());
        }
        made.join(otherwise).with(predicate)
    }

    fn op(&mut self, Op(left, code, right): &Op) -> Tree {
        match code.inner() {
            Opcode::Err => {
                let (made, read) = self.reading(|walk| walk.expr(left));
                made.join(self.expr(right)).with(deciding(read))
            }
            Opcode::Or => {
                let left = self.expr(left);
                let decides = deciding(left.whole());
                left.join(self.expr(right)).with(decides)
            }
            Opcode::Merge => self.expr(left).join(self.expr(right)).bounded(),
            Opcode::Eq | Opcode::Ne if is_null(left) => Tree::of(self.expr(right).presence()),
            Opcode::Eq | Opcode::Ne if is_null(right) => Tree::of(self.expr(left).presence()),
            _ => Tree::of(self.expr(left).join(self.expr(right)).whole()),
        }
    }

    /// What is made, and everything that was read for it.
    fn reading(&mut self, make: impl FnOnce(&mut Self) -> Tree) -> (Tree, Origins) {
        let before = std::mem::take(&mut self.read);
        let made = make(self);
        let read = std::mem::replace(&mut self.read, before);
        add(&mut self.read, read.clone());
        (made, read)
    }

    fn assignment(&mut self, assignment: &Assignment, span: Span) -> Tree {
        match assignment {
            Assignment::Single { target, op, expr } => {
                let value = self.expr(expr);
                let value = self.merged(target, op, span, value);
                self.assign(target.inner(), value.clone());
                value
            }
            Assignment::Infallible { ok, err, op, expr } => {
                let (value, read) = self.reading(|walk| walk.expr(expr));
                let value = self.merged(ok, op, span, value).with(deciding(read.clone()));
                self.assign(ok.inner(), value.clone());
                // The words of an error may quote what was read.
                self.assign(err.inner(), Tree::of(read));
                value
            }
        }
    }

    fn merged(
        &mut self,
        target: &Node<AssignmentTarget>,
        op: &AssignmentOp,
        span: Span,
        value: Tree,
    ) -> Tree {
        match op {
            AssignmentOp::Assign => value,
            AssignmentOp::Merge => {
                self.expr(&Node::new(span, target.inner().to_expr(target.span()))).join(value)
            }
        }
    }

    fn assign(&mut self, target: &AssignmentTarget, value: Tree) {
        let (name, steps) = match target {
            AssignmentTarget::Internal(name, path) => (name, path.as_ref().map(steps).unwrap_or_default()),
            AssignmentTarget::Query(query) => match query.target.inner() {
                QueryTarget::Internal(name) => (name, steps(query.path.inner())),
                _ => return,
            },
            AssignmentTarget::External(_) | AssignmentTarget::Noop => return,
        };
        let value = value.with(self.reached_by());
        let mut tree = self.variables.remove(&**name).unwrap_or_default();
        tree.set(&steps, value);
        self.variables.insert(name.to_string(), tree.bounded());
    }

    fn query(&mut self, query: &Query, span: Span) -> Tree {
        let root = match query.target.inner() {
            QueryTarget::External(prefix) => {
                let is_metadata = *prefix == PathPrefix::Metadata;
                Tree::copy(FieldPath { is_metadata, ..FieldPath::whole() }, span)
            }
            QueryTarget::Internal(name) => self.variables.get(&**name).cloned().unwrap_or_default(),
            QueryTarget::FunctionCall(call) => self.call(call),
            QueryTarget::Container(container) => self.container(container),
        };
        let found = query.path.segments.iter().fold(root, |tree, segment| match segment {
            OwnedSegment::Field(name) => tree.get(name),
            // Which item it is depends on how many there are, where it is counted from the end.
            OwnedSegment::Index(_) => tree.get(ITEMS).with(deciding(tree.presence())),
        });
        add(&mut self.read, found.whole());
        found
    }
}

fn steps(path: &OwnedValuePath) -> Vec<String> {
    let step = |segment: &OwnedSegment| match segment {
        OwnedSegment::Field(name) => name.to_string(),
        OwnedSegment::Index(_) => ITEMS.to_owned(),
    };
    path.segments.iter().map(step).collect()
}

fn is_null(expr: &Node<Expr>) -> bool {
    matches!(expr.inner(), Expr::Literal(literal) if *literal.inner() == Literal::Null)
}
