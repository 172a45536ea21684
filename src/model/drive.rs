//! How much is asked of a target at a point, as one says it: users, users for each worker, or a rate.

use super::{LoadModel, Plan, Point};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, fmt};

/// How many users there are, or how often a request is due.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Drive {
    /// Users of a closed loop.
    Users(u32),
    /// The same for each worker.
    UsersPerWorker(u32),
    /// Requests due each second in an open loop.
    RateRps(f64),
}

impl Plan {
    /// How each point is driven. Where each worker count has the same users a worker, they were asked for by worker.
    pub fn drives(&self) -> Vec<Drive> {
        let each = |point: &Point| {
            let (users, workers) = (point.load.users(), point.workers.max(1));
            (users > 0 && users % workers == 0).then_some(users / workers)
        };
        let of_workers = |workers: u32| -> BTreeSet<Option<u32>> {
            self.points.iter().filter(|point| point.workers == workers).map(each).collect()
        };
        let counts: BTreeSet<u32> = self.points.iter().map(|point| point.workers).collect();
        let mut sets = counts.iter().map(|&workers| of_workers(workers));
        let first = sets.next().unwrap_or_default();
        let is_by_worker = counts.len() > 1 && sets.all(|set| set == first);
        let drive = |point: &Point| match (&point.load, each(point).filter(|_| is_by_worker)) {
            (LoadModel::Open { rate_rps, .. }, _) => Drive::RateRps(*rate_rps),
            (LoadModel::Closed { .. }, Some(each)) => Drive::UsersPerWorker(each),
            (LoadModel::Closed { users, .. }, None) => Drive::Users(*users),
        };
        self.points.iter().map(drive).collect()
    }

    /// How a point is driven, where not all are driven alike.
    pub fn varied_drive(&self, point: usize) -> Option<Drive> {
        let drives = self.drives();
        drives.get(point).copied().filter(|own| drives.iter().any(|other| other != own))
    }
}

/// `16 users`, `8 users a worker`, `200 requests/s`.
impl fmt::Display for Drive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Users(1) => f.write_str("1 user"),
            Self::Users(users) => write!(f, "{users} users"),
            Self::UsersPerWorker(1) => f.write_str("1 user a worker"),
            Self::UsersPerWorker(users) => write!(f, "{users} users a worker"),
            Self::RateRps(rate) => write!(f, "{rate} requests/s"),
        }
    }
}
