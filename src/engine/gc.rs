//! Who made an object, whether that controller still lives, and the removal of what dead ones left.

use super::{Call, Cluster, Engine, Leftovers};
use crate::{error::Result, units::format_utc};
use bollard::query_parameters::{ListContainersOptionsBuilder, ListNetworksOptionsBuilder, ListVolumesOptionsBuilder};
use futures_util::future::join_all;
use std::{
    collections::{BTreeMap, HashMap},
    fs,
    time::Duration,
};

/// Label: the run that an object belongs to.
pub(super) const RUN_LABEL: &str = "dev.vscale.run";
/// Label: when.
pub(super) const CREATED_LABEL: &str = "dev.vscale.created";
/// Label: the controller that made it.
pub(super) const OWNER_LABEL: &str = "dev.vscale.owner";

/// Longest time for removing what a dead run left: who waits for it wants to measure.
const COLLECT_LIMIT: Duration = Duration::from_secs(10);

/// A controller process: its host, its boot, its PID and its start, so that a reused PID is not taken for it, and the
/// PID namespace in which it has that PID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    host: String,
    boot: String,
    pid: u32,
    started: String,
    /// `pid:[4026531836]`; empty in labels of older versions.
    namespace: String,
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
            namespace: fs::read_link("/proc/self/ns/pid").map(|it| it.display().to_string()).unwrap_or_default(),
        }
    }

    /// As a label's value.
    pub(super) fn to_label(&self) -> String {
        format!("{} {} {} {} {}", self.host, self.boot, self.pid, self.started, self.namespace)
    }

    fn from_label(label: &str) -> Option<Self> {
        let fields: Vec<&str> = label.split(' ').collect();
        let (host, boot, pid, started, namespace) = match fields[..] {
            [host, boot, pid, started, namespace] => (host, boot, pid, started, namespace),
            [host, boot, pid, started] => (host, boot, pid, started, ""),
            _ => return None,
        };
        let pid = pid.parse().ok()?;
        Some(Self { host: host.into(), boot: boot.into(), pid, started: started.into(), namespace: namespace.into() })
    }

    /// Whether this is a process of `here`'s host which is known to have ended: in one's own PID namespace one can look. A
    /// process of another namespace may live without being seen from here, and one of another boot on another host of this name.
    fn is_dead(&self, here: &Self) -> bool {
        let has_ended = || start_tick(self.pid).as_deref() != Some(&self.started);
        self.host == here.host && self.boot == here.boot && self.namespace == here.namespace && has_ended()
    }
}

/// When this host was booted, as a label has moments; empty where that cannot be read.
fn booted() -> String {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let seconds = stat.lines().find_map(|line| line.strip_prefix("btime ")?.parse::<u64>().ok());
    seconds.map(|seconds| format_utc(seconds * 1_000_000)).unwrap_or_default()
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
    let (here, booted) = (Owner::this_process(), booted());
    let is_dead = |made: &Made| {
        // Nothing of a local engine outlives a boot.
        let is_of_earlier_boot = engine.is_local() && !made.created.is_empty() && made.created < booted;
        is_of_earlier_boot || Owner::from_label(&made.owner).is_some_and(|owner| owner.is_dead(&here))
    };
    let garbage = runs(engine).await?.into_iter().filter(|(_, made)| all || is_dead(made));
    let removals = garbage.map(async |(run, _)| {
        let leftovers = Cluster::of_run(engine.clone(), &run).remove_within(COLLECT_LIMIT).await;
        (run, leftovers)
    });
    Ok(join_all(removals).await)
}

/// What the labels of a run's objects say.
struct Made {
    owner: String,
    created: String,
}

/// Every run that has an object in the engine.
async fn runs(engine: &Engine) -> Result<BTreeMap<String, Made>> {
    let filters = HashMap::from([("label".to_owned(), vec![RUN_LABEL.to_owned()])]);
    let containers = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
    let containers = engine.ask(Call::List, "containers", engine.docker.list_containers(Some(containers))).await?;
    let networks = ListNetworksOptionsBuilder::new().filters(&filters).build();
    let networks = engine.ask(Call::List, "networks", engine.docker.list_networks(Some(networks))).await?;
    let volumes = ListVolumesOptionsBuilder::new().filters(&filters).build();
    let volumes = engine.ask(Call::List, "volumes", engine.docker.list_volumes(Some(volumes))).await?;
    let labels = (containers.into_iter().map(|it| it.labels)).chain(networks.into_iter().map(|it| it.labels));
    let labels = labels.flatten().chain(volumes.volumes.unwrap_or_default().into_iter().map(|it| it.labels));
    let runs = labels.filter_map(|mut labels| {
        let [owner, created] = [OWNER_LABEL, CREATED_LABEL].map(|name| labels.remove(name).unwrap_or_default());
        Some((labels.remove(RUN_LABEL)?, Made { owner, created }))
    });
    Ok(runs.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::now_unix_us;

    #[test]
    fn only_dead_processes_of_this_host_are_dead() {
        let here = Owner::this_process();
        assert_eq!(Owner::from_label(&here.to_label()), Some(here.clone()));
        assert!(!here.is_dead(&here));
        assert!(Owner { pid: u32::MAX, ..here.clone() }.is_dead(&here));
        assert!(Owner { started: "1".into(), ..here.clone() }.is_dead(&here));
        let of_other_boot = Owner { boot: "another".into(), pid: u32::MAX, ..here.clone() };
        assert!(!of_other_boot.is_dead(&here), "another host may have the same name");
        assert!(!Owner { host: "elsewhere".into(), ..here.clone() }.is_dead(&here));
        assert_eq!(Owner::from_label("rubbish"), None);
    }

    #[test]
    fn what_is_made_now_was_made_after_the_boot() {
        let (booted, now) = (booted(), format_utc(now_unix_us()));
        assert!(!booted.is_empty() && booted < now, "{booted} and {now}");
    }

    #[test]
    fn a_process_that_cannot_be_seen_from_here_is_not_taken_for_dead() {
        let here = Owner::this_process();
        let elsewhere = Owner { namespace: "pid:[1]".into(), pid: u32::MAX, ..here.clone() };
        assert!(!elsewhere.is_dead(&here));
        let old_label = format!("{} {} {} 1", here.host, here.boot, u32::MAX);
        assert!(!Owner::from_label(&old_label).expect("four fields were a label").is_dead(&here));
    }
}
