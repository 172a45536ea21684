//! Settings in words: loads and limits, as asked for or as read back.

use super::cells::{self, counted};
use crate::{
    limits,
    model::{Limit, LimitValue, Limits, LoadModel, LoadPlan, LoadToolPlan, Plan, Point, Stage, Until, WarmUp},
    units::format_bytes,
};

pub const NO_QUOTA: &str = "no quota";
pub const NO_LIMIT: &str = "no limit";

/// `16 users, 10 started each second`; with stages, their targets and lengths behind it.
pub fn load(model: &LoadModel, stages: &[Stage]) -> String {
    let stages = stages.iter().map(|stage| format!(", to {} in {}", stage.target, cells::duration(stage.duration_us)));
    stages.fold(model.to_string(), |text, stage| text + &stage)
}

/// `16 users`, `100 requests/s`: the same without how they come.
pub fn asked(model: &LoadModel) -> String {
    match model {
        LoadModel::Closed { users, .. } => counted((*users).into(), "user"),
        LoadModel::Open { rate_rps, .. } => format!("{rate_rps} requests/s"),
    }
}

/// `locust with locustfile.py, which does not tell latency histograms, its pauses`.
pub fn load_tool(plan: &LoadToolPlan) -> String {
    let script = plan.script.as_ref().map_or_else(String::new, |script| format!(" with {script}"));
    format!("{}{script}, which does not tell {}", plan.tool, plan.tool.not_told().join(", "))
}

/// The loads of all points, each once; of a study, whose points have more users the more workers they have, how many these
/// are.
pub fn loads(plan: &Plan) -> String {
    let users = |point: &Point| match &point.load {
        LoadModel::Closed { users, .. } => Some(users.to_string()),
        LoadModel::Open { .. } => None,
    };
    let users: Option<Vec<String>> = plan.points.iter().map(users).collect();
    if let Some(users) = users.filter(|_| plan.study.is_some() && plan.load.stages.is_empty()) {
        return format!("{} users", each_once(users.into_iter(), ", "));
    }
    each_once(plan.points.iter().map(|point| load(&point.load, &plan.load.stages)), " or ")
}

/// How much of each load is counted: `20 s`, `1,000 requests`.
pub fn counted_window(load: &LoadPlan) -> String {
    match (load.window_us(), load.until) {
        (Some(us), _) => cells::duration(us),
        (None, Until::Iterations { count }) => counted(count, "request"),
        (None, _) => "no fixed time".into(),
    }
}

/// `at most 10 s`, or just `10 s` where that is how long it takes.
pub fn warm_up(warm_up: &WarmUp) -> String {
    match *warm_up {
        WarmUp::Fixed { us } => cells::duration(us),
        WarmUp::Steady { at_most_us } => format!("at most {}", cells::duration(at_most_us)),
    }
}

/// The quotas of all points.
pub fn quotas(plan: &Plan) -> String {
    each_once(plan.points.iter().map(|point| quota(&point.limits).unwrap_or_else(|| NO_QUOTA.into())), ", ")
}

/// The memory limits of all points.
pub fn memories(plan: &Plan) -> String {
    each_once(plan.points.iter().map(|point| memory(&point.limits).unwrap_or_else(|| NO_LIMIT.into())), ", ")
}

/// A CPU set; `None` where none was asked for, or it could not be read.
pub fn cpuset(limits: &Limits) -> Option<String> {
    limits.cpuset().map(ToString::to_string)
}

/// A CPU quota in CPUs; `None` where none was asked for, or it could not be read.
pub fn quota(limits: &Limits) -> Option<String> {
    Some(match (limits.get(Limit::CpuQuotaUs)?, limits.quota_cores()) {
        (LimitValue::Unlimited, _) => NO_QUOTA.into(),
        (_, Some(cores)) => cells::cores(cores),
        (quota, None) => limits::in_words(Limit::CpuQuotaUs, quota),
    })
}

/// A memory limit; `None` where none was asked for, or it could not be read.
pub fn memory(limits: &Limits) -> Option<String> {
    Some(match limits.get(Limit::MemoryBytes)? {
        LimitValue::Number(bytes) => format_bytes(*bytes),
        _ => NO_LIMIT.into(),
    })
}

fn each_once(texts: impl Iterator<Item = String>, between: &str) -> String {
    let mut seen: Vec<String> = Vec::new();
    for text in texts {
        if !seen.contains(&text) {
            seen.push(text);
        }
    }
    seen.join(between)
}
