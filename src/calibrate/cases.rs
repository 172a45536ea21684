//! Targets of known limits. Their parameters are drawn by the seed from ranges in which the limit is what it is said to be.

mod faults;

use crate::{
    analyse::verdict::{Kind, Resource},
    distribution::{Random, random, uniform},
    plan::Quota,
};
use Kind::{
    Alternating, BackendBound, BlockingWorkers, CoLimited, CpuBound, CpuThrottled, Imbalanced, Linear, PoolBound,
    Retrograde, Serialised, UnderDriven, WorkerSaturated,
};
use faults::{errors, ignores_workers, memory, neighbour, starved_generator, starved_mock, two_modes};

/// A target whose limit is known.
#[derive(Clone, Debug)]
pub struct Case {
    /// `quota`, `pool`.
    pub name: &'static str,
    /// In a sentence, with what it should do.
    pub about: String,
    /// Worker counts; the last one is judged.
    pub workers: Vec<u32>,
    /// The target's quota.
    pub quota: Option<Quota>,
    /// Users for each worker.
    pub users_per_worker: u32,
    /// How often each setting is visited.
    pub blocks: usize,
    /// Verdicts that are right.
    pub truth: Vec<Kind>,
    /// What is right of its growth; `None` where that is not asked.
    pub growth: Option<Kind>,
    /// What a ceiling was programmed to be.
    pub programmed: Option<(Resource, f64)>,
    /// Whether the verdict is put to the test.
    pub confirm: bool,
    /// With the limit.
    pub limited: Side,
    /// Without it; `None` where there is nothing to lift: a fault, and no limit.
    pub lifted: Option<Side>,
}

/// What the services of a case are.
#[derive(Clone, Debug, Default)]
pub struct Side {
    /// Flags of the target.
    pub app: String,
    /// Flags of the mock.
    pub mock: String,
    /// A neighbour's command.
    pub neighbour: Option<String>,
    /// Lines of the target's service.
    pub app_limits: Vec<String>,
    /// Of the mock's.
    pub mock_limits: Vec<String>,
    /// Of the generator's.
    pub loadgen_limits: Vec<String>,
    /// Another quota than the case's; for the lifted side.
    pub quota: Option<Quota>,
}

/// Where the target is reached by what it calls.
const BACKEND: &str = "--backend http://mock:8080";

/// Of a target and its neighbour: the last of two CPUs, on which no helper is.
pub(super) const NEIGHBOURS_CPU: &str = "cpuset: \"1\"";

type Make = fn(&mut Draw) -> Case;

/// By name.
const ALL: [(&str, Make); 21] = [
    ("linear", linear),
    ("usl", usl),
    ("quota", quota),
    ("cpu", cpu),
    ("event-loop", event_loop),
    ("threads", threads),
    ("blocking", blocking),
    ("lock", lock),
    ("slots", slots),
    ("pool", pool),
    ("one-user", one_user),
    ("two-limits", two_limits),
    ("alternating", alternating),
    ("imbalance", imbalance),
    ("errors", errors),
    ("ignores-workers", ignores_workers),
    ("memory", memory),
    ("starved-generator", starved_generator),
    ("starved-mock", starved_mock),
    ("neighbour", neighbour),
    ("two-modes", two_modes),
];

/// Names of all cases, in the order in which they are run.
pub fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|(name, _)| *name)
}

/// All cases, each with parameters that depend on seed and name only.
pub fn cases(seed: u64) -> Vec<Case> {
    let draw = |index: usize| Draw(random(seed, index as u64 + 1));
    ALL.iter().enumerate().map(|(index, (_, make))| make(&mut draw(index))).collect()
}

/// Draws parameters.
struct Draw(Random);

impl Draw {
    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * uniform(&mut self.0)
    }

    /// A whole number of microseconds.
    fn us(&mut self, low: u32, high: u32) -> f64 {
        self.between(f64::from(low), f64::from(high)).round()
    }

    fn whole(&mut self, low: u32, high: u32) -> u32 {
        (self.between(f64::from(low), f64::from(high) + 1.0) as u32).min(high)
    }
}

impl Case {
    fn new(name: &'static str, about: String, truth: &[Kind]) -> Self {
        Self {
            name,
            about,
            workers: vec![2],
            quota: None,
            users_per_worker: 8,
            blocks: 3,
            truth: truth.to_vec(),
            growth: None,
            programmed: None,
            confirm: false,
            limited: Side::default(),
            lifted: None,
        }
    }
}

fn app(flags: String) -> Side {
    Side { app: flags, ..Side::default() }
}

fn linear(draw: &mut Draw) -> Case {
    let (cpu_us, each) = (draw.us(2000, 5000), draw.between(0.15, 0.22));
    let rps = each * 1e6 / cpu_us;
    Case {
        workers: vec![1, 2, 4],
        blocks: 4,
        quota: Some(Quota::PerWorker(each)),
        growth: Some(Linear),
        programmed: Some((Resource::Quota, 4.0 * rps)),
        limited: app(format!("--cpu {cpu_us}us")),
        lifted: Some(Side { quota: Some(Quota::Whole(0.95)), ..app(format!("--cpu {}us", cpu_us / 2.0)) }),
        ..Case::new("linear", format!("{cpu_us} us of CPU a request, {each:.3} CPUs a worker"), &[CpuThrottled])
    }
}

