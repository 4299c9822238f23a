//! Fictitious values of the form of real ones: the same number of letters and digits in the same places, a date for a date, a
//! postcode for a postcode. Pure, of a seed that nobody is told: who knows it could try names until one fits.
//!
//! A word has one fictitious word wherever it stands, in capitals or not, so that what belongs together still does.

mod forms;

use std::collections::BTreeSet;

use serde_json::{Number, Value};
use sha2::{Digest, Sha256};

/// What values are drawn with.
pub type Seed = [u8; 16];

/// A word that is shorter may stand anywhere by chance: it is replaced in what is personal, and looked for nowhere else.
const TELLING_CHARS: usize = 4;
/// How many fictitious values are tried before one is given up.
const MOST_TRIES: u32 = 200;
const VOWELS: &[u8] = b"aeiou";
const CONSONANTS: &[u8] = b"bcdfghjklmnpqrstvwxyz";
const DIGITS: &[u8] = b"0123456789";
/// Whole numbers of so many digits are references such as UPRNs: the fictitious ones begin with 99, as none in use does.
const REFERENCE_DIGITS: usize = 6;

/// No fictitious value was found that is none of the event's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotFound;

/// Makes fictitious values for one case.
pub(crate) struct Fiction {
    seed: Seed,
    /// Every telling word of the personal values, in small letters.
    words: BTreeSet<String>,
    /// The telling ones of the personal texts as wholes, in small letters.
    texts: BTreeSet<String>,
}

impl Fiction {
    /// For an event whose personal values these are.
    pub(crate) fn new<'v>(seed: Seed, personal: impl IntoIterator<Item = &'v Value>) -> Self {
        let mut fiction = Self { seed, words: BTreeSet::new(), texts: BTreeSet::new() };
        for value in personal {
            match value {
                Value::String(text) => fiction.note(text),
                Value::Number(number) => fiction.note(&number.to_string()),
                _ => {}
            }
        }
        fiction
    }

    fn note(&mut self, text: &str) {
        if is_telling(text) {
            self.texts.insert(text.to_lowercase());
        }
        if !forms::is_whole(text) {
            self.words.extend(words(text).map(str::to_lowercase).filter(|word| is_telling(word)));
        }
    }

    /// The fictitious value for a personal one, inside `range` where it is a whole number.
    pub(crate) fn value(&self, value: &Value, range: [Option<i64>; 2]) -> Result<Value, NotFound> {
        match value {
            Value::String(text) => self.text(text).map(Value::String),
            Value::Number(number) => match number.as_i64() {
                Some(whole) => self.whole(whole, range).map(Value::from),
                None => Ok(self.fraction(number)),
            },
            other => Ok(other.clone()),
        }
    }

    /// The fictitious text for a personal one.
    pub(crate) fn text(&self, text: &str) -> Result<String, NotFound> {
        match forms::whole(self, text) {
            Some(made) => made,
            None => self.by_words(text, |_| true),
        }
    }

    /// A text that is not personal, with the fictitious words for the personal ones in it.
    pub(crate) fn kept(&self, text: &str) -> Result<String, NotFound> {
        if self.texts.contains(&text.to_lowercase()) {
            return self.text(text);
        }
        self.by_words(text, |word| self.words.contains(&word.to_lowercase()))
    }

    /// The same of any value that is not personal.
    pub(crate) fn kept_value(&self, value: &Value) -> Result<Value, NotFound> {
        match value {
            Value::String(text) => self.kept(text).map(Value::String),
            Value::Number(number) if self.words.contains(&number.to_string()) => {
                self.value(value, [None, None])
            }
            other => Ok(other.clone()),
        }
    }

    fn by_words(&self, text: &str, chosen: impl Fn(&str) -> bool) -> Result<String, NotFound> {
        let (mut made, mut rest) = (String::with_capacity(text.len()), text);
        for word in words(text) {
            // Words are parts of the text, in its order.
            let Some((before, behind)) = rest.split_once(word) else { continue };
            made.push_str(before);
            made.push_str(&if chosen(word) { self.word(word)? } else { word.to_owned() });
            rest = behind;
        }
        made.push_str(rest);
        Ok(made)
    }

    /// The fictitious word for a personal one: vowel for vowel, consonant for consonant, digit for digit.
    fn word(&self, word: &str) -> Result<String, NotFound> {
        let small = word.to_lowercase();
        if small.chars().all(|c| c == '0') {
            return Ok(word.to_owned());
        }
        let made = self.drawn("word", &small, |draws| Some(drawn_word(&small, draws)))?;
        let cased = made.chars().zip(word.chars());
        Ok(cased
            .map(|(made, was)| if was.is_uppercase() { made.to_ascii_uppercase() } else { made })
            .collect())
    }

    fn whole(&self, number: i64, range: [Option<i64>; 2]) -> Result<i64, NotFound> {
        let any = if number < 0 { i64::MIN } else { 0 };
        let (least, most) = (range[0].unwrap_or(any), range[1].unwrap_or(i64::MAX));
        if least == most {
            return Ok(number);
        }
        let sign = if number < 0 { -1 } else { 1 };
        let made = self.word(&number.unsigned_abs().to_string())?.parse::<i64>().unwrap_or(0) * sign;
        if (least..=most).contains(&made) {
            return Ok(made);
        }
        let span = most.saturating_sub(least).saturating_add(1).unsigned_abs();
        let drawn = self.drawn("number", &number.to_string(), |draws| {
            let offset = i64::try_from(draws.number() % span).ok()?;
            Some((least.checked_add(offset)?).to_string())
        })?;
        drawn.parse().map_err(|_| NotFound)
    }

    fn fraction(&self, number: &Number) -> Value {
        let made = self.by_words(&number.to_string(), |word| word.bytes().all(|b| b.is_ascii_digit()));
        let number = made.ok().and_then(|made| made.parse().ok()).and_then(Number::from_f64);
        number.map_or_else(|| Value::from(1.5), Value::Number)
    }

    /// The first that `make` draws for `of`, in small letters, that is none of the event's own and holds none of its words.
    fn drawn(
        &self,
        kind: &str,
        of: &str,
        make: impl Fn(&mut Draws) -> Option<String>,
    ) -> Result<String, NotFound> {
        let fits = |made: &String| {
            let small = made.to_lowercase();
            small != of.to_lowercase()
                && !self.texts.contains(&small)
                && !self.words.iter().any(|word| small.contains(word.as_str()))
        };
        let mut tries = (0..MOST_TRIES).filter_map(|attempt| {
            make(&mut Draws {
                seed: self.seed,
                of: format!("{kind}\n{of}\n{attempt}"),
                block: 0,
                left: Vec::new(),
            })
        });
        tries.find(fits).ok_or(NotFound)
    }
}

