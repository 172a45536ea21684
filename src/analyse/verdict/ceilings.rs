//! What each limit alone would allow, computed from what was measured at one point: a limit's capacity over what a request
//! takes of it. What has no sane value is absent; ceilings that are equal by construction are one.

use super::{
    evidence::{Connections, Estimate, Evidence},
    limits,
};
use crate::units::format_us;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a ceiling comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Resource {
    /// The target's CPU quota.
    Quota,
    /// The CPUs that the target may run on.
    Cpuset,
    /// One busy thread in each worker.
    Workers,
    /// The busiest worker's thread, where work is not spread evenly.
    BusiestWorker,
    /// The backend's slots.
    Backend,
    /// The target's connections to the backend.
    Pool,
    /// The network's measured limit.
    Network,
    /// The users, each with one request at a time.
    Users,
    /// The mock's CPU.
    Mock,
    /// The load generator.
    Generator,
}

/// The throughput that one limit alone would allow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ceiling {
    /// What it comes from; several, where they are equal by construction.
    pub resources: Vec<Resource>,
    /// The throughput that it allows.
    pub rps: f64,
    /// Its 95 % interval; absent where none can be computed.
    pub interval: Option<[f64; 2]>,
    /// The measured throughput over it: 1 is at the ceiling.
    pub utilisation: f64,
    /// How it is computed, in words and numbers.
    pub arithmetic: String,
}

impl Ceiling {
    /// Whether this is the ceiling of `resource`.
    pub fn is_of(&self, resource: Resource) -> bool {
        self.resources.contains(&resource)
    }
}

/// Of all limits that a ceiling can be computed for, the lowest first; none without a throughput.
pub fn ceilings(evidence: &Evidence) -> Vec<Ceiling> {
    let Some(rps) = evidence.rps() else { return Vec::new() };
    let raw = [quota, cpuset, workers, busiest_worker, backend, pool, network, users, mock, generator];
    let raw = raw.iter().filter_map(|of| of(evidence, rps)).filter(|raw| raw.rps.is_finite() && raw.rps > 0.0);
    let mut ceilings: Vec<(Capacity, Ceiling)> = Vec::new();
    for raw in raw {
        let capacity = raw.capacity;
        let ceiling = raw.against(rps);
        match ceilings.iter_mut().find(|(other, _)| capacity.is_same_as(*other)) {
            Some((_, merged)) => merge(merged, ceiling),
            None => ceilings.push((capacity, ceiling)),
        }
    }
    let mut ceilings: Vec<Ceiling> = ceilings.into_iter().map(|(_, ceiling)| ceiling).collect();
    ceilings.sort_by(|a, b| a.rps.total_cmp(&b.rps));
    ceilings
}

/// The lower number stands, under both names.
fn merge(merged: &mut Ceiling, other: Ceiling) {
    merged.resources.extend(other.resources);
    if other.rps < merged.rps {
        *merged = Ceiling { resources: std::mem::take(&mut merged.resources), ..other };
    }
}

/// What a limit allows of: ceilings of one capacity are equal by construction.
#[derive(Clone, Copy)]
enum Capacity {
    /// CPUs, for work that any of them can do.
    Cores(f64),
    /// Requests at once at the backend.
    AtOnce(f64),
    Other,
}

impl Capacity {
    fn is_same_as(self, other: Self) -> bool {
        let (a, b) = match (self, other) {
            (Self::Cores(a), Self::Cores(b)) | (Self::AtOnce(a), Self::AtOnce(b)) => (a, b),
            _ => return false,
        };
        (a - b).abs() <= limits::SAME * b
    }
}

struct Raw {
    resource: Resource,
    capacity: Capacity,
    rps: f64,
    interval: Option<[f64; 2]>,
    arithmetic: String,
}

impl Raw {
    fn against(self, rps: f64) -> Ceiling {
        let Self { resource, rps: allowed, interval, arithmetic, .. } = self;
        Ceiling { resources: vec![resource], rps: allowed, interval, utilisation: rps / allowed, arithmetic }
    }
}

/// So many a second, where a request takes so long of each of `capacity`.
fn over(capacity: f64, us_per_request: Estimate) -> (f64, Option<[f64; 2]>) {
    let rps = |us: f64| capacity * 1e6 / us;
    let has_interval = us_per_request.low > 0.0 && us_per_request.high > us_per_request.low;
    let interval = has_interval.then(|| [rps(us_per_request.high), rps(us_per_request.low)]);
    (rps(us_per_request.estimate), interval)
}

