//! How wide a text is in Arial, Helvetica or Liberation Sans, which share their widths. Knows no drawing.

/// Widths of the characters from the space to `~`, in thousandths of the size.
const WIDTHS: [u16; 95] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556,
    556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278,
    500, 667, 556, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469,
    556, 333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500,
    278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
];
/// The width of every other letter of Europe; a wider one is narrowed when it is drawn.
const OTHER: u16 = 722;
/// How much wider bold letters are.
const BOLD: f64 = 1.09;
/// What stands for the rest of a text that is too long.
const MORE: char = '…';

/// How letters look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Face {
    /// Their size in pixels.
    pub(super) size: f64,
    pub(super) bold: bool,
}

impl Face {
    /// The width of the text, in pixels.
    pub(super) fn width(self, text: &str) -> f64 {
        let thousandths: f64 = text.chars().map(|letter| f64::from(width(letter))).sum();
        thousandths / 1000.0 * self.size * if self.bold { BOLD } else { 1.0 }
    }

    /// The text, cut off so that it is no wider than `widest`.
    pub(super) fn fitted(self, text: &str, widest: f64) -> String {
        if self.width(text) <= widest {
            return text.to_owned();
        }
        let mut kept: Vec<char> = text.chars().collect();
        while kept.pop().is_some() {
            let shorter = format!("{}{MORE}", kept.iter().collect::<String>().trim_end());
            if self.width(&shorter) <= widest {
                return shorter;
            }
        }
        String::new()
    }
}

fn width(letter: char) -> u16 {
    let place = (letter as usize).checked_sub(' ' as usize);
    place.and_then(|place| WIDTHS.get(place)).copied().unwrap_or(OTHER)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACE: Face = Face { size: 10.0, bold: false };

    #[test]
    fn a_width_is_that_of_the_font() {
        assert!((FACE.width("~ i") - 10.84).abs() < 1e-9);
        assert!((FACE.width("é") - 7.22).abs() < 1e-9);
        assert!(Face { bold: true, ..FACE }.width("abc") > FACE.width("abc"));
    }

    #[test]
    fn a_text_that_is_too_wide_is_cut_and_says_so() {
        assert_eq!(FACE.fitted("council tax", 100.0), "council tax");
        let cut = FACE.fitted("council tax and benefits", 60.0);
        assert!(cut.starts_with("council") && cut.ends_with(MORE) && FACE.width(&cut) <= 60.0, "{cut}");
        assert_eq!(FACE.fitted("council", 1.0), "");
    }
}
