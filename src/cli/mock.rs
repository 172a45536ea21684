//! `vscale mock`: how slow, how limited and how faulty it is to be.

use crate::{
    mock::{MAX_TOKENS, MockConfig, Stall},
    model::{BackendWindow, Distribution},
    units,
};
use clap::Args;
use std::{net::IpAddr, time::Duration};

/// What it takes, whatever the flags say.
const REQUESTS: &str = "Requests: one Host in HTTP/1.1 (400), at most 64 KiB and 128 headers of head (431), 10 MiB of body (413), \
60 s from the first byte to the last (408), and 512 MiB in all of those that are not complete (503).";

/// `vscale mock`.
#[derive(Debug, Args)]
#[command(args_override_self = true, after_long_help = REQUESTS)]
pub struct MockArgs {
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1", value_name = "ADDRESS")]
    pub host: IpAddr,
    /// Port to listen on
    #[arg(long, default_value_t = 8080)]
    pub port: u16,
    /// Threads that answer (default: one a CPU it may use)
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1024), value_name = "N")]
    pub threads: Option<u32>,
    /// How long answers under way may take after SIGINT or SIGTERM
    #[arg(long, default_value = "5s", value_parser = units::parse_duration, value_name = "TIME")]
    pub drain: Duration,

    /// Time to answer a completion: 10ms, 5ms..15ms, 'exp 10ms', 'lognormal 10ms 0.5', '95% 10ms, 5% 200ms'
    #[arg(long, default_value = "0", value_name = "DISTRIBUTION", help_heading = "Completions")]
    pub service_time: Distribution,
    /// Words of a completion (default: the nine of the replaced benchmark's, whose usage says 20)
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_TOKENS)), value_name = "N", help_heading = "Completions")]
    pub tokens: Option<u32>,
    /// Least size of a whole completion's body, such as 64k
    #[arg(long, value_parser = units::parse_bytes, value_name = "SIZE", help_heading = "Completions")]
    pub body_bytes: Option<u64>,
    /// Streams: time to the first token (default: the service time)
    #[arg(long, value_name = "DISTRIBUTION", help_heading = "Completions")]
    pub ttft: Option<Distribution>,
    /// Streams: time from one token to the next
    #[arg(long, default_value = "0", value_name = "DISTRIBUTION", help_heading = "Completions")]
    pub itl: Distribution,

    /// Answer every other path and method too, as if it were a chat completion
    #[arg(long, help_heading = "Completions")]
    pub any_path: bool,

    /// Completions worked on at once; others wait in order of arrival
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..), value_name = "N", help_heading = "Limits and faults")]
    pub slots: Option<u32>,
    /// Completions that may wait for a slot, beyond which they get a 503 (default: all)
    #[arg(long, requires = "slots", value_name = "N", help_heading = "Limits and faults")]
    pub queue: Option<u32>,
    /// Share of the completions that fail at once: 0.02 or 2%
    #[arg(long, default_value = "0", value_parser = units::parse_share, value_name = "SHARE", help_heading = "Limits and faults")]
    pub error_rate: f64,
    /// Their status
    #[arg(long, default_value_t = 503, value_parser = clap::value_parser!(u16).range(400..=599), value_name = "STATUS", help_heading = "Limits and faults")]
    pub error_status: u16,
    /// When no completion is answered, from the first one on: 8s:2s (after 8 s, for 2 s)
    #[arg(long, value_delimiter = ',', value_name = "AFTER:LENGTH,...", help_heading = "Limits and faults")]
    pub stall: Vec<Stall>,
    /// Of service times, token times and errors
    #[arg(long, default_value_t = 0, value_name = "N", help_heading = "Limits and faults")]
    pub seed: u64,

    /// What the control path is to take as `Authorization: Bearer`; the controller gives one to each run's mock
    #[arg(long, env = BackendWindow::TOKEN_VARIABLE, hide = true, hide_env_values = true, value_name = "TOKEN")]
    pub control_token: Option<String>,
    /// Stop when stdin is closed: the controller is gone
    #[arg(long, env = "VSCALE_TIED_TO_STDIN", hide = true)]
    pub tied_to_stdin: bool,
}

impl MockArgs {
    /// What the flags mean.
    pub fn config(&self) -> MockConfig {
        MockConfig {
            service_time: self.service_time.clone(),
            slots: self.slots,
            queue: self.queue,
            error_rate: self.error_rate,
            error_status: self.error_status,
            stalls: self.stall.clone(),
            tokens: self.tokens,
            body_bytes: self.body_bytes.map_or(0, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX)),
            ttft: self.ttft.clone(),
            itl: self.itl.clone(),
            seed: self.seed,
            any_path: self.any_path,
            control_token: self.control_token.clone(),
            threads: self.threads,
            drain: self.drain,
            ..MockConfig::default()
        }
    }
}
