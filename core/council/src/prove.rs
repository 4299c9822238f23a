//! What takes longer than reading: compiling every mapping and filter, and validating every example.

use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use crate::load::file_problem;
use crate::{Compile, Council, Problem, Program, personal};

/// One step of the proof.
type Step<'a> = Box<dyn Fn() -> Vec<Problem> + Send + Sync + 'a>;

impl Council {
    /// Proves the text, on every core: examples of the vocabulary, every mapping and filter. `done` is called after
    /// each step with the number of steps done and in all.
    pub fn prove(&self, done: &(dyn Fn(usize, usize) + Sync)) -> Vec<Problem> {
        let steps = self.steps();
        let (count, all) = (AtomicUsize::new(0), steps.len());
        let prove = |step: &Step<'_>| {
            let problems = step();
            done(count.fetch_add(1, Ordering::Relaxed) + 1, all);
            problems
        };
        steps.par_iter().flat_map_iter(prove).collect()
    }

    /// Compiles every mapping and filter that is not compiled yet.
    pub fn compile(&self) {
        self.programs().par_iter().for_each(|step| drop(step()));
    }

    fn steps(&self) -> Vec<Step<'_>> {
        let mut steps = self.programs();
        let personal = |route| Box::new(move || personal::check(self, route)) as Step<'_>;
        steps.extend(self.routes.iter().map(personal));
        steps.push(Box::new(|| self.vocabulary.check_examples().into_iter().map(file_problem).collect()));
        steps
    }

    fn programs(&self) -> Vec<Step<'_>> {
        let mut steps: Vec<Step<'_>> = Vec::new();
        for route in &self.routes {
            steps.push(compiles(&route.mapping));
            steps.extend(route.when.as_ref().map(compiles));
        }
        for (_, side) in self.sources() {
            for map in &side.maps {
                steps.push(compiles(&map.mapping));
                steps.extend(map.when.as_ref().map(compiles));
            }
            steps.extend(side.ignores.iter().filter_map(|ignore| ignore.when.as_ref()).map(compiles));
        }
        steps
    }
}

fn compiles<T: Compile + Send + Sync>(program: &Program<T>) -> Step<'_> {
    Box::new(|| program.get().err().unwrap_or_default())
}
