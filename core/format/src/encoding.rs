//! The encodings of text files that councils meet.

use encoding_rs::{Decoder, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use serde::Deserialize;

const BOM_UTF_8: &[u8] = b"\xef\xbb\xbf";
const BOM_UTF_16LE: &[u8] = b"\xff\xfe";
const BOM_UTF_16BE: &[u8] = b"\xfe\xff";

/// How characters are written as bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// UTF-8; a byte order mark is tolerated in reading, never written.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// Windows-1252; its five undefined bytes are refused.
    #[serde(rename = "windows-1252")]
    Windows1252,
    /// UTF-16 whose byte order mark decides; little-endian without one. Not written.
    #[serde(rename = "utf-16")]
    Utf16,
    /// UTF-16, little-endian; a byte order mark is tolerated in reading, and written.
    #[serde(rename = "utf-16le")]
    Utf16Le,
    /// UTF-16, big-endian; a byte order mark is tolerated. Not written.
    #[serde(rename = "utf-16be")]
    Utf16Be,
}

impl Encoding {
    /// Its name as the settings write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Windows1252 => "windows-1252",
            Self::Utf16 => "utf-16",
            Self::Utf16Le => "utf-16le",
            Self::Utf16Be => "utf-16be",
        }
    }

    /// The decoder for an input that starts with `head`, and how many bytes of a byte order mark to pass over; or why
    /// the head shows that the input is in another encoding.
    pub(crate) fn decoder(self, head: &[u8]) -> Result<(Decoder, usize), &'static str> {
        let mark = [(BOM_UTF_8, UTF_8), (BOM_UTF_16LE, UTF_16LE), (BOM_UTF_16BE, UTF_16BE)]
            .into_iter()
            .find(|(mark, _)| head.starts_with(mark));
        let stated = match self {
            Self::Utf8 => UTF_8,
            Self::Windows1252 => WINDOWS_1252,
            Self::Utf16Le => UTF_16LE,
            Self::Utf16Be => UTF_16BE,
            Self::Utf16 => match mark {
                Some((_, marked)) if marked == UTF_16BE => UTF_16BE,
                _ => UTF_16LE,
            },
        };
        let skipped = match mark {
            None => 0,
            Some((mark, marked)) if marked == stated => mark.len(),
            Some((_, marked)) if marked == UTF_8 => return Err("it starts with the mark of UTF-8"),
            Some(_) => return Err("it starts with a mark of UTF-16"),
        };
        Ok((stated.new_decoder_without_bom_handling(), skipped))
    }

    /// Whether the label of an XML declaration means this encoding.
    pub(crate) fn is_labelled(self, label: &str) -> bool {
        let Some(labelled) = encoding_rs::Encoding::for_label(label.as_bytes()) else { return false };
        match self {
            Self::Utf8 => labelled == UTF_8 || label.eq_ignore_ascii_case("us-ascii"),
            Self::Windows1252 => labelled == WINDOWS_1252,
            Self::Utf16 | Self::Utf16Le | Self::Utf16Be => labelled == UTF_16LE || labelled == UTF_16BE,
        }
    }
}
