//! A target as a closed network of queues: what it does, and what it would do with one of its limits lifted. Mean value
//! analysis (M. Reiser, S. S. Lavenberg, 1980), with stations of several servers by A. Seidmann's approximation (1987).

use crate::analyse::verdict::Kind;

/// By how much a limit is lifted to see whether it binds.
const LIFT: f64 = 1.5;

/// Times are seconds a request.
#[derive(Clone, Debug)]
pub struct World {
    pub workers: f64,
    pub users: f64,
    pub cpus: f64,
    pub quota: Option<f64>,
    pub cpu_s: f64,
    /// A worker holds a request for this long besides.
    pub sleep_s: f64,
    pub backend_s: f64,
    pub slots: f64,
    pub pool: f64,
    /// A worker holds a request while the backend has it, by the one connection that it has.
    pub is_sync: bool,
    pub lock_s: f64,
    /// Share of the lock's time that is CPU time.
    pub lock_cpu: f64,
    pub network_s: f64,
    pub disk_s: f64,
    pub memory_s: f64,
    pub other_s: f64,
    /// Users of each worker, where connections stick to it.
    pub sticks: Option<Vec<f64>>,
}

/// What a network does.
#[derive(Clone, Copy, Debug, Default)]
pub struct Flow {
    pub rps: f64,
    /// Requests that have or want a CPU.
    pub at_cpu: f64,
    /// Requests at the backend.
    pub at_backend: f64,
}

#[derive(Clone, Copy)]
struct Station {
    demand_s: f64,
    servers: f64,
}

impl World {
    /// CPUs that it can use at most.
    pub fn cores(&self) -> f64 {
        self.quota.unwrap_or(f64::INFINITY).min(self.cpus).min(self.workers)
    }

    /// CPU time a request.
    pub fn cpu_used_s(&self) -> f64 {
        self.cpu_s + self.lock_cpu * self.lock_s
    }

    /// Whether a worker holds a request while it waits.
    pub fn holds(&self) -> bool {
        self.is_sync || self.sleep_s > 0.0
    }

    /// What a request takes that meets nobody.
    pub fn alone_s(&self) -> f64 {
        let parts =
            [self.sleep_s, self.backend_s, self.lock_s, self.network_s, self.disk_s, self.memory_s, self.other_s];
        self.cpu_s / self.cores().min(1.0) + parts.iter().sum::<f64>()
    }

    pub fn flow(&self) -> Flow {
        match &self.sticks {
            None => self.network(),
            Some(users) => users.iter().map(|&users| self.one_worker(users)).fold(Flow::default(), |all, one| Flow {
                rps: all.rps + one.rps,
                at_cpu: all.at_cpu + one.at_cpu,
                at_backend: all.at_backend + one.at_backend,
            }),
        }
    }

    /// A worker with users of its own.
    pub fn one_worker(&self, users: f64) -> Flow {
        World { workers: 1.0, users, sticks: None, ..self.clone() }.network()
    }

    fn network(&self) -> Flow {
        let connections = self.slots.min(self.pool);
        let held_s = self.sleep_s + self.cpu_s + if self.is_sync { self.backend_s } else { 0.0 };
        let one = |demand_s| Station { demand_s, servers: 1.0 };
        let cores = self.cores();
        let cpu = Station { demand_s: self.cpu_s / cores.min(1.0), servers: cores.max(1.0) };
        let none = Station { demand_s: 0.0, servers: 1.0 };
        let stations = [
            if self.holds() { Station { demand_s: held_s, servers: self.workers } } else { cpu },
            if self.is_sync { none } else { Station { demand_s: self.backend_s, servers: connections } },
            one(self.lock_s),
            one(self.network_s),
            one(self.disk_s),
            one(self.memory_s),
        ];
        let (rps, queues) = mean_values(&stations, self.other_s, self.users as usize);
        let most = (cores / self.cpu_used_s()).min(connections / self.backend_s.max(1e-12));
        let at_backend = if self.is_sync { rps.min(most) * self.backend_s } else { queues[1] };
        let backlog = if most < rps { self.users } else { queues[0] };
        Flow { rps: rps.min(most), at_cpu: backlog, at_backend }
    }

