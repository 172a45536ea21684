//! Plain data: what a run is made of and what it found. Imports nothing of this crate, does no I/O.
//!
//! What was measured and what is derived from it are different fields, and every number carries its unit in its
//! name (`_us`, `_bytes`, `_cores`, `_rps`). The same names are the keys of `result.json`.

mod backend;
mod capacity;
mod distribution;
mod divide;
mod expect;
mod generator;
mod histogram;
mod host;
mod load;
mod load_model;
mod load_plan;
mod load_warning;
mod probe;
mod request_template;
mod run;
mod usage;
mod warning;

pub use backend::BackendWindow;
pub use capacity::{Capacity, CapacityStep};
pub use distribution::Distribution;
pub(crate) use distribution::Shape;
pub use expect::{BodyCheck, Expect, JsonPointer};
pub use generator::GeneratorUsage;
pub use histogram::{Histogram, PERCENTILES, hlog_head};
pub use host::{Cpu, HostFacts};
pub use load::{
    BackendTruth, FailureGroup, FailureKind, LoadEvent, LoadProgress, LoadResult, RequestStats, Second, StopCause,
    StreamStats, Totals, Window,
};
pub use load_model::{Arrivals, LoadModel, Stage};
pub use load_plan::{LoadPlan, Until, WarmUp};
pub use load_warning::LoadWarning;
pub use probe::{CgroupLimits, ProbeEvent, ProbeSample, Process};
pub use request_template::RequestTemplate;
pub use run::{
    Attestation, EngineFacts, ImageFacts, Level, Limits, Phase, PhaseName, Placement, RunResult, SCHEMA_VERSION,
    Settings,
};
pub use usage::{ContainerSample, ContainerUsage};
pub use warning::Warning;
