//! A level of version 2, which is a visit now.

use super::limits::{CgroupLimits, LimitsWritten};
use crate::model::{
    Attestation, BackendTruth, ContainerSample, ContainerUsage, CpuSet, Ended, FailureGroup, GeneratorUsage, Histogram,
    Limits, LoadModel, LoadResult, Phase, PhaseKind, ProbeSample, Process, RequestStats, Second, Stage, StopCause,
    Totals, Visited, Window,
};
use serde::Deserialize;

#[derive(Deserialize)]
pub(super) struct Level {
    name: String,
    pub(super) workers: u32,
    attestation: AttestationWritten,
    ready_after_us: u64,
    baseline: PhaseWritten,
    pub(super) stack: PhaseWritten,
    warnings: Vec<Warning>,
}

#[derive(Deserialize)]
struct AttestationWritten {
    workers_before: u32,
    workers_after: u32,
    limits: Vec<LimitsWritten>,
}

#[derive(Deserialize)]
pub(super) struct PhaseWritten {
    pub(super) load: LoadWritten,
    containers: Vec<Usage>,
    processes: Vec<Sample>,
}

#[derive(Deserialize)]
pub(super) struct LoadWritten {
    pub(super) host: String,
    model: LoadModel,
    #[serde(default)]
    stages: Vec<Stage>,
    window: Window,
    stopped_by: StopCause,
    pub(super) requests: Vec<RequestStats>,
    failures: Vec<FailureGroup>,
    series: Vec<Second>,
    totals: Totals,
    generator: Generator,
    pub(super) backend: Option<BackendTruth>,
    backend_error: Option<String>,
}

#[derive(Deserialize)]
struct Generator {
    threads: u32,
    cpus_allowed: Vec<u32>,
    limits: Option<CgroupLimits>,
    cpu_user_us: u64,
    cpu_system_us: u64,
    max_rss_bytes: u64,
    send_lag: Option<Histogram>,
}

/// The rates beside the samples are made again of them.
#[derive(Deserialize)]
struct Usage {
    service: String,
    samples: Vec<ContainerSample>,
}

#[derive(Deserialize)]
struct Sample {
    unix_us: u64,
    processes: Vec<Process>,
    connections: u32,
    limits: Option<CgroupLimits>,
    own_cpu_us: u64,
}

/// The one that tells what nothing else does.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Warning {
    ContainerEnded {
        service: String,
        how: String,
    },
    #[serde(other)]
    Other,
}

impl Level {
    pub(super) fn limits_of(&self, service: &str) -> Option<&LimitsWritten> {
        self.attestation.limits.iter().find(|limits| limits.service == service)
    }

    pub(super) fn forget_processes(&mut self) {
        self.baseline.processes.clear();
        self.stack.processes.clear();
    }

    pub(super) fn into_visited(self, sequence: usize, point: usize) -> Visited {
        let ended = self.warnings.into_iter().filter_map(|warning| match warning {
            Warning::ContainerEnded { service, how } => Some(Ended { container: service, how }),
            Warning::Other => None,
        });
        let window = self.baseline.load.window;
        let attested = self.attestation;
        Visited {
            id: self.name,
            sequence,
            point,
            change: None,
            block: 0,
            workers: self.workers,
            // Not kept; its first request is the earliest that is known of it.
            started_unix_us: window.start_unix_us.saturating_sub(window.warm_up_us),
            ready_after_us: self.ready_after_us,
            attestation: Attestation {
                workers_before: Some(attested.workers_before),
                workers_after: Some(attested.workers_after),
                workers_not_told: None,
                limits: attested.limits.into_iter().flat_map(LimitsWritten::into_rows).collect(),
                above: None,
                not_seen: Vec::new(),
                is_complete: true,
            },
            phases: vec![self.baseline.into_phase(PhaseKind::Baseline), self.stack.into_phase(PhaseKind::Target)],
            no_baseline: None,
            ended: ended.collect(),
            steps: Vec::new(),
        }
    }
}

impl PhaseWritten {
    fn into_phase(self, kind: PhaseKind) -> Phase {
        let usage = |usage: Usage| ContainerUsage { container: usage.service, samples: usage.samples };
        Phase {
            kind,
            load: self.load.into_result(),
            usage: self.containers.into_iter().map(usage).collect(),
            processes: self.processes.into_iter().map(Sample::into_probe_sample).collect(),
            ticks: Vec::new(),
            speed_before: None,
            speed_after: None,
        }
    }
}

impl LoadWritten {
    fn into_result(self) -> LoadResult {
        LoadResult {
            host: self.host,
            told_by: None,
            summary: None,
            model: self.model,
            stages: self.stages,
            window: self.window,
            stopped_by: self.stopped_by,
            requests: self.requests,
            failures: self.failures,
            series: self.series,
            totals: self.totals,
            addresses: Vec::new(),
            generators: vec![self.generator.into_usage()],
            backend: self.backend,
            backend_error: self.backend_error,
        }
    }
}

impl Generator {
    fn into_usage(self) -> GeneratorUsage {
        GeneratorUsage {
            threads: self.threads,
            cpus_allowed: self.cpus_allowed.into_iter().collect::<CpuSet>(),
            limits: seen(self.limits),
            cpu_user_us: self.cpu_user_us,
            cpu_system_us: self.cpu_system_us,
            max_rss_bytes: self.max_rss_bytes,
            longest_pause_us: None,
            send_lag: self.send_lag,
        }
    }
}

impl Sample {
    fn into_probe_sample(self) -> ProbeSample {
        ProbeSample {
            unix_us: self.unix_us,
            processes: self.processes,
            connections: self.connections,
            limits: seen(self.limits),
            own_cpu_us: self.own_cpu_us,
            ..ProbeSample::default()
        }
    }
}

fn seen(limits: Option<CgroupLimits>) -> Limits {
    limits.map_or_else(Limits::default, |limits| limits.as_seen_inside())
}
