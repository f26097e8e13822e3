//! Plain data between TOML and the manifest's tree of values, and bytes as hexadecimal text.
//!
//! TOML has neither bytes nor nothing, and the tree tells signed from unsigned integers. Integers that are
//! not negative become unsigned, because that is what readers of the tree look for; whatever TOML cannot say
//! is a table with one key that starts with `$`: `{ "$bytes" = "00ff" }`, `{ "$int" = 5 }`, `{ "$uint" =
//! "18446744073709551615" }` and `{ "$null" = true }`.

use super::diagnostic::Notes;
use super::section::unsigned;
use ::manifest::config::Value;
use schema_gen::system::cue_value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

const BYTES: &str = "$bytes";
const INT: &str = "$int";
const UINT: &str = "$uint";
const NULL: &str = "$null";

/// Writes a TOML value into the tree. `key` is its path in the file.
pub(crate) fn write(
    notes: &Notes<'_>,
    key: &str,
    value: &Spanned<DeValue<'_>>,
    mut into: cue_value::Builder<'_>,
) {
    let wrong = |message: &str| notes.error(key, value.span(), message);
    match value.get_ref() {
        DeValue::String(text) => into.set_text(text.as_ref()),
        DeValue::Boolean(truth) => into.set_boolean(*truth),
        DeValue::Integer(integer) => match (unsigned(integer), signed(integer)) {
            (Some(number), _) => into.set_uint_value(number),
            (None, Some(number)) => into.set_int_value(number),
            (None, None) => wrong("does not fit 64 bits"),
        },
        DeValue::Array(list) => {
            let mut into = into.init_list(list.len() as u32);
            for (index, element) in (0..).zip(list.iter()) {
                write(
                    notes,
                    &format!("{key}[{index}]"),
                    element,
                    into.reborrow().get(index),
                );
            }
        }
        DeValue::Table(table) => match special(table) {
            Some((BYTES, text)) => match text.get_ref().as_str().and_then(from_hex) {
                Some(bytes) => into.set_bytes(&bytes),
                None => wrong("must be an even number of hexadecimal digits"),
            },
            Some((INT, number)) => match number.get_ref().as_integer().and_then(signed) {
                Some(number) => into.set_int_value(number),
                None => wrong("must be a number of 64 bits"),
            },
            Some((UINT, text)) => match text.get_ref().as_str().and_then(|text| text.parse().ok()) {
                Some(number) => into.set_uint_value(number),
                None => wrong("must be a number of 64 bits in quotes"),
            },
            Some((NULL, _)) => into.set_null(()),
            _ => {
                let mut into = into.init_fields(table.len() as u32);
                for (index, (name, value)) in (0..).zip(table.iter()) {
                    let mut field = into.reborrow().get(index);
                    field.set_name(name.get_ref().as_ref());
                    write(
                        notes,
                        &format!("{key}.{}", name.get_ref()),
                        value,
                        field.init_value(),
                    );
                }
            }
        },
        DeValue::Float(_) => wrong("must not be a fraction: manifests have none"),
        DeValue::Datetime(_) => wrong("must not be a date: manifests have none; put it in quotes"),
    }
}

/// The key and value of a table that stands for something TOML cannot say.
fn special<'t>(table: &'t DeTable<'t>) -> Option<(&'static str, &'t Spanned<DeValue<'t>>)> {
    let (key, value) = table.iter().next().filter(|_| table.len() == 1)?;
    [BYTES, INT, UINT, NULL]
        .into_iter()
        .find(|known| key.get_ref() == known)
        .map(|known| (known, value))
}

fn signed(integer: &toml::de::DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

/// The TOML that [`write`] turns into this value. The second value of a repeated name is dropped: TOML has no
/// place for it, and nobody can look it up.
pub(crate) fn to_toml(value: &Value<'_>) -> toml::Value {
    let special = |key: &str, value| toml::Value::Table([(key.to_owned(), value)].into_iter().collect());
    match value {
        Value::Null => special(NULL, true.into()),
        Value::Boolean(truth) => (*truth).into(),
        Value::Int(number) if *number < 0 => (*number).into(),
        Value::Int(number) => special(INT, (*number).into()),
        Value::Uint(number) => match i64::try_from(*number) {
            Ok(number) => number.into(),
            Err(_) => special(UINT, number.to_string().into()),
        },
        Value::Text(text) => (*text).into(),
        Value::Bytes(bytes) => special(BYTES, to_hex(bytes).into()),
        Value::List(list) => toml::Value::Array(list.iter().map(to_toml).collect()),
        Value::Record(fields) => {
            let mut table = toml::Table::new();
            for (name, value) in fields {
                if !table.contains_key(*name) {
                    table.insert((*name).to_owned(), to_toml(value));
                }
            }
            toml::Value::Table(table)
        }
    }
}

/// Bytes from pairs of hexadecimal digits.
pub(crate) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|c| c.to_digit(16).map(|digit| digit as u8))
        .collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    Some(
        digits
            .chunks_exact(2)
            .map(|pair| pair[0] << 4 | pair[1])
            .collect(),
    )
}

/// Pairs of hexadecimal digits.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_text_is_pairs_of_digits() {
        assert_eq!(from_hex("00fFa0"), Some(vec![0, 0xff, 0xa0]));
        assert_eq!(
            (from_hex("0"), from_hex("0g"), from_hex("")),
            (None, None, Some(vec![]))
        );
        assert_eq!(to_hex(&[0, 0xff]), "00ff");
    }
}
