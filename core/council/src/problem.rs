//! What is wrong with the council's text: file, line, caret, rule, and a hint.

use std::fmt::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use crate::masked;

/// One problem, found without starting anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub file: PathBuf,
    /// The place in it, where one is known.
    pub place: Option<Place>,
    /// The rule, in kebab case.
    pub code: String,
    /// What is wrong; no value of an event.
    pub words: String,
    /// What would be right.
    pub hint: Option<Box<str>>,
}

/// A place in a text: line and column from 1, counted in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
    /// How many characters are meant, at least 1.
    pub length: usize,
}

impl Place {
    /// The place of the bytes `span` of `text`.
    pub fn of(text: &str, span: &Range<usize>) -> Self {
        let start = span.start.min(text.len());
        let before = text.get(..start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let meant = text.get(start..span.end.min(text.len())).unwrap_or_default();
        Self {
            line: before.matches('\n').count() + 1,
            column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
            length: meant.lines().next().map_or(1, |line| line.chars().count().max(1)),
        }
    }

    fn span(self, text: &str) -> Range<usize> {
        let line_start: usize = text.split_inclusive('\n').take(self.line - 1).map(str::len).sum();
        let bytes = |chars: usize| {
            let rest = text.get(line_start..).unwrap_or_default();
            rest.char_indices().nth(chars).map_or(text.len(), |(at, _)| line_start + at)
        };
        bytes(self.column - 1)..bytes(self.column - 1 + self.length)
    }
}

impl Problem {
    /// A problem of a whole file.
    pub fn new(file: impl Into<PathBuf>, code: impl Into<String>, words: impl Into<String>) -> Self {
        Self { file: file.into(), place: None, code: code.into(), words: words.into(), hint: None }
    }

    /// The same at a place.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into().into_boxed_str());
        self
    }

    /// The problem in a line, for logs: file, line, rule and words.
    pub fn line(&self) -> String {
        let line = self.place.map(|place| format!(":{}", place.line)).unwrap_or_default();
        format!("{}{line}: {} [{}]", self.file.display(), self.words, self.code)
    }

    /// The problem for people: rule, words, file, line and caret; paths relative to `folder` where they lie in it.
    pub fn render(&self, folder: &Path) -> String {
        let shown = self.file.strip_prefix(folder).unwrap_or(&self.file).display().to_string();
        let text = self.place.and_then(|place| Some((place, std::fs::read_to_string(&self.file).ok()?)));
        let title = Level::ERROR.primary_title(self.words.as_str()).id(self.code.as_str());
        let hint = self.hint.as_deref().map(|hint| Level::HELP.message(hint));
        let text = text.map(|(place, text)| (place, masked::shown(&self.file, &text)));
        let Some((place, text)) = text else {
            let mut plain = format!("error[{}]: {}\n  --> {shown}", self.code, self.words);
            if let Some(hint) = &self.hint {
                let _ = write!(plain, "\n  = help: {hint}");
            }
            return plain;
        };
        let snippet = Snippet::source(text.as_str())
            .path(shown.as_str())
            .annotation(AnnotationKind::Primary.span(place.span(&text)));
        let group = match hint {
            Some(hint) => title.element(snippet).element(hint),
            None => title.element(snippet),
        };
        Renderer::plain().render(&[group])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_counted_in_characters_and_leads_back_to_its_bytes() {
        let text = "a = 1\nñame = \"größe\"\n";
        let start = text.find("größe").expect("there");
        let span = start..start + "größe".len();
        let place = Place::of(text, &span);
        assert_eq!(place, Place { line: 2, column: 9, length: 5 });
        assert_eq!(place.span(text), span);
    }

    #[test]
    fn a_rendered_problem_shows_line_and_caret() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("route.toml");
        std::fs::write(&file, "from = \"a.v1\"\nto = \"wast\"\n").expect("written");
        let problem = Problem::new(&file, "unknown-system", "target \"wast\" is not defined")
            .at(Place { line: 2, column: 6, length: 6 })
            .hint("did you mean \"waste\"?");
        let shown = problem.render(folder.path());
        assert!(shown.contains("error[unknown-system]: target \"wast\" is not defined"), "{shown}");
        assert!(shown.contains("route.toml:2:6") && shown.contains("^^^^^^"), "{shown}");
        assert!(shown.contains("did you mean \"waste\"?"), "{shown}");
    }
}
