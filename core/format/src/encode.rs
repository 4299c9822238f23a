//! Text as bytes of a stated encoding: a character that the encoding does not have is an error, never a `?`.

use std::borrow::Cow;

use encoding_rs::WINDOWS_1252;

use crate::Encoding;
use crate::format::FormatError;

impl Encoding {
    /// Checks that files can be written in it.
    pub(crate) fn check_written(self) -> Result<(), FormatError> {
        match self {
            Self::Utf8 | Self::Windows1252 | Self::Utf16Le => Ok(()),
            Self::Utf16 | Self::Utf16Be => Err(FormatError::new(
                "encoding",
                "files are written in `utf-8`, `windows-1252` or `utf-16le`",
            )),
        }
    }

    /// What stands before the first character of a file.
    pub(crate) const fn mark(self) -> &'static [u8] {
        match self {
            Self::Utf16 | Self::Utf16Le => b"\xff\xfe",
            Self::Utf16Be => b"\xfe\xff",
            Self::Utf8 | Self::Windows1252 => b"",
        }
    }

    /// Whether it has every character of `text`.
    pub(crate) fn has(self, text: &str) -> bool {
        self.bytes(text).is_some()
    }

    /// The bytes of `text`; none where it lacks a character.
    pub(crate) fn bytes(self, text: &str) -> Option<Cow<'_, [u8]>> {
        match self {
            Self::Utf8 => Some(Cow::Borrowed(text.as_bytes())),
            Self::Windows1252 => {
                let (bytes, _, unmappable) = WINDOWS_1252.encode(text);
                let undefined = text.chars().any(|character| ('\u{80}'..'\u{a0}').contains(&character));
                (!unmappable && !undefined).then_some(bytes)
            }
            Self::Utf16 | Self::Utf16Le => Some(text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
            Self::Utf16Be => Some(text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
        }
    }
}
