//! Files that nobody here wrote, where they are at hand.

use std::path::{Path, PathBuf};

use crate::common::{format, records, steps};

/// The folder `shared/data` beside the repository, found by walking up.
fn data() -> Option<PathBuf> {
    let found = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|folder| folder.join("shared/data"))
        .find(|folder| folder.is_dir());
    if found.is_none() {
        println!("skipped: there is no folder shared/data beside the repository");
    }
    found
}

fn bytes(folder: &Path, file: &str) -> Vec<u8> {
    std::fs::read(folder.join(file)).expect("a file of shared/data")
}

const STREET: &str = r#"{ kind = "mixed-csv", records = { 11 = { name = "street", columns = ["record", "change", "order", "usrn",
    "type", "authority", "state", "state_date", "surface", "class", "version", "entered", "updated", "start", "end",
    "start_x", "start_y", "end_x", "end_y", "tolerance"] } } }"#;

#[test]
fn the_gazetteer_change_files_hold_three_inserts_an_update_and_a_delete() {
    let Some(folder) = data() else { return };
    let one_line = STREET.replace('\n', " ");
    for (file, change, usrns) in [
        ("insert.csv", "I", &["20900161", "20900162", "20900163"][..]),
        ("update.csv", "U", &["20900161"]),
        ("delete.csv", "D", &["20900162"]),
    ] {
        let records = records(&format(&one_line), bytes(&folder, &format!("gazetteer-dtf73/{file}")));
        let read: Vec<_> = records.iter().map(|street| street["usrn"].as_str().unwrap_or_default()).collect();
        assert_eq!(read, usrns);
        assert!(records.iter().all(|street| street["change"] == change && street["kind"] == "street"));
    }
}

const REPORTS: &str = r#"{ kind = "xml", record = "BApropertyReport", lists = ["AssessmentProperties", "AddressLine"], trailer = { count = "BAreportTrailer/RecordCount" } }"#;

#[test]
fn the_valuebill_batches_hold_as_many_reports_as_their_trailers_say() {
    let Some(folder) = data() else { return };
    for (file, count) in [("res100.xml", 32), ("CTValid2.xml", 4)] {
        let reports = records(&format(REPORTS), bytes(&folder, &format!("valuebill-ba-to-voa/{file}")));
        assert_eq!(reports.len(), count);
        assert!(
            reports.iter().all(|report| report["TypeOfTax"].is_object() && report["DateSent"].is_string())
        );
    }
    let reports = records(&format(REPORTS), bytes(&folder, "valuebill-ba-to-voa/res100.xml"));
    let entry = &reports[0]["ProposedEntries"]["AssessmentProperties"][0]["PropertyIdentity"];
    assert_eq!(entry["BS7666Address"]["PAON"]["StartRange"]["Number"], "301");
    assert_eq!(entry["TextAddress"]["AddressLine"].as_array().map(Vec::len), Some(3));
}

#[test]
fn a_valuebill_batch_whose_trailer_says_eight_over_five_reports_is_refused() {
    let Some(folder) = data() else { return };
    let input = bytes(&folder, "valuebill-ba-to-voa/CTInvalid1.xml");
    let last = format(REPORTS).read(Box::new(std::io::Cursor::new(input))).last().expect("a step");
    let words = last.expect_err("a refusal").to_string();
    assert!(words.ends_with("trailer-count: the trailer says 8 records, the file holds 5"), "{words}");
}

#[test]
fn the_exports_of_three_election_systems_are_read() {
    let Some(folder) = data() else { return };
    for (file, required, count) in [
        ("ems-idox-eros.csv", "UPRN", 9),
        ("ems-xpress-weblookup.CSV", "PollingPlaceId", 9),
        ("ems-dcounts-districts.csv", "StationCode", 19),
        ("ems-dcounts-stations.csv", "PlaceName", 19),
    ] {
        let csv = format(&format!(r#"{{ kind = "csv", header = true, required = ["{required}"] }}"#));
        assert_eq!(records(&csv, bytes(&folder, &format!("elections-ems/{file}"))).len(), count, "{file}");
    }
}

#[test]
fn each_step_of_a_planning_application_is_one_record() {
    let Some(folder) = data() else { return };
    let files = std::fs::read_dir(folder.join("planning-odp")).expect("planning-odp");
    for file in files {
        let input = std::fs::read(file.expect("a file").path()).expect("bytes");
        let steps = steps(&format(r#"{ kind = "json" }"#), input);
        assert!(matches!(&steps[..], [one] if one.starts_with("line 1: {")), "{} steps", steps.len());
    }
}