/// Letters and digits that stand together.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// Whether a word tells of somebody wherever it stands: it is long enough, no year, and not only zeros.
fn is_telling(word: &str) -> bool {
    let is_year = word.parse::<u32>().is_ok_and(|year| (1900..2100).contains(&year) && word.len() == 4);
    word.chars().count() >= TELLING_CHARS && !is_year && word.chars().any(|c| c != '0')
}

fn drawn_word(small: &str, draws: &mut Draws) -> String {
    let is_reference = small.len() >= REFERENCE_DIGITS
        && !small.starts_with('0')
        && small.bytes().all(|b| b.is_ascii_digit());
    let mut leading = true;
    let letter = |(place, c): (usize, char)| {
        if c == '0' && leading {
            return c;
        }
        let first = std::mem::replace(&mut leading, false);
        if is_reference && place < 2 {
            return '9';
        }
        match c {
            _ if c.is_numeric() && first => draws.of(&DIGITS[1..]),
            _ if c.is_numeric() => draws.of(DIGITS),
            'a' | 'e' | 'i' | 'o' | 'u' => draws.of(VOWELS),
            _ => draws.of(CONSONANTS),
        }
    };
    small.chars().enumerate().map(letter).collect()
}

/// Bytes drawn with a seed, without end.
struct Draws {
    seed: Seed,
    of: String,
    block: u32,
    left: Vec<u8>,
}

impl Draws {
    fn byte(&mut self) -> u8 {
        if let Some(byte) = self.left.pop() {
            return byte;
        }
        let mut digest = Sha256::new();
        digest.update(self.seed);
        digest.update(self.block.to_be_bytes());
        digest.update(&self.of);
        self.block += 1;
        self.left = digest.finalize().to_vec();
        self.left.pop().unwrap_or_default()
    }

    fn number(&mut self) -> u64 {
        u64::from_be_bytes(std::array::from_fn(|_| self.byte()))
    }