fn cpus(resource: Resource, cores: f64, evidence: &Evidence) -> Option<Raw> {
    let cpu = evidence.cpu.us_per_request?;
    let (rps, interval) = over(cores, cpu);
    let arithmetic = format!("{cores:.2} CPUs / {} of CPU a request", format_us(cpu.estimate));
    Some(Raw { resource, capacity: Capacity::Cores(cores), rps, interval, arithmetic })
}

fn quota(evidence: &Evidence, _: f64) -> Option<Raw> {
    cpus(Resource::Quota, evidence.setting.quota_cores?, evidence)
}

fn cpuset(evidence: &Evidence, _: f64) -> Option<Raw> {
    cpus(Resource::Cpuset, evidence.setting.cpuset_cpus?, evidence)
}

fn workers(evidence: &Evidence, rps: f64) -> Option<Raw> {
    let workers = evidence.workers.len() as f64;
    let busy_us = evidence.busiest_threads_cores()? * workers * 1e6 / rps;
    let capacity = match evidence.has_one_thread_a_worker() {
        Some(true) => Capacity::Cores(workers),
        _ => Capacity::Other,
    };
    Some(Raw {
        resource: Resource::Workers,
        capacity,
        rps: workers * 1e6 / busy_us,
        interval: None,
        arithmetic: format!("{workers} workers / {} of its busiest thread a request", format_us(busy_us)),
    })
}

/// Where every worker keeps its share of the requests, the busiest one is full first.
fn busiest_worker(evidence: &Evidence, rps: f64) -> Option<Raw> {
    let busy = evidence.busiest_thread_cores()?;
    (evidence.imbalance()? >= limits::IMBALANCED).then(|| Raw {
        resource: Resource::BusiestWorker,
        capacity: Capacity::Other,
        rps: rps / busy,
        interval: None,
        arithmetic: format!("{rps:.1} requests/s / {busy:.2} of a CPU that the busiest worker's thread used"),
    })
}

fn backend(evidence: &Evidence, _: f64) -> Option<Raw> {
    let backend = evidence.backend?;
    let (slots, processing) = (backend.slots?, backend.processing_us?);
    let (rps, interval) = over(slots, processing);
    let arithmetic = format!("{slots:.0} slots / {} in a slot a request", format_us(processing.estimate));
    Some(Raw { resource: Resource::Backend, capacity: Capacity::AtOnce(slots), rps, interval, arithmetic })
}

/// A pool shows only where all of it is in use: connections that come and go, or idle, are no limit.
fn pool(evidence: &Evidence, _: f64) -> Option<Raw> {
    let backend = evidence.backend?;
    let size = pool_size(backend.connections?)?;
    let service_us = backend.service_us?;
    // With a connection for each user, it is the users that are as many.
    let users_are_more = evidence.load.users.is_none_or(|users| users > size);
    let is_in_use = backend.in_flight_mean? >= limits::NEAR * size;
    (users_are_more && is_in_use).then(|| Raw {
        resource: Resource::Pool,
        capacity: Capacity::AtOnce(size),
        rps: size * 1e6 / service_us,
        interval: None,
        arithmetic: format!("{size:.0} connections / {} at the backend a request", format_us(service_us)),
    })
}

/// As many connections as there always were; `None` where their number moved.
fn pool_size(connections: Connections) -> Option<f64> {
    let Connections { min, mean, max } = connections;
    (mean >= 1.0 && max - min <= limits::CONSTANT * mean).then(|| mean.round())
}

fn network(evidence: &Evidence, rps: f64) -> Option<Raw> {
    let stalls = evidence.stalls;
    let (used, limit) = (stalls.network_bytes_per_s?, stalls.network_limit_bytes_per_s?);
    let bytes_per_request = used / rps;
    Some(Raw {
        resource: Resource::Network,
        capacity: Capacity::Other,
        rps: limit / bytes_per_request,
        interval: None,
        arithmetic: format!("{:.1} MB/s / {:.1} kB a request", limit / 1e6, bytes_per_request / 1e3),
    })
}

