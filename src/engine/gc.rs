//! Who made an object, whether that controller still lives, and the removal of what dead ones left.

use super::{Cluster, Engine, Leftovers, failed};
use crate::error::Result;
use bollard::query_parameters::{ListContainersOptionsBuilder, ListNetworksOptionsBuilder};
use std::{
    collections::{BTreeMap, HashMap},
    fs,
};

/// Label: the run that an object belongs to.
pub(super) const RUN_LABEL: &str = "dev.vscale.run";
/// Label: the controller that made it.
pub(super) const OWNER_LABEL: &str = "dev.vscale.owner";

/// A controller process: its host, its boot, its PID and its start, so that a reused PID is not taken for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    host: String,
    boot: String,
    pid: u32,
    started: String,
}

impl Owner {
    /// This process.
    pub fn this_process() -> Self {
        let pid = std::process::id();
        let read = |path: &str| fs::read_to_string(path).map(|text| text.trim().to_owned()).unwrap_or_default();
        Self {
            host: read("/proc/sys/kernel/hostname"),
            boot: read("/proc/sys/kernel/random/boot_id"),
            pid,
            started: start_tick(pid).unwrap_or_default(),
        }
    }

    /// As a label's value.
    pub(super) fn to_label(&self) -> String {
        format!("{} {} {} {}", self.host, self.boot, self.pid, self.started)
    }

    fn from_label(label: &str) -> Option<Self> {
        let fields: Vec<&str> = label.split(' ').collect();
        let [host, boot, pid, started] = fields[..] else { return None };
        Some(Self { host: host.into(), boot: boot.into(), pid: pid.parse().ok()?, started: started.into() })
    }

    /// Whether this is a process of `here`'s host which has ended.
    fn is_dead(&self, here: &Self) -> bool {
        self.host == here.host && (self.boot != here.boot || start_tick(self.pid).as_deref() != Some(&self.started))
    }
}

/// Field 22 of `/proc/PID/stat`: when the process started, in ticks since boot (proc(5)).
fn start_tick(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat[stat.rfind(')')? + 1..].split_ascii_whitespace().nth(19).map(str::to_owned)
}

/// Removes what runs of dead controllers of this host left; with `all`, what any run left or still uses.
///
/// # Errors
/// `Error::Engine` when the engine's objects cannot be listed.
pub async fn collect_garbage(engine: &Engine, all: bool) -> Result<Vec<(String, Leftovers)>> {
    let here = Owner::this_process();
    let mut removed = Vec::new();
    for (run, owner) in runs(engine).await? {
        let dead = Owner::from_label(&owner).is_some_and(|owner| owner.is_dead(&here));
        if dead || all {
            let leftovers = Cluster::of_run(engine.clone(), &run).remove_all().await;
            removed.push((run, leftovers));
        }
    }
    Ok(removed)
}

/// Every run that has an object in the engine, with its owner's label.
async fn runs(engine: &Engine) -> Result<BTreeMap<String, String>> {
    let filters = HashMap::from([("label".to_owned(), vec![RUN_LABEL.to_owned()])]);
    let containers = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
    let containers = engine.docker.list_containers(Some(containers)).await;
    let networks = ListNetworksOptionsBuilder::new().filters(&filters).build();
    let networks = engine.docker.list_networks(Some(networks)).await;
    let labels = (containers.map_err(|error| failed("listing containers", &error))?.into_iter().map(|it| it.labels))
        .chain(networks.map_err(|error| failed("listing networks", &error))?.into_iter().map(|it| it.labels));
    let runs = labels.flatten().filter_map(|mut labels| {
        let owner = labels.remove(OWNER_LABEL).unwrap_or_default();
        Some((labels.remove(RUN_LABEL)?, owner))
    });
    Ok(runs.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_dead_processes_of_this_host_are_dead() {
        let here = Owner::this_process();
        assert_eq!(Owner::from_label(&here.to_label()), Some(here.clone()));
        assert!(!here.is_dead(&here));
        assert!(Owner { pid: u32::MAX, ..here.clone() }.is_dead(&here));
        assert!(Owner { started: "1".into(), ..here.clone() }.is_dead(&here));
        assert!(Owner { boot: "earlier".into(), ..here.clone() }.is_dead(&here));
        assert!(!Owner { host: "elsewhere".into(), ..here.clone() }.is_dead(&here));
        assert_eq!(Owner::from_label("rubbish"), None);
    }
}
