//! `anyOf` and `oneOf`: each type that may stand there goes to the branches that may take it.

use serde_json::Value;
use vrl::value::Kind;

use super::kinds::{parts, surplus};
use super::walk::{At, Walk, shown};
use super::{Found, Happens};
use crate::Shape;

impl<'a> Walk<'_, 'a> {
    pub(super) fn branches(&mut self, made: &Kind, (keyword, branches): (&str, &'a Value), at: &At<'a>) {
        let Some(branches) = branches.as_array() else { return };
        let kinds: Vec<Kind> = branches.iter().map(|branch| Shape::of_branch(self.root, branch)).collect();
        let union = kinds.iter().cloned().fold(Kind::never(), |all, kind| all.union(kind));
        self.types(made, &union, at);
        let deeper = At { depth: at.depth + 1, ..at.clone() };
        for part in parts(made) {
            // A number with a fraction of nothing leaves as a whole one: of `oneOf` that is a branch more.
            let may_be_whole =
                |kind: &Kind| keyword == "oneOf" && part.contains_float() && kind.contains_integer();
            let takes = |kind: &Kind| surplus(&part, kind).is_never() || may_be_whole(kind);
            let fitting =
                branches.iter().zip(&kinds).filter(|(_, kind)| takes(kind)).map(|(branch, _)| branch);
            let fitting: Vec<&'a Value> = fitting.collect();
            match fitting[..] {
                [] => {}
                [only] => self.compare(&part, only, &deeper),
                _ => self.one_of(&part, (keyword, &fitting), &deeper),
            }
        }
    }

    /// Several branches may take it: shown where one certainly does and that is enough, refused where none can.
    fn one_of(&mut self, part: &Kind, (keyword, branches): (&str, &[&'a Value]), at: &At<'a>) {
        let mut tried: Vec<Walk<'_, 'a>> = Vec::new();
        for branch in branches {
            let mut trial = self.anew(self.root);
            trial.compare(part, branch, at);
            self.places = trial.places;
            tried.push(trial);
        }
        let fits = |trial: &Walk<'_, 'a>| trial.found.is_empty() && trial.left.is_empty();
        // What is wrong with a field that may be absent is not always wrong: the types of several objects are one by now.
        let is_certain = |found: &&Found| {
            let above = found.path.rsplit_once('.').map(|(above, _)| above);
            let is_absent = found.code == "missing" && above == Some(at.path.trim_end_matches('.'));
            found.happens == Happens::Always && (found.path == at.path || is_absent)
        };
        let never = |trial: &Walk<'_, 'a>| trial.found.iter().any(|found| is_certain(&found));
        if keyword == "anyOf" && tried.iter().any(fits) {
            return;
        }
        if tried.iter().all(never) {
            let words = format!("{} fits none of the forms that {} takes", shown(&at.path), self.taker);
            let first = tried.iter().flat_map(|trial| &trial.found).find(is_certain);
            let hint = first.map(|found| format!("of the first: {}", found.words));
            return self.note(Found { happens: Happens::Always, hint, ..self.of(at, "wrong-type", words) });
        }
        self.leave(at, keyword);
    }
}
