//! Patterns of file names: `*` is any text, `?` any one character, case does not matter.

/// A pattern of file names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern(Vec<char>);

impl Pattern {
    pub(crate) fn new(text: &str) -> Self {
        Self(text.to_lowercase().chars().collect())
    }

    /// Whether `name` as a whole fits. Takes time in the product of both lengths at most.
    pub(crate) fn fits(&self, name: &str) -> bool {
        let name: Vec<char> = name.to_lowercase().chars().collect();
        let (mut at, mut read) = (0, 0);
        let mut last_star = None;
        while read < name.len() {
            match self.0.get(at) {
                Some('*') => {
                    last_star = Some((at, read));
                    at += 1;
                }
                Some(wanted) if *wanted == '?' || *wanted == name[read] => {
                    at += 1;
                    read += 1;
                }
                _ => {
                    let Some((star, from)) = last_star else { return false };
                    last_star = Some((star, from + 1));
                    (at, read) = (star + 1, from + 1);
                }
            }
        }
        self.0[at..].iter().all(|rest| *rest == '*')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_whole_names_without_regard_to_case() {
        for (pattern, name, expected) in [
            ("*.csv", "Export.CSV", true),
            ("*.csv", "export.csv.zip", false),
            ("*insert*", "insert.csv", true),
            ("*insert*", "01-INSERT-02.csv", true),
            ("a?c*", "abc", true),
            ("a?c", "ac", false),
            ("*a*b*c", "xaybzbzc", true),
            ("*a*b*c", "xaybzbz", false),
            ("", "", true),
            ("*", "", true),
            ("?", "", false),
        ] {
            assert_eq!(Pattern::new(pattern).fits(name), expected, "{pattern} {name}");
        }
    }
}
