//! Figures: medians with their spread, and how they stand to the targets. Pure.

use std::fmt::Write as _;

use serde::Serialize;

/// The median of some runs, with the least and the greatest.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Figure {
    /// The middle run.
    pub(crate) median: f64,
    least: f64,
    greatest: f64,
}

impl Figure {
    /// The figure of `runs`, rounded to `digits` after the point; zeros where there was no run.
    pub(crate) fn of(runs: impl IntoIterator<Item = f64>, digits: i32) -> Self {
        let mut runs: Vec<f64> = runs.into_iter().collect();
        runs.sort_by(f64::total_cmp);
        let at = |index: usize| runs.get(index).map_or(0.0, |run| rounded(*run, digits));
        Self { median: at(runs.len() / 2), least: at(0), greatest: at(runs.len().saturating_sub(1)) }
    }
}

/// `value` with so many digits after the point.
pub(crate) fn rounded(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (value * scale).round() / scale
}

/// Which side of a target is the good one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Good {
    AtLeast,
    AtMost,
}

/// One measured value beside the target that the design sets.
#[derive(Debug)]
pub(crate) struct Target {
    what: &'static str,
    measured: f64,
    good: Good,
    limit: f64,
}

impl Target {
    /// A value that should reach `limit`.
    pub(crate) fn at_least(what: &'static str, measured: f64, limit: f64) -> Self {
        Self { what, measured, good: Good::AtLeast, limit }
    }

    /// A value that should stay within `limit`.
    pub(crate) fn at_most(what: &'static str, measured: f64, limit: f64) -> Self {
        Self { what, measured, good: Good::AtMost, limit }
    }

    fn is_met(&self) -> bool {
        match self.good {
            Good::AtLeast => self.measured >= self.limit,
            Good::AtMost => self.measured <= self.limit,
        }
    }

    /// The target as JSON.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        let limit = match self.good {
            Good::AtLeast => "at_least",
            Good::AtMost => "at_most",
        };
        serde_json::json!({"what": self.what, "measured": self.measured, limit: self.limit, "met": self.is_met()})
    }
}

/// The targets as a table for people.
pub(crate) fn table(targets: &[Target]) -> String {
    let mut table = format!("{:<52} {:>10}   target\n", "", "measured");
    for target in targets {
        let (sign, mark) = match target.good {
            Good::AtLeast => (">=", target.is_met()),
            Good::AtMost => ("<=", target.is_met()),
        };
        let missed = if mark { "" } else { "  missed" };
        let _ =
            writeln!(table, "{:<52} {:>10}   {sign} {}{missed}", target.what, target.measured, target.limit);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_the_middle_run_with_its_spread() {
        let figure = Figure::of([5.04, 1.0, 9.0, 3.0, 7.0], 1);
        assert_eq!((figure.median, figure.least, figure.greatest), (5.0, 1.0, 9.0));
        assert_eq!(Figure::of([], 0).median, 0.0);
    }

    #[test]
    fn a_missed_target_is_marked() {
        let table = table(&[Target::at_least("fast", 3.0, 2.0), Target::at_most("small", 3.0, 2.0)]);
        let marked: Vec<bool> = table.lines().skip(1).map(|line| line.ends_with("missed")).collect();
        assert_eq!(marked, [false, true]);
    }
}