    /// The same with what `kind` names lifted, and all that is the same limit by construction; `None` where it has no such.
    fn lifted(&self, kind: Kind) -> Option<World> {
        let mut lifted = self.clone();
        match kind {
            Kind::CpuThrottled => lifted.lift_cores(self.quota?),
            Kind::CpuBound => lifted.lift_cores(self.cpus),
            Kind::WorkerSaturated if !self.holds() => lifted.lift_cores(self.workers),
            Kind::BlockingWorkers if self.holds() => lifted.lift_cores(self.workers),
            Kind::PoolBound if self.is_sync => lifted.lift_cores(self.workers),
            Kind::PoolBound | Kind::BackendBound => {
                let size = if kind == Kind::PoolBound { self.pool } else { self.slots };
                if size.is_infinite() {
                    return None;
                }
                for one in [&mut lifted.pool, &mut lifted.slots] {
                    *one *= if *one == size { LIFT } else { 1.0 };
                }
            }
            Kind::Serialised => {
                // The same work, less of it under the lock.
                lifted.lock_s /= LIFT;
                lifted.cpu_s += self.lock_cpu * (self.lock_s - lifted.lock_s);
            }
            Kind::NetworkBound => lifted.network_s /= LIFT,
            Kind::DiskBound => lifted.disk_s /= LIFT,
            Kind::MemoryBound => lifted.memory_s /= LIFT,
            Kind::UnderDriven => {
                lifted.users = (self.users * LIFT).ceil();
                lifted.sticks = self.sticks.as_ref().map(|all| all.iter().map(|users| (users * LIFT).ceil()).collect());
            }
            Kind::Imbalanced => {
                let users = self.sticks.as_ref()?;
                let mean = users.iter().sum::<f64>() / users.len() as f64;
                lifted.sticks = Some(vec![mean.ceil(); users.len()]);
            }
            _ => return None,
        }
        Some(lifted)
    }

    fn lift_cores(&mut self, cores: f64) {
        let lift = |one: f64| if (one - cores).abs() < 1e-9 { one * LIFT } else { one };
        self.quota = self.quota.map(lift);
        self.cpus = lift(self.cpus);
        let workers = lift(self.workers);
        if self.sticks.is_some() && workers > self.workers {
            // Of half as many workers again, each has as much less of the work.
            self.cpu_s /= LIFT;
        }
        self.workers = workers;
    }

    /// By how much throughput rises when each limit is lifted, 0 for not at all.
    pub fn gains(&self) -> Vec<(Kind, f64)> {
        let kinds = [
            Kind::CpuThrottled,
            Kind::CpuBound,
            Kind::WorkerSaturated,
            Kind::BlockingWorkers,
            Kind::PoolBound,
            Kind::BackendBound,
            Kind::Serialised,
            Kind::NetworkBound,
            Kind::DiskBound,
            Kind::MemoryBound,
            Kind::UnderDriven,
            Kind::Imbalanced,
        ];
        let now = self.flow().rps;
        kinds.iter().filter_map(|&kind| Some((kind, self.lifted(kind)?.flow().rps / now - 1.0))).collect()
    }
}

/// Throughput, and requests at each station.
fn mean_values(stations: &[Station; 6], delay_s: f64, users: usize) -> (f64, [f64; 6]) {
    let used: Vec<usize> = (0..6).filter(|&at| stations[at].demand_s > 0.0).collect();
    // All servers but one are time that nobody waits for.
    let through = stations.map(|station| station.demand_s * (1.0 - 1.0 / station.servers));
    let fixed_s = delay_s + through.iter().sum::<f64>();
    let (mut waits, mut queues, mut rps) = ([0.0; 6], [0.0; 6], 0.0);
    for present in 1..=users {
        let mut all_s = fixed_s;
        for &at in &used {
            waits[at] = stations[at].demand_s / stations[at].servers * (1.0 + queues[at]);
            all_s += waits[at];
        }
        rps = present as f64 / all_s;
        for &at in &used {
            queues[at] = rps * waits[at];
        }
    }
    (rps, std::array::from_fn(|at| rps * (waits[at] + through[at])))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two stations of 1 s and three users: by hand, X = 3 / (1 + 1 + 2) at 3 users.
    #[test]
    fn balanced_stations_by_hand() {
        let one = Station { demand_s: 1.0, servers: 1.0 };
        let none = Station { demand_s: 0.0, servers: 1.0 };
        let (rps, queues) = mean_values(&[one, one, none, none, none, none], 0.0, 3);
        assert!((rps - 0.75).abs() < 1e-12 && (queues[0] - 1.5).abs() < 1e-12, "{rps} {queues:?}");
    }
}
