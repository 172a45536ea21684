//! Limits that would show by their own evidence, one function each: a [`Claim`] where the throughput is near the limit's
//! ceiling and nothing read speaks against it, with what would still have to be read.

use crate::analyse::verdict::{Ceiling, Evidence, Figure, Kind, Lever, Missing, Number, Resource, limits};

/// A limit that may bind.
#[derive(Clone, Debug)]
pub struct Claim {
    pub kind: Kind,
    /// Of its ceiling; `None` for a limit that has none.
    pub utilisation: Option<f64>,
    pub numbers: Vec<Number>,
    pub levers: Vec<Lever>,
    /// Its own evidence is all there where this is empty.
    pub missing: Vec<Missing>,
}

impl Claim {
    pub fn is_shown(&self) -> bool {
        self.missing.is_empty()
    }
}

/// The evidence of a point that has a throughput.
#[derive(Clone, Copy)]
pub struct Sight<'a> {
    pub evidence: &'a Evidence,
    pub ceilings: &'a [Ceiling],
}

impl<'a> Sight<'a> {
    /// The ceiling of `resource`, if one could be computed.
    pub fn ceiling(self, resource: Resource) -> Option<&'a Ceiling> {
        self.ceilings.iter().find(|ceiling| ceiling.is_of(resource))
    }

    /// The ceiling of `resource` where the throughput is near it.
    fn near(self, resource: Resource) -> Option<&'a Ceiling> {
        self.ceiling(resource).filter(|ceiling| ceiling.utilisation >= limits::NEAR)
    }
}

/// Every claim that can be made, in this order.
pub fn claims(sight: Sight) -> Vec<Claim> {
    let rules =
        [throttled, cpu_bound, imbalanced, worker_saturated, backend_bound, pool_bound, network_bound, memory, disk];
    rules.iter().filter_map(|rule| rule(sight)).collect()
}

/// The quota is used up: usage at it, and periods that ended early.
fn throttled(sight: Sight) -> Option<Claim> {
    let ceiling = sight.near(Resource::Quota)?;
    let cpu = &sight.evidence.cpu;
    let shares = [
        (Figure::ThrottledPeriods, cpu.throttled_periods_ratio, limits::THROTTLED_PERIODS),
        (Figure::ThrottledTime, cpu.throttled_time_ratio, limits::THROTTLED_TIME),
    ];
    let read: Vec<Number> =
        shares.iter().filter_map(|(figure, share, limit)| Some(Number::against(*figure, (*share)?, *limit))).collect();
    if read.iter().any(|number| number.limit.is_some_and(|limit| number.value < limit)) {
        return None;
    }
    let missing = if read.is_empty() { vec![Missing::Throttling] } else { Vec::new() };
    let mut numbers = vec![Number::against(Figure::QuotaUse, ceiling.utilisation, limits::NEAR)];
    numbers.extend(read);
    Some(claim(Kind::CpuThrottled, Some(ceiling), numbers, missing))
}

/// The CPUs are full, and threads wait for one; where there are as many busy threads as CPUs, in one worker or in several, none
/// has to wait.
fn cpu_bound(sight: Sight) -> Option<Claim> {
    let ceiling = sight.near(Resource::Cpuset)?;
    let mut numbers = vec![Number::against(Figure::CpusetUse, ceiling.utilisation, limits::NEAR)];
    let mut missing = Vec::new();
    match (sight.evidence.cpu.run_queue_wait_cores, sight.evidence.setting.cpuset_cpus) {
        _ if ceiling.is_of(Resource::Workers) || sight.near(Resource::Workers).is_some() => {}
        (Some(cores), Some(cpus)) if cores < limits::RUN_QUEUE_WAIT * cpus => return None,
        (Some(cores), Some(cpus)) => {
            numbers.push(Number::against(Figure::RunQueueWait, cores / cpus, limits::RUN_QUEUE_WAIT));
        }
        _ => missing.push(Missing::RunQueueWait),
    }
    Some(claim(Kind::CpuBound, Some(ceiling), numbers, missing))
}

/// The busiest worker is full while the others are not.
fn imbalanced(sight: Sight) -> Option<Claim> {
    let ceiling = sight.near(Resource::BusiestWorker)?;
    let numbers = vec![
        Number::against(Figure::BusiestWorker, sight.evidence.busiest_thread_cores()?, limits::NEAR),
        Number::against(Figure::Imbalance, sight.evidence.imbalance()?, limits::IMBALANCED),
    ];
    Some(claim(Kind::Imbalanced, Some(ceiling), numbers, Vec::new()))
}

/// Each worker's busiest thread is busy all the time, and there would be more CPU.
fn worker_saturated(sight: Sight) -> Option<Claim> {
    let ceiling = sight.near(Resource::Workers)?;
    let cpus = sight.ceiling(Resource::Cpuset);
    // Full CPUs, or as many CPUs as there are workers: more workers alone would not do.
    if cpus.is_some_and(|cpus| cpus.utilisation >= limits::NEAR || cpus.is_of(Resource::Workers)) {
        return None;
    }
    let missing = if cpus.is_some() { Vec::new() } else { vec![Missing::CpuTime] };
    let mut numbers =
        vec![Number::against(Figure::BusiestThreads, sight.evidence.busiest_threads_cores()?, limits::NEAR)];
    numbers.extend(cpus.map(|cpus| Number::against(Figure::CpusetUse, cpus.utilisation, limits::NEAR)));
    Some(claim(Kind::WorkerSaturated, Some(ceiling), numbers, missing))
}

