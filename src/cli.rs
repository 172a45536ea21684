//! The command line, as clap types only: `vscale --help` is the specification.

use crate::{report::schema::Document, units};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use std::{collections::BTreeMap, path::PathBuf, time::Duration};

mod app;
mod bench;
mod calibrate;
mod compare;
mod init;
mod load;
mod mock;
mod probe;
mod run;
mod study;

pub use app::AppArgs;
pub use bench::BenchArgs;
pub use calibrate::CalibrateArgs;
pub use compare::{CompareArgs, HistoryArgs};
pub use init::{InitArgs, TargetFlags, Told};
pub use load::{ArrivalsArg, FailIf, LoadFlags, RequestFlags, WarmUpArg};
pub use mock::MockArgs;
pub use probe::ProbeArgs;
pub use run::RunFlags;
use run::parse_period;
pub use study::StudyArgs;

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
    /// Write a compose file for a server of yours, or a file of requests for what a browser or curl has sent
    Init(Box<InitArgs>),
    /// Measure a server at one or several worker counts, in containers
    Bench(Box<BenchArgs>),
    /// Find out which setting to run, what limits it and what limits next: every setting visited several times
    Study(Box<StudyArgs>),
    /// See how often the verdict is right on this host: targets whose limits are known
    Calibrate(CalibrateArgs),
    /// Print the compose file as it is understood: files merged, variables filled in, short forms written out
    Config(ConfigArgs),
    /// Do again what a run did, and say what differs in the host
    Rerun(Box<RerunArgs>),
    /// Make the report of a run again from its folder
    Report(ReportArgs),
    /// Say how the throughput of a second run differs from that of a first
    Compare(CompareArgs),
    /// List the runs of a results folder, or say what differs between two
    History(HistoryArgs),
    /// Remove what killed runs left in the engine
    Gc(GcArgs),
    /// Serve the mock backend (an OpenAI-compatible API with fixed answers)
    Mock(MockArgs),
    /// Serve as a server whose limits are known: CPU time, locks, pools, workers and more, as programmed
    App(AppArgs),
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
    /// Time a fixed piece of work for each line on stdin (the controller runs this on the server's CPUs)
    #[command(hide = true)]
    Speed,
    /// Ask a mock what it saw for each load's plan on stdin (the controller starts this)
    #[command(hide = true)]
    Witness,
    /// Print what this host is, as JSON (the controller runs this in a container)
    #[command(hide = true)]
    Host,
    /// Print what the keys of a run's files mean, as JSON Schema
    Schema(SchemaArgs),
    /// Print a completion script for a shell
    Completions {
        /// Which shell
        shell: Shell,
    },
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
    /// A JSON object a line for everything that happens: see results/README.md
    Json,
    /// Nothing
    Quiet,
}

/// `vscale config`.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// Compose file; give several to merge them [default: compose.yaml, or another name that Compose looks for]
    #[arg(short = 'f', long = "file", value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Services of this profile too [default: COMPOSE_PROFILES]
    #[arg(long = "profile", value_name = "NAME")]
    pub profiles: Vec<String>,
}

impl ConfigArgs {
    /// The flags that reach the compose file as variables.
    pub fn variables(&self) -> BTreeMap<String, String> {
        run::profiles(&self.profiles).into_iter().collect()
    }
}

/// `vscale report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// A folder under results/runs/
    pub run_dir: PathBuf,
}

/// `vscale rerun`.
#[derive(Debug, Args)]
pub struct RerunArgs {
    /// A folder under results/runs/
    pub run_dir: PathBuf,
    /// Go on although the compose file has changed since: with limits, commands and load as they were planned then
    #[arg(long)]
    pub as_stored: bool,
    /// Compose file; give several to merge them
    #[arg(short = 'f', long = "file", value_name = "FILE", conflicts_with_all = ["image", "build"])]
    pub files: Vec<PathBuf>,
    /// The server, where it had no compose file
    #[command(flatten)]
    pub target: TargetFlags,
    /// Where the runs are kept
    #[arg(long, default_value = "results", value_name = "DIR")]
    pub results: PathBuf,
    /// How progress is shown, on stderr
    #[arg(long, value_enum, default_value_t = ProgressArg::Auto)]
    pub progress: ProgressArg,
}

/// `vscale schema`.
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// Of what
    #[arg(value_enum, default_value_t = Document::Result)]
    pub of: Document,
    /// All of it as Markdown tables: the reference in results/README.md
    #[arg(long)]
    pub markdown: bool,
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
    /// Write the latencies of each second as HdrHistogram's log, version 2; those of the warm-up with Tag=warm-up
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
