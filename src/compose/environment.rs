//! A service's environment: what its env files say, then its own values, then what the caller has for names without one.

use super::{
    context::Context,
    dotenv,
    fields::{Field, Keys, Problem},
    files,
    interpolate::Env,
};
use std::{collections::BTreeMap, io::ErrorKind, path::Path};

/// A name without a value takes the caller's; where there is none it is left out, whatever env files say.
pub(super) fn environment(keys: &Keys<'_>, context: &Context<'_>) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    keys.get("env_file", |files| {
        for file in files.items()? {
            // What the files before say can be used in the next.
            let env = |name: &str| (context.env)(name).or_else(|| all.get(name).cloned());
            let found = file.keep(env_file(&file, &env, context));
            all.extend(found.into_iter().flatten());
        }
        Ok(())
    });
    for (name, value) in keys.or_default("environment", |field| context.values(field)) {
        match value {
            Some(value) => all.insert(name, value),
            None => all.remove(&name),
        };
    }
    all
}

fn env_file(field: &Field<'_>, env: Env<'_>, context: &Context<'_>) -> Result<BTreeMap<String, String>, Problem> {
    let mut keys = field.keys(&["path", "required"])?;
    let path = keys.required("path")?;
    let name = path.text()?;
    let required = keys.get("required", Field::boolean).unwrap_or(true);
    let text = match files::read(Path::new(&name)) {
        Err(error) if error.kind() == ErrorKind::NotFound && !required => return Ok(BTreeMap::new()),
        read => read.map_err(|error| field.problem(format!("{name}: {error}")))?,
    };
    let parsed = dotenv::parse(&text, env, context.unset);
    parsed.map_err(|flaw| field.problem(format!("{name}:{}: {}", flaw.line, flaw.what)))
}
