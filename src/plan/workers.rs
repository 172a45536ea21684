//! How a worker count reaches the target: as `${WORKERS}` wherever the file has it, and as the variable that
//! `x-vscale.workers.env` names. Commands and environments stand in the plan as they are written, and a visit fills in its
//! number; elsewhere the file is read for each.

use super::Asked;
use crate::{
    compose::{Project, Service},
    error::{Error, Result},
    model::{ContainerPlan, Plan, Side, WORKERS_VARIABLE},
};
use std::collections::BTreeMap;

/// Whether the counts asked for can reach the target.
pub(super) fn check(asked: &Asked, project: &Project, side: Side) -> Result<()> {
    let target = &project.vscale.target;
    let own = |workers| &project.version(side, workers).services[target];
    let Some(workers) = &project.vscale.workers else {
        return match asked.workers[..] {
            [1] => Ok(()),
            _ => Err(Error::Usage(format!(
                "--workers {}: the compose file has no x-vscale.workers, so nothing tells {target} how many to start",
                words(&asked.workers)
            ))),
        };
    };
    let service = own(0);
    let differs = project.counts().any(|count| own(count) != service);
    let reaches = workers.env.is_some() || command(service).is_some() || !environment(service).is_empty() || differs;
    if reaches || asked.workers[..] == [1] {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "--workers {}: nothing tells {target} how many to start: name a variable of its in x-vscale.workers.env, or use \
         {WORKERS_VARIABLE} in its command, environment or elsewhere",
        words(&asked.workers)
    )))
}

fn words(counts: &[u32]) -> String {
    counts.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}

/// The service's command, if it depends on the number of workers.
pub(super) fn command(service: &Service) -> Option<Vec<String>> {
    service.command.clone().filter(|command| command.iter().any(|word| word.contains(WORKERS_VARIABLE)))
}

/// What of the service's environment depends on it.
pub(super) fn environment(service: &Service) -> BTreeMap<String, String> {
    let depends = service.environment.iter().filter(|(_, value)| value.contains(WORKERS_VARIABLE));
    depends.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Fills in the number.
pub(super) fn fill_in(plan: &Plan, container: &mut ContainerPlan, workers: u32) {
    let number = workers.to_string();
    let words = container.command.iter_mut().flatten().chain(container.environment.values_mut());
    for text in words.filter(|text| text.contains(WORKERS_VARIABLE)) {
        *text = text.replace(WORKERS_VARIABLE, &number);
    }
    let env = plan.workers.as_ref().and_then(|workers| workers.env.clone());
    if let Some(env) = env.filter(|_| container.name == plan.roles.target) {
        container.environment.insert(env, number);
    }
}
