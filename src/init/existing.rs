//! What a compose file that is there already tells of the service to be measured. It is read for a few keys only: whether the
//! whole of it can be measured is found out when it is.

use super::{Source, Target, Workers};
use serde_yaml::{Mapping, Value};

/// A compose file without an `x-vscale`, and those that stand over it.
#[derive(Clone, Debug)]
pub struct Existing {
    files: Vec<String>,
    services: Mapping,
}

/// What a service is built of, seen from the compose file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// The folder.
    pub context: String,
    /// The file in it.
    pub dockerfile: String,
    /// The stage, if it is not the last one.
    pub stage: Option<String>,
}

impl Existing {
    /// Each file's name, and its text. The error says why they are no use here.
    pub fn read(files: &[(String, String)]) -> Result<Self, String> {
        let mut services = Mapping::new();
        for (file, text) in files {
            let mut root: Value = serde_yaml::from_str(text).map_err(|error| format!("{file}: {error}"))?;
            root.apply_merge().map_err(|error| format!("{file}: {error}"))?;
            if root.get("x-vscale").is_some() {
                return Err(format!("{file} has an x-vscale already: `vscale bench -f {file}` measures it"));
            }
            for (name, service) in root.get("services").and_then(Value::as_mapping).into_iter().flatten() {
                lay_over(services.entry(name.clone()).or_insert(Value::Null), service);
            }
        }
        let files: Vec<String> = files.iter().map(|(file, _)| file.clone()).collect();
        if services.is_empty() {
            return Err(format!("{}: no services in it", files.join(", ")));
        }
        Ok(Self { files, services })
    }

    /// Which service is the target: the one that is asked for, or the only one that no other waits for, or the only one of
    /// those that has a port.
    pub fn choose(&self, asked: Option<&str>) -> Result<String, String> {
        let names: Vec<&str> = self.services.keys().filter_map(Value::as_str).collect();
        if let Some(name) = asked {
            return match names.contains(&name) {
                true => Ok(name.to_owned()),
                false => Err(format!("{}: no service `{name}`; there are {}", self.files.join(", "), names.join(", "))),
            };
        }
        let is_waited_for =
            |name: &&str| self.services.values().any(|service| depends_on(service).contains(&(*name).to_owned()));
        let first: Vec<&str> = names.iter().copied().filter(|name| !is_waited_for(name)).collect();
        let with_port: Vec<&str> = first.iter().copied().filter(|name| !self.ports(name).is_empty()).collect();
        match (&first[..], &with_port[..]) {
            ([one], _) | (_, [one]) => Ok((*one).to_owned()),
            _ => Err(format!("{}: which service is measured? --service {}", self.files.join(", "), names.join("|"))),
        }
    }

    /// The ports of a service inside its container: numbers, or variables.
    pub fn ports(&self, service: &str) -> Vec<String> {
        let mut ports = Vec::new();
        for key in ["ports", "expose"] {
            let listed = self.service(service).and_then(|service| service.get(key)).and_then(Value::as_sequence);
            for port in listed.into_iter().flatten().filter_map(container_port) {
                if !ports.contains(&port) {
                    ports.push(port);
                }
            }
        }
        ports
    }

    /// What it is built of, if it is.
    pub fn built(&self, service: &str) -> Option<Built> {
        let build = self.service(service)?.get("build")?;
        let text = |key: &str| build.get(key).and_then(Value::as_str).map(str::to_owned);
        Some(Built {
            context: build.as_str().map(str::to_owned).or_else(|| text("context")).unwrap_or_else(|| ".".into()),
            dockerfile: text("dockerfile").unwrap_or_else(|| "Dockerfile".into()),
            stage: text("target"),
        })
    }

