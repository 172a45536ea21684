//! `vscale compare` and `vscale history`.

use clap::Args;
use std::path::PathBuf;

/// `vscale compare`.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// The folder of the run to compare with, under results/runs/
    #[arg(value_name = "RUN_A")]
    pub a: PathBuf,
    /// The folder of the run that is compared
    #[arg(value_name = "RUN_B")]
    pub b: PathBuf,
    /// End with 99 where B is worse by more: 'throughput < -3%'; with 98 where it cannot be told
    #[arg(long, value_name = "CONDITION", value_parser = parse_limit)]
    pub fail_if: Option<f64>,
}

/// `vscale history`.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// Where runs are kept
    #[arg(value_name = "RESULTS_DIR", default_value = "results")]
    pub results: PathBuf,
    /// Say instead what differs between the hosts, images and plans of two runs
    #[arg(long, num_args = 2, value_names = ["RUN_A", "RUN_B"])]
    pub diff: Vec<String>,
}

/// What is left of A's throughput at the limit: 0.97 for `throughput < -3%`.
fn parse_limit(text: &str) -> Result<f64, String> {
    let wrong = || format!("`{text}` is not a change to fail at: use 'throughput < -3%'");
    let change = text.trim().strip_prefix("throughput").and_then(|rest| rest.trim_start().strip_prefix('<'));
    let percent = change.and_then(|change| change.trim().strip_suffix('%')).ok_or_else(wrong)?;
    let percent: f64 = percent.trim().parse().map_err(|_| wrong())?;
    if percent > -100.0 && percent <= 0.0 {
        Ok(1.0 + percent / 100.0)
    } else {
        Err(format!("`{text}`: a change to fail at is above -100 % and not above 0 %"))
    }
}

#[cfg(test)]
mod tests {
    use super::parse_limit;

    #[test]
    fn a_limit_is_a_loss_of_throughput() {
        assert_eq!(parse_limit("throughput < -3%"), Ok(0.97));
        assert_eq!(parse_limit("throughput<-25 %"), Ok(0.75));
        assert_eq!(parse_limit("throughput < 0%"), Ok(1.0));
        for (text, why) in [
            ("throughput < -3", "is not a change to fail at"),
            ("throughput > -3%", "is not a change to fail at"),
            ("p99 < -3%", "is not a change to fail at"),
            ("throughput < x%", "is not a change to fail at"),
            ("throughput < 3%", "is above -100 % and not above 0 %"),
            ("throughput < -100%", "is above -100 % and not above 0 %"),
            ("throughput < nan%", "is above -100 % and not above 0 %"),
        ] {
            let error = parse_limit(text).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