    /// One of these.
    fn of(&mut self, among: &[u8]) -> char {
        char::from(among[usize::from(self.byte()) % among.len()])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn fiction(values: &[Value]) -> Fiction {
        Fiction::new([7; 16], values)
    }

    fn made(value: &Value) -> Value {
        fiction(std::slice::from_ref(value)).value(value, [None, None]).unwrap()
    }

    /// `A` for a capital letter, `a` for a small one, `9` for a digit, anything else as it is.
    fn form(text: &str) -> String {
        let form = |c: char| match c {
            _ if c.is_uppercase() => 'A',
            _ if c.is_alphabetic() => 'a',
            _ if c.is_numeric() => '9',
            _ => c,
        };
        text.chars().map(form).collect()
    }

    #[test]
    fn a_fictitious_text_has_the_form_of_the_real_one() {
        for text in
            ["Penhallow", "O'Brien-Smith", "JOSÉ ångström", "SR-26-0904", "3 Quince Lane", "£12.50", "x"]
        {
            let made = made(&json!(text));
            let made = made.as_str().unwrap();
            assert_eq!(form(made), form(text));
            assert_ne!(made, text);
        }
    }

    #[test]
    fn a_whole_form_is_kept_as_one() {
        let check = |text: &str, is: &dyn Fn(&str) -> bool| {
            let made = made(&json!(text));
            assert!(is(made.as_str().unwrap()) && made != json!(text), "{text}: {made}");
        };
        let parsed =
            |form: &'static str| move |made: &str| chrono::NaiveDate::parse_from_str(made, form).is_ok();
        check("2019-05-11", &parsed("%Y-%m-%d"));
        check("11/05/2019", &parsed("%d/%m/%Y"));
        check("2026-03-20T10:14:00.250+01:00", &|made| {
            chrono::DateTime::parse_from_rfc3339(made).is_ok() && made.ends_with("+01:00") && made.len() == 29
        });
        check("orla.penhallow@example.org", &|made| {
            made.ends_with("@example.org") && form(made).starts_with("aaaa.aaaaaaaaa@")
        });
        check("ZZ2 3BB", &|made| made.starts_with('Z') && form(made) == "AA9 9AA");
        check("sw1a 1aa", &|made| made.starts_with('z') && form(made) == "aa9a 9aa");
        check("07700 900441", &|made| made.starts_with("07700 900"));
        check("+44 20 7946 0018", &|made| made.starts_with("+44 16 3296 0"));
        check("https://penhallow.example/orla?x=1", &|made| made.starts_with("https://example.org/"));
    }

    #[test]
    fn numbers_keep_their_digits_and_their_range() {
        let check = |number: i64, range: [Option<i64>; 2], is: &dyn Fn(i64) -> bool| {
            let made = fiction(&[json!(number)]).value(&json!(number), range).unwrap();
            assert!(is(made.as_i64().unwrap()) && made != json!(number), "{number}: {made}");
        };
        check(100_061_234_567, [Some(1), Some(999_999_999_999)], &|made| {
            made.to_string().starts_with("99") && made.to_string().len() == 12
        });
        check(8841, [None, None], &|made| (1_000..10_000).contains(&made));
        check(-5, [None, None], &|made| (-9..0).contains(&made));
        check(12, [Some(1), Some(20)], &|made| (1..=20).contains(&made));
        assert!(made(&json!(12.75)).is_f64());
        assert_eq!(fiction(&[json!(3)]).value(&json!(3), [Some(3), Some(3)]), Ok(json!(3)));
    }

    #[test]
    fn a_word_has_one_fictitious_word_wherever_it_stands() {
        let fiction = fiction(&[json!("Orla Penhallow"), json!("orla.penhallow@example.org"), json!(8841)]);
        let family = fiction.text("Penhallow").unwrap();
        assert!(fiction.text("MS PENHALLOW").unwrap().ends_with(&family.to_uppercase()));
        assert!(fiction.text("orla.penhallow@example.org").unwrap().contains(&family.to_lowercase()));
        assert_eq!(fiction.kept("seen by Penhallow in 2026").unwrap(), format!("seen by {family} in 2026"));
        let number = fiction.value(&json!(8841), [None, None]).unwrap().to_string();
        assert_eq!(fiction.kept("person:8841").unwrap(), format!("person:{number}"));
        assert_eq!(fiction.kept_value(&json!(8841)).unwrap().to_string(), number);
        assert_eq!(fiction.kept("nobody at all").unwrap(), "nobody at all");
    }

    #[test]
    fn another_seed_gives_other_words() {
        let text = json!("Penhallow");
        let one = Fiction::new([1; 16], [&text]).text("Penhallow");
        assert_ne!(one, Fiction::new([2; 16], [&text]).text("Penhallow"));
        assert_eq!(one, Fiction::new([1; 16], [&text]).text("Penhallow"));
    }

    proptest! {
        #[test]
        fn no_telling_word_of_the_real_values_is_in_the_fictitious_ones(
            texts in proptest::collection::vec("[A-Za-z0-9é' -]{0,20}", 1..12), seed: Seed,
        ) {
            let values: Vec<Value> = texts.iter().map(|text| json!(text)).collect();
            let fiction = Fiction::new(seed, &values);
            for text in &texts {
                let made = fiction.text(text).unwrap();
                prop_assert_eq!(form(&made), form(text));
                let small = made.to_lowercase();
                for word in &fiction.words {
                    prop_assert!(!words(&small).any(|made| made.contains(word.as_str())), "{word} in {made}");
                }
            }
        }
    }
}
