//! Every example is measured on the real engine, by the command that its compose file names (`make test-examples`). The windows
//! are short: what is tested is that a stranger's first try works.

#[path = "../shared/runs.rs"]
#[expect(dead_code, reason = "the other tests' targets")]
mod runs;

use runs::{binary, left_by};
use std::{fs, path::Path, process::Command, process::Stdio};
use vscale::{
    model::{PhaseKind, Run},
    store::RunFolder,
};

/// Measured, and measured on a host that is too busy to say more.
const MEASURED: [Option<i32>; 2] = [Some(0), Some(8)];

/// Every folder of `examples/` with a compose file has a test here.
macro_rules! examples {
    ($($test:ident: $folder:literal,)*) => {
        $(#[test] fn $test() { is_measured($folder); })*

        #[test]
        fn all_are_tested() {
            let folders = fs::read_dir(root().join("examples")).expect("it is there").map(|entry| entry.expect("readable"));
            let mut found: Vec<String> = folders
                .filter(|folder| folder.path().join("compose.yaml").exists())
                .map(|folder| folder.file_name().into_string().expect("UTF-8"))
                .collect();
            found.sort();
            assert_eq!(found, [$($folder),*]);
        }
    };
}

examples! {
    fastapi_under_gunicorn: "fastapi-gunicorn",
    fastapi_under_uvicorn: "fastapi-uvicorn",
    flask_under_gunicorn: "flask-gunicorn",
    threads_of_go: "go",
    llama_stack: "llama-stack",
    nginx_without_a_backend: "nginx",
    cluster_of_node: "node-cluster",
    postgresql_with_a_cache: "postgresql",
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Two worker counts, each as asked and proved, each of whose requests succeed; and nothing is left.
fn is_measured(example: &str) {
    let results = tempfile::tempdir().expect("a temporary folder");
    let child = Command::new(binary())
        .args(command_of(example))
        .args(["--run-time", "2", "--warm-up", "1s", "--progress", "plain", "--results"])
        .arg(results.path())
        .current_dir(root())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    let controller = child.id();
    let output = child.wait_with_output().expect("it ends");
    let [stdout, stderr] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    assert!(MEASURED.contains(&output.status.code()), "{}\n{stderr}\n{stdout}", output.status);
    assert_eq!(left_by(controller), [""; 0]);

    let run = only_run(results.path());
    let workers: Vec<_> = run
        .visited
        .iter()
        .map(|visited| &visited.attestation)
        .map(|it| (it.workers_before, it.workers_after))
        .collect();
    assert_eq!(workers, [(Some(1), Some(1)), (Some(2), Some(2))], "{stdout}");
    for visited in &run.visited {
        let load = &visited.phase(PhaseKind::Target).expect("it was loaded").load;
        assert!(load.throughput_rps() > 0.0 && load.failure_count() == 0, "{stdout}");
    }
}

/// The arguments of the first `vscale` in the compose file's comments.
fn command_of(example: &str) -> Vec<String> {
    let path = root().join("examples").join(example).join("compose.yaml");
    let text = fs::read_to_string(&path).expect("it is there");
    let command = text
        .lines()
        .find_map(|line| line.strip_prefix('#')?.trim().strip_prefix("vscale "))
        .unwrap_or_else(|| panic!("{} names no command", path.display()));
    command.split_whitespace().map(str::to_owned).collect()
}

fn only_run(results: &Path) -> Run {
    let runs: Vec<_> =
        fs::read_dir(results.join("runs")).expect("made").map(|entry| entry.expect("readable").path()).collect();
    assert_eq!(runs.len(), 1, "{runs:?}");
    RunFolder::open(&runs[0]).and_then(|folder| folder.load()).expect("a run's folder")
}