/// The least latency is what a request takes alone only where some met no queue; in one that never empties it is all queue,
/// and this ceiling is the throughput itself. So where twice the users do no more, it says nothing near the throughput.
fn users(evidence: &Evidence, rps: f64) -> Option<Raw> {
    let load = evidence.load;
    let (users, least_us) = (load.users?, load.latency_min_us?);
    let allowed = users * 1e6 / least_us;
    let is_refuted = load.doubled_users.is_some_and(|ratio| ratio.high < limits::NOT_RAISED);
    (!is_refuted || allowed > limits::APART * rps).then(|| Raw {
        resource: Resource::Users,
        capacity: Capacity::Other,
        rps: allowed,
        interval: None,
        arithmetic: format!("{users:.0} users / {} that a request takes at least", format_us(least_us)),
    })
}

fn mock(evidence: &Evidence, rps: f64) -> Option<Raw> {
    let ratio = evidence.backend?.cpu_ratio?;
    Some(Raw {
        resource: Resource::Mock,
        capacity: Capacity::Other,
        rps: rps / ratio,
        interval: None,
        arithmetic: format!("{rps:.1} requests/s / {:.1} % of the mock's CPU in use", ratio * 100.0),
    })
}

fn generator(evidence: &Evidence, rps: f64) -> Option<Raw> {
    let generator = evidence.generator;
    let by_cpu = generator.cpu_ratio.map(|ratio| {
        let arithmetic = format!("{rps:.1} requests/s / {:.1} % of the load generator's CPU in use", ratio * 100.0);
        (rps / ratio, arithmetic)
    });
    let (rps, arithmetic) =
        generator.null_rps.map(|null| (null, "measured against a mock that answers at once".to_owned())).or(by_cpu)?;
    Some(Raw { resource: Resource::Generator, capacity: Capacity::Other, rps, interval: None, arithmetic })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyse::verdict::{evidence::WorkerEvidence, samples};

    fn of(evidence: &Evidence, resource: Resource) -> Option<Ceiling> {
        ceilings(evidence).into_iter().find(|ceiling| ceiling.is_of(resource))
    }

    #[test]
    fn capacity_over_what_a_request_takes() {
        let ceilings = ceilings(&samples::throttled());
        let said: Vec<String> = ceilings
            .iter()
            .map(|it| format!("{:?} {:.1} {:.3}: {}", it.resources, it.rps, it.utilisation, it.arithmetic))
            .collect();
        insta::assert_snapshot!(said.join("\n"));
    }

    #[test]
    fn equal_by_construction_is_one_ceiling() {
        let one_worker = samples::throttled();
        assert_eq!(of(&one_worker, Resource::Workers).unwrap().resources, [Resource::Cpuset, Resource::Workers]);
        // A worker with two busy threads has no capacity of one CPU.
        let mut two_threads = one_worker;
        two_threads.workers = vec![WorkerEvidence { cores: 0.49, busiest_thread_cores: 0.25 }];
        assert_eq!(of(&two_threads, Resource::Workers).unwrap().resources, [Resource::Workers]);
    }

    #[test]
    fn a_pool_shows_only_where_all_of_it_is_in_use() {
        let mut evidence = samples::pooled();
        assert_eq!(of(&evidence, Resource::Pool).unwrap().rps, 80.0);
        let backend = evidence.backend.as_mut().unwrap();
        backend.in_flight_mean = Some(3.59);
        assert_eq!(of(&evidence, Resource::Pool), None);
        evidence.backend.as_mut().unwrap().in_flight_mean = Some(3.61);
        assert!(of(&evidence, Resource::Pool).is_some());
        evidence.load.users = Some(4.0);
        assert_eq!(of(&evidence, Resource::Pool), None, "a connection for each user");
    }

    #[test]
    fn users_that_were_shown_not_to_matter_are_no_ceiling_near() {
        let mut evidence = samples::throttled();
        evidence.load.latency_min_us = evidence.load.latency_mean_us;
        evidence.load.doubled_users = None;
        assert!(of(&evidence, Resource::Users).is_some());
        evidence.load.doubled_users = Some(Estimate { estimate: 1.0, low: 0.95, high: 1.099 });
        assert_eq!(of(&evidence, Resource::Users), None);
        evidence.load.doubled_users = Some(Estimate { estimate: 1.0, low: 0.95, high: 1.1 });
        assert!(of(&evidence, Resource::Users).is_some());
    }

    #[test]
    fn nothing_without_a_throughput() {
        assert_eq!(ceilings(&Evidence::default()), []);
        let mut evidence = samples::throttled();
        evidence.throughput_rps = Some(Estimate { estimate: 0.0, low: 0.0, high: 0.0 });
        assert_eq!(ceilings(&evidence), []);
    }
}
