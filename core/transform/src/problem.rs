//! What is wrong with a source, and where: VRL's diagnostics and our own rules in one form.

use std::fmt;

use vrl::diagnostic::{Diagnostic, DiagnosticList, Note, Span};

/// One thing wrong with a mapping or filter, with its place in the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// How many characters on that line are meant, at least 1.
    pub length: usize,
    /// The stable code of the rule, in kebab case.
    pub code: String,
    /// What is wrong.
    pub words: String,
    /// What would be right, where that can be told.
    pub hint: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {} [{}]", self.line, self.column, self.words, self.code)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, "; {hint}"))
    }
}

/// A source whose byte offsets can be told as line and column.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a>(pub(crate) &'a str);

impl<'s> Source<'s> {
    /// Line and column, both from 1, of a byte offset; the nearest character where it falls inside one.
    pub(crate) fn place(self, offset: usize) -> (usize, usize) {
        let before = &self.0[..self.0.floor_char_boundary(offset)];
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        (before.matches('\n').count() + 1, before[start..].chars().count() + 1)
    }

    /// A problem at the bytes `start..end`.
    pub(crate) fn problem(self, at: (usize, usize), code: &str, words: impl Into<String>) -> Problem {
        let (line, column) = self.place(at.0);
        let start = self.0.floor_char_boundary(at.0);
        let end = self.0.floor_char_boundary(at.1.max(start));
        let length = self.0[start..end].lines().next().map_or(0, |line| line.chars().count()).max(1);
        Problem { line, column, length, code: code.to_owned(), words: words.into(), hint: None }
    }

    /// A problem at a node of the syntax tree.
    pub(crate) fn at(self, span: Span, code: &str, words: impl Into<String>) -> Problem {
        self.problem((span.start(), span.end()), code, words)
    }

    /// VRL's own findings, without those that our rules tell better.
    pub(crate) fn diagnosed(self, list: DiagnosticList) -> impl Iterator<Item = Problem> + use<'s> {
        let ours = |found: &Diagnostic| found.is_problem() && !TOLD_BY_RULES.contains(&found.code);
        list.into_iter().filter(ours).map(move |found| {
            let label = found.labels.iter().find(|label| label.primary).or(found.labels.first());
            let span = label.map_or(Span::new(0, 1), |label| label.span);
            let (code, words) = self.told(&found, span);
            let hint = self.hint_of_syntax(&found, span).or_else(|| hint(&found, code));
            Problem { hint, ..self.at(span, code, words) }
        })
    }

    /// The code and the words of a finding; VRL's own words where we have none, with all that it labels.
    fn told(self, found: &Diagnostic, span: Span) -> (&'static str, String) {
        let row = CODES.iter().find(|(number, ..)| *number == found.code);
        let code = row.map_or(if (200..300).contains(&found.code) { "syntax" } else { "vrl" }, |row| row.1);
        let words = match row.map(|row| row.2).filter(|words| !words.is_empty()) {
            Some(words) => words.replace("{}", self.text(span)),
            // All that could stand there instead is a list of the parser's own names.
            None if found.code == UNRECOGNISED && !self.text(span).trim().is_empty() => {
                let first = self.text(span).lines().next().unwrap_or_default();
                format!("`{first}` cannot stand here")
            }
            None => {
                let labels = found.labels.iter().map(|label| label.message.as_str());
                let labels: Vec<&str> = labels.filter(|label| *label != found.message).collect();
                format!("{}: {}", found.message, labels.join(", ")).trim_end_matches(": ").to_owned()
            }
        };
        (code, words)
    }

    /// For what stands only where a line begins, and for a field of what stands in brackets.
    fn hint_of_syntax(self, found: &Diagnostic, span: Span) -> Option<String> {
        if found.code != UNRECOGNISED {
            return None;
        }
        let before = self.0.get(..span.start()).unwrap_or_default().trim_end();
        let hint = match self.text(span) {
            "if" => "assign it to a variable on a line before, as in `kind = if ... { ... } else { ... }`",
            text if text.starts_with('.') && before.ends_with(')') => {
                "assign what stands in the brackets to a variable on a line before, and read the field of that"
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }

    /// The text of a node.
    pub(crate) fn text(self, span: Span) -> &'s str {
        self.0.get(span.start()..span.end()).unwrap_or_default()
    }
}

