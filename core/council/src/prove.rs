//! What takes longer than reading: compiling every mapping and filter, comparing what each mapping makes with what is
//! taken, and validating every example.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use postroom_transform::{Filter, Fit, Happens, Left, Mapping};
use rayon::prelude::*;
use serde_json::Value;

use crate::load::file_problem;
use crate::{Council, MapRule, Problem, Program, Route, Verdicts, personal, subject};

/// What a proof tells.
#[derive(Debug, Default)]
pub struct Proof {
    /// What is wrong.
    pub problems: Vec<Problem>,
    /// What is left to validation, of each mapping of which anything is.
    pub unproved: Vec<Unproved>,
}

/// What the proof of one mapping or filter leaves to validation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unproved {
    /// The file that it is written in.
    pub mapping: PathBuf,
    /// The rules, by path; of a source mapping also what types tell of results that may be refused, e.g. `wrong-type`.
    pub rules: Vec<Left>,
}

impl Proof {
    fn of(problems: Vec<Problem>) -> Self {
        Self { problems, unproved: vec![] }
    }

    fn left(file: &Path, rules: Vec<Left>) -> Self {
        let unproved = (!rules.is_empty()).then(|| Unproved { mapping: file.to_owned(), rules });
        Self { problems: vec![], unproved: unproved.into_iter().collect() }
    }

    fn joined(mut self, other: Self) -> Self {
        self.problems.extend(other.problems);
        self.unproved.extend(other.unproved);
        self
    }
}

/// One step of the proof.
type Step<'a> = Box<dyn Fn() -> Proof + Send + Sync + 'a>;

impl Council {
    /// Proves the text, on every core: examples of the vocabulary, every mapping and filter, but for what is known from
    /// before. `done` is called after each step with the number of steps done and in all.
    pub fn prove(&self, verdicts: &Verdicts, done: &(dyn Fn(usize, usize) + Sync)) -> Proof {
        let steps = self.steps(verdicts);
        let (count, all) = (AtomicUsize::new(0), steps.len());
        let prove = |step: &Step<'_>| {
            let proof = step();
            done(count.fetch_add(1, Ordering::Relaxed) + 1, all);
            proof
        };
        let mut proof = steps.par_iter().map(prove).reduce(Proof::default, Proof::joined);
        proof.unproved.sort();
        proof.unproved.dedup();
        proof
    }

    /// Compiles every mapping and filter that is not compiled yet.
    pub fn compile(&self) {
        let mut steps: Vec<Box<dyn Fn() + Send + Sync + '_>> = Vec::new();
        for route in &self.routes {
            steps.push(Box::new(|| drop(route.mapping.get())));
        }
        for map in self.sources().flat_map(|(_, side)| &side.maps) {
            steps.push(Box::new(|| drop(map.mapping.get())));
        }
        steps.extend(
            self.filters().map(|filter| -> Box<dyn Fn() + Send + Sync> { Box::new(|| drop(filter.get())) }),
        );
        steps.par_iter().for_each(|step| step());
    }

    fn steps<'a>(&'a self, verdicts: &'a Verdicts) -> Vec<Step<'a>> {
        let mut steps: Vec<Step<'a>> = Vec::new();
        for route in &self.routes {
            steps.push(Box::new(move || of_route(route, verdicts)));
            steps.push(Box::new(move || Proof::of(personal::check(self, route))));
        }
        for map in self.sources().flat_map(|(_, side)| &side.maps) {
            steps.push(Box::new(move || self.of_source(map, verdicts)));
            steps.push(Box::new(move || Proof::of(subject::check(self, map))));
        }
        for filter in self.filters() {
            steps.push(Box::new(move || of_filter(filter, verdicts)));
        }
        steps.push(Box::new(|| {
            Proof::of(self.vocabulary.check_examples().into_iter().map(file_problem).collect())
        }));
        steps
    }

    fn filters(&self) -> impl Iterator<Item = &Program<Filter>> {
        let of_routes = self.routes.iter().filter_map(|route| route.when.as_ref());
        let of_maps = self.sources().flat_map(|(_, side)| &side.maps).filter_map(|map| map.when.as_ref());
        let of_ignores = self.sources().flat_map(|(_, side)| &side.ignores).filter_map(|it| it.when.as_ref());
        of_routes.chain(of_maps).chain(of_ignores)
    }

    /// A source may refuse a record, so that only what never fits is wrong; what may not is left to validation.
    fn of_source(&self, map: &MapRule, verdicts: &Verdicts) -> Proof {
        let Some(event) = self.vocabulary.get(&map.event_type) else {
            return Proof::of(map.mapping.get().err().unwrap_or_default());
        };
        prove(&map.mapping, &event.schema, verdicts, |mapping| {
            let mut fit = mapping.fit_events(&event.schema);
            let (wrong, perhaps) =
                fit.misfits.into_iter().partition(|misfit| misfit.happens == Happens::Always);
            fit.misfits = wrong;
            let perhaps: Vec<_> = perhaps;
            fit.left.extend(perhaps.into_iter().map(|it| Left { path: it.path, rule: it.problem.code }));
            fit.left.sort();
            fit
        })
    }
}

fn of_route(route: &Route, verdicts: &Verdicts) -> Proof {
    let target = route.accepts.schema();
    prove(&route.mapping, target, verdicts, |mapping| mapping.fit(target))
}

fn prove(
    program: &Program<Mapping>,
    target: &Value,
    verdicts: &Verdicts,
    fit: impl FnOnce(&Mapping) -> Fit,
) -> Proof {
    let fingerprint = program.fingerprint(verdicts, Some(target));
    if let Some(left) = verdicts.known(&fingerprint) {
        return Proof::left(program.file(), left);
    }
    let mapping = match program.get() {
        Ok(mapping) => mapping,
        Err(problems) => return Proof::of(problems),
    };
    let fit = fit(mapping);
    let problems: Vec<Problem> = fit.misfits.iter().map(|misfit| program.placed(&misfit.problem)).collect();
    if problems.is_empty() {
        verdicts.keep(&fingerprint, fit.left.clone());
    }
    Proof { problems, ..Proof::left(program.file(), fit.left) }
}

fn of_filter(filter: &Program<Filter>, verdicts: &Verdicts) -> Proof {
    let fingerprint = filter.fingerprint(verdicts, None);
    if let Some(left) = verdicts.known(&fingerprint) {
        return Proof::left(filter.file(), left);
    }
    match filter.get() {
        Ok(compiled) => {
            let left = compiled.left();
            verdicts.keep(&fingerprint, left.clone());
            Proof::left(filter.file(), left)
        }
        Err(problems) => Proof::of(problems),
    }
}
