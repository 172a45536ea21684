//! Worlds drawn so that a chosen limit is likely to bind, others near it or far.

use super::world::World;
use crate::{
    analyse::verdict::Kind,
    distribution::{Random, uniform},
};

/// Limits that worlds are drawn around.
pub const AROUND: [Kind; 11] = [
    Kind::CpuThrottled,
    Kind::CpuBound,
    Kind::WorkerSaturated,
    Kind::BlockingWorkers,
    Kind::PoolBound,
    Kind::BackendBound,
    Kind::Serialised,
    Kind::NetworkBound,
    Kind::DiskBound,
    Kind::UnderDriven,
    Kind::Imbalanced,
];

pub struct Draw<'a>(pub &'a mut Random);

impl Draw<'_> {
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * uniform(self.0)
    }

    fn scale(&mut self, low: f64, high: f64) -> f64 {
        self.between(low.ln(), high.ln()).exp()
    }

    pub fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[((uniform(self.0) * of.len() as f64) as usize).min(of.len() - 1)]
    }

    pub fn is(&mut self, probability: f64) -> bool {
        uniform(self.0) < probability
    }

    /// A measured value, off by about so much of it.
    pub fn near(&mut self, value: f64, share: f64) -> f64 {
        value * (1.0 + share * (self.between(-1.0, 1.0) + self.between(-1.0, 1.0)))
    }

    /// How far another limit is: one in eight times within a tenth.
    fn slack(&mut self) -> f64 {
        if self.is(0.125) { self.between(1.01, 1.1) } else { self.scale(1.15, 5.0) }
    }

    /// A world in which `kind` is likely to bind.
    pub fn world(&mut self, kind: Kind) -> World {
        let workers = self.one_of(&[1.0, 2.0, 4.0, 8.0]);
        let mut world = World {
            workers,
            users: 0.0,
            cpus: workers * self.one_of(&[1.0, 2.0, 4.0]),
            quota: None,
            cpu_s: self.scale(0.001, 0.02),
            sleep_s: 0.0,
            backend_s: self.scale(0.001, 0.05),
            slots: f64::INFINITY,
            pool: f64::INFINITY,
            is_sync: false,
            lock_s: 0.0,
            lock_cpu: 0.0,
            network_s: 0.0,
            disk_s: 0.0,
            memory_s: 0.0,
            other_s: self.scale(0.0002, 0.002),
            sticks: None,
        };
        self.bind(kind, &mut world);
        let load = world.cores() / world.cpu_s * world.alone_s();
        if world.users == 0.0 {
            let most = [load, world.slots, world.pool, world.workers].into_iter().filter(|it| it.is_finite());
            let wanted = if world.holds() { world.workers } else { most.fold(1.0, f64::max) };
            world.users = (wanted * self.scale(1.5, 6.0)).ceil().clamp(2.0, 64.0);
        }
        world
    }

    fn bind(&mut self, kind: Kind, world: &mut World) {
        let slack = self.slack();
        // The CPU time a request that leaves so much room beyond `rps`.
        let with_room = |world: &World, rps: f64| world.cores() / (slack * rps);
        match kind {
            Kind::CpuThrottled => world.quota = Some(world.cores() / slack),
            Kind::CpuBound => {
                world.cpus = (world.workers / self.one_of(&[1.0, 2.0, 4.0])).max(1.0);
                world.quota = self.is(0.3).then_some(world.cpus * slack);
            }
            Kind::WorkerSaturated => {
                world.cpus = world.workers + self.one_of(&[1.0, 2.0, 4.0, 8.0]);
                world.quota = self.is(0.3).then_some((world.workers * slack).min(world.cpus));
            }
            Kind::BlockingWorkers => {
                world.is_sync = self.is(0.3);
                world.sleep_s = if world.is_sync { 0.0 } else { self.scale(0.005, 0.1) };
                world.backend_s = if world.is_sync { self.scale(0.01, 0.1) } else { 0.0 };
                world.cpu_s = with_room(world, world.workers / (world.sleep_s + world.backend_s));
            }
            Kind::PoolBound | Kind::BackendBound => {
                let size = self.one_of(&[1.0, 2.0, 4.0, 8.0, 16.0]);
                let (tight, loose) = (size, (size * self.slack()).ceil());
                let other_is_there = self.is(0.5);
                let other = if other_is_there { loose } else { f64::INFINITY };
                [world.pool, world.slots] = if kind == Kind::PoolBound { [tight, other] } else { [other, tight] };
                world.backend_s = self.scale(0.005, 0.1);
                world.cpu_s = with_room(world, size / world.backend_s);
            }
            Kind::Serialised => {
                world.workers = world.workers.max(2.0);
                world.cpus = world.workers * self.one_of(&[0.5, 1.0, 2.0]);
                world.lock_s = self.scale(0.002, 0.05);
                world.lock_cpu = self.one_of(&[0.0, 0.0, 0.5, 1.0]);
                let in_lock_s = world.lock_cpu * world.lock_s;
                world.cpu_s = (with_room(world, 1.0 / world.lock_s) - in_lock_s).max(0.0005);
            }
            Kind::NetworkBound => {
                world.network_s = self.scale(0.001, 0.02);
                world.cpu_s = with_room(world, 1.0 / world.network_s);
            }
            Kind::DiskBound => {
                let time = self.scale(0.001, 0.02);
                [world.disk_s, world.memory_s] = if self.is(0.5) { [time, 0.0] } else { [0.0, time] };
                world.cpu_s = with_room(world, 1.0 / time);
            }
            Kind::UnderDriven => {
                world.users = self.one_of(&[1.0, 2.0, 4.0]);
                world.cpu_s = with_room(world, world.users / (world.backend_s + world.other_s));
            }
            _ => {
                world.workers = world.workers.max(2.0);
                world.cpus = world.workers * self.one_of(&[1.0, 2.0]);
                let mut users = vec![self.one_of(&[0.0, 1.0, 1.0, 2.0]); world.workers as usize];
                users[0] = (self.scale(2.0, 5.0) * world.alone_s() / world.cpu_s).ceil().clamp(3.0, 32.0);
                world.users = users.iter().sum();
                world.sticks = Some(users);
            }
        }
    }
}
