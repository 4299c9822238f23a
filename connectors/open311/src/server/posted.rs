//! A report that somebody posts: whether it is one, and the record that is made of it. Pure.

use std::time::Duration;

use postroom_connector::digest;
use serde_json::{Map, Value, json};

use super::form::Parameters;
use super::refusal::Refusal;
use super::services::{Service, Services, of_service};
use crate::report::{ANSWERS, POINT, TEXTS};
use crate::store::{Given, Posted};

/// A report that is right.
#[derive(Debug)]
pub(super) struct Report {
    record: Map<String, Value>,
    content: String,
    /// What may be told of it.
    told: Map<String, Value>,
    /// What happens next, as its service says.
    pub(super) notice: String,
}

impl Report {
    /// Reads a report.
    ///
    /// # Errors
    /// What is wrong or absent; no value is repeated.
    pub(super) fn read(parameters: &Parameters, services: &Services) -> Result<Self, Refusal> {
        let Some(code) = parameters.get("service_code") else {
            return Err(Refusal::wrong("service_code was not provided"));
        };
        let service = services.find(code).ok_or(Refusal::Absent("service_code"))?;
        let (mut record, mut faults) = texts(parameters);
        point(parameters, &mut record, &mut faults);
        let has = |name: &str| record.contains_key(name);
        if faults.is_empty() && !(has("lat") || has("address_string") || has("address_id")) {
            faults.push("lat and long, address_string or address_id was not provided".to_owned());
        }
        let answers = parameters.answers();
        faults.extend(service.faults(&answers));
        if !faults.is_empty() {
            return Err(Refusal::Wrong(faults));
        }
        if !answers.is_empty() {
            let answers = answers.into_iter().map(|(code, value)| json!({"code": code, "value": value}));
            record.insert(ANSWERS.to_owned(), answers.collect());
        }
        Ok(Self::of(record, service, hash(&parameters.sorted_without("api_key"))))
    }

    fn of(mut record: Map<String, Value>, service: &Service, content: String) -> Self {
        let told = of_service(service);
        record.extend(told.clone());
        Self { record, content, told, notice: service.notice.clone() }
    }

    /// What is kept of it.
    pub(super) fn kept(&self, within: Duration) -> Posted {
        Posted { content: self.content.clone(), within, told: self.told.clone() }
    }

    /// The record under its token.
    pub(super) fn record(mut self, given: &Given) -> Value {
        self.record.insert("token".to_owned(), given.token.clone().into());
        self.record.insert("requested_datetime".to_owned(), given.requested.clone().into());
        Value::Object(self.record)
    }
}

fn texts(parameters: &Parameters) -> (Map<String, Value>, Vec<String>) {
    let (mut record, mut faults) = (Map::new(), Vec::new());
    for field in &TEXTS {
        let Some(text) = parameters.get(field.name) else { continue };
        if text.chars().count() > field.most_chars {
            faults.push(format!("{} has more than {} characters", field.name, field.most_chars));
        }
        record.insert(field.name.to_owned(), text.into());
    }
    (record, faults)
}

fn point(parameters: &Parameters, record: &mut Map<String, Value>, faults: &mut Vec<String>) {
    let given = POINT.map(|(name, _)| parameters.get(name));
    if given.iter().any(Option::is_some) && given.iter().any(Option::is_none) {
        faults.push("lat and long are provided both or not at all".to_owned());
    }
    for ((name, most), text) in POINT.into_iter().zip(given) {
        let Some(text) = text else { continue };
        match text.parse::<f64>() {
            Ok(degrees) if (-most..=most).contains(&degrees) => {
                record.insert(name.to_owned(), degrees.into());
            }
            _ => faults.push(format!("{name} is a number of degrees from -{most} to {most}")),
        }
    }
}

