//! A second project beside a first, B beside A, and what both must have in common.

use super::Project;
use crate::error::{Error, Result};
use serde::Serialize;

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
        if let Some(what) = self.difference(&b) {
            return Err(Error::Compose(format!(
                "--ab: {what} of B ({name_b}) is another than that of A ({name_a}); both must be alike"
            )));
        }
        self.read_for = self.read_for.or(b.read_for);
        self.beside = Some(Beside { a: name_a, b: name_b, project: Box::new(b) });
        Ok(self)
    }

    /// What is not the same in another, of all that is not a service.
    pub(super) fn difference(&self, other: &Self) -> Option<String> {
        // What a study is, the first says.
        let measured = |project: &Self| {
            let mut vscale = serde_json::to_value(&project.vscale).ok()?;
            let keys = vscale.as_object_mut()?;
            keys.retain(|key, _| key != "study" && key != "name");
            Some(vscale)
        };
        let (own, others) = (measured(self).unwrap_or_default(), measured(other).unwrap_or_default());
        if let Some(key) =
            own.as_object().into_iter().flatten().map(|(key, _)| key).find(|key| own[*key] != others[*key])
        {
            return Some(format!("x-vscale.{key}"));
        }
        let alike = [
            ("x-vscale", own == others),
            ("networks", is_alike(&self.networks, &other.networks)),
            ("volumes", is_alike(&self.volumes, &other.volumes)),
            ("secrets", is_alike(&self.secrets, &other.secrets)),
            ("configs", is_alike(&self.configs, &other.configs)),
        ];
        alike.into_iter().find(|(_, is_alike)| !is_alike).map(|(what, _)| what.to_owned())
    }
}

fn is_alike(a: &impl Serialize, b: &impl Serialize) -> bool {
    let json = |of: serde_json::Result<serde_json::Value>| of.ok();
    json(serde_json::to_value(a)) == json(serde_json::to_value(b))
}
