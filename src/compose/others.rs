//! What a service has to do with others: which of them it waits for, the networks where they meet, links, shared namespaces.

use super::fields::{Field, Problem};
use serde::{Serialize, Serializer};

/// What a service waits for before it is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct DependsOn {
    /// What is waited for.
    pub condition: Condition,
    /// Whether it is an error when the other service is not there or does not come so far.
    pub required: bool,
}

/// How far another service must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Condition {
    /// It runs.
    #[serde(rename = "service_started")]
    Started,
    /// Its health check has succeeded.
    #[serde(rename = "service_healthy")]
    Healthy,
    /// It has ended with exit status 0.
    #[serde(rename = "service_completed_successfully")]
    Completed,
}

/// A network that is not one of the run's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub enum NetworkMode {
    /// None at all.
    None,
    /// That of another service.
    Service(String),
}

/// A service's place in a network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Attachment {
    /// Names beside the service's own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// An address of its own choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ipv4_address: Option<String>,
}

impl DependsOn {
    pub(super) fn read(field: &Field<'_>) -> Result<Self, Problem> {
        let mut keys = field.keys(&["condition", "required", "restart"])?;
        let condition = keys.required("condition")?.one_of(&[
            ("service_started", Condition::Started),
            ("service_healthy", Condition::Healthy),
            ("service_completed_successfully", Condition::Completed),
        ])?;
        keys.get("restart", Field::boolean);
        Ok(Self { condition, required: keys.get("required", Field::boolean).unwrap_or(true) })
    }
}

impl NetworkMode {
    pub(super) fn read(field: &Field<'_>) -> Result<Self, Problem> {
        let mode = field.text()?;
        match mode.split_once(':') {
            None if mode == "none" => Ok(Self::None),
            Some(("service", name)) => Ok(Self::Service(name.to_owned())),
            _ => Err(field.problem(format!(
                "`{mode}` is not supported: a run has a network of its own; leave it out, or say none or service:NAME"
            ))),
        }
    }
}

impl Attachment {
    pub(super) fn read(field: &Field<'_>) -> Result<Self, Problem> {
        if field.is_null() {
            return Ok(Self::default());
        }
        // Which of several networks comes first means nothing where none leads out.
        let keys = field.keys(&["aliases", "ipv4_address", "priority", "gw_priority"])?;
        Ok(Self {
            aliases: keys.or_default("aliases", Field::strings),
            ipv4_address: keys.filled("ipv4_address", |field| {
                let address = field.text()?;
                let parsed: Result<std::net::Ipv4Addr, _> = address.parse();
                parsed.map(|_| address).map_err(|error| field.problem(error.to_string()))
            }),
        })
    }
}

/// One of these words, or `service:NAME`.
pub(super) fn namespace(field: &Field<'_>, words: &[&str]) -> Result<String, Problem> {
    let mode = field.text()?;
    if words.contains(&mode.as_str()) || mode.starts_with("service:") {
        return Ok(mode);
    }
    Err(field.problem(format!("`{mode}` is not supported: {} or service:NAME", words.join(", "))))
}

/// `service`, or `service:alias`.
pub(super) fn link(field: &Field<'_>) -> Result<(String, String), Problem> {
    let text = field.text()?;
    let (service, alias) = text.split_once(':').unwrap_or((&text, &text));
    Ok((service.to_owned(), alias.to_owned()))
}

/// The same, as Compose has it.
pub(super) fn as_links<S: Serializer>(links: &[(String, String)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(links.iter().map(|(service, alias)| format!("{service}:{alias}")))
}

impl From<NetworkMode> for String {
    fn from(mode: NetworkMode) -> Self {
        match mode {
            NetworkMode::None => "none".into(),
            NetworkMode::Service(name) => format!("service:{name}"),
        }
    }
}
