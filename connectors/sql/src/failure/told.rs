//! What may be told of an error of a database: its code, and the name of a constraint; never its message, which may quote a row.

use sqlx::error::DatabaseError;
use sqlx::mysql::MySqlDatabaseError;
use sqlx::postgres::PgDatabaseError;

/// Longest name of a constraint that is told, in bytes.
const LONGEST_NAME: usize = 128;
/// Longest message of MySQL that is looked into for such a name, in bytes: a longer one may have been cut.
const LONGEST_MESSAGE: usize = 500;

/// The code, and the name of the constraint where there is one.
pub(super) fn code(told: &dyn DatabaseError) -> String {
    let code = told.code().unwrap_or_default();
    let (code, name) = if let Some(told) = told.try_downcast_ref::<PgDatabaseError>() {
        (format!("SQLSTATE {code}"), told.constraint().and_then(plain))
    } else if let Some(told) = told.try_downcast_ref::<MySqlDatabaseError>() {
        (format!("error {} ({code})", told.number()), mysql_constraint(told.number(), told.message()))
    } else {
        (format!("SQLite {code}"), sqlite_constraint(&code, told.message()))
    };
    match name {
        Some(name) => format!("{code}, constraint {name}"),
        None => code,
    }
}

/// The name of a key or constraint, from messages whose form puts it behind every value.
fn mysql_constraint(number: u16, message: &str) -> Option<&str> {
    if message.len() > LONGEST_MESSAGE {
        return None;
    }
    match number {
        1062 | 1586 => {
            let (_, name) = message.rsplit_once(" for key ")?;
            plain(name.strip_prefix('\'')?.strip_suffix('\'')?)
        }
        1451 | 1452 | 3819 | 4025 => {
            let (_, name) = message.split_once("CONSTRAINT `")?;
            plain(name.split('`').next()?)
        }
        _ => None,
    }
}

/// The columns of a unique or a not-null constraint, or the name of a check.
fn sqlite_constraint<'m>(code: &str, message: &'m str) -> Option<&'m str> {
    if !matches!(code, "275" | "1299" | "1555" | "2067") {
        return None;
    }
    plain(message.split_once(" constraint failed: ")?.1)
}

/// A text that is a name, or a few of them, and nothing else.
fn plain(name: &str) -> Option<&str> {
    let part = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '$'))
    };
    (name.len() <= LONGEST_NAME && name.split(", ").all(part)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_message_the_name_of_the_constraint_is_told_and_no_value() {
        let entry = "Duplicate entry 'Ada for key 'x'' for key 'person_name'";
        assert_eq!(mysql_constraint(1062, entry), Some("person_name"));
        assert_eq!(mysql_constraint(1062, "Duplicate entry 'Ada for key it"), None);
        assert_eq!(mysql_constraint(4025, "CONSTRAINT `adult` failed for `a`.`b`"), Some("adult"));
        assert_eq!(mysql_constraint(1406, "Data too long for column 'a'"), None);
        assert_eq!(sqlite_constraint("2067", "UNIQUE constraint failed: p.a, p.b"), Some("p.a, p.b"));
        assert_eq!(sqlite_constraint("275", "CHECK constraint failed: a <> 'Ada'"), None);
        assert_eq!(sqlite_constraint("1811", "Ada is there"), None);
    }
}
