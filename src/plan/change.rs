//! What a change makes of a point and of its containers.

use crate::{
    limits::{DEFAULT_PERIOD_US, LEAST_QUOTA_US},
    model::{Change, ContainerPlan, CpuSet, Distribution, Lever, Limit, LimitValue, LoadModel, Plan, Point, Purpose},
};

/// The flags of the mock that can be moved.
const SLOTS: &str = "--slots";
const SERVICE_TIME: &str = "--service-time";

/// A point as it is visited.
#[derive(Clone, Debug, PartialEq)]
pub struct Altered {
    /// The point, changed.
    pub point: Point,
    /// What stands there, changed.
    pub containers: Vec<ContainerPlan>,
}

/// `point` with a change; `None` where there is nothing of the kind to move, or no room to move it.
pub fn apply(plan: &Plan, point: &Point, change: &Change) -> Option<Altered> {
    let mut altered = Altered { point: point.clone(), containers: plan.containers_at(point).to_vec() };
    if change.purpose == Purpose::Reference {
        return Some(altered);
    }
    let times = |count: u32| ((f64::from(count) * change.factor).round() as u32).max(1);
    match change.lever {
        Lever::Quota => {
            let period_us = point.limits.number(Limit::CpuPeriodUs).unwrap_or(DEFAULT_PERIOD_US);
            // Without one, all of its CPUs are what it has, and there are no more to give.
            let (quota_us, room) = match point.limits.number(Limit::CpuQuotaUs) {
                Some(quota_us) => (quota_us, f64::INFINITY),
                None => (point.limits.cpuset()?.len() as u64 * period_us, 1.0),
            };
            let moved_us = (quota_us as f64 * change.factor).round() as u64;
            if moved_us < LEAST_QUOTA_US || change.factor >= room {
                return None;
            }
            altered.point.limits.set(Limit::CpuQuotaUs, Some(LimitValue::Number(moved_us)));
            altered.point.limits.set(Limit::CpuPeriodUs, Some(LimitValue::Number(period_us)));
        }
        Lever::Cpuset => {
            let cpus = point.limits.cpuset()?;
            let room = &plan.placement().target;
            let count = times(cpus.len() as u32) as usize;
            let chosen: CpuSet = room.iter().take(count).collect();
            if chosen.len() != count || count == cpus.len() {
                return None;
            }
            altered.point.limits.set(Limit::Cpuset, Some(LimitValue::Cpus(chosen)));
        }
        Lever::Workers => {
            plan.workers.as_ref()?;
            // Its limits stay: they are levers of their own.
            altered.point.workers = times(point.workers);
            if !plan.knows(&altered.point) {
                return None;
            }
            altered.containers = plan.containers_at(&altered.point).to_vec();
        }
        Lever::Load => altered.point.load = load(&point.load, change.factor)?,
        Lever::Slots => {
            let slots: u32 = backend_flag(plan, &altered.containers, SLOTS)?.parse().ok()?;
            set_backend_flag(plan, &mut altered.containers, SLOTS, &times(slots).to_string())?;
        }
        Lever::ServiceTime => {
            let time: Distribution = backend_flag(plan, &altered.containers, SERVICE_TIME)?.parse().ok()?;
            let moved = format!("{:.0}us", time.constant()?.as_micros() as f64 * change.factor);
            set_backend_flag(plan, &mut altered.containers, SERVICE_TIME, &moved)?;
        }
    }
    Some(altered)
}

fn load(model: &LoadModel, factor: f64) -> Option<LoadModel> {
    Some(match model.clone() {
        LoadModel::Closed { users, spawn_rate_per_s, think_time } => {
            let moved = (f64::from(users) * factor).round() as u32;
            if moved == 0 || moved == users {
                return None;
            }
            LoadModel::Closed { users: moved, spawn_rate_per_s: spawn_rate_per_s * factor, think_time }
        }
        LoadModel::Open { rate_rps, arrivals, max_in_flight } => {
            LoadModel::Open { rate_rps: rate_rps * factor, arrivals, max_in_flight }
        }
    })
}

/// The value of a flag in the backend's command: `--slots 8` or `--slots=8`.
fn backend_flag<'a>(plan: &Plan, containers: &'a [ContainerPlan], flag: &str) -> Option<&'a str> {
    let backend = containers.iter().find(|container| plan.roles.is_backend(&container.name))?;
    let command = backend.command.as_ref()?;
    let (at, joined) = position(command, flag)?;
    if joined { command[at].split_once('=').map(|(_, value)| value) } else { command.get(at + 1).map(String::as_str) }
}

fn set_backend_flag(plan: &Plan, containers: &mut [ContainerPlan], flag: &str, value: &str) -> Option<()> {
    let backend = containers.iter_mut().find(|container| plan.roles.is_backend(&container.name))?;
    let command = backend.command.as_mut()?;
    let (at, joined) = position(command, flag)?;
    if joined {
        command[at] = format!("{flag}={value}");
    } else {
        *command.get_mut(at + 1)? = value.to_owned();
    }
    Some(())
}

/// Where a flag stands, the last one counting, and whether its value is in the same word.
fn position(command: &[String], flag: &str) -> Option<(usize, bool)> {
    let is_joined = |word: &String| word.strip_prefix(flag).is_some_and(|rest| rest.starts_with('='));
    let at = command.iter().rposition(|word| word == flag || is_joined(word))?;
    Some((at, is_joined(&command[at])))
}
