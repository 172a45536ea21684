//! Plain data: what a run is made of and what it found. Imports nothing of this crate, does no I/O.
//!
//! What was measured and what is derived from it are different fields, and every number carries its unit in its
//! name (`_us`, `_bytes`, `_cores`, `_rps`). The same names are the keys of `result.json`.

mod ab;
mod backend;
mod backend_requests;
mod capacity;
mod capture;
mod change;
mod cpu_set;
mod distribution;
mod divide;
mod drive;
mod endpoint;
mod expect;
mod finding;
mod generator;
mod histogram;
mod host;
mod latencies;
mod limits;
mod load;
mod load_model;
mod load_plan;
mod load_tool;
mod plan;
mod probe;
mod request_stats;
mod request_template;
mod run;
mod study;
mod usage;
mod visit;
mod visited;

pub use ab::{AbPlan, Side};
pub use backend::{BackendWindow, MOCK_PLACES, READ, SEND, is_served_by_mock};
pub use backend_requests::BackendRequests;
pub use capacity::{Capacity, CapacityStep};
pub use capture::Capture;
pub use change::{Change, Lever, Purpose};
pub use cpu_set::CpuSet;
pub use distribution::Distribution;
pub(crate) use distribution::Shape;
pub use divide::Share;
pub use drive::Drive;
pub use endpoint::{Endpoint, Ready, Scheme, Statuses, checked_path};
pub use expect::{BodyCheck, Expect, JsonPointer};
pub use finding::{Finding, Gate, Scope, Severity, Value};
pub use generator::GeneratorUsage;
pub use histogram::{Histogram, PERCENTILES, hlog_head};
pub use host::{Cpu, HostFacts};
pub use latencies::Latencies;
pub use limits::{Limit, LimitRow, LimitValue, Limits};
pub use load::{AddressUse, BackendTruth, LoadEvent, LoadProgress, LoadResult, Second, StopCause, Totals, Window};
pub use load_model::{Arrivals, LoadModel, Stage};
pub use load_plan::{LoadPlan, Until, WarmUp};
pub use load_tool::{LatencySummary, LoadTool, LoadToolPlan, LoadToolRun, ToldPercentile};
pub use plan::{
    AtWorkers, ContainerPlan, CountBy, HostPlan, Life, Placement, Plan, Point, Roles, WORKERS_VARIABLE, WorkersPlan,
};
pub use probe::{
    CpuTimes, Listener, Peer, Pressure, ProbeEvent, ProbeSample, Process, Task, Throttling, Tick, WorkersTold,
};
pub use request_stats::{FailureGroup, FailureKind, RequestStats, StreamStats};
pub use request_template::RequestTemplate;
pub use run::{EngineFacts, Host, ImageFacts, Origin, Run, SCHEMA_VERSION};
pub use study::{StudyPlan, Trial, Turn, Wanted};
pub use usage::{ContainerSample, ContainerUsage};
pub use visit::{PhaseKind, PhasePlan, Visit};
pub use visited::{Attestation, Ended, Phase, QuotaAbove, SpeedReading, Step, Visited};
