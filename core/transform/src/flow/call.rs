//! What the functions of a mapping do with what they are given. One that is not named here makes a whole of all its arguments.

use vrl::parser::ast::{Expr, FunctionCall, FunctionClosure, Node};

use super::ITEMS;
use super::tree::{Origins, Tree, add, deciding};
use super::walk::Walk;

/// The functions that tell whether something is there, of which type it is, and how much there is.
const OF_PRESENCE: [&str; 8] =
    ["exists", "is_array", "is_integer", "is_null", "is_nullish", "is_object", "is_string", "length"];

impl Walk {
    pub(super) fn call(&mut self, call: &FunctionCall) -> Tree {
        let exprs: Vec<&Node<Expr>> = call.arguments.iter().map(|argument| &argument.inner().expr).collect();
        let in_order = call.arguments.iter().all(|argument| argument.inner().ident.is_none());
        match (call.ident.inner().as_ref(), exprs.as_slice()) {
            (name, [one]) if OF_PRESENCE.contains(&name) => Tree::of(self.looked_at(one).1),
            ("string" | "int" | "float" | "bool" | "array" | "object", [one]) => self.looked_at(one).0,
            ("compact", [one]) => compact(self.expr(one)),
            ("unique", [one]) => {
                let list = self.expr(one);
                let all = deciding(list.whole());
                list.with(all)
            }
            ("merge" | "append", all) => self.joined(all),
            ("push", [list, item]) if in_order => {
                let list = self.expr(list);
                list.join(Tree::around(ITEMS, self.expr(item)))
            }
            ("slice", [value, ends @ ..]) if in_order => {
                let (value, ends) = (self.expr(value), self.joined(ends));
                let mut which = deciding(value.presence());
                // Of a text that is known, the place of a character is the character.
                add(&mut which, ends.whole());
                value.with(which)
            }
            (name @ ("map" | "filter" | "count"), [list]) => {
                let list = self.expr(list);
                let made =
                    call.closure.as_ref().map(|closure| self.closure(closure.inner(), &list.get(ITEMS)));
                each(name, list, made.unwrap_or_default())
            }
            (_, all) => {
                let all = self.joined(all);
                let given = Tree::of(all.whole());
                let made = call.closure.as_ref().map(|closure| self.closure(closure.inner(), &given));
                Tree::of(all.join(made.unwrap_or_default()).whole())
            }
        }
    }

    fn joined(&mut self, exprs: &[&Node<Expr>]) -> Tree {
        exprs.iter().fold(Tree::default(), |all, expr| all.join(self.expr(expr))).bounded()
    }

    /// A value, and its presence: no more of it was read, where it stands there by its name.
    fn looked_at(&mut self, expr: &Node<Expr>) -> (Tree, Origins) {
        let before = self.read.clone();
        let value = self.expr(expr);
        let presence = value.presence();
        if matches!(expr.inner(), Expr::Query(_) | Expr::Variable(_)) {
            self.read = before;
            add(&mut self.read, presence.clone());
        }
        (value, presence)
    }

    /// What a closure makes of `given`; it changes nothing outside itself.
    fn closure(&mut self, closure: &FunctionClosure, given: &Tree) -> Tree {
        let around = self.variables.clone();
        let named = closure.variables.iter().map(|name| (name.inner().to_string(), given.clone()));
        self.variables.extend(named);
        let made = self.block(closure.block.inner());
        self.variables = around;
        made
    }
}

/// What comes of a list of which a closure makes `made` for each item.
fn each(name: &str, list: Tree, made: Tree) -> Tree {
    match name {
        "map" => Tree::around(ITEMS, made).with(deciding(list.presence())),
        // What is let through tells what it was asked for: of a list of all answers, the answer itself.
        "filter" => list.with(made.whole()),
        _ => {
            let mut all = list.presence();
            add(&mut all, made.whole());
            Tree::of(all)
        }
    }
}

/// What is left once everything empty is taken out: an item that goes moves those behind it.
fn compact(tree: Tree) -> Tree {
    let copied = Tree { copies: tree.copies.clone(), ..Tree::default() };
    let moved = copied.join(tree.below.get(ITEMS).cloned().unwrap_or_default());
    let below = tree.below.into_iter().map(|(step, tree)| (step, compact(tree))).collect();
    Tree { below, ..tree }.with(deciding(moved.whole()))
}
