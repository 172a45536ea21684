//! The command line, as clap types only: `vscale --help` is the specification.

use crate::units;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use std::{path::PathBuf, time::Duration};

mod load;
mod mock;

pub use load::{ArrivalsArg, LoadFlags, RequestFlags, WarmUpArg};
pub use mock::MockArgs;

/// How does this server scale up on one host, and why does it stop?
///
/// `vscale bench` starts a mock backend, the server under test and a load generator as containers on a private
/// network, loads the mock directly and then the server, and reports both side by side.
#[derive(Debug, Parser)]
#[command(name = "vscale", version, max_term_width = 100, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Measure a server at one or several worker counts, in containers
    Bench(BenchArgs),
    /// Make the report of a run again from its folder
    Report(ReportArgs),
    /// Remove what killed runs left in the engine
    Gc(GcArgs),
    /// Serve the mock backend (an OpenAI-compatible API with fixed answers)
    Mock(MockArgs),
    /// Load an HTTP server and report what it did
    Load(LoadArgs),
    /// Find out how much a server can do, and how it does at 50, 70 and 85 % of it
    Capacity(CapacityArgs),
    /// Load as told on stdin, a plan a line of JSON; print JSON lines (the controller starts this in a container)
    #[command(hide = true)]
    Generator,
    /// Watch the processes of a container from inside its namespaces (the controller starts this)
    #[command(hide = true)]
    Probe(ProbeArgs),
    /// Print what this host is, as JSON (the controller runs this in a container)
    #[command(hide = true)]
    Host,
    /// Print a completion script for a shell
    Completions {
        /// Which shell
        shell: Shell,
    },
}

/// `vscale bench`.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// Worker counts of the server, visited in this order: 4, or 1,2,4
    #[arg(long, default_value = "1", value_delimiter = ',', value_parser = units::parse_workers, allow_hyphen_values = true)]
    #[arg(help_heading = "Server", value_name = "N[,N...]")]
    pub workers: Vec<u32>,
    /// CPU quota of the server, in CPUs; applied once it is ready
    #[arg(long, value_parser = units::parse_cores, allow_hyphen_values = true, help_heading = "Server", value_name = "CPUS")]
    pub cpus: Option<f64>,
    /// Memory limit of the server, such as 2g
    #[arg(long, value_parser = units::parse_bytes, allow_hyphen_values = true, help_heading = "Server", value_name = "SIZE")]
    pub memory: Option<u64>,
    /// Port of the mock inside the private network (none is published on the host)
    #[arg(long, default_value_t = 8080, value_parser = clap::value_parser!(u16).range(1..), help_heading = "Server")]
    pub mock_port: u16,
    /// Port of the server inside the private network
    #[arg(long, default_value_t = 8321, value_parser = clap::value_parser!(u16).range(1..), help_heading = "Server")]
    pub stack_port: u16,
    /// Longest wait for a container to answer with a 2xx
    #[arg(long, default_value = "120s", value_parser = units::parse_duration, help_heading = "Server", value_name = "TIME")]
    pub ready_timeout: Duration,

    /// Exit with 7 when a larger share of the requests fails, 0 to 1
    #[arg(long, default_value = "1", value_parser = parse_share, help_heading = "Thresholds", value_name = "SHARE")]
    pub max_failure_rate: f64,
    /// What the load is; thresholds concern the server's phase
    #[command(flatten)]
    pub load: LoadFlags,

    /// Compose file; give several to merge them
    #[arg(short = 'f', long = "file", default_value = "compose.yaml", help_heading = "Files", value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Where the runs are kept
    #[arg(long, default_value = "results", help_heading = "Files", value_name = "DIR")]
    pub results: PathBuf,
    /// Base image for Dockerfiles that have `ARG BASE_IMAGE` (default: python:3.12-slim, or one made from Debian's
    /// packages where no registry answers)
    #[arg(long, help_heading = "Files", value_name = "IMAGE")]
    pub base_image: Option<String>,

    /// How progress is shown, on stderr
    #[arg(long, value_enum, default_value_t = ProgressArg::Auto, help_heading = "Output")]
    pub progress: ProgressArg,
}

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ProgressArg {
    /// A live line on a terminal, otherwise a line a step
    Auto,
    /// A live line
    Tty,
    /// A line a step
    Plain,
    /// Nothing
    Quiet,
}