/// Sorts by place and keeps the first of several problems at one place.
pub(crate) fn in_order(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems.sort_by_key(|problem| (problem.line, problem.column));
    problems.dedup_by_key(|problem| (problem.line, problem.column));
    problems
}

/// Undefined function, mutation of what is read-only, `!` on what cannot fail.
const TOLD_BY_RULES: [usize; 3] = [105, 315, 620];

/// A word or sign that cannot stand where it stands.
const UNRECOGNISED: usize = 203;

/// A variable that was never assigned, or whose assignment did not compile.
pub(crate) const UNKNOWN_VARIABLE: &str = "unknown-variable";

/// VRL's numbered codes in our words, `{}` for the text that is meant; the numbers are listed in vrl's `compiler/codes.rs`.
const CODES: &[(usize, &str, &str)] = &[
    (100, "unhandled-error", "this can fail and the error is not handled"),
    (101, "invalid-pattern", ""),
    (102, "not-boolean", "a condition is true or false, and this may be something else"),
    (103, "unhandled-error", "this can fail and the error is not handled"),
    (104, "needless-error", "this cannot fail, so there is no error to assign"),
    (106, "wrong-arguments", ""),
    (107, "wrong-arguments", ""),
    (108, "wrong-arguments", ""),
    (109, "unexpected-closure", "this function takes no closure"),
    (110, "wrong-type", ""),
    (111, "missing-closure", "this function needs a closure, as in `map(.list) -> |item| { item }`"),
    (120, "wrong-closure", ""),
    (121, "wrong-closure", ""),
    (122, "wrong-closure", ""),
    (205, "reserved-word", "this name is reserved in VRL"),
    (601, "invalid-timestamp", "this is not a timestamp"),
    (610, "wrong-arguments", ""),
    (630, "unhandled-error", "this argument can fail and the error is not handled"),
    (631, "unhandled-error", "this can fail and the error is not handled"),
    (632, "break-here", "`break` has no place in a mapping"),
    (640, "needless-assignment", "both sides of this assignment are thrown away"),
    (642, "wrong-path", "this path leads through what is no object"),
    (650, "chained-comparison", "comparisons cannot be chained"),
    (651, "needless-default", "this cannot fail, so what follows `??` is never used"),
    (652, "wrong-type", "`|` merges two objects, and this may be something else"),
    (660, "not-boolean", "`!` turns true and false round, and this may be something else"),
    (701, UNKNOWN_VARIABLE, "`{}` is not defined"),
];

fn hint(found: &Diagnostic, code: &str) -> Option<String> {
    if code == "unhandled-error" {
        return Some("give a default with `??`, or take the error with `value, err = ...`".to_owned());
    }
    if code == "wrong-type" {
        return Some("where it may be absent or of another type, read it with `string(...) ?? \"\"`, `int(...) ?? 0`, or the like".to_owned());
    }
    found.notes.iter().find_map(|note| match note {
        Note::Hint(hint) => Some(hint.clone()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_counted_in_characters_from_one() {
        let source = Source("é = 1\n  ☃ + x\n");
        for (offset, expected) in
            [(0, (1, 1)), (2, (1, 2)), (7, (2, 1)), (9, (2, 3)), (10, (2, 3)), (99, (3, 1))]
        {
            assert_eq!(source.place(offset), expected, "{offset}");
        }
    }

    #[test]
    fn a_problem_is_measured_on_its_first_line_and_never_empty() {
        let source = Source("é = {\n}\n");
        assert_eq!(source.problem((0, 8), "c", "w").length, 5);
        assert_eq!(source.problem((8, 8), "c", "w").length, 1);
        assert_eq!(source.problem((500, 900), "c", "w").length, 1);
    }
}
