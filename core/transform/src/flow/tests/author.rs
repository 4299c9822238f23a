//! Writes mappings over the schema of the soundness tests, by choices that a test makes: most of them compile.

/// Writes programs; each choice is used once, and behind the last one everything is as simple as can be.
pub(super) struct Author {
    choices: std::vec::IntoIter<u8>,
    depth: usize,
    /// The variables that are there.
    names: Vec<String>,
}

/// How deep expressions are nested.
const MAX_DEPTH: usize = 4;

impl Author {
    /// A program of a few lines.
    pub(super) fn program(choices: Vec<u8>) -> String {
        let mut author = Self { choices: choices.into_iter(), depth: 0, names: Vec::new() };
        let lines: Vec<String> = (0..author.pick(4)).map(|_| author.line()).collect();
        let last = author.last();
        format!("{}{last}", lines.concat())
    }

    fn pick(&mut self, of: usize) -> usize {
        self.choices.next().map_or(0, |choice| usize::from(choice) % of)
    }

    fn line(&mut self) -> String {
        if self.pick(4) == 0 {
            return format!("if {} {{ return {} }}\n", self.truth(), self.object());
        }
        let name = format!("v{}", self.names.len());
        let line = match self.pick(5) {
            0 => format!("{name} = {}\n", self.any()),
            1 => format!("{name} = {}\nif {} {{ {name} = {} }}\n", self.any(), self.truth(), self.any()),
            2 => format!("{name} = {}\n{name}.more = {}\n", self.object(), self.any()),
            3 => {
                let (before, after) = (self.object(), self.object());
                format!(
                    "{name} = {before}\nif {} {{ {name}.some = {} }} else {{ {name} = {after} }}\n",
                    self.truth(),
                    self.any()
                )
            }
            _ => format!("{name}, {name}e = to_int({})\n{name} = [{name}, {name}e]\n", self.text()),
        };
        self.names.push(name);
        line
    }

    /// The result: whatever was put into variables, and more.
    fn last(&mut self) -> String {
        let fields = self.names.iter().map(|name| format!("\"{name}\": {name}, "));
        let all = fields.collect::<String>();
        match self.pick(4) {
            0 => format!("merge({{ {all}\"first\": 1 }}, {})", self.object()),
            1 => format!("compact({{ {all}\"last\": {} }})", self.any()),
            _ => format!("{{ {all}\"last\": {} }}", self.any()),
        }
    }

    fn deeper(&mut self, make: impl FnOnce(&mut Self) -> String, plain: &str) -> String {
        if self.depth == MAX_DEPTH {
            return plain.to_owned();
        }
        self.depth += 1;
        let made = make(self);
        self.depth -= 1;
        made
    }

    fn any(&mut self) -> String {
        self.deeper(
            |author| match author.pick(16) {
                0 | 1 => author.text(),
                2 => author.number(),
                3 => author.truth(),
                4 | 5 => author.list(),
                6 | 7 => author.object(),
                8 => ".note".to_owned(),
                9 => ".people[0].given".to_owned(),
                10 => ".people[-1].age".to_owned(),
                11 => format!("(.note || {})", author.any()),
                12 => {
                    format!("{{ if {} {{ {} }} else {{ {} }} }}", author.truth(), author.any(), author.any())
                }
                13 => "(to_int(.note) ?? .kind)".to_owned(),
                14 => "(get(., [\"note\"]) ?? .rate)".to_owned(),
                _ => ".extra.a".to_owned(),
            },
            ".rate",
        )
    }

    fn text(&mut self) -> String {
        self.deeper(
            |author| match author.pick(10) {
                0 | 1 => ".name".to_owned(),
                2 => "(string(.note) ?? \"x\")".to_owned(),
                3 => format!("upcase({})", author.text()),
                4 => format!("({} + {})", author.text(), author.text()),
                5 => format!("join(compact([{}, {}]), \"-\")", author.text(), author.text()),
                6 => format!("to_string({})", author.number()),
                7 => format!("{{ if {} {{ {} }} else {{ \"no\" }} }}", author.truth(), author.text()),
                8 => "%subject".to_owned(),
                _ => format!("join(map({}) -> |p| {{ p.given }}, \" \")", author.people()),
            },
            "\"text\"",
        )
    }

    fn number(&mut self) -> String {
        self.deeper(
            |author| match author.pick(7) {
                0 => ".n".to_owned(),
                6 => format!("({{ \"x\": to_int({}), \"y\": 1 }}.y ?? 7)", author.text()),
                1 => format!("length({})", author.list()),
                2 => format!("length({})", author.text()),
                3 => format!("count({}) -> |p| {{ {} }}", author.people(), author.person_is()),
                4 => "(int(.kind) ?? 3)".to_owned(),
                _ => format!("length({})", author.object()),
            },
            "5",
        )
    }

    fn truth(&mut self) -> String {
        self.deeper(
            |author| match author.pick(10) {
                0 => "(.open == true)".to_owned(),
                1 => "exists(.note)".to_owned(),
                2 => format!("({} > {})", author.number(), author.number()),
                3 => format!("({} == {})", author.text(), author.text()),
                4 => format!("!({})", author.truth()),
                5 => format!("(({}) && ({}))", author.truth(), author.truth()),
                6 => "is_null(.rate)".to_owned(),
                7 => "includes([\"a\", 1], .kind)".to_owned(),
                8 => "(.note != null)".to_owned(),
                _ => format!("starts_with({}, {})", author.text(), author.text()),
            },
            "true",
        )
    }

    fn people(&mut self) -> String {
        self.deeper(
            |author| match author.pick(3) {
                0 | 1 => ".people".to_owned(),
                _ => format!("filter({}) -> |p| {{ {} }}", author.people(), author.person_is()),
            },
            ".people",
        )
    }

    fn person_is(&mut self) -> String {
        let sayings =
            ["p.age == 3", "exists(p.age)", "p.given == .name", "length(p.given) > 1", "is_null(p.tags)"];
        sayings[self.pick(sayings.len())].to_owned()
    }

    fn list(&mut self) -> String {
        self.deeper(
            |author| match author.pick(10) {
                0 => author.people(),
                1 => format!("[{}, {}]", author.any(), author.any()),
                2 => format!(
                    "map({}) -> |p| {{ {{ \"g\": p.given, \"x\": {} }} }}",
                    author.people(),
                    author.any()
                ),
                3 => format!(
                    "map({}) -> |p| {{ if {} {{ p }} else {{ null }} }}",
                    author.people(),
                    author.person_is()
                ),
                4 => format!("append({}, {})", author.list(), author.list()),
                5 => format!("push({}, {})", author.list(), author.any()),
                6 => format!("unique({})", author.list()),
                7 => format!("compact({})", author.list()),
                8 => format!("flatten({})", author.list()),
                _ => format!("(slice({}, {}) ?? [])", author.people(), author.number()),
            },
            "[]",
        )
    }

    fn object(&mut self) -> String {
        self.deeper(
            |author| match author.pick(8) {
                0 | 1 => format!("{{ \"a\": {}, \"b\": {} }}", author.any(), author.any()),
                2 => format!("compact({})", author.object()),
                3 => format!("merge({}, {})", author.object(), author.object()),
                4 => format!("({} | {})", author.object(), author.object()),
                5 => ".".to_owned(),
                6 => "(object(.extra) ?? {})".to_owned(),
                _ => format!(
                    "{{ if {} {{ {} }} else {{ {} }} }}",
                    author.truth(),
                    author.object(),
                    author.object()
                ),
            },
            "{}",
        )
    }
}
