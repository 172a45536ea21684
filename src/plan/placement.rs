//! Who gets which CPUs. The three roles are kept apart where the host has enough: whole physical cores, so that no role
//! shares an execution unit with another through SMT; the first cores to the helpers, as that is where hosts
//! tend to take their interrupts, and the rest to the target.

use crate::{
    error::{Error, Result},
    model::{Cpu, Placement, Warning},
    units::format_cpu_list,
};

/// CPU lists that the compose file asks for, by role; `None` where it leaves the choice to us.
#[derive(Clone, Debug, Default)]
pub struct Roles {
    /// Of the load generator.
    pub load: Option<Vec<u32>>,
    /// Of the backend.
    pub backend: Option<Vec<u32>>,
    /// Of the target.
    pub target: Option<Vec<u32>>,
}

/// Places the roles on the host's CPUs.
///
/// # Errors
/// `Error::Preflight` when a list asked for names a CPU that the host has not.
pub fn place(cpus: &[Cpu], asked: Roles) -> Result<(Placement, Vec<Warning>)> {
    for (service, list) in [("load", &asked.load), ("backend", &asked.backend), ("target", &asked.target)] {
        let missing = list.iter().flatten().find(|&&id| cpus.iter().all(|cpu| cpu.id != id));
        if let Some(id) = missing {
            let online: Vec<u32> = cpus.iter().map(|cpu| cpu.id).collect();
            return Err(Error::Preflight(format!(
                "the {service}'s cpuset names CPU {id}; this host has {}",
                format_cpu_list(&online)
            )));
        }
    }
    let planned = automatic(cpus);
    let all_given = asked.load.is_some() && asked.backend.is_some() && asked.target.is_some();
    let placement = Placement {
        load: asked.load.unwrap_or(planned.load),
        backend: asked.backend.unwrap_or(planned.backend),
        target: asked.target.unwrap_or(planned.target),
        reason: if all_given { "as the compose file says".into() } else { planned.reason },
    };
    let warnings = shared(&placement).map(|who| Warning::SharedCpus { who }).into_iter().collect();
    Ok((placement, warnings))
}

fn automatic(cpus: &[Cpu]) -> Placement {
    let cores = physical_cores(cpus);
    let (units, unit_name) = if cores.len() >= 2 { (cores, "core") } else { (each_alone(cpus), "CPU") };
    let list = |units: &[Vec<u32>]| {
        let mut ids = units.concat();
        ids.sort_unstable();
        ids
    };
    match units.len() {
        0 | 1 => {
            let all = list(&units);
            let reason = "one CPU: all roles share it".into();
            Placement { load: all.clone(), backend: all.clone(), target: all, reason }
        }
        2 => Placement {
            load: list(&units[..1]),
            backend: list(&units[..1]),
            target: list(&units[1..]),
            reason: format!("two {unit_name}s: the target alone on one, load generator and backend on the other"),
        },
        count => {
            // A target spends milliseconds of CPU on a request where the helpers spend microseconds: one unit each
            // carries a target of eight, and beyond that an eighth of the host each.
            let each = (count / 8).max(1);
            Placement {
                load: list(&units[..each]),
                backend: list(&units[each..2 * each]),
                target: list(&units[2 * each..]),
                reason: format!(
                    "{count} {unit_name}s: {each} each for load generator and backend, the rest for the target"
                ),
            }
        }
    }
}

/// Physical cores in order of node, package and core, each with its SMT siblings.
fn physical_cores(cpus: &[Cpu]) -> Vec<Vec<u32>> {
    let mut sorted = cpus.to_vec();
    sorted.sort_unstable_by_key(|cpu| (cpu.node, cpu.package, cpu.core, cpu.id));
    sorted
        .chunk_by(|a, b| (a.node, a.package, a.core) == (b.node, b.package, b.core))
        .map(|siblings| siblings.iter().map(|cpu| cpu.id).collect())
        .collect()
}

fn each_alone(cpus: &[Cpu]) -> Vec<Vec<u32>> {
    cpus.iter().map(|cpu| vec![cpu.id]).collect()
}

/// In words, which roles share CPUs.
fn shared(placement: &Placement) -> Option<String> {
    let roles = [("load generator", &placement.load), ("backend", &placement.backend), ("target", &placement.target)];
    let mut pairs = Vec::new();
    for (index, (name, list)) in roles.iter().enumerate() {
        for (other_name, other) in &roles[index + 1..] {
            let both: Vec<u32> = list.iter().copied().filter(|cpu| other.contains(cpu)).collect();
            if !both.is_empty() {
                pairs.push(format!("{name} and {other_name} share CPU {}", format_cpu_list(&both)));
            }
        }
    }
    (!pairs.is_empty()).then(|| pairs.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(cores: u32, threads: u32) -> Vec<Cpu> {
        (0..cores * threads).map(|id| Cpu { id, core: id % cores, package: 0, node: 0 }).collect()
    }

    fn placed(cpus: &[Cpu]) -> (Vec<u32>, Vec<u32>, Vec<u32>, usize) {
        let (placement, warnings) = place(cpus, Roles::default()).expect("fits");
        (placement.load, placement.backend, placement.target, warnings.len())
    }

    #[test]
    fn two_cpus_leave_the_target_alone() {
        assert_eq!(placed(&host(2, 1)), (vec![0], vec![0], vec![1], 1));
        assert_eq!(placed(&host(1, 2)), (vec![0], vec![0], vec![1], 1));
    }

    #[test]
    fn one_cpu_is_shared_by_all() {
        assert_eq!(placed(&host(1, 1)), (vec![0], vec![0], vec![0], 1));
    }

    #[test]
    fn larger_hosts_keep_all_apart_on_whole_cores() {
        assert_eq!(placed(&host(4, 1)), (vec![0], vec![1], vec![2, 3], 0));
        assert_eq!(placed(&host(4, 2)), (vec![0, 4], vec![1, 5], vec![2, 3, 6, 7], 0));
        let (load, backend, target, warnings) = placed(&host(32, 1));
        assert_eq!((load.len(), backend.len(), target.len(), warnings), (4, 4, 24, 0));
    }

    #[test]
    fn a_list_asked_for_is_taken_or_refused() {
        let asked = Roles { target: Some(vec![0]), ..Roles::default() };
        let (placement, warnings) = place(&host(2, 1), asked).expect("CPU 0 is there");
        assert_eq!(placement.target, vec![0]);
        assert_eq!(warnings.len(), 1);
        let error = place(&host(2, 1), Roles { load: Some(vec![7]), ..Roles::default() }).expect_err("no CPU 7");
        assert_eq!(error.to_string(), "the load's cpuset names CPU 7; this host has 0-1");
    }
}