fn usl(draw: &mut Draw) -> Case {
    let (cpu_us, each) = (draw.us(2000, 3000), draw.between(0.1, 0.13));
    let (sigma, kappa) = (draw.between(0.02, 0.05), draw.between(0.15, 0.25));
    Case {
        workers: vec![1, 2, 3, 6],
        blocks: 4,
        quota: Some(Quota::PerWorker(each)),
        growth: Some(Retrograde),
        limited: app(format!("--cpu {cpu_us}us --usl {sigma:.3},{kappa:.3}")),
        lifted: Some(Side { quota: Some(Quota::PerWorker(each)), ..app(format!("--cpu {cpu_us}us")) }),
        ..Case::new(
            "usl",
            format!("coherence costs kappa = {kappa:.3}: less with 6 workers than with 2"),
            &[CpuThrottled],
        )
    }
}

fn quota(draw: &mut Draw) -> Case {
    let (cpu_us, cores) = (draw.us(2000, 6000), draw.between(0.3, 0.6));
    let flags = format!("--cpu {cpu_us}us");
    Case {
        quota: Some(Quota::Whole(cores)),
        programmed: Some((Resource::Quota, cores * 1e6 / cpu_us)),
        confirm: true,
        limited: app(flags.clone()),
        lifted: Some(Side { quota: Some(Quota::Whole(0.95)), ..app(flags) }),
        ..Case::new("quota", format!("{cpu_us} us of CPU a request and {cores:.2} CPUs"), &[CpuThrottled])
    }
}

fn cpu(draw: &mut Draw) -> Case {
    let cpu_us = draw.us(2000, 6000);
    Case {
        programmed: Some((Resource::Cpuset, 1e6 / cpu_us)),
        confirm: true,
        limited: app(format!("--cpu {cpu_us}us")),
        lifted: Some(app(format!("--cpu {:.0}us", cpu_us / 2.0))),
        ..Case::new("cpu", format!("{cpu_us} us of CPU a request on one CPU"), &[CpuBound])
    }
}

/// One worker of one thread on two CPUs; the helpers share one of them, and hardly use it.
fn event_loop(draw: &mut Draw) -> Case {
    let cpu_us = draw.us(4000, 8000);
    let side = |threads: u32| Side {
        app_limits: vec!["cpuset: \"0-1\"".into()],
        ..app(format!("--cpu {cpu_us}us --threads {threads}"))
    };
    Case {
        workers: vec![1],
        programmed: Some((Resource::Workers, 1e6 / cpu_us)),
        limited: side(1),
        lifted: Some(side(2)),
        ..Case::new(
            "event-loop",
            format!("{cpu_us} us of CPU a request in one thread, on two CPUs"),
            &[WorkerSaturated],
        )
    }
}

fn threads(draw: &mut Draw) -> Case {
    let cpu_us = draw.us(3000, 6000);
    let side = |cpu_us: f64| app(format!("--cpu {cpu_us:.0}us --threads 2"));
    Case {
        workers: vec![1],
        programmed: Some((Resource::Cpuset, 1e6 / cpu_us)),
        limited: side(cpu_us),
        lifted: Some(side(cpu_us / 2.0)),
        ..Case::new("threads", "two threads of one worker share one CPU".into(), &[CpuBound])
    }
}

fn blocking(draw: &mut Draw) -> Case {
    let sleep_us = draw.us(8000, 15_000);
    let side = |threads: u32| app(format!("--cpu 100us --sleep {sleep_us}us --threads {threads}"));
    Case {
        workers: vec![1, 2],
        confirm: true,
        limited: side(1),
        lifted: Some(side(2)),
        ..Case::new("blocking", format!("each worker sleeps {sleep_us} us a request"), &[BlockingWorkers])
    }
}

fn lock(draw: &mut Draw) -> Case {
    let sleep_us = draw.us(4000, 8000);
    Case {
        workers: vec![1, 2, 3, 4],
        limited: app(format!("--cpu 200us --lock-sleep {sleep_us}us")),
        lifted: Some(app(format!("--cpu 200us --sleep {sleep_us}us"))),
        ..Case::new("lock", format!("one request at a time, {sleep_us} us each, whatever the workers"), &[Serialised])
    }
}

fn slots(draw: &mut Draw) -> Case {
    let (slots, time_us) = (draw.whole(4, 10), draw.us(30_000, 60_000));
    let rps = f64::from(slots) * 1e6 / time_us;
    let side = |slots: u32| Side {
        mock: format!("--service-time {time_us}us --slots {slots}"),
        ..app(format!("--cpu 300us {BACKEND}"))
    };
    Case {
        users_per_worker: 16,
        programmed: Some((Resource::Backend, rps)),
        confirm: true,
        limited: side(slots),
        lifted: Some(side(4 * slots)),
        ..Case::new(
            "slots",
            format!("{slots} requests at once at the backend, {time_us} us each: {rps:.0}/s"),
            &[BackendBound],
        )
    }
}

