//! Reads from `/proc` and `/sys` what the host is. A container sees the host's own, so this works for a remote engine too.

use crate::{
    error::{Error, Result},
    model::{Cpu, CpuSet, HostFacts},
};
use std::fs;

/// The host's kernel, CPUs and memory.
///
/// # Errors
/// `Error::File` or `Error::Other` when `/sys` does not list the CPUs that are online.
pub fn host_facts() -> Result<HostFacts> {
    const ONLINE: &str = "/sys/devices/system/cpu/online";
    let online = fs::read_to_string(ONLINE).map_err(Error::file(ONLINE))?;
    let ids: CpuSet = online.parse().map_err(|what: String| Error::Other(format!("{ONLINE}: {what}")))?;
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    Ok(HostFacts {
        kernel: first_line("/proc/sys/kernel/osrelease").unwrap_or_default(),
        cpu_model: value_of(&cpuinfo, "model name").unwrap_or_default().to_owned(),
        cpus: ids.iter().map(cpu).collect(),
        governor: first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        memory_bytes: value_of(&meminfo, "MemTotal")
            .and_then(|value| value.trim_end_matches(" kB").parse::<u64>().ok())
            .map_or(0, |kib| kib * 1024),
    })
}

/// Where a CPU is. If the kernel does not tell, it counts as a core of its own in package 0 and node 0.
fn cpu(id: u32) -> Cpu {
    let folder = format!("/sys/devices/system/cpu/cpu{id}");
    let number = |name: &str| first_line(&format!("{folder}/topology/{name}")).and_then(|text| text.parse().ok());
    let node = fs::read_dir(&folder).ok().and_then(|entries| {
        entries.flatten().find_map(|entry| entry.file_name().to_str()?.strip_prefix("node")?.parse().ok())
    });
    Cpu {
        id,
        core: number("core_id").unwrap_or(id),
        package: number("physical_package_id").unwrap_or(0),
        node: node.unwrap_or(0),
    }
}

fn first_line(path: &str) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

fn value_of<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.lines()
        .find_map(|line| line.split_once(':').filter(|(name, _)| name.trim() == key).map(|(_, value)| value.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_host_has_cpus_memory_and_a_kernel() {
        let facts = host_facts().expect("Linux");
        assert!(!facts.cpus.is_empty() && facts.memory_bytes > 0 && !facts.kernel.is_empty());
    }
}
