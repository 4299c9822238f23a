//! Whether what a target's connector puts where others can read it (a mail, a letter) may stand there: by the classes of the
//! message's fields, and by the purpose of the route. Knows no connector.

use postroom_connector::Revealed;
use postroom_schema::{CLASSES, Classes, Validator};

use crate::reading::Reading;
use crate::written::{PurposesText, RouteText, Spanned, Text};
use crate::{Problem, Purpose, Target};

/// The class of what is about nobody.
const NOBODY: &str = CLASSES[0];

/// A route that is asked about.
pub(crate) struct Asked<'a> {
    pub(crate) text: &'a Text,
    pub(crate) written: &'a RouteText,
    pub(crate) target: &'a Target,
    pub(crate) accepts: &'a Validator,
    /// The purpose of the route, where it has one that is known.
    pub(crate) purpose: Option<&'a Purpose>,
}

/// Keeps a problem for each field that the target reveals and may not.
pub(crate) fn check(asked: &Asked<'_>, reading: &mut Reading<'_>) {
    let Some(kind) = reading.connectors.sink(&asked.target.connector) else { return };
    for revealed in kind.reveals(&asked.target.settings) {
        let Some(classes) = asked.accepts.classes_at(&revealed.field) else { continue };
        reading.problems.extend(asked.problem(&revealed, &classes));
    }
}

impl Asked<'_> {
    fn problem(&self, revealed: &Revealed, classes: &Classes) -> Option<Problem> {
        let (to, message) = (self.written.to.as_ref(), self.written.message.as_ref());
        let Revealed { key, field } = revealed;
        let what = format!("`target.settings.{key}` of `{to}` reveals `{field}` of the message `{message}`");
        if classes.unclassed {
            let words = format!("{what}, of which the schema does not say the class (`x-class`) everywhere");
            return Some(self.told(words, "say it in the message's schema, or do not reveal the field"));
        }
        let may = self.purpose.map(|purpose| purpose.may_mail.as_slice()).unwrap_or_default();
        let refused = |class: &&String| *class != NOBODY && !may.contains(class);
        let refused: Vec<&str> = classes.known.iter().filter(refused).map(String::as_str).collect();
        if refused.is_empty() {
            return None;
        }
        let words = format!(
            "{what}, class {}, which no purpose of the route lets a mail tell",
            refused.join(" and ")
        );
        Some(self.told(words, "do not reveal the field, or say `may_mail` at the purpose in purposes.toml"))
    }

    fn told(&self, words: String, hint: &str) -> Problem {
        let at: &Spanned<String> = self.written.purpose.as_ref().unwrap_or(&self.written.to);
        self.text.problem(at, "reveals", words).hint(hint)
    }
}

/// Problems of purposes: a mail may tell no class that may not flow at all.
pub(crate) fn of_purposes(text: &Text, written: &PurposesText) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (name, purpose) in &written.purposes {
        for class in purpose.may_mail.iter().filter(|class| !purpose.classes.contains(class)) {
            let words = format!("a mail may tell no class `{class}` that `classes` does not allow");
            problems.push(text.problem_at(&format!("purposes.{name}.may_mail"), "purpose", words));
        }
    }
    problems
}
