//! Who gets which CPUs. The three roles are kept apart where the host has enough: whole physical cores, so that no role
//! shares an execution unit with another through SMT; the first cores to the helpers, as that is where hosts
//! tend to take their interrupts, and the rest to the target.

use crate::{
    error::{Error, Result},
    model::{Cpu, CpuSet, Placement},
};

/// CPUs that the compose file asks for, by role; `None` where it leaves the choice to us.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    pub generator: Option<CpuSet>,
    pub backend: Option<CpuSet>,
    pub target: Option<CpuSet>,
    /// Whether there is a backend, or anything else that the target needs.
    pub has_backend: bool,
}

/// Places the roles on the host's CPUs.
///
/// # Errors
/// `Error::Preflight` when a set asked for names a CPU that the host has not.
pub fn place(cpus: &[Cpu], asked: Asked) -> Result<Placement> {
    let online: CpuSet = cpus.iter().map(|cpu| cpu.id).collect();
    for (role, set) in [("generator", &asked.generator), ("backend", &asked.backend), ("target", &asked.target)] {
        if let Some(missing) = set.as_ref().and_then(|set| set.first_not_in(&online)) {
            return Err(Error::Preflight(format!("the {role}'s cpuset names CPU {missing}; this host has {online}")));
        }
    }
    let mut planned = automatic(cpus);
    if !asked.has_backend {
        let Placement { generator, backend, .. } = &mut planned;
        generator.extend(backend.iter());
        *backend = CpuSet::default();
        planned.reason += "; there is no backend, whose part the load generator has";
    }
    let backend_given = asked.backend.is_some() || !asked.has_backend;
    let all_given = asked.generator.is_some() && backend_given && asked.target.is_some();
    Ok(Placement {
        generator: asked.generator.unwrap_or(planned.generator),
        backend: asked.backend.unwrap_or(planned.backend),
        target: asked.target.unwrap_or(planned.target),
        reason: if all_given { "as the compose file says".into() } else { planned.reason },
    })
}

fn automatic(cpus: &[Cpu]) -> Placement {
    let cores = physical_cores(cpus);
    let (units, unit_name) = if cores.len() >= 2 { (cores, "core") } else { (each_alone(cpus), "CPU") };
    let set = |units: &[Vec<u32>]| units.iter().flatten().copied().collect::<CpuSet>();
    match units.len() {
        0 | 1 => {
            let all = set(&units);
            let reason = "one CPU: all roles share it".into();
            Placement { generator: all.clone(), backend: all.clone(), target: all, reason }
        }
        2 => Placement {
            generator: set(&units[..1]),
            backend: set(&units[..1]),
            target: set(&units[1..]),
            reason: format!("two {unit_name}s: the target alone on one, load generator and backend on the other"),
        },
        count => {
            // A target spends milliseconds of CPU on a request where the helpers spend microseconds: one unit each
            // carries a target of eight, and beyond that an eighth of the host each.
            let each = (count / 8).max(1);
            Placement {
                generator: set(&units[..each]),
                backend: set(&units[each..2 * each]),
                target: set(&units[2 * each..]),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn host(cores: u32, threads: u32) -> Vec<Cpu> {
        (0..cores * threads).map(|id| Cpu { id, core: id % cores, package: 0, node: 0 }).collect()
    }

    fn placed(cpus: &[Cpu]) -> [String; 3] {
        let placement = place(cpus, Asked { has_backend: true, ..Asked::default() }).expect("fits");
        [placement.generator, placement.backend, placement.target].map(|cpus| cpus.to_string())
    }

    #[test]
    fn two_cpus_leave_the_target_alone() {
        assert_eq!(placed(&host(2, 1)), ["0", "0", "1"]);
        assert_eq!(placed(&host(1, 2)), ["0", "0", "1"]);
    }

    #[test]
    fn one_cpu_is_shared_by_all() {
        assert_eq!(placed(&host(1, 1)), ["0", "0", "0"]);
    }

    #[test]
    fn larger_hosts_keep_all_apart_on_whole_cores() {
        assert_eq!(placed(&host(4, 1)), ["0", "1", "2-3"]);
        assert_eq!(placed(&host(4, 2)), ["0,4", "1,5", "2-3,6-7"]);
        assert_eq!(placed(&host(32, 1)), ["0-3", "4-7", "8-31"]);
    }

    #[test]
    fn without_a_backend_its_part_is_the_generators() {
        let placed = |cores| {
            let Placement { generator, backend, target, .. } = place(&host(cores, 1), Asked::default()).expect("fits");
            [generator, backend, target].map(|cpus| cpus.to_string())
        };
        assert_eq!(placed(2), ["0", "", "1"]);
        assert_eq!(placed(16), ["0-3", "", "4-15"]);
    }

    #[test]
    fn a_set_asked_for_is_taken_or_refused() {
        let cpus = |text: &str| Some(text.parse().expect("a list"));
        let placement = place(&host(2, 1), Asked { target: cpus("0"), ..Asked::default() }).expect("CPU 0 is there");
        assert_eq!(placement.target.to_string(), "0");
        let error = place(&host(2, 1), Asked { generator: cpus("7"), ..Asked::default() }).expect_err("no CPU 7");
        assert_eq!(error.to_string(), "the generator's cpuset names CPU 7; this host has 0-1");
    }
}
