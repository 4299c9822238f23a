//! The description of the interface, as OpenAPI 3.1: what a supplier builds against, and the tests check.

/// As it is for the system `library` at its own path.
const DOCUMENT: &str = include_str!("openapi.json");
/// The path that stands in it.
const PATH: &str = "/queues/library";

/// The description for a queue at `path`, which is plain ASCII.
pub fn document(path: &str) -> String {
    DOCUMENT.replace(PATH, path)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn the_document_is_json_and_names_the_path_of_its_queue_only() {
        let read: Value = serde_json::from_str(&document("/elections")).expect("JSON");
        let paths: Vec<&String> = read["paths"].as_object().expect("paths").keys().collect();
        assert_eq!(paths, ["/elections", "/elections/openapi.json", "/elections/{dispatch}"]);
        assert!(!document("/elections").contains("library"));
    }
}
