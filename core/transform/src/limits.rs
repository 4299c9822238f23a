//! Limits that are held before VRL's parser sees a source: it recurses, and a deep enough source would end the process.
//!
//! It counts brackets and operators outside texts, patterns and comments; it knows no grammar.

use crate::problem::{Problem, Source};
use crate::{MAX_CHAIN, MAX_NESTING, MAX_SOURCE_BYTES};

/// What some editors write before the text of a file.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// The first limit that `text` breaks.
pub(crate) fn broken(text: &str) -> Option<Problem> {
    let source = Source(text);
    if text.len() > MAX_SOURCE_BYTES {
        return Some(source.problem((0, 1), "too-large", format!("longer than {MAX_SOURCE_BYTES} bytes")));
    }
    if text.starts_with(BYTE_ORDER_MARK) {
        let words = "it begins with a byte order mark, which an editor put there and does not show";
        let hint = Some("save it as UTF-8 without a byte order mark (BOM)".to_owned());
        return Some(Problem { hint, ..source.problem((0, 1), "byte-order-mark", words) });
    }
    let mut scan = Scan { text, at: 0, chains: vec![0], joined: true, fresh_line: false };
    while let Some(token) = scan.next_token() {
        if let Some((code, words)) = scan.take(token) {
            return Some(source.problem((scan.at.saturating_sub(1), scan.at), code, words));
        }
    }
    None
}

#[derive(Clone, Copy, PartialEq)]
enum Token {
    Open,
    Close,
    Separator,
    Newline,
    Operator,
    Dot,
    Other,
}

struct Scan<'a> {
    text: &'a str,
    at: usize,
    /// How long the expression at each open bracket is already.
    chains: Vec<usize>,
    /// Whether the last token was an operator, so that a line break does not end the expression.
    joined: bool,
    fresh_line: bool,
}

impl Scan<'_> {
    fn take(&mut self, token: Token) -> Option<(&'static str, String)> {
        if token == Token::Newline {
            self.fresh_line = !self.joined;
            return None;
        }
        let ends = token == Token::Separator || (self.fresh_line && token != Token::Operator);
        (self.fresh_line, self.joined) = (false, token == Token::Operator);
        match (ends, self.chains.last_mut()) {
            (true, Some(chain)) => *chain = 0,
            (false, Some(chain)) if matches!(token, Token::Operator | Token::Dot | Token::Open) => {
                *chain += 1;
            }
            _ => {}
        }
        match token {
            Token::Open => self.chains.push(0),
            Token::Close if self.chains.len() > 1 => drop(self.chains.pop()),
            _ => {}
        }
        if self.chains.len() > MAX_NESTING + 1 {
            return Some((
                "nested-too-deep",
                format!("brackets are nested deeper than {MAX_NESTING} levels"),
            ));
        }
        let long = self.chains.last().is_some_and(|chain| *chain > MAX_CHAIN);
        long.then(|| ("too-long", format!("one expression has more than {MAX_CHAIN} operators and names")))
    }

    fn next_token(&mut self) -> Option<Token> {
        let rest = &self.text[self.at..];
        let first = rest.chars().next()?;
        let (token, length) = match first {
            '(' | '[' | '{' => (Token::Open, 1),
            ')' | ']' | '}' => (Token::Close, 1),
            ',' | ';' => (Token::Separator, 1),
            '\n' => (Token::Newline, 1),
            '.' | '!' => (if first == '.' { Token::Dot } else { Token::Operator }, 1),
            '#' => return self.skip(rest.find('\n').unwrap_or(rest.len())),
            '"' => (Token::Other, quoted(rest, '"')),
            'r' | 's' | 't' if rest[1..].starts_with('\'') => (Token::Other, 1 + quoted(&rest[1..], '\'')),
            '+' | '-' | '*' | '/' | '<' | '>' | '=' | '&' | '|' | '?' => {
                (Token::Operator, run(rest, |c| "+-*/<>=&|?".contains(c)))
            }
            c if c.is_whitespace() => return self.skip(c.len_utf8()),
            c if c.is_alphanumeric() || c == '_' => {
                let word = run(rest, |c| c.is_alphanumeric() || c == '_');
                (keyword(&rest[..word]), word)
            }
            c => (Token::Other, c.len_utf8()),
        };
        self.at += length;
        Some(token)
    }

    fn skip(&mut self, length: usize) -> Option<Token> {
        self.at += length;
        self.next_token()
    }
}

/// Words that join expressions as operators do: `else if` and `return` nest without brackets.
fn keyword(word: &str) -> Token {
    if matches!(word, "else" | "return" | "abort") { Token::Operator } else { Token::Other }
}

/// The length in bytes of the leading run of characters that fit.
fn run(text: &str, fits: impl Fn(char) -> bool) -> usize {
    text.find(|c| !fits(c)).unwrap_or(text.len())
}

/// The length in bytes of a quoted text with its quotes; a backslash takes the next character with it.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> Option<String> {
        broken(text).map(|problem| problem.code)
    }

    #[test]
    fn nesting_is_counted_outside_texts_patterns_and_comments() {
        let deep = |open: &str, close: &str, levels: usize| {
            format!("x = {}1{}", open.repeat(levels), close.repeat(levels))
        };
        assert_eq!(code(&deep("[", "]", MAX_NESTING)), None);
        for (open, close) in [("[", "]"), ("(", ")"), ("{", "}"), ("f(", ")")] {
            assert_eq!(
                code(&deep(open, close, MAX_NESTING + 1)).as_deref(),
                Some("nested-too-deep"),
                "{open}"
            );
        }
        let brackets = "[".repeat(100);
        for harmless in [
            format!("\"{brackets}\\\"{brackets}\""),
            format!("# {brackets}\n1"),
            format!("s'{brackets}' + r'{brackets}'"),
        ] {
            assert_eq!(code(&harmless), None, "{harmless}");
        }
    }

    #[test]
    fn a_chain_without_brackets_is_limited_too() {
        for link in ["1 + ", "!", "return ", "if x { 1 } else ", "x = ", ".a", "1 ||\n", "x[0] + "] {
            assert_eq!(code(&link.repeat(MAX_CHAIN + 1)).as_deref(), Some("too-long"), "{link}");
        }
    }

    #[test]
    fn many_short_statements_are_no_chain() {
        for line in ["x = .a + .b\n", "{ \"a\": .b.c, \"d\": .e },\n", "y = x;"] {
            assert_eq!(code(&line.repeat(MAX_CHAIN + 1)), None, "{line}");
        }
    }

    #[test]
    fn a_byte_order_mark_is_called_by_its_name() {
        assert_eq!(code("\u{feff}{ \"a\": 1 }").as_deref(), Some("byte-order-mark"));
        assert_eq!(code("{ \"a\": \"\u{feff}\" }"), None);
    }

    #[test]
    fn a_source_over_the_size_limit_is_refused() {
        assert_eq!(code(&"#".repeat(MAX_SOURCE_BYTES + 1)).as_deref(), Some("too-large"));
        assert_eq!(code(&"#".repeat(MAX_SOURCE_BYTES)), None);
    }
}
