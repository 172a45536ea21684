//! Where it is no limit of the target's own: something around it, or about it, is not as a study needs it.

use super::{BACKEND, Case, Draw, NEIGHBOURS_CPU, Side, app};
use crate::analyse::verdict::Kind::{
    Erroring, HostContended, LoadgenBound, MemoryBound, MockBound, SweepNotApplied, TwoModes,
};

pub(super) fn errors(draw: &mut Draw) -> Case {
    let share = draw.between(0.02, 0.05);
    Case {
        limited: app(format!("--cpu 2ms --error-rate {share:.3}")),
        ..Case::new("errors", format!("{:.1} % of the answers are 500", share * 100.0), &[Erroring])
    }
}

pub(super) fn ignores_workers(draw: &mut Draw) -> Case {
    let cpu_us = draw.us(2000, 4000);
    Case {
        workers: vec![3],
        limited: app(format!("--cpu {cpu_us}us --ignore-workers 1")),
        ..Case::new("ignores-workers", "one worker, whatever it is told".into(), &[SweepNotApplied])
    }
}

pub(super) fn memory(draw: &mut Draw) -> Case {
    let kib = draw.whole(500, 900);
    Case {
        limited: Side {
            app_limits: vec!["mem_limit: 96m".into(), "memswap_limit: 96m".into()],
            ..app(format!("--cpu 2ms --memory-growth {kib}k"))
        },
        ..Case::new(
            "memory",
            format!("each request leaves {kib} KiB behind, within 96 MiB"),
            &[SweepNotApplied, Erroring, MemoryBound],
        )
    }
}

pub(super) fn starved_generator(draw: &mut Draw) -> Case {
    let cores = draw.between(0.04, 0.07);
    let side = |limits: Vec<String>| Side { loadgen_limits: limits, ..app("--cpu 20us".into()) };
    Case {
        users_per_worker: 32,
        limited: side(vec![format!("cpus: {cores:.3}")]),
        lifted: Some(side(Vec::new())),
        ..Case::new("starved-generator", format!("the load generator has {cores:.2} CPUs"), &[LoadgenBound])
    }
}

pub(super) fn starved_mock(draw: &mut Draw) -> Case {
    let cores = draw.between(0.02, 0.03);
    let side = |limits: Vec<String>| Side { mock_limits: limits, ..app(format!("--cpu 50us {BACKEND}")) };
    Case {
        users_per_worker: 32,
        limited: side(vec![format!("cpus: {cores:.3}")]),
        lifted: Some(side(Vec::new())),
        ..Case::new("starved-mock", format!("the mock has {cores:.3} CPUs"), &[MockBound])
    }
}

pub(super) fn neighbour(draw: &mut Draw) -> Case {
    let (cpu_us, share) = (draw.us(2000, 4000), draw.between(0.5, 0.8));
    let side = Side { app_limits: vec![NEIGHBOURS_CPU.into()], ..app(format!("--cpu {cpu_us}us")) };
    Case {
        limited: Side { neighbour: Some(format!("app --host 127.0.0.1 --port 9000 --hog {share:.2}")), ..side.clone() },
        lifted: Some(side),
        ..Case::new("neighbour", format!("a neighbour wants {share:.2} of the same CPU"), &[HostContended])
    }
}

/// Each start draws one of two costs: in so many starts both come, but for one study in fifty.
pub(super) fn two_modes(draw: &mut Draw) -> Case {
    let (fast_us, times) = (draw.us(2000, 3000), draw.between(1.4, 2.0));
    let slow_us = (fast_us * times).round();
    Case {
        workers: vec![1],
        blocks: 10,
        limited: app(format!("--modes '50% {fast_us}us, 50% {slow_us}us'")),
        ..Case::new(
            "two-modes",
            format!("a request costs {fast_us} or {slow_us} us of CPU, by chance at each start"),
            &[TwoModes],
        )
    }
}
