//! `vscale calibrate`.

use super::ProgressArg;
use crate::units;
use clap::Args;
use std::{path::PathBuf, time::Duration};

/// `vscale calibrate`.
#[derive(Debug, Args)]
pub struct CalibrateArgs {
    /// Of the cases' parameters
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
    /// Only these: quota,pool
    #[arg(long, value_delimiter = ',', value_name = "NAME[,NAME...]")]
    pub cases: Vec<String>,
    /// Length of each measured window
    #[arg(short = 't', long, default_value = "2s", value_parser = units::parse_duration, value_name = "TIME")]
    pub run_time: Duration,
    /// Write the matrix as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Where each case's compose files and runs are kept, in a folder of their own
    #[arg(long, default_value = "results/calibration", value_name = "DIR")]
    pub results: PathBuf,
    /// How progress is shown, on stderr
    #[arg(long, value_enum, default_value_t = ProgressArg::Auto)]
    pub progress: ProgressArg,
}