    /// How its command takes a number of workers, where it has one.
    pub fn workers(&self, service: &str) -> Option<Workers> {
        let command = self.service(service)?.get("command")?;
        let words =
            command.as_sequence().map(|list| list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "));
        Some(Workers::of_command(&words.or_else(|| command.as_str().map(str::to_owned))?))
    }

    /// The target, to be described in a second file.
    pub fn target(
        &self,
        name: String,
        port: String,
        ready: String,
        workers: Workers,
        backend_env: Option<String>,
    ) -> Target {
        let is_taken = |name: &&str| self.services.contains_key(*name);
        let generator = ["loadgen", "vscale-loadgen"].into_iter().find(|name| !is_taken(name)).unwrap_or("vscale-load");
        let networks = self.service(&name).map(networks).unwrap_or_default();
        let source = Source::Service { files: self.files.clone(), networks, generator: generator.into() };
        Target { name, source, port, ready, command: None, workers, backend_env }
    }

    fn service(&self, name: &str) -> Option<&Value> {
        self.services.get(name)
    }
}

/// What a later file says of a service, over what was said: mappings by their keys, lists behind each other, all else instead.
fn lay_over(below: &mut Value, above: &Value) {
    match (below, above) {
        (Value::Mapping(below), Value::Mapping(above)) => {
            for (key, value) in above {
                match key.as_str() {
                    Some("command" | "entrypoint") => drop(below.insert(key.clone(), value.clone())),
                    _ => lay_over(below.entry(key.clone()).or_insert(Value::Null), value),
                }
            }
        }
        (Value::Sequence(below), Value::Sequence(above)) => below.extend(above.iter().cloned()),
        (below, above) => *below = above.clone(),
    }
}

/// A list of names, or a mapping by them.
fn names(value: Option<&Value>) -> Vec<String> {
    let names: Vec<&Value> = match value {
        Some(Value::Sequence(list)) => list.iter().collect(),
        Some(Value::Mapping(map)) => map.keys().collect(),
        _ => Vec::new(),
    };
    names.into_iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn depends_on(service: &Value) -> Vec<String> {
    names(service.get("depends_on"))
}

fn networks(service: &Value) -> Vec<String> {
    names(service.get("networks"))
}

/// The second half of `8080:80/tcp` and of its longer forms, or `target` of the mapping; `None` for other protocols and ranges.
fn container_port(port: &Value) -> Option<String> {
    let text = match port {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Mapping(map) if map.get("protocol").is_none_or(|protocol| protocol == "tcp") => {
            return container_port(map.get("target")?);
        }
        _ => return None,
    };
    let text = text.strip_suffix("/tcp").unwrap_or(&text);
    // A colon within a variable's braces parts nothing.
    let mut depth = 0;
    let last_colon = text.char_indices().filter(|&(_, character)| {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        character == ':' && depth == 0
    });
    let port = last_colon.last().map_or(text, |(at, _)| &text[at + 1..]);
    (port.parse::<u16>().is_ok() || port.starts_with('$')).then(|| port.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn existing(services: &str) -> Existing {
        read(&[&format!("services: {services}")]).unwrap()
    }

    /// The first is `compose.yml`, the next stands over it.
    fn read(texts: &[&str]) -> Result<Existing, String> {
        let names = ["compose.yml", "compose.override.yml"].map(str::to_owned);
        Existing::read(&names.into_iter().zip(texts.iter().map(|&text| text.to_owned())).collect::<Vec<_>>())
    }

    #[test]
    fn the_target_is_the_one_that_no_other_waits_for() {
        for (services, chosen) in [
            ("{ web: {} }", Ok("web")),
            ("{ web: { depends_on: [db] }, db: { expose: [5432] } }", Ok("web")),
            ("{ web: { depends_on: { db: {} } }, db: { expose: [5432] } }", Ok("web")),
            ("{ web: { ports: [\"80\"] }, cron: {} }", Ok("web")),
            (
                "{ web: { ports: [80] }, api: { ports: [81] } }",
                Err("compose.yml: which service is measured? --service web|api"),
            ),
        ] {
            assert_eq!(existing(services).choose(None), chosen.map(Into::into).map_err(Into::into), "{services}");
        }
        let error = existing("{ a: {}, b: {} }").choose(Some("c")).unwrap_err();
        assert_eq!(error, "compose.yml: no service `c`; there are a, b");
    }

    #[test]
    fn ports_are_those_inside_the_container() {
        let ports =
            |ports: &str| existing(&format!("{{ web: {{ ports: {ports}, expose: [9] }} }}")).ports("web").join(" ");
        for (listed, expected) in [
            ("[80]", "80 9"),
            ("[\"8080:80\", \"127.0.0.1:81:81/tcp\", \"9:9\"]", "80 81 9"),
            ("[\"${PORT:-8080}:${INNER:-80}\"]", "${INNER:-80} 9"),
            ("[{ target: 80, published: 8080 }, { target: 53, protocol: udp }]", "80 9"),
            ("[\"53:53/udp\", \"3000-3005:3000-3005\"]", "9"),
        ] {
            assert_eq!(ports(listed), expected, "{listed}");
        }
    }

    #[test]
    fn what_stands_over_it_counts_too() {
        let below = "services: { web: { build: a, command: [gunicorn, a], ports: [80] }, db: {} }";
        let above = "services: { web: { build: { target: dev }, command: [node], expose: [81], ports: [82] }, extra: { depends_on: [web] } }";
        let existing = read(&[below, above]).unwrap();
        assert_eq!(existing.ports("web"), ["80", "82", "81"]);
        assert_eq!(existing.workers("web"), Some(Workers::default()));
        assert_eq!(existing.built("web").unwrap().stage.as_deref(), Some("dev"));
        let error = existing.choose(None).unwrap_err();
        assert_eq!(error, "compose.yml, compose.override.yml: which service is measured? --service web|db|extra");
    }

    #[test]
    fn what_is_no_use_is_said() {
        for (text, why) in [
            ("services: {}", "compose.yml: no services in it"),
            ("[", "compose.yml: "),
            ("x-vscale: {}\nservices: { a: {} }", "compose.yml has an x-vscale already"),
        ] {
            let error = read(&[text]).unwrap_err();
            assert!(error.starts_with(why), "{error}");
        }
    }
}