/// SHA-256 in hex of names and values, each with its length before it.
pub(super) fn hash(pairs: &[(&str, &str)]) -> String {
    digest(pairs.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Table {
        services: Vec<Service>,
    }

    fn read(form: &str) -> Result<Report, Refusal> {
        let table: Table = toml::from_str(
            "[[services]]\ncode = '001'\nname = 'Sinkholes'\nnotice = 'We look'\n\
             [[services.questions]]\ncode = 'WHISPAWN'\ndescription = 'Which?'\ndatatype = 'string'\nrequired = true",
        )
        .expect("TOML");
        let services = Services::new(table.services).expect("services");
        Report::read(&Parameters::read([form.as_bytes()]).expect("parameters"), &services)
    }

    /// The specification's own example, but for its second answer, under our service's name.
    const EXAMPLE: &str = "api_key=xyz&jurisdiction_id=city.gov&service_code=001&lat=37.76524078&long=-122.4212043&\
         address_string=1234+5th+street&email=smit333%40example.org&device_id=tt222111&account_id=123456&first_name=john&\
         last_name=smith&phone=111111111&description=A+large+sinkhole+is+destroying+the+street&\
         media_url=http%3A%2F%2Fexample.org%2F2212426634_5ed477a060.jpg&attribute[WHISPAWN]=123456";

    #[test]
    fn the_example_of_the_specification_is_a_record_with_all_that_it_says() {
        let report = read(EXAMPLE).expect("a report");
        assert_eq!(report.notice, "We look");
        assert_eq!(
            Value::Object(report.told.clone()),
            json!({"service_code": "001", "service_name": "Sinkholes"})
        );
        let given = Given { token: "t".to_owned(), requested: "2026-05-04T12:00:00Z".to_owned() };
        assert_eq!(
            report.record(&given),
            json!({
                "token": "t", "requested_datetime": "2026-05-04T12:00:00Z", "service_code": "001",
                "service_name": "Sinkholes", "lat": 37.765_240_78, "long": -122.421_204_3,
                "address_string": "1234 5th street", "email": "smit333@example.org", "device_id": "tt222111",
                "account_id": "123456", "first_name": "john", "last_name": "smith", "phone": "111111111",
                "description": "A large sinkhole is destroying the street",
                "media_url": "http://example.org/2212426634_5ed477a060.jpg",
                "attributes": [{"code": "WHISPAWN", "value": "123456"}],
            })
        );
    }

    #[test]
    fn the_same_report_has_the_same_hash_whoever_posts_it_and_in_whatever_order() {
        let content = |form: &str| read(form).expect("a report").content;
        let turned: Vec<&str> = EXAMPLE.rsplit('&').collect();
        assert_eq!(content(EXAMPLE), content(&turned.join("&").replace("=xyz", "=abc")));
        assert_ne!(content(EXAMPLE), content(&EXAMPLE.replace("large", "small")));
    }

    #[test]
    fn what_is_absent_or_wrong_is_told_by_its_name_and_never_by_its_value() {
        let place = "service_code=001&attribute[WHISPAWN]=1";
        let long = "x".repeat(4_001);
        for (form, word) in [
            ("lat=1&long=1".to_owned(), "service_code was not provided"),
            (place.to_owned(), "address_id was not provided"),
            (format!("{place}&lat=1"), "both or not at all"),
            (format!("{place}&lat=Canary&long=1"), "lat is a number"),
            (format!("{place}&lat=NaN&long=1"), "lat is a number"),
            (format!("{place}&lat=1&long=181"), "long is a number"),
            (format!("{place}&address_id=1&description={long}"), "description has more than 4000"),
            ("service_code=001&address_id=1".to_owned(), "attribute[WHISPAWN] was not provided"),
            (format!("{place}&address_id=1&attribute[Canary]=1"), "none of the service's definition"),
        ] {
            match read(&form) {
                Err(Refusal::Wrong(words)) => {
                    assert!(words[0].contains(word) && !words[0].contains("Canary"), "{form}: {words:?}");
                }
                other => panic!("{form}: {other:?}"),
            }
        }
        let unknown = read("service_code=002&lat=1&long=1").expect_err("an error");
        assert_eq!(unknown, Refusal::Absent("service_code"));
    }
}
