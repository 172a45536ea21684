//! `x-vscale.generator` as a mapping: a load generator that is not ours, and the services that it takes: its own, and one of
//! ours beside it that asks the backend what it saw.

use super::{
    LOCUST_IMAGE, OWN_IMAGE, Service,
    fields::{Field, Problem},
    words,
};
use crate::model::{LoadTool, LoadToolPlan, Plan};
use serde::{Serialize, Serializer, ser::SerializeMap};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// A load generator that is not ours.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tool {
    /// The service that it runs as.
    pub service: String,
    /// How it is used.
    #[serde(flatten, serialize_with = "as_read")]
    pub plan: LoadToolPlan,
    /// The script that says what it sends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
}

impl Tool {
    /// Of `x-vscale`, if its generator is one; adds its services.
    pub(super) fn parse(
        vscale: &Field<'_>,
        services: &mut BTreeMap<String, Service>,
        folder: &Path,
    ) -> Result<Option<Self>, Problem> {
        let Some(field) = vscale.any_keys()?.take("generator").filter(Field::is_mapping) else { return Ok(None) };
        let mut keys = field.keys(&["kind", "file", "image", "service", "args"])?;
        let tool = keys.required("kind")?.parsed(kind)?;
        let file = keys.take("file").map(|field| script(&field, folder)).transpose()?;
        let image = keys.take("image").map(|field| field.string()).transpose()?;
        let named = keys.take("service").map(|field| Ok((field.string()?, field))).transpose()?;
        let args = keys.take("args").map(|field| arguments(&field)).transpose()?.unwrap_or_default();
        let script = file.as_ref().and_then(|file| Some(file.file_name()?.to_string_lossy().into_owned()));

        let networks = ["target", "backend"]
            .into_iter()
            .filter_map(|role| services.get(&vscale.child(role).string().ok()?))
            .flat_map(|service| service.networks.keys().map(|network| (network.clone(), Default::default())))
            .collect();
        // In the place of our own load generator, where the file still has one.
        let in_place = services.iter().find(|(_, service)| is_our_generator(service));
        let (name, mut service) = match (named, in_place) {
            (Some((name, field)), _) => match services.get(&name) {
                Some(service) => (name, service.clone()),
                None => return Err(field.problem(format!("no service `{name}`"))),
            },
            (None, Some((name, service))) => (name.clone(), service.clone()),
            (None, None) if services.contains_key(tool.name()) => {
                return Err(field.problem(format!(
                    "there is a service `{tool}`: say `service: {tool}` if the load generator is to run as it"
                )));
            }
            (None, None) => (tool.name().to_owned(), Service { networks, ..Service::default() }),
        };
        if service.is_ours() {
            // What our own role can do without, another may need.
            (service.image, service.command, service.read_only) = (None, None, false);
        }
        if image.is_some() {
            (service.image, service.build) = (image, None);
        }
        if service.read_only {
            return Err(
                field.problem(format!("services.{name}.read_only: what {tool} needs is put into its container"))
            );
        }
        match tool {
            _ if service.image.is_some() || service.build.is_some() => {}
            LoadTool::Locust => service.image = Some(LOCUST_IMAGE.into()),
            _ => return Err(field.problem(format!("`image` is missing: one whose entry point is {tool}"))),
        }
        let witness = Service {
            image: Some(OWN_IMAGE.into()),
            networks: service.networks.keys().map(|network| (network.clone(), Default::default())).collect(),
            read_only: true,
            cap_drop: vec!["ALL".into()],
            security_opt: vec!["no-new-privileges:true".into()],
            ..Service::default()
        };
        services.insert(name.clone(), service);
        services.insert(Plan::WITNESS.into(), witness);
        Ok(Some(Self { service: name, plan: LoadToolPlan { tool, script, args }, file }))
    }
}

fn as_read<S: Serializer>(plan: &LoadToolPlan, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    map.serialize_entry("kind", plan.tool.name())?;
    if !plan.args.is_empty() {
        map.serialize_entry("args", &plan.args)?;
    }
    map.end()
}

/// A list of words, or a line that is split as a shell would.
fn arguments(field: &Field<'_>) -> Result<Vec<String>, Problem> {
    if field.is_sequence() {
        return field.strings();
    }
    let line = field.string()?;
    words::split(&line).map_err(|what| field.problem(what))
}

/// Our image, told nothing else than to load.
fn is_our_generator(service: &Service) -> bool {
    service.is_ours() && service.command.as_ref().is_none_or(|command| command.as_slice() == ["load"])
}

fn kind(text: &str) -> Result<LoadTool, String> {
    let names = LoadTool::ALL.map(LoadTool::name).join(", ");
    let named = LoadTool::ALL.into_iter().find(|tool| tool.name() == text);
    named.ok_or_else(|| format!("`{text}` is no load generator that is known: {names}"))
}

/// The path of a script that is there.
fn script(field: &Field<'_>, folder: &Path) -> Result<PathBuf, Problem> {
    let path = folder.join(field.string()?);
    if path.is_file() { Ok(path) } else { Err(field.problem(format!("{}: no such file", path.display()))) }
}
