//! The versions in which a project has its services: B's beside A's, and, where the file has `${WORKERS}` elsewhere than in
//! commands and environments, those of each worker count. A version of a service that is not the same has a key of its own.

use super::{DependsOn, Project, Service};
use crate::{
    error::{Error, Result},
    model::Side,
};
use std::collections::BTreeMap;

/// Behind the name of a service of B that is not the same: it becomes part of its image's name.
const OF_B: &str = ".b";

type Services = BTreeMap<String, Service>;

/// A service in one version.
struct Place<'a> {
    key: String,
    name: &'a str,
    /// All services of that version.
    all: &'a Services,
    /// Which version that is: what comes behind a name.
    behind: String,
}

impl Project {
    /// Read for each of these worker counts, the first of them being its own, where that makes a difference; `read` reads
    /// it for one.
    ///
    /// # Errors
    /// What reading says, with the count; [`Error::Compose`] where more differs than services.
    pub fn for_counts(self, counts: &[u32], read: &dyn Fn(u32) -> Result<Self>) -> Result<Self> {
        let (Some(known), Some(&first)) = (self.read_for, counts.first()) else { return Ok(self) };
        let mut project = if known == first { self } else { read(first).map_err(|error| at_count(first, error))? };
        for &count in counts.iter().filter(|count| **count != first) {
            let other = read(count).map_err(|error| at_count(count, error))?;
            project.differs_in_services_only(&other, count)?;
            project.at.insert(count, other);
        }
        // A trial may want twice as many: where that cannot be, there is none.
        for count in counts.iter().map(|count| count.saturating_mul(2)).filter(|count| !counts.contains(count)) {
            if let Ok(other) = read(count)
                && project.differs_in_services_only(&other, count).is_ok()
            {
                project.at.insert(count, other);
            }
        }
        Ok(project)
    }

    fn differs_in_services_only(&self, other: &Self, count: u32) -> Result<()> {
        let services = |project: &Self| project.services.keys().cloned().collect::<Vec<_>>();
        let what = match self.difference(other) {
            None if services(self) == services(other) => return Ok(()),
            None => "services".to_owned(),
            Some(what) => what,
        };
        let own = self.read_for.unwrap_or_default();
        Err(Error::Compose(format!(
            "{what}: with {count} workers it is another than with {own}; `${{WORKERS}}` may change what services \
             are, and nothing else"
        )))
    }

    /// Worker counts for which it is another.
    pub fn counts(&self) -> impl Iterator<Item = u32> {
        self.read_for.into_iter().chain(self.at.keys().copied()).filter(|_| !self.at.is_empty())
    }

    /// One side of it, as it is with so many workers.
    pub fn version(&self, side: Side, workers: u32) -> &Self {
        let both = self.at.get(&workers).unwrap_or(self);
        match &both.beside {
            Some(beside) if side == Side::B => &beside.project,
            _ => both,
        }
    }

    /// Under which key a service is found as it is on this side with so many workers.
    pub fn key(&self, side: Side, workers: u32, name: &str) -> String {
        let behind = behind(side, Some(workers).filter(|count| self.at.contains_key(count)));
        let place = self.places().into_iter().find(|place| place.name == name && place.behind == behind);
        place.map_or_else(|| name.to_owned(), |place| place.key)
    }

    /// A service by its key.
    pub fn service(&self, key: &str) -> &Service {
        let place = self.places().into_iter().find(|place| place.key == key);
        place.map(|place| &place.all[place.name]).expect("plans are made of services that there are")
    }

    /// A service's own name.
    pub fn name_of<'a>(&'a self, key: &'a str) -> &'a str {
        self.places().into_iter().find(|place| place.key == key).map_or(key, |place| place.name)
    }

    /// What others want of a service before they are started, in each version that has it.
    pub fn wanted_of(&self, key: &str) -> Vec<DependsOn> {
        let mut wanted = Vec::new();
        for Place { name, all, .. } in self.places().into_iter().filter(|place| place.key == key) {
            wanted.extend(all.values().filter_map(|service| service.depends_on.get(name)));
        }
        wanted
    }

    /// Every service in every version by its key, A's first.
    pub fn all_services(&self) -> Vec<(String, &Service)> {
        let mut all: Vec<(String, &Service)> = Vec::new();
        for place in self.places() {
            if all.iter().all(|(key, _)| *key != place.key) {
                all.push((place.key, &place.all[place.name]));
            }
        }
        all
    }

    fn places(&self) -> Vec<Place<'_>> {
        let mut versions: Vec<(String, &Services)> = Vec::new();
        let by_count = self.at.iter().map(|(count, project)| (Some(*count), project));
        for (workers, project) in [(None, self)].into_iter().chain(by_count) {
            versions.push((behind(Side::A, workers), &project.services));
            versions.extend(project.beside.iter().map(|it| (behind(Side::B, workers), &it.project.services)));
        }
        let mut places = Vec::new();
        for (index, &(ref behind, all)) in versions.iter().enumerate() {
            for (name, service) in all {
                let same = versions[..index].iter().find(|(_, earlier)| earlier.get(name) == Some(service));
                let key = self.free_key(name, same.map_or(behind, |(first, _)| first));
                places.push(Place { key, name, all, behind: behind.clone() });
            }
        }
        places
    }

    /// The name itself, or one that no service of A's has.
    fn free_key(&self, name: &str, behind: &str) -> String {
        let mut key = format!("{name}{behind}");
        while !behind.is_empty() && self.services.contains_key(&key) {
            key.push_str(behind);
        }
        key
    }
}

fn behind(side: Side, workers: Option<u32>) -> String {
    let of_b = if side == Side::B { OF_B } else { "" };
    workers.map_or_else(|| of_b.to_owned(), |count| format!("{of_b}.w{count}"))
}

fn at_count(count: u32, error: Error) -> Error {
    match error {
        Error::Compose(what) => Error::Compose(format!("with {count} workers: {what}")),
        error => error,
    }
}
