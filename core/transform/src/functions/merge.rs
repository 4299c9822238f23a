//! `merge` and the operator `|`, with a type that keeps what the second object may not replace. VRL's says of a field that the
//! second may lack that it is what the second has or nothing, and forgets the first.

use vrl::compiler::prelude::*;
use vrl::value::kind::Field;

use super::lists::is_anything;

/// The name, for the operator too.
pub(crate) const MERGE: &str = "merge";

const OBJECTS: &[Parameter] = &[
    Parameter::required("to", kind::OBJECT, "the object"),
    Parameter::required("from", kind::OBJECT, "the one whose fields win"),
    Parameter::optional("deep", kind::BOOLEAN, "whether objects in both are merged in turn"),
];

/// Whether objects in both are merged in turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Depth {
    Shallow,
    Deep,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Merge;

impl Function for Merge {
    fn identifier(&self) -> &'static str {
        MERGE
    }

    fn usage(&self) -> &'static str {
        ""
    }

    fn category(&self) -> &'static str {
        Category::Object.as_ref()
    }

    fn return_kind(&self) -> u16 {
        kind::OBJECT
    }

    fn examples(&self) -> &'static [Example] {
        &[]
    }

    fn parameters(&self) -> &'static [Parameter] {
        OBJECTS
    }

    fn compile(&self, state: &TypeState, _: &mut FunctionCompileContext, given: ArgumentList) -> Compiled {
        let deep = given.optional("deep");
        let depths = match deep.as_ref().map(|deep| deep.resolve_constant(state)) {
            None | Some(Some(Value::Boolean(false))) => &[Depth::Shallow][..],
            Some(Some(_)) => &[Depth::Deep],
            Some(None) => &[Depth::Shallow, Depth::Deep],
        };
        Ok(Call { under: given.required("to"), over: given.required("from"), deep, depths }.as_expr())
    }
}

#[derive(Debug, Clone)]
struct Call {
    under: Box<dyn Expression>,
    over: Box<dyn Expression>,
    deep: Option<Box<dyn Expression>>,
    /// What `deep` may say.
    depths: &'static [Depth],
}

impl FunctionExpression for Call {
    fn resolve(&self, context: &mut Context) -> Resolved {
        let (under, over) = (self.under.resolve(context)?, self.over.resolve(context)?);
        let deep = self.deep.as_ref().map(|deep| deep.resolve(context)).transpose()?;
        let depth = if deep == Some(Value::Boolean(true)) { Depth::Deep } else { Depth::Shallow };
        let (Value::Object(under), Value::Object(over)) = (under, over) else {
            return Err("not two objects".into());
        };
        Ok(Value::Object(merged(under, over, depth)))
    }

    fn type_def(&self, state: &TypeState) -> TypeDef {
        let (under, over) = (self.under.type_def(state), self.over.type_def(state));
        let (Some(under), Some(over)) = (under.as_object(), over.as_object()) else {
            return TypeDef::object(Collection::any());
        };
        let kinds = self.depths.iter().map(|depth| Kind::object(fields(under, over, *depth)));
        TypeDef::from(kinds.fold(Kind::never(), |all, kind| all.union(kind)))
    }
}

fn merged(mut under: ObjectMap, over: ObjectMap, depth: Depth) -> ObjectMap {
    for (name, value) in over {
        let value = match (under.remove(&name), value) {
            (Some(Value::Object(under)), Value::Object(over)) if depth == Depth::Deep => {
                Value::Object(merged(under, over, depth))
            }
            (_, value) => value,
        };
        under.insert(name, value);
    }
    under
}

fn fields(under: &Collection<Field>, over: &Collection<Field>, depth: Depth) -> Collection<Field> {
    let of =
        |all: &Collection<Field>, name| all.known().get(name).cloned().unwrap_or_else(|| all.unknown_kind());
    let names = under.known().keys().chain(over.known().keys());
    let known = names.map(|name| (name.clone(), field(&of(under, name), &of(over, name), depth)));
    Collection::from_parts(known.collect(), field(&under.unknown_kind(), &over.unknown_kind(), depth))
}

/// What stands at one name: what the second has there and, where it may have nothing, what the first has.
fn field(under: &Kind, over: &Kind, depth: Depth) -> Kind {
    let set = over.without_undefined();
    let kept = if over.contains_undefined() { under.clone() } else { Kind::never() };
    match (under.as_object(), over.as_object()) {
        (Some(one), Some(other)) if depth == Depth::Deep => {
            if is_anything(under) || is_anything(over) {
                return set.union(under.clone());
            }
            let replaces = if under.is_object() { Kind::never() } else { Kind::object(other.clone()) };
            let both = Kind::object(fields(one, other, depth));
            set.without_object().union(both).union(replaces).union(kept)
        }
        _ => set.union(kept),
    }
}
