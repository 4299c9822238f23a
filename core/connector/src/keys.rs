//! The keys of a table, asked of the type that reads it, so that nothing lists them a second time.

use serde::Deserialize;
use serde::de::value::Error as NotRead;
use serde::de::{Deserializer, Error, Visitor};
use serde::forward_to_deserialize_any;

/// The keys that a table of the type `T` may have, as they are written; none where `T` is no struct with named fields.
pub fn keys_of<'de, T: Deserialize<'de>>() -> Vec<&'static str> {
    let mut keys = Vec::new();
    let _never_read = T::deserialize(Asker { keys: &mut keys });
    keys
}

/// Hears which fields a type wants, and gives it nothing.
struct Asker<'k> {
    keys: &'k mut Vec<&'static str>,
}

impl<'de> Deserializer<'de> for Asker<'_> {
    type Error = NotRead;

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, NotRead> {
        Err(NotRead::custom("nothing is read"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NotRead> {
        self.keys.extend(fields);
        self.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_are_those_that_the_type_reads() {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        #[expect(dead_code, reason = "its keys are what is asked for")]
        struct Table {
            url: String,
            #[serde(rename = "type")]
            kind: Option<String>,
        }
        assert_eq!(keys_of::<Table>(), ["url", "type"]);
        assert!(keys_of::<String>().is_empty());
    }
}
