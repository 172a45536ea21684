//! `vscale app`: what limits it.

use crate::{
    app::{AppConfig, BackendUrl, Place, Usl},
    model::Distribution,
    units,
};
use clap::Args;
use std::{net::IpAddr, time::Duration};

const COST: &str = "Cost of a request";
const LIMITS: &str = "Limits and faults";

/// What it takes and how it goes about it, whatever the flags say.
const REQUESTS: &str = "Each thread is an event loop that works on one request at a time: first --cpu, then --lock and --lock-sleep, then --sleep, then \
the backend, for which it does not wait idly. Connections go to the threads in equal numbers, and stay there.\n\n\
Requests: POST of anything gets a chat completion, GET /v1/health gets {}, GET /workers how many there are; bodies have a Content-Length (411), at most 10 MiB (413), \
heads at most 64 KiB (431).";

/// `vscale app`.
#[derive(Debug, Args)]
#[command(args_override_self = true, after_long_help = REQUESTS)]
pub struct AppArgs {
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1", value_name = "ADDRESS")]
    pub host: IpAddr,
    /// Port to listen on
    #[arg(long, default_value_t = 8321)]
    pub port: u16,
    /// Worker processes
    #[arg(long, env = "WORKERS", default_value = "1", value_parser = units::parse_workers, value_name = "N")]
    pub workers: u32,
    /// Threads of each worker, every one of which works on one request at a time
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1024), value_name = "N")]
    pub threads: u32,
    /// Of all that is random (default: another at each start)
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,

    /// CPU time, on the thread's own clock: 2ms, 'exp 2ms', '95% 1ms, 5% 20ms'
    #[arg(long, default_value = "0", value_name = "DISTRIBUTION", help_heading = COST)]
    pub cpu: Distribution,
    /// CPU time besides, drawn once a start of the app: '50% 2ms, 50% 3ms' has two modes
    #[arg(long, default_value = "0", value_name = "DISTRIBUTION", help_heading = COST)]
    pub modes: Distribution,
    /// CPU time while it holds a lock that all workers share
    #[arg(long, default_value = "0", value_name = "DISTRIBUTION", help_heading = COST)]
    pub lock: Distribution,
    /// Sleep while it holds that lock
    #[arg(long, default_value = "0", value_name = "DISTRIBUTION", help_heading = COST)]
    pub lock_sleep: Distribution,
    /// Sleep, which blocks the thread
    #[arg(long, default_value = "0", value_name = "DISTRIBUTION", help_heading = COST)]
    pub sleep: Distribution,
    /// Universal scalability law: --cpu and --sleep are 1 + sigma (W - 1) + kappa W (W - 1) times as long with W workers
    #[arg(long, value_name = "SIGMA,KAPPA", help_heading = COST)]
    pub usl: Option<Usl>,
    /// For so long only --cpu, then for as long only --lock, --lock-sleep and --sleep, and so on
    #[arg(long, value_parser = parse_period, value_name = "TIME", help_heading = COST)]
    pub alternate: Option<Duration>,
    /// Memory that each request leaves behind, such as 64k
    #[arg(long, default_value = "0", value_parser = units::parse_bytes, value_name = "SIZE", help_heading = COST)]
    pub memory_growth: u64,

    /// Call this for each request (a chat completion) and pass on what it answers, 502 where it fails: http://mock:8080
    #[arg(long, value_name = "URL", help_heading = "Backend")]
    pub backend: Option<BackendUrl>,
    /// Connections to it, divided among all threads of all workers; requests wait for one of their thread's
    #[arg(long, requires = "backend", value_parser = clap::value_parser!(u32).range(1..), value_name = "K", help_heading = "Backend")]
    pub pool: Option<u32>,
    /// Requests that a thread has there before it works on the next one; 1 for a thread that waits (default: any number)
    #[arg(long, requires = "backend", value_parser = clap::value_parser!(u32).range(1..), value_name = "N", help_heading = "Backend")]
    pub concurrency: Option<u32>,

    /// Start so many workers, whatever --workers says
    #[arg(long, value_parser = units::parse_workers, value_name = "N", help_heading = LIMITS)]
    pub ignore_workers: Option<u32>,
    /// Share of the connections that the first worker gets: 0.8 or 80%
    #[arg(long, value_parser = units::parse_share, value_name = "SHARE", help_heading = LIMITS)]
    pub imbalance: Option<f64>,
    /// Share of the requests that fail at once with a 500: 0.02 or 2%
    #[arg(long, default_value = "0", value_parser = units::parse_share, value_name = "SHARE", help_heading = LIMITS)]
    pub error_rate: f64,
    /// Share of a CPU that each worker uses whatever it is asked, as a neighbour would
    #[arg(long, default_value = "0", value_parser = units::parse_share, value_name = "SHARE", help_heading = LIMITS)]
    pub hog: f64,

    /// Be a worker, as the parent starts it: its number, and the parent's PID
    #[arg(long, hide = true, value_name = "N:PID")]
    pub worker: Option<Place>,
}

impl AppArgs {
    /// What the flags mean; `otherwise` is the seed where none is given.
    pub fn config(&self, otherwise: u64) -> AppConfig {
        AppConfig {
            workers: self.ignore_workers.unwrap_or(self.workers),
            threads: self.threads,
            cpu: self.cpu.clone(),
            modes: self.modes.clone(),
            lock: self.lock.clone(),
            lock_sleep: self.lock_sleep.clone(),
            sleep: self.sleep.clone(),
            usl: self.usl.unwrap_or_default(),
            alternate: self.alternate,
            backend: self.backend.clone(),
            pool: self.pool,
            concurrency: self.concurrency,
            error_rate: self.error_rate,
            imbalance: self.imbalance,
            memory_growth_bytes: usize::try_from(self.memory_growth).unwrap_or(usize::MAX),
            hog_cores: self.hog,
            seed: self.seed.unwrap_or(otherwise),
        }
    }
}

fn parse_period(text: &str) -> Result<Duration, String> {
    match units::parse_duration(text)? {
        Duration::ZERO => Err("0 is no time to alternate after".into()),
        period => Ok(period),
    }
}
