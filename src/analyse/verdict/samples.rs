//! Evidence as targets of known limits would leave it, for tests of single rules.

use super::{
    BackendEvidence, Connections, CpuEvidence, Estimate, Evidence, GeneratorEvidence, LoadEvidence, Setting,
    StallEvidence, WorkerEvidence,
};

pub fn about(estimate: f64, share: f64) -> Estimate {
    Estimate { estimate, low: estimate * (1.0 - share), high: estimate * (1.0 + share) }
}

/// One worker on one CPU that needs 5 ms of CPU a request, held to half a CPU by its quota: 100 requests/s.
pub fn throttled() -> Evidence {
    Evidence {
        setting: Setting { workers: 1, cpuset_cpus: Some(1.0), quota_cores: Some(0.5), memory_bytes: None },
        visits: 5,
        throughput_rps: Some(about(98.0, 0.02)),
        load: LoadEvidence {
            users: Some(8.0),
            latency_mean_us: Some(81_600.0),
            latency_p50_us: Some(80_000.0),
            latency_min_us: Some(6_000.0),
            doubled_users: Some(about(1.0, 0.03)),
            accept_queue: Some(0.0),
        },
        cpu: CpuEvidence {
            cores: Some(0.49),
            us_per_request: Some(about(5_000.0, 0.01)),
            throttled_periods_ratio: Some(0.98),
            throttled_time_ratio: Some(0.5),
            run_queue_wait_cores: Some(0.0),
            voluntary_switches_per_request: Some(0.1),
        },
        workers: vec![WorkerEvidence { cores: 0.49, busiest_thread_cores: 0.48 }],
        backend: Some(BackendEvidence {
            slots: None,
            processing_us: Some(about(1_000.0, 0.01)),
            service_us: Some(1_000.0),
            in_flight_mean: Some(0.1),
            in_flight_peak: Some(2.0),
            cpu_ratio: Some(0.02),
            connections: Some(Connections { min: 1.0, mean: 1.6, max: 3.0 }),
        }),
        generator: GeneratorEvidence { cpu_ratio: Some(0.01), null_rps: Some(20_000.0) },
        stalls: StallEvidence {
            disk_bytes_per_s: Some(0.0),
            network_bytes_per_s: Some(200_000.0),
            ..StallEvidence::default()
        },
        ..Evidence::default()
    }
}

/// One worker with 4 connections to a backend that takes 50 ms: 80 requests/s.
pub fn pooled() -> Evidence {
    let mut evidence = throttled();
    evidence.setting.quota_cores = None;
    evidence.throughput_rps = Some(about(79.0, 0.02));
    evidence.cpu = CpuEvidence {
        cores: Some(0.395),
        throttled_periods_ratio: None,
        throttled_time_ratio: None,
        voluntary_switches_per_request: Some(1.2),
        ..evidence.cpu
    };
    evidence.workers = vec![WorkerEvidence { cores: 0.395, busiest_thread_cores: 0.39 }];
    evidence.backend = Some(BackendEvidence {
        processing_us: Some(about(50_000.0, 0.01)),
        service_us: Some(50_000.0),
        in_flight_mean: Some(3.95),
        in_flight_peak: Some(4.0),
        connections: Some(Connections { min: 4.0, mean: 4.0, max: 4.0 }),
        ..evidence.backend.unwrap()
    });
    evidence
}
