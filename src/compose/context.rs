//! What reading needs besides the nodes: where the file stands, whose variables it may use; and what is found on the way that the
//! user is to know.

use super::{
    fields::{Field, Problem},
    interpolate::Env,
    workers::Workers,
};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

/// What reading needs besides the nodes.
pub(super) struct Context<'a> {
    /// Of the first file; absolute.
    pub(super) folder: &'a Path,
    pub(super) env: Env<'a>,
    pub(super) unset: &'a RefCell<BTreeSet<String>>,
    workers: &'a Workers,
    inert: RefCell<BTreeSet<String>>,
}

impl<'a> Context<'a> {
    pub(super) fn new(
        folder: &'a Path,
        env: Env<'a>,
        unset: &'a RefCell<BTreeSet<String>>,
        workers: &'a Workers,
    ) -> Self {
        Self { folder, env, unset, workers, inert: RefCell::default() }
    }

    /// What the caller has for a name that stands here.
    pub(super) fn callers(&self, name: &str, here: &Field<'_>) -> Option<String> {
        (self.env)(name).map(|value| self.workers.fill_in(value, here.path()))
    }

    /// Remembers a key of a service that is accepted and does nothing.
    pub(super) fn without_effect(&self, key: &str) {
        self.inert.borrow_mut().insert(key.to_owned());
    }

    /// Values by name; a name without one takes the caller's, and has none where there is none.
    pub(super) fn values(&self, field: &Field<'_>) -> Result<BTreeMap<String, Option<String>>, Problem> {
        field.map_of(
            |value| if value.is_null() { Ok(self.callers(value.name(), value)) } else { value.string().map(Some) },
        )
    }

    /// The number of workers that the files were read for, if it made a difference.
    pub(super) fn read_for(&self) -> Option<u32> {
        self.workers.used()
    }

    /// What the user is to know: variables that are not set, keys without effect.
    pub(super) fn notes(&self) -> Vec<String> {
        let list = |names: &RefCell<BTreeSet<String>>| names.borrow().iter().cloned().collect::<Vec<_>>().join(", ");
        let unset = self
            .unset
            .borrow()
            .iter()
            .map(|name| format!("the variable {name} is not set: it is empty"))
            .collect::<Vec<_>>();
        let inert = (!self.inert.borrow().is_empty())
            .then(|| format!("without effect on a measurement: {}", list(&self.inert)));
        unset.into_iter().chain(inert).collect()
    }
}