/// The backend's slots are all taken.
fn backend_bound(sight: Sight) -> Option<Claim> {
    let ceiling = sight.near(Resource::Backend)?;
    let backend = sight.evidence.backend?;
    let slots = backend.slots?;
    let mut numbers = vec![Number::against(Figure::SlotUse, ceiling.utilisation, limits::NEAR)];
    let missing = match backend.in_flight_mean.or(backend.in_flight_peak) {
        Some(in_flight) if in_flight < limits::NEAR * slots => return None,
        Some(in_flight) => {
            numbers.push(Number::against(Figure::BackendInFlight, in_flight, slots));
            Vec::new()
        }
        None => vec![Missing::BackendTruth],
    };
    Some(claim(Kind::BackendBound, Some(ceiling), numbers, missing))
}

/// All connections to the backend are in use, and it makes none of them wait: not it is what is full.
fn pool_bound(sight: Sight) -> Option<Claim> {
    let ceiling = sight.near(Resource::Pool)?;
    let backend = sight.evidence.backend?;
    let (connections, in_flight) = (backend.connections?.mean, backend.in_flight_mean?);
    if backend.in_flight_peak.is_some_and(|peak| peak > connections + 0.5) {
        return None;
    }
    let mut numbers = vec![
        Number::of(Figure::Connections, connections),
        Number::against(Figure::BackendInFlight, in_flight, connections),
    ];
    let queueing = backend.processing_us.and_then(|processing| Some(backend.service_us? / processing.estimate));
    let missing = match queueing {
        Some(times) if times > limits::NO_QUEUE => return None,
        Some(times) => {
            numbers.push(Number::against(Figure::BackendQueueing, times, limits::NO_QUEUE));
            Vec::new()
        }
        None => vec![Missing::BackendTruth],
    };
    let mut claim = claim(Kind::PoolBound, Some(ceiling), numbers, missing);
    if connections.round() as usize == sight.evidence.workers.len() {
        // A connection for each worker: more workers are more connections.
        claim.levers.push(Lever::Workers);
    }
    Some(claim)
}

/// As many bytes a second as were ever measured on this network.
fn network_bound(sight: Sight) -> Option<Claim> {
    let ceiling = sight.near(Resource::Network)?;
    let numbers = vec![Number::against(Figure::NetworkUse, ceiling.utilisation, limits::NEAR)];
    Some(claim(Kind::NetworkBound, Some(ceiling), numbers, Vec::new()))
}

/// Memory is at its limit, and something waits for it or comes back from a disk.
fn memory(sight: Sight) -> Option<Claim> {
    let stalls = &sight.evidence.stalls;
    let used = stalls.working_set_bytes? / sight.evidence.setting.memory_bytes?;
    if used < limits::MEMORY_FULL {
        return None;
    }
    let signs = [
        (Figure::MemoryPressure, stalls.memory_pressure_ratio, limits::PRESSURE),
        (Figure::MajorFaults, stalls.major_faults_per_s, limits::MAJOR_FAULTS),
    ];
    let read: Vec<Number> =
        signs.iter().filter_map(|(figure, value, limit)| Some(Number::against(*figure, (*value)?, *limit))).collect();
    let is_shown = read.iter().any(|number| number.limit.is_some_and(|limit| number.value >= limit));
    if !is_shown && read.len() == signs.len() {
        return None;
    }
    let missing = if is_shown { Vec::new() } else { vec![Missing::MemoryPressure] };
    let mut numbers = vec![Number::against(Figure::MemoryUse, used, limits::MEMORY_FULL)];
    numbers.extend(read);
    Some(claim(Kind::MemoryBound, None, numbers, missing))
}

/// A disk is waited for.
fn disk(sight: Sight) -> Option<Claim> {
    let pressure = sight.evidence.stalls.io_pressure_ratio.filter(|ratio| *ratio >= limits::PRESSURE)?;
    let numbers = vec![Number::against(Figure::IoPressure, pressure, limits::PRESSURE)];
    Some(claim(Kind::DiskBound, None, numbers, Vec::new()))
}

fn claim(kind: Kind, ceiling: Option<&Ceiling>, numbers: Vec<Number>, missing: Vec<Missing>) -> Claim {
    let levers = match ceiling {
        Some(ceiling) => ceiling.resources.iter().filter_map(|resource| lever(*resource)).collect(),
        None if kind == Kind::MemoryBound => vec![Lever::Memory],
        None => vec![Lever::Disk],
    };
    Claim { kind, utilisation: ceiling.map(|ceiling| ceiling.utilisation), numbers, levers, missing }
}

/// What moves a ceiling; `None` for one that is ours.
pub fn lever(resource: Resource) -> Option<Lever> {
    Some(match resource {
        Resource::Quota => Lever::Quota,
        Resource::Cpuset => Lever::Cpus,
        Resource::Workers => Lever::Workers,
        Resource::BusiestWorker => Lever::Balance,
        Resource::Backend => Lever::BackendSlots,
        Resource::Pool => Lever::PoolSize,
        Resource::Network => Lever::Network,
        Resource::Users => Lever::Users,
        Resource::Mock | Resource::Generator => return None,
    })
}
