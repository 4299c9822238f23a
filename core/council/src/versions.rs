//! Versions of an event type beside each other: `upgrade.vrl` and `downgrade.vrl` in the folder of the newer one say how the data
//! of the version below it become its own, and back. They know nothing of routes.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use postroom_schema::{EventType, MAX_FILE_BYTES, Vocabulary, read_file};
use postroom_transform::{Context, Data, Input, Mapping, MetaValue, Misfit, Runner, Shape};
use serde_json::Value;

use crate::reading::Reading;
use crate::written::Text;
use crate::{Council, Problem, Program, personal};

/// What makes the version below the folder's own, and its own the one below.
const UPGRADE: &str = "upgrade.vrl";
const DOWNGRADE: &str = "downgrade.vrl";
/// What a step finds under `%`.
const NOTHING: [(&str, MetaValue<'_>); 0] = [];

/// How events of one version of a type become those of another.
#[derive(Default)]
pub struct Versions {
    /// By the type that was published: the nearest version first, and of two that are equally near the newer.
    conversions: BTreeMap<String, Vec<Conversion>>,
}

/// How an event becomes one of another version.
pub struct Conversion {
    /// The version in the end.
    pub to: String,
    /// The steps, one version each.
    pub steps: Vec<Step>,
}

/// A step from one version to the next.
#[derive(Clone)]
pub struct Step {
    /// The version that it starts from.
    pub from: String,
    /// The version that it makes.
    pub to: String,
    /// Data to data.
    pub program: Arc<Program<Mapping>>,
}

impl Versions {
    /// What an event of this type can become, the nearest version first.
    pub fn of(&self, event_type: &str) -> &[Conversion] {
        self.conversions.get(event_type).map(Vec::as_slice).unwrap_or_default()
    }

    /// How an event of the type `from` becomes one of `to`.
    pub fn between(&self, from: &str, to: &str) -> Option<&Conversion> {
        self.of(from).iter().find(|conversion| conversion.to == to)
    }

    /// Every step, each once.
    pub(crate) fn steps(&self) -> impl Iterator<Item = &Step> {
        let all = self.conversions.values().flatten();
        all.filter_map(|conversion| match conversion.steps.as_slice() {
            [step] => Some(step),
            _ => None,
        })
    }
}

/// An event type of which there is a newer version, and who still has to do with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sunset {
    /// The type.
    pub event_type: String,
    /// The newest version.
    pub newest: String,
    /// The routes that read it.
    pub read_by: Vec<String>,
    /// The systems whose source mappings make it.
    pub published_by: Vec<String>,
    /// The versions that its events become.
    pub becomes: Vec<String>,
    /// The versions whose events become it.
    pub made_of: Vec<String>,
}

impl Council {
    /// Every version of which there is a newer one, by name.
    pub fn sunset(&self) -> Vec<Sunset> {
        let mut all = Vec::new();
        for family in families(&self.vocabulary).into_values() {
            let Some(((_, newest), older)) = family.split_last() else { continue };
            all.extend(older.iter().map(|(_, known)| self.sunset_of(&known.name, &newest.name)));
        }
        all
    }

    fn sunset_of(&self, event_type: &str, newest: &str) -> Sunset {
        let read_by = self.routes.iter().filter(|route| route.from == event_type);
        let makes = |map: &crate::MapRule| map.event_type == event_type;
        let published_by = self.sources().filter(|(_, side)| side.maps.iter().any(makes));
        let versions = &self.versions;
        let made_of = self.vocabulary.names().filter(|name| versions.between(name, event_type).is_some());
        Sunset {
            event_type: event_type.to_owned(),
            newest: newest.to_owned(),
            read_by: read_by.map(|route| route.name.to_string()).collect(),
            published_by: published_by.map(|(system, _)| system.name.clone()).collect(),
            becomes: versions.of(event_type).iter().map(|conversion| conversion.to.clone()).collect(),
            made_of: made_of.map(str::to_owned).collect(),
        }
    }
}

/// The versions of each type, the oldest first.
fn families(vocabulary: &Vocabulary) -> BTreeMap<&str, Vec<(u64, &EventType)>> {
    let mut families: BTreeMap<&str, Vec<(u64, &EventType)>> = BTreeMap::new();
    for known in vocabulary.names().filter_map(|name| vocabulary.get(name)) {
        let Some((family, version)) = known.name.rsplit_once(".v") else { continue };
        let Ok(version) = version.parse() else { continue };
        families.entry(family).or_default().push((version, known));
    }
    families.values_mut().for_each(|family| family.sort_by_key(|(version, known)| (*version, &known.name)));
    families
}

/// Reads what stands in the folders of the types.
pub(crate) fn read(vocabulary: &Vocabulary, reading: &mut Reading<'_>) -> Versions {
    let mut versions = Versions::default();
    for family in families(vocabulary).into_values() {
        let (ups, downs) = steps(&family, reading);
        for (place, (_, known)) in family.iter().enumerate() {
            let conversions = conversions(place, &ups, &downs);
            if !conversions.is_empty() {
                versions.conversions.insert(known.name.clone(), conversions);
            }
        }
    }
    versions
}

/// The steps between versions that are next to each other: up from each but the last, and down to each but the last.
fn steps(family: &[(u64, &EventType)], reading: &mut Reading<'_>) -> (Vec<Option<Step>>, Vec<Option<Step>>) {
    if let Some((_, oldest)) = family.first() {
        for name in [UPGRADE, DOWNGRADE].iter().filter(|name| oldest.folder.join(name).is_file()) {
            let words = format!("`{}` has no older version, so that `{name}` leads nowhere", oldest.name);
            reading.problems.push(Problem::new(oldest.folder.join(name), "version", words));
        }
    }
    let (mut ups, mut downs) = (Vec::new(), Vec::new());
    for pair in family.windows(2) {
        let [(older, old), (newer, new)] = pair else { continue };
        if older == newer {
            let words = format!(
                "`{}` and `{}` are one version: each would be made the other again",
                old.name, new.name
            );
            reading.problems.push(Problem::new(&new.folder, "cyclic-version", words));
            ups.push(None);
            downs.push(None);
            continue;
        }
        ups.push(step((old, new), &new.folder.join(UPGRADE), reading));
        downs.push(step((new, old), &new.folder.join(DOWNGRADE), reading));
    }
    (ups, downs)
}

fn step((from, to): (&EventType, &EventType), file: &Path, reading: &mut Reading<'_>) -> Option<Step> {
    if !file.is_file() {
        return None;
    }
    let text = reading.keep(Text::read(file))?;
    let shape: Arc<Shape> = reading.shared.shape(from);
    let program = Arc::new(Program::of_file(text.file, text.text, shape, Context::Version));
    Some(Step { from: from.name.clone(), to: to.name.clone(), program })
}

/// What the version at `place` can become, the nearest first.
fn conversions(place: usize, ups: &[Option<Step>], downs: &[Option<Step>]) -> Vec<Conversion> {
    let way = |steps: &mut dyn Iterator<Item = &Option<Step>>| {
        let mut ways: Vec<Vec<Step>> = Vec::new();
        for step in steps.map_while(Option::as_ref) {
            let mut way = ways.last().cloned().unwrap_or_default();
            way.push(step.clone());
            ways.push(way);
        }
        ways
    };
    let up = way(&mut ups[place.min(ups.len())..].iter());
    let down = way(&mut downs[..place.min(downs.len())].iter().rev());
    let mut all: Vec<Vec<Step>> = up.into_iter().chain(down).collect();
    all.sort_by_key(Vec::len);
    let to = |steps: &[Step]| steps.last().map(|step| step.to.clone()).unwrap_or_default();
    all.into_iter().map(|steps| Conversion { to: to(&steps), steps }).collect()
}

impl Council {
    /// Proves what makes one version of a type another: it compiles, what it makes fits the schema by its types, and of every
    /// valid example it makes a valid one.
    pub fn prove_versions(&self) -> Vec<Problem> {
        self.versions.steps().flat_map(|step| self.prove_step(step)).collect()
    }

    fn prove_step(&self, step: &Step) -> Vec<Problem> {
        let mapping = match step.program.get() {
            Ok(mapping) => mapping,
            Err(problems) => return problems,
        };
        let (Some(from), Some(to)) = (self.vocabulary.get(&step.from), self.vocabulary.get(&step.to)) else {
            return Vec::new();
        };
        let wrong = |words: String| Problem::new(step.program.file(), "version", words);
        let misfits = mapping.fit(&to.schema).misfits.into_iter();
        let placed = |misfit: Misfit| {
            let problem = step.program.placed(&misfit.problem);
            Problem { words: format!("what it makes may be no `{}`: {}", to.name, problem.words), ..problem }
        };
        let mut problems: Vec<Problem> = misfits.map(placed).collect();
        problems.extend(personal::check_step(from, to, &step.program));
        for (name, example) in examples(from) {
            let made = Runner::default().map(mapping, &mut Input::new(Data::from(example), &NOTHING));
            let words = match made {
                Err(error) => error.to_string(),
                Ok(made) => match to.validator.validate(&made) {
                    Ok(()) => continue,
                    Err(violations) => {
                        violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
                    }
                },
            };
            problems.push(wrong(format!(
                "of valid/{name} of `{}` it makes no `{}`: {words}",
                from.name, to.name
            )));
        }
        problems
    }
}

/// The valid examples of a type; one that cannot be read is told elsewhere.
fn examples(of: &EventType) -> Vec<(String, Value)> {
    let entries = std::fs::read_dir(of.folder.join("valid")).into_iter().flatten().filter_map(Result::ok);
    let read = |entry: std::fs::DirEntry| {
        let bytes = read_file(&entry.path(), MAX_FILE_BYTES).ok()?;
        let value = postroom_event::read_value(&bytes).ok()?;
        Some((entry.file_name().to_string_lossy().into_owned(), value))
    };
    let mut all: Vec<_> = entries.filter_map(read).collect();
    all.sort_by(|(one, _), (other, _)| one.cmp(other));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(from: usize, to: usize) -> Option<Step> {
        let program = Program::of_file("x.vrl".into(), ".".into(), Arc::new(Shape::any()), Context::Version);
        Some(Step { from: format!("x.v{from}"), to: format!("x.v{to}"), program: Arc::new(program) })
    }

    #[test]
    fn versions_are_reached_step_by_step_as_far_as_each_step_is_there_the_nearest_first() {
        let ups = [step(1, 2), step(2, 3), None];
        let downs = [step(2, 1), None, step(4, 3)];
        let reached = |place: usize| -> Vec<(String, usize)> {
            let all = conversions(place, &ups, &downs).into_iter();
            all.map(|conversion| (conversion.to, conversion.steps.len())).collect()
        };
        let check = |place: usize, expected: &[(&str, usize)]| {
            let expected: Vec<_> = expected.iter().map(|(to, steps)| ((*to).to_owned(), *steps)).collect();
            assert_eq!(reached(place), expected, "from x.v{}", place + 1);
        };
        check(0, &[("x.v2", 1), ("x.v3", 2)]);
        check(1, &[("x.v3", 1), ("x.v1", 1)]);
        check(2, &[]);
        check(3, &[("x.v3", 1)]);
    }
}
