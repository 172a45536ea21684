//! What the counters of a world's visits would show, with the noise of reading them.

use super::{draw::Draw, world::World};
use crate::analyse::verdict::{
    BackendEvidence, Connections, CpuEvidence, CurveFacts, Efficiency, Estimate, Evidence, GeneratorEvidence,
    LoadEvidence, Setting, StallEvidence, WorkerEvidence,
};

/// A request's bytes, where the network is not what is drawn.
const BYTES: f64 = 2_000.0;
const NETWORK_BYTES_PER_S: f64 = 125e6;

impl Draw<'_> {
    /// Everything that can be read.
    pub fn evidence(&mut self, world: &World) -> Evidence {
        let spread = self.between(0.005, 0.04);
        let rps = self.near(world.flow().rps, spread / 4.0);
        let mut evidence = Evidence {
            setting: Setting {
                workers: world.workers as u32,
                cpuset_cpus: Some(world.cpus),
                quota_cores: world.quota,
                memory_bytes: Some(512e6),
            },
            visits: 5,
            throughput_rps: Some(interval(rps, 1.24 * spread)),
            load: self.load(world, rps, spread),
            cpu: CpuEvidence::default(),
            workers: self.workers(world, rps),
            backend: (world.backend_s > 0.0).then(|| self.backend(world, rps)),
            generator: GeneratorEvidence {
                cpu_ratio: Some(self.between(0.005, 0.3)),
                null_rps: Some(rps * self.between(1.6, 50.0)),
            },
            stalls: self.stalls(world, rps),
            curve: Some(self.curve(world, spread)),
            ..Evidence::default()
        };
        evidence.cpu = self.cpu(world, rps, &evidence.workers);
        evidence
    }

    fn load(&mut self, world: &World, rps: f64, spread: f64) -> LoadEvidence {
        let mean_us = world.users * 1e6 / rps;
        // In a queue that never empties, nobody is ever alone.
        let least_us = if self.is(0.4) { 0.9 * mean_us } else { world.alone_s() * 1e6 * self.between(1.0, 1.1) };
        let twice = world.sticks.as_ref().map(|all| all.iter().map(|users| 2.0 * users).collect());
        let more = World { users: 2.0 * world.users, sticks: twice, ..world.clone() };
        LoadEvidence {
            users: Some(world.users),
            latency_mean_us: Some(mean_us),
            latency_p50_us: Some(mean_us * self.between(0.85, 1.0)),
            latency_min_us: Some(least_us.min(mean_us)),
            doubled_users: Some(self.measured(more.flow().rps / world.flow().rps, spread)),
            accept_queue: Some(0.0),
        }
    }

    fn workers(&mut self, world: &World, rps: f64) -> Vec<WorkerEvidence> {
        let shares: Vec<f64> = match &world.sticks {
            Some(users) => users.iter().map(|&users| world.one_worker(users).rps).collect(),
            None => vec![rps / world.workers; world.workers as usize],
        };
        let worker = |rps: &f64| {
            let cores = self.near(rps * world.cpu_used_s(), 0.01);
            WorkerEvidence { cores, busiest_thread_cores: (cores * self.between(0.97, 1.0)).min(1.0) }
        };
        shares.iter().map(worker).collect()
    }

    fn cpu(&mut self, world: &World, rps: f64, workers: &[WorkerEvidence]) -> CpuEvidence {
        let cores = workers.iter().map(|worker| worker.cores).sum::<f64>() + self.between(0.0, 0.004);
        let quota_use = world.quota.map_or(0.0, |quota| cores / quota);
        // A quota that threads cannot use up holds nobody back.
        let excess = world.quota.map_or(0.0, |quota| 1.0 - quota / world.cpus.min(world.workers)).max(0.0);
        let throttled = if excess > 0.0 { ((quota_use - 0.75) / 0.2).clamp(0.0, 1.0) } else { 0.0 };
        let is_held_by_cpus = world.cpus <= world.cores() && world.workers > world.cpus;
        let waiting = (world.flow().at_cpu.min(world.workers) - world.cpus).max(0.0);
        let idle = (1.0 - cores / world.cores()).max(0.0);
        let at_lock = if world.lock_s > 0.0 { (rps * world.lock_s).min(1.0) } else { 0.0 };
        let calls = if world.is_sync || world.sleep_s > 0.0 || world.disk_s + world.memory_s > 0.0 { 1.0 } else { 0.0 };
        CpuEvidence {
            cores: Some(cores),
            us_per_request: Some(interval(cores * 1e6 / rps, 0.01)),
            throttled_periods_ratio: world.quota.map(|_| throttled * self.between(0.85, 1.0)),
            throttled_time_ratio: world.quota.map(|_| throttled * excess * self.between(0.7, 1.0)),
            run_queue_wait_cores: Some(if is_held_by_cpus { waiting } else { 0.0 } + self.between(0.0, 0.03)),
            voluntary_switches_per_request: Some(self.between(0.02, 0.2) + 1.5 * idle + at_lock + calls),
        }
    }

    fn backend(&mut self, world: &World, rps: f64) -> BackendEvidence {
        let processing_us = world.backend_s * 1e6;
        let at_once = if world.is_sync { world.workers } else { world.pool }.min(world.users);
        let in_flight = world.flow().at_backend.min(at_once);
        // What waits for a connection is not at the backend yet.
        let in_flight = if world.pool <= world.slots { (rps * world.backend_s).min(at_once) } else { in_flight };
        let in_flight = self.near(in_flight.max(rps * world.backend_s).min(at_once), 0.005).min(at_once);
        let peak = (in_flight + 3.0 * in_flight.sqrt() + 1.0).min(at_once).ceil();
        // A client may keep all the connections that it ever needed, and may not.
        let kept = self.is(0.5) || in_flight > 0.97 * peak;
        let min = if kept { peak } else { (in_flight - in_flight.sqrt()).max(0.0).floor() };
        BackendEvidence {
            slots: world.slots.is_finite().then_some(world.slots),
            processing_us: Some(interval(self.near(processing_us, 0.005), 0.01)),
            service_us: Some(in_flight * 1e6 / rps),
            in_flight_mean: Some(in_flight),
            in_flight_peak: Some(peak),
            cpu_ratio: Some(self.between(0.005, 0.4)),
            connections: Some(Connections { min, mean: if kept { peak } else { in_flight.max(min) }, max: peak }),
        }
    }

    fn stalls(&mut self, world: &World, rps: f64) -> StallEvidence {
        let bytes = if world.network_s > 0.0 { world.network_s * NETWORK_BYTES_PER_S } else { BYTES };
        let busy = |time_s: f64| (rps * time_s).min(1.0);
        let is_full = world.memory_s > 0.0;
        StallEvidence {
            working_set_bytes: Some(512e6 * if is_full { self.between(0.96, 1.0) } else { self.between(0.1, 0.93) }),
            major_faults_per_s: Some(if is_full { 20.0 * rps } else { 0.0 }),
            memory_pressure_ratio: Some(busy(world.memory_s) * self.between(0.8, 1.0)),
            io_pressure_ratio: Some(busy(world.disk_s) * self.between(0.8, 1.0)),
            disk_bytes_per_s: Some(if world.disk_s + world.memory_s > 0.0 { 80e3 * rps } else { 0.0 }),
            network_bytes_per_s: Some(self.near(rps * bytes, 0.003)),
            network_limit_bytes_per_s: Some(NETWORK_BYTES_PER_S),
        }
    }

    /// An axis of workers up to twice those of this point, all else as it is, the users with the workers or not.
    fn curve(&mut self, world: &World, spread: f64) -> CurveFacts {
        let with_users = self.is(0.7);
        let each = if with_users { world.users / world.workers } else { 0.0 };
        let at = |workers: f64| {
            let users = if with_users { (each * workers).ceil() } else { world.users };
            World { workers, users, sticks: None, ..world.clone() }.flow().rps
        };
        let axis: Vec<f64> =
            (0..5).map(|power| f64::from(1 << power)).filter(|it| *it <= 2.0 * world.workers).collect();
        let rates: Vec<f64> = axis.iter().map(|&workers| self.near(at(workers), spread / 4.0)).collect();
        let (first, last) = (rates[0], rates[rates.len() - 1]);
        let (best, best_rps) =
            axis.iter().zip(&rates).max_by(|a, b| a.1.total_cmp(b.1)).map(|(at, rps)| (*at, *rps)).unwrap();
        let efficiency = axis.iter().zip(&rates).skip(1).map(|(&workers, &rps)| Efficiency {
            workers: workers as u32,
            ratio: interval(rps / first / workers, 1.24 * spread),
        });
        let is_flat = rates.len() > 2 && last < 1.05 * rates[rates.len() - 2];
        CurveFacts {
            efficiency: efficiency.collect(),
            least_workers: axis[0] as u32,
            best_workers: best as u32,
            last_over_best: (last < best_rps).then(|| interval(last / best_rps, 1.24 * spread)),
            sigma: (!is_flat && axis.len() >= 4).then(|| interval(amdahl(&axis, &rates), 0.1)),
            knee_workers: is_flat.then(|| interval(last / first, 1.24 * spread)),
        }
    }

    fn measured(&mut self, value: f64, spread: f64) -> Estimate {
        interval(self.near(value, spread / 4.0), 1.24 * spread)
    }
}

fn interval(estimate: f64, reach: f64) -> Estimate {
    Estimate { estimate, low: estimate * (1.0 - reach), high: estimate * (1.0 + reach) }
}

/// The serialised share that comes nearest, on logs.
fn amdahl(axis: &[f64], rates: &[f64]) -> f64 {
    let off = |sigma: f64| -> f64 {
        let ideal = |n: f64| rates[0] * n / (1.0 + sigma * (n - 1.0));
        axis.iter().zip(rates).map(|(&n, rps)| (rps / ideal(n)).ln().powi(2)).sum()
    };
    let shares = (0..=100).map(|percent| f64::from(percent) / 100.0);
    shares.min_by(|a, b| off(*a).total_cmp(&off(*b))).unwrap()
}
