//! What an error that a database told means for the next attempt, by its code. Pure; it knows no words.

use postroom_connector::Failure;
use sqlx::error::DatabaseError;
use sqlx::mysql::MySqlDatabaseError;
use sqlx::sqlite::SqliteError;

/// What PostgreSQL says, as a thing that is not supported, of a statement whose table was altered.
const STALE_PLAN: &str = "cached plan must not change result type";

/// By the code of whichever database it is.
pub(super) fn of(told: &dyn DatabaseError) -> Failure {
    if let Some(told) = told.try_downcast_ref::<MySqlDatabaseError>() {
        return mysql(told.number(), told.code().unwrap_or_default());
    }
    let code = told.code().unwrap_or_default();
    if told.message() == STALE_PLAN {
        return Failure::Transient;
    }
    match told.try_downcast_ref::<SqliteError>() {
        Some(_) => sqlite(code.parse().unwrap_or_default()),
        None => state(&code),
    }
}

/// The class of SQLSTATEs that values broke a rule of their column (22) or of the table (23), and what a procedure raises itself.
const SAYING_NO: [&str; 4] = ["22", "23", "45", "P0001"];
/// SQLite's result code for a rule of a table that was broken.
const SQLITE_CONSTRAINT: i32 = 19;

/// Whether the database says no to the values, and not to the statement.
pub(super) fn says_no(told: &dyn DatabaseError) -> bool {
    let code = told.code().unwrap_or_default();
    if told.try_downcast_ref::<SqliteError>().is_some() {
        return code.parse::<i32>().is_ok_and(|code| code & 0xff == SQLITE_CONSTRAINT);
    }
    SAYING_NO.iter().any(|class| code.starts_with(class)) && of(told) == Failure::Permanent
}

/// By SQLSTATE, whose first two characters are its class
/// (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
fn state(state: &str) -> Failure {
    match state {
        // What was written to is a standby now; a right that the user has not, any more or yet.
        "25006" | "42501" => return Failure::Down,
        // Lock not available, a statement that was ended by a time limit, transaction or session that idled too long, a
        // statement that has to be prepared anew.
        "55P03" | "57014" | "25P03" | "25P04" | "26000" | "42P05" => return Failure::Transient,
        _ => {}
    }
    match state.get(..2) {
        // No connection; who asks is not let in; no such database; the server is being stopped.
        Some("08" | "28" | "3D" | "57") => Failure::Down,
        // Conflict or deadlock, no room, something in use, an error of the system, an interrupted statement of MySQL.
        Some("40" | "53" | "55" | "58" | "70" | "XX") => Failure::Transient,
        _ => Failure::Permanent,
    }
}

/// By MySQL's own numbers where its SQLSTATE says too little
/// (<https://mariadb.com/kb/en/mariadb-error-codes/>).
fn mysql(number: u16, code: &str) -> Failure {
    match number {
        // Disk or table full, out of memory, waited too long for a lock, deadlock, a time limit.
        // A record or table that changed meanwhile, a statement to prepare anew, locks or a commit that the engine could not do.
        1020 | 1021 | 1030 | 1037 | 1038 | 1041 | 1114 | 1180 | 1205 | 1206 | 1213 | 1317 | 1412 | 1615
        | 1969 | 3024 | 3572 => Failure::Transient,
        // Too many connections, a right that the user has not, the server is being stopped, the connection was killed, it is
        // read only.
        1040
        | 1044
        | 1053
        | 1077..=1079
        | 1142
        | 1143
        | 1203
        | 1226
        | 1227
        | 1290
        | 1370
        | 1792
        | 1836
        | 1927
        | 4031 => Failure::Down,
        _ => state(code),
    }
}

/// By SQLite's result code (<https://www.sqlite.org/rescode.html>), whose low byte is the primary one.
fn sqlite(code: i32) -> Failure {
    match code & 0xff {
        // Busy, locked, no memory, interrupted, an error of the disk, a disk that is full, a lock that is not to be had.
        5 | 6 | 7 | 9 | 10 | 13 | 15 => Failure::Transient,
        // Read only, damaged, not to be opened, not to be used, no database.
        3 | 8 | 11 | 14 | 23 | 26 => Failure::Down,
        _ => Failure::Permanent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Failure::{Down, Permanent, Transient};

    #[test]
    fn a_lost_server_a_conflict_and_a_refusal_are_told_apart_by_sqlstate() {
        for (failure, states) in [
            (
                Down,
                &[
                    "08006", "08001", "28000", "28P01", "3D000", "57P01", "57P02", "57P03", "57P05", "25006",
                    "42501",
                ][..],
            ),
            (
                Transient,
                &[
                    "40001", "40P01", "53100", "53300", "55P03", "57014", "25P03", "25P04", "26000", "42P05",
                    "58030", "70100", "XX000",
                ],
            ),
            (
                Permanent,
                &[
                    "22001", "23505", "23503", "42P01", "P0001", "45000", "0A000", "2D000", "25001", "42P02",
                    "",
                ],
            ),
        ] {
            for code in states {
                assert_eq!(state(code), failure, "{code}");
            }
        }
    }

    #[test]
    fn what_mysql_tells_by_its_number_is_understood() {
        let of_a_number = |number: &u16| (*number, "HY000");
        // Whatever the state says, the number wins: a right is missing in 42000, a commit failed in HY000.
        let down = [
            1040, 1044, 1053, 1077, 1078, 1079, 1142, 1143, 1203, 1226, 1227, 1290, 1370, 1792, 1836, 1927,
            4031,
        ];
        let transient = [
            1020, 1021, 1030, 1037, 1038, 1041, 1114, 1180, 1205, 1206, 1213, 1317, 1412, 1615, 1969, 3024,
            3572,
        ];
        for (failure, told) in [
            (
                Down,
                down.iter()
                    .map(of_a_number)
                    .chain([(1045, "28000"), (1049, "3D000"), (1142, "42000")])
                    .collect::<Vec<_>>(),
            ),
            (
                Transient,
                transient.iter().map(of_a_number).chain([(1213, "40001"), (1969, "70100")]).collect(),
            ),
            (
                Permanent,
                vec![
                    (1062, "23000"),
                    (1406, "22001"),
                    (1146, "42S02"),
                    (1644, "45000"),
                    (1366, "HY000"),
                    (1064, "42000"),
                ],
            ),
        ] {
            for (number, code) in told {
                assert_eq!(mysql(number, code), failure, "{number}");
            }
        }
    }

    #[test]
    fn a_lock_a_lost_file_and_a_constraint_of_sqlite_are_told_apart() {
        for (failure, codes) in [
            (Transient, &[5, 517, 6, 7, 9, 10, 13, 15][..]),
            (Down, &[3, 1032, 8, 11, 14, 23, 26]),
            (Permanent, &[1, 12, 19, 20, 2067]),
        ] {
            for code in codes {
                assert_eq!(sqlite(*code), failure, "{code}");
            }
        }
    }
}
