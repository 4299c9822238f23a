//! Texts that are a form as a whole: dates, instants, mail addresses, postcodes, telephone numbers and URIs. What is made for them
//! is nobody's: domains, numbers and postcode areas that are kept for examples, or not given out.

use chrono::{NaiveDate, TimeDelta};

use super::{DIGITS, Draws, Fiction, NotFound};

/// Domain of mail addresses and URIs (RFC 2606).
const DOMAIN: &str = "example.org";
/// Telephone numbers that Ofcom keeps for drama, without their last three digits: mobile ones, and others.
const MOBILE: &str = "07700900";
const OTHER: &str = "01632960";
/// Dates are moved by so many days at least, and at most.
const DAYS: [i64; 2] = [30, 1_000];
/// How a date is written.
const DATES: [&str; 2] = ["%Y-%m-%d", "%d/%m/%Y"];
/// The length of `2026-03-20T10:14:00`.
const INSTANT_CHARS: usize = 19;

/// Whether the text is such a form.
pub(super) fn is_whole(text: &str) -> bool {
    let is_date = date(text).is_some() || instant(text).is_some();
    is_date || mail(text).is_some() || is_postcode(text) || telephone(text).is_some() || text.contains("://")
}

/// The fictitious text for one that is such a form.
pub(super) fn whole(fiction: &Fiction, text: &str) -> Option<Result<String, NotFound>> {
    if let Some((day, form)) = date(text) {
        return Some(fiction.drawn("date", text, |draws| Some(moved(day, draws)?.format(form).to_string())));
    }
    if let Some(day) = instant(text) {
        return Some(fiction.drawn("instant", text, |draws| moved_instant((text, day), draws)));
    }
    if let Some(local) = mail(text) {
        return Some(fiction.by_words(local, |_| true).map(|local| format!("{local}@{DOMAIN}")));
    }
    if is_postcode(text) {
        return Some(fiction.drawn("postcode", text, |draws| Some(postcode(text, draws))));
    }
    if let Some(kept) = telephone(text) {
        return Some(fiction.drawn("telephone", text, |draws| Some(dialled(text, &kept, draws))));
    }
    let (scheme, rest) = text.split_once("://")?;
    let path = rest.find('/').map_or("/", |at| &rest[at..]);
    Some(fiction.by_words(path, |_| true).map(|path| format!("{scheme}://{DOMAIN}{path}")))
}

fn date(text: &str) -> Option<(NaiveDate, &'static str)> {
    let read = |form: &&'static str| NaiveDate::parse_from_str(text, form).ok().map(|day| (day, *form));
    DATES.iter().find_map(read).filter(|(day, form)| day.format(form).to_string() == text)
}

fn instant(text: &str) -> Option<NaiveDate> {
    chrono::DateTime::parse_from_rfc3339(text).ok()?;
    text.get(..INSTANT_CHARS)?.get(..10).and_then(|day| day.parse().ok())
}

fn moved(day: NaiveDate, draws: &mut Draws) -> Option<NaiveDate> {
    let days = DAYS[0] + i64::try_from(draws.number() % (DAYS[1] - DAYS[0]).unsigned_abs()).ok()?;
    let days = if draws.byte().is_multiple_of(2) { days } else { -days };
    day.checked_add_signed(TimeDelta::try_days(days)?)
}

fn moved_instant((text, day): (&str, NaiveDate), draws: &mut Draws) -> Option<String> {
    let day = moved(day, draws)?;
    let mut clock = |most: u8| draws.byte() % most;
    let (hour, minute, second) = (clock(24), clock(60), clock(60));
    let rest = text.get(INSTANT_CHARS..)?;
    let (fraction, zone) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit() && c != '.')?);
    let fraction: String =
        fraction.chars().map(|c| if c.is_ascii_digit() { draws.of(DIGITS) } else { c }).collect();
    Some(format!("{day}T{hour:02}:{minute:02}:{second:02}{fraction}{zone}"))
}

/// The local part of a mail address.
fn mail(text: &str) -> Option<&str> {
    let (local, domain) = text.split_once('@')?;
    let is_domain = domain.contains('.') && !domain.contains(['@', ' ']);
    (is_domain && !local.is_empty() && !local.contains(' ')).then_some(local)
}

/// Whether it is a postcode: one or two letters and a digit, perhaps one more; then a digit and two letters.
fn is_postcode(text: &str) -> bool {
    let tight: Vec<char> = text.chars().filter(|c| *c != ' ').collect();
    let Some(outward) = tight.len().checked_sub(3).filter(|length| (2..=4).contains(length)) else {
        return false;
    };
    let (outward, inward) = tight.split_at(outward);
    let area = outward.iter().take_while(|c| c.is_ascii_alphabetic()).count();
    let district = &outward[area..];
    let spaces = text.matches(' ').count();
    (1..=2).contains(&area)
        && (1..=2).contains(&district.len())
        && district[0].is_ascii_digit()
        && district.iter().all(char::is_ascii_alphanumeric)
        && inward[0].is_ascii_digit()
        && inward[1..].iter().all(char::is_ascii_alphabetic)
        && (spaces == 0 || spaces == 1 && text.chars().rev().nth(3) == Some(' '))
}

/// No area of postcodes begins with Z but that of Lerwick.
fn postcode(text: &str, draws: &mut Draws) -> String {
    let (mut letters, mut is_inward) = (0, false);
    let inward = text.chars().count() - 3;
    let letter = |(place, c): (usize, char)| {
        is_inward |= place >= inward;
        if c.is_ascii_digit() {
            return draws.of(DIGITS);
        }
        if !c.is_ascii_alphabetic() {
            return c;
        }
        letters += 1;
        let made = match letters {
            _ if is_inward => draws.of(b"ABDEFGHJLNPQRSTUWXYZ"),
            1 => 'Z',
            2 => draws.of(b"ABCTUVWXYZ"),
            _ => draws.of(b"ABEHMNPRVWXY"),
        };
        if c.is_ascii_lowercase() { made.to_ascii_lowercase() } else { made }
    };
    text.chars().enumerate().map(letter).collect()
}

/// The digits with which the fictitious number begins, where it is a number of this country.
fn telephone(text: &str) -> Option<String> {
    if !text.chars().all(|c| c.is_ascii_digit() || matches!(c, '+' | ' ' | '(' | ')' | '-')) {
        return None;
    }
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let (country, number) = match digits.strip_prefix("44") {
        Some(number) if text.starts_with('+') => ("44", format!("0{number}")),
        _ => ("", digits.clone()),
    };
    let is_one = number.len() == 11 && ["01", "02", "03", "07"].iter().any(|start| number.starts_with(start));
    let kept = if number.starts_with("07") { MOBILE } else { OTHER };
    is_one.then(|| format!("{country}{}", if country.is_empty() { kept } else { &kept[1..] }))
}

fn dialled(text: &str, kept: &str, draws: &mut Draws) -> String {
    let mut kept = kept.chars();
    let digit =
        |c: char| if c.is_ascii_digit() { kept.next().unwrap_or_else(|| draws.of(DIGITS)) } else { c };
    text.chars().map(digit).collect()
}