fn pool(draw: &mut Draw) -> Case {
    let (pool, time_us) = (2 * draw.whole(2, 4), draw.us(30_000, 60_000));
    let rps = f64::from(pool) * 1e6 / time_us;
    let side = |pool: u32| Side {
        mock: format!("--service-time {time_us}us"),
        ..app(format!("--cpu 300us {BACKEND} --pool {pool}"))
    };
    Case {
        users_per_worker: 16,
        programmed: Some((Resource::Pool, rps)),
        confirm: true,
        limited: side(pool),
        lifted: Some(side(4 * pool)),
        ..Case::new(
            "pool",
            format!("{pool} connections to a backend that takes {time_us} us: {rps:.0}/s"),
            &[PoolBound],
        )
    }
}

fn one_user(draw: &mut Draw) -> Case {
    let (cpu_us, time_us) = (draw.us(500, 1500), draw.us(8000, 16_000));
    Case {
        workers: vec![1],
        users_per_worker: 1,
        confirm: true,
        limited: Side { mock: format!("--service-time {time_us}us"), ..app(format!("--cpu {cpu_us}us {BACKEND}")) },
        lifted: Some(app(format!("--cpu {cpu_us}us {BACKEND}"))),
        ..Case::new("one-user", "one user, who waits for the backend".into(), &[UnderDriven])
    }
}

/// Quota and slots of the same throughput.
fn two_limits(draw: &mut Draw) -> Case {
    let (cpu_us, cores, slots) = (draw.us(3000, 5000), draw.between(0.4, 0.6), draw.whole(4, 8));
    let rps = cores * 1e6 / cpu_us;
    let time_us = f64::from(slots) * 1e6 / rps;
    let side = |slots: u32| Side {
        mock: format!("--service-time {time_us:.0}us --slots {slots}"),
        ..app(format!("--cpu {cpu_us}us {BACKEND}"))
    };
    Case {
        quota: Some(Quota::Whole(cores)),
        users_per_worker: 16,
        limited: side(slots),
        lifted: Some(Side { quota: Some(Quota::Whole(0.95)), ..side(4 * slots) }),
        ..Case::new(
            "two-limits",
            format!("quota and slots both allow {rps:.0}/s"),
            &[CoLimited, CpuThrottled, BackendBound],
        )
    }
}

fn alternating(draw: &mut Draw) -> Case {
    let (cpu_us, sleep_us) = (draw.us(3000, 5000), draw.us(12_000, 20_000));
    let flags = format!("--cpu {cpu_us}us --sleep {sleep_us}us");
    Case {
        limited: app(format!("{flags} --alternate 300ms")),
        lifted: Some(app(format!("--cpu {}us --sleep 1ms --alternate 300ms", cpu_us / 2.0))),
        ..Case::new("alternating", "for 300 ms bound by CPU, for 300 ms by sleeping".into(), &[Alternating])
    }
}

fn imbalance(draw: &mut Draw) -> Case {
    let (cpu_us, time_us) = (draw.us(2000, 3000), draw.us(20_000, 30_000));
    let side = |share: &str| Side {
        mock: format!("--service-time {time_us}us"),
        app_limits: vec!["cpuset: \"0-1\"".into()],
        ..app(format!("--cpu {cpu_us}us {BACKEND} {share}"))
    };
    Case {
        users_per_worker: 16,
        limited: side("--imbalance 90%"),
        lifted: Some(side("")),
        ..Case::new("imbalance", "nine of ten connections go to the first of two workers".into(), &[Imbalanced])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrate::{Variant, compose_file};

    #[test]
    fn every_case_is_a_compose_file_on_both_sides_and_its_parameters_depend_on_the_seed() {
        let [one, again, other] = [cases(1), cases(1), cases(2)];
        let text = |case: &Case| compose_file(case, Variant::Limited);
        assert!(one.iter().zip(&again).all(|(a, b)| text(a) == text(b)));
        assert!(one.iter().zip(&other).filter(|(a, b)| text(a) != text(b)).count() > 15);
        for case in &one {
            for variant in [Variant::Limited, Variant::Lifted] {
                let folder = tempfile::tempdir().expect("a temporary folder");
                let file = folder.path().join("compose.yaml");
                std::fs::write(&file, compose_file(case, variant)).expect("writable");
                let loaded = crate::compose::load(&[file], &|_| None);
                assert!(loaded.is_ok(), "{}: {:?}", case.name, loaded.err());
            }
            assert!(!case.truth.is_empty() && !case.workers.is_empty(), "{}", case.name);
        }
        assert_eq!(one.iter().map(|case| case.name).collect::<Vec<_>>(), names().collect::<Vec<_>>());
    }
}