/// `vscale report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// A folder under results/runs/
    pub run_dir: PathBuf,
}

/// `vscale gc`.
#[derive(Debug, Args)]
pub struct GcArgs {
    /// Also what runs of other hosts left, and of runs that still go on
    #[arg(long)]
    pub all: bool,
}

/// `vscale load`.
#[derive(Debug, Args)]
pub struct LoadArgs {
    /// Server to load: http://127.0.0.1:8080
    #[arg(short = 'H', long, value_name = "URL")]
    pub host: String,
    /// What the load is
    #[command(flatten)]
    pub load: LoadFlags,
    /// Take any certificate of an https server
    #[arg(long, help_heading = "Requests")]
    pub insecure: bool,
    /// A vscale mock behind the server, to be asked what it saw: http://127.0.0.1:8080
    #[arg(long, help_heading = "Load", value_name = "URL")]
    pub backend: Option<String>,

    /// Write Locust's PREFIX_stats.csv, _stats_history.csv, _failures.csv and _exceptions.csv; of streams also PREFIX_streams.csv
    #[arg(long, value_name = "PREFIX", help_heading = "Output")]
    pub csv: Option<PathBuf>,
    /// Write a report
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub html: Option<PathBuf>,
    /// Write the window's latencies as HdrHistogram's percentile table
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub hgrm: Option<PathBuf>,
    /// Write the latencies of each second as HdrHistogram's log, version 2
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub hlog: Option<PathBuf>,
    /// Print JSON lines on stdout: progress once a second, the result last
    #[arg(long, help_heading = "Output")]
    pub json: bool,
}

/// `vscale capacity`.
#[derive(Debug, Args)]
pub struct CapacityArgs {
    /// Server to load: http://127.0.0.1:8080
    #[arg(short = 'H', long, value_name = "URL")]
    pub host: String,
    /// Users to begin with; they are doubled until the throughput gains less than 3 %
    #[arg(short, long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub users: u32,
    /// Most users
    #[arg(long, default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..=100_000), value_name = "N")]
    pub max_users: u32,
    /// Length of each measured window
    #[arg(short = 't', long, default_value = "10s", value_parser = units::parse_duration, value_name = "TIME")]
    pub run_time: Duration,
    /// How the due times of the open loop lie
    #[arg(long, value_enum, default_value_t = ArrivalsArg::Poisson)]
    pub arrivals: ArrivalsArg,
    /// What is sent
    #[command(flatten)]
    pub requests: RequestFlags,
    /// Take any certificate of an https server
    #[arg(long)]
    pub insecure: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `vscale probe`.
#[derive(Debug, Args)]
pub struct ProbeArgs {
    /// Polled until it answers with a 2xx
    #[arg(long, value_name = "URL")]
    pub ready: String,
    /// Longest wait for that
    #[arg(long, default_value = "120s", value_parser = units::parse_duration, value_name = "TIME")]
    pub timeout: Duration,
    /// End after one sample
    #[arg(long)]
    pub once: bool,
    /// How it is tied to the controller
    #[command(flatten)]
    pub tie: Tie,
}

/// How a role in a container notices that its controller is gone.
#[derive(Clone, Copy, Debug, Args)]
pub struct Tie {
    /// Stop when stdin is closed
    #[arg(long, env = "VSCALE_TIED_TO_STDIN", hide = true)]
    pub tied_to_stdin: bool,
}

fn parse_share(text: &str) -> Result<f64, String> {
    let number = match text.strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().map(|percent| percent / 100.0),
        None => text.parse::<f64>(),
    };
    match number {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err(format!("`{text}` is not a share: use 0.02 or 2%")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }
}
