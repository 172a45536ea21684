//! A second project beside a first, B beside A: what both must have in common, and where B's services are their own.

use super::{DependsOn, Project, Service};
use crate::error::{Error, Result};
use serde::Serialize;
use std::collections::BTreeMap;

/// B, and what both were asked for by.
#[derive(Clone, Debug, Serialize)]
pub struct Beside {
    /// What A was asked for by.
    pub a: String,
    /// What B was.
    pub b: String,
    /// B itself.
    pub project: Box<Project>,
}

impl Project {
    /// The same, with `b` to be compared with it; `names` say what each was asked for by.
    ///
    /// # Errors
    /// [`Error::Compose`] where networks, or what is measured and how, are not the same: then other things would be compared.
    pub fn compared_with(mut self, b: Self, names: [String; 2]) -> Result<Self> {
        let [name_a, name_b] = names;
        let differs = |what: &str| {
            Error::Compose(format!(
                "--ab: {what} of B ({name_b}) is another than that of A ({name_a}); both must be alike"
            ))
        };
        // What a study is, A says.
        let measured = |project: &Self| {
            let mut vscale = serde_json::to_value(&project.vscale).ok()?;
            let keys = vscale.as_object_mut()?;
            keys.retain(|key, _| key != "study" && key != "name");
            Some(vscale)
        };
        let (of_a, of_b) = (measured(&self).unwrap_or_default(), measured(&b).unwrap_or_default());
        if let Some(key) =
            of_a.as_object().into_iter().flatten().map(|(key, _)| key).find(|key| of_a[*key] != of_b[*key])
        {
            return Err(differs(&format!("x-vscale.{key}")));
        }
        if of_a != of_b {
            return Err(differs("x-vscale"));
        }
        let alike = [
            ("networks", is_alike(&self.networks, &b.networks)),
            ("volumes", is_alike(&self.volumes, &b.volumes)),
            ("secrets", is_alike(&self.secrets, &b.secrets)),
            ("configs", is_alike(&self.configs, &b.configs)),
        ];
        if let Some((what, _)) = alike.into_iter().find(|(_, is_alike)| !is_alike) {
            return Err(differs(what));
        }
        self.beside = Some(Beside { a: name_a, b: name_b, project: Box::new(b) });
        Ok(self)
    }

    /// Under what B's service of this name is found: A's own name where it is the same.
    pub fn key_of_b(&self, name: &str) -> String {
        let of_b = self.beside.as_ref().and_then(|beside| beside.project.services.get(name));
        if self.services.get(name).zip(of_b).is_some_and(|(of_a, of_b)| is_alike(of_a, of_b)) {
            return name.to_owned();
        }
        let mut key = format!("{name}{OF_B}");
        while self.services.contains_key(&key) {
            key.push_str(OF_B);
        }
        key
    }

    /// A service, by its name or by B's key.
    pub fn service(&self, key: &str) -> &Service {
        self.all_services()
            .find(|(known, _)| known == key)
            .map(|(_, service)| service)
            .expect("plans are made of services that there are")
    }

    /// A service's own name, by its name or by B's key.
    pub fn name_of<'a>(&'a self, key: &'a str) -> &'a str {
        self.places(key).next().map_or(key, |(name, _)| name)
    }

    /// What others want of a service before they are started: A's of A's, B's of B's, and both of one that is the same.
    pub fn wanted_of<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a DependsOn> {
        self.places(key).flat_map(|(name, beside)| beside.values().filter_map(move |one| one.depends_on.get(name)))
    }

    /// Where the service of a key stands: its own name there, and all services there.
    fn places<'a>(&'a self, key: &'a str) -> impl Iterator<Item = (&'a str, &'a BTreeMap<String, Service>)> {
        let of_a = self.services.contains_key(key).then_some((key, &self.services));
        let services_of_b = self.beside.as_ref().map(|beside| &beside.project.services);
        let names = services_of_b.into_iter().flat_map(move |all| all.keys().map(move |name| (name.as_str(), all)));
        of_a.into_iter().chain(names.filter(move |(name, _)| self.key_of_b(name) == key))
    }

    /// A's services, then those of B that are not the same.
    pub fn all_services(&self) -> impl Iterator<Item = (String, &Service)> {
        let of_b = self.beside.iter().flat_map(|beside| &beside.project.services);
        let of_b = of_b.map(|(name, service)| (self.key_of_b(name), service));
        let of_b = of_b.filter(|(key, _)| !self.services.contains_key(key));
        self.services.iter().map(|(name, service)| (name.clone(), service)).chain(of_b)
    }
}

/// Behind the name of a service of B that is not the same: it becomes part of its image's name.
const OF_B: &str = ".b";

fn is_alike(a: &impl Serialize, b: &impl Serialize) -> bool {
    let json = |of: serde_json::Result<serde_json::Value>| of.ok();
    json(serde_json::to_value(a)) == json(serde_json::to_value(b))
}
