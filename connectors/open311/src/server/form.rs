//! Parameters of a request, from its query and its form: names and texts, read strictly. Pure.

use percent_encoding::percent_decode_str;

/// Most parameters of a request.
const MOST_PARAMETERS: usize = 500;

/// Parameters in their order; one that is empty is none, as the specification says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads texts of the form `a=1&b=2`.
    ///
    /// # Errors
    /// What is wrong, without a value.
    pub(super) fn read<'a>(texts: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, &'static str> {
        let mut read = Vec::new();
        for text in texts {
            let text = std::str::from_utf8(text).map_err(|_| "the parameters are not UTF-8")?;
            for pair in text.trim_ascii().split('&').filter(|pair| !pair.is_empty()) {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                read.push((decode(name)?, decode(value)?.trim().to_owned()));
                if read.len() > MOST_PARAMETERS {
                    return Err("there are too many parameters");
                }
            }
        }
        read.retain(|(_, value)| !value.is_empty());
        Ok(Self(read))
    }

    /// The text of a parameter; the last one counts.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The parts of a parameter that is a list divided by commas, and may stand more than once.
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        let values = self.0.iter().filter(|(known, _)| known == name);
        let parts = values.flat_map(|(_, value)| value.split(',')).map(str::trim);
        parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }

    /// What stands in `attribute[code]`, `attribute[code][]` and `attribute[code][0]`: code and text.
    pub(super) fn answers(&self) -> Vec<(String, String)> {
        let answer = |(name, value): &(String, String)| {
            let (code, rest) = name.strip_prefix("attribute[")?.split_once(']')?;
            let is_list = rest.starts_with('[') && rest.ends_with(']');
            (rest.is_empty() || is_list).then(|| (code.to_owned(), value.clone()))
        };
        self.0.iter().filter_map(answer).collect()
    }

    /// All but this one, in an order that does not depend on how they came.
    pub(super) fn sorted_without(&self, name: &str) -> Vec<(&str, &str)> {
        let rest = self.0.iter().filter(|(known, _)| known != name);
        let mut rest: Vec<_> = rest.map(|(name, value)| (name.as_str(), value.as_str())).collect();
        rest.sort_unstable();
        rest
    }
}

/// A part of a path, or a parameter, as it was meant.
pub(super) fn decode(text: &str) -> Result<String, &'static str> {
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8().map_err(|_| "a parameter is not UTF-8")?;
    if decoded.contains('\0') {
        return Err("a parameter holds the character NUL");
    }
    Ok(decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(texts: &[&str]) -> Result<Parameters, &'static str> {
        Parameters::read(texts.iter().map(|text| text.as_bytes()))
    }

    #[test]
    fn parameters_are_texts_lists_and_answers_and_what_is_empty_is_none() {
        let read = read(&[
            "api_key=x&status=open,+closed&status=",
            "api_key=y&description=%C3%A9+%26&email=&attribute[A]=1&attribute%5BB%5D%5B%5D=2&attribute[B][]=3&attribute[",
        ])
        .expect("parameters");
        assert_eq!((read.get("api_key"), read.get("email")), (Some("y"), None));
        assert_eq!(read.get("description"), Some("\u{e9} &"));
        assert_eq!(read.list("status"), ["open", "closed"]);
        let own = |(code, value): (&str, &str)| (code.to_owned(), value.to_owned());
        assert_eq!(read.answers(), [("A", "1"), ("B", "2"), ("B", "3")].map(own));
        let names: Vec<_> = read.sorted_without("api_key").into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["attribute[A]", "attribute[B][]", "attribute[B][]", "description", "status"]);
    }

    #[test]
    fn what_is_no_text_is_refused() {
        for text in ["a=%ff", "%e9=1", "a=%00"] {
            read(&[text]).expect_err(text);
        }
        read(&[&"a=1&".repeat(501)]).expect_err("too many");
    }
}
