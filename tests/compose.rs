//! Compose files, good and bad: what is understood, and what an error says.

#[path = "compose/agree.rs"]
mod agree;
#[path = "compose/hostile.rs"]
mod hostile;

use clap::Parser;
use insta::assert_snapshot;
use std::{fs, path::PathBuf};
use vscale::{
    cli::{Cli, Command},
    compose::{self, Project},
    model::{Limit, LimitValue, LoadTool},
    redact::Redactor,
};

/// The smallest file that describes something to measure; `extra` goes to the end of the stack's service.
fn with_stack(extra: &str) -> String {
    let indented = extra.lines().map(|line| format!("    {line}\n")).collect::<String>();
    format!(
        "x-vscale:\n  target: stack\n  backend: mock\n  load: loadgen\n  workers:\n    env: WORKERS\n    count:\n      process: app\n  \
         endpoints:\n    mock:\n      port: 80\n      ready: /\n    stack:\n      port: 81\n      ready: /\nservices:\n  \
         mock:\n    image: a\n  loadgen:\n    image: a\n  stack:\n    image: b\n{indented}"
    )
}

fn load(text: &str) -> Result<Project, String> {
    load_files(&[text])
}

/// Errors have the temporary folder taken out.
fn load_files(texts: &[&str]) -> Result<Project, String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let files: Vec<PathBuf> = (0..texts.len()).map(|index| folder.path().join(format!("{index}.yaml"))).collect();
    for (file, text) in files.iter().zip(texts) {
        fs::write(file, text).expect("writable");
    }
    let env = |name: &str| (name == "SET").then(|| "7".to_owned());
    let loaded = compose::load(&files, &env);
    loaded.map_err(|error| {
        assert_eq!(error.exit_code(), 2);
        error.to_string().replace(&format!("{}/", folder.path().display()), "")
    })
}

fn error(text: &str) -> String {
    load(text).expect_err("the file is bad")
}

#[test]
fn the_repositorys_own_file_is_understood() {
    let env = |name: &str| (name == "STACK_PORT").then(|| "9000".to_owned());
    let project = compose::load(&[PathBuf::from("compose.yaml")], &env).expect("it is good");
    assert_eq!(project.start_order(), ["mock", "stack", "loadgen"]);
    assert_eq!(project.vscale.endpoints["stack"].port, 9000);
    let stack = &project.services["stack"];
    assert_eq!((stack.environment["PORT"].as_str(), stack.init, stack.read_only), ("9000", Some(true), true));
    assert_eq!(stack.cap_drop, ["ALL"]);
    assert!(project.networks["bench"].internal);
}

#[test]
fn every_server_to_measure_is_understood_and_stands_in_its_table() {
    let readme = fs::read_to_string("examples/README.md").expect("it is there");
    let folders = fs::read_dir("examples").expect("it is there").map(|entry| entry.expect("readable").path());
    let files: Vec<PathBuf> = folders.map(|folder| folder.join("compose.yaml")).filter(|file| file.exists()).collect();
    assert_eq!(readme.matches("/compose.yaml) |").count(), files.len());
    for file in files {
        let name = file.parent().and_then(|folder| folder.file_name()?.to_str()).expect("UTF-8").to_owned();
        assert!(readme.contains(&format!("| [{name}]({name}/compose.yaml) |")), "{name}");
        let text = fs::read_to_string(&file).expect("readable");
        let command = text.lines().find_map(|line| line.strip_prefix("#     ")).expect("a command to try it");
        let Command::Bench(args) = Cli::parse_from(command.split(' ')).command else { panic!("{name}: {command}") };
        assert_eq!(args.run.files, std::slice::from_ref(&file), "{name}");
        let project = compose::load(&[file], &|_| None).unwrap_or_else(|error| panic!("{error}"));
        args.asked(&project.vscale).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(project.vscale.workers.is_some(), "{name}");
    }
}

#[test]
fn every_example_is_understood_and_stands_in_its_table() {
    let readme = fs::read_to_string("examples/limits/README.md").expect("it is there");
    let files = fs::read_dir("examples/limits").expect("it is there").map(|entry| entry.expect("readable").path());
    let files: Vec<PathBuf> =
        files.filter(|file| file.extension().is_some_and(|extension| extension == "yaml")).collect();
    assert_eq!(readme.matches(".yaml)").count(), files.len());
    for file in files {
        let name = file.file_stem().and_then(|name| name.to_str()).expect("UTF-8").to_owned();
        assert!(readme.contains(&format!("| [{name}]({name}.yaml) |")), "{name}");
        let text = fs::read_to_string(&file).expect("readable");
        let command = text.lines().find_map(|line| line.strip_prefix("#     ")).expect("a command to try it");
        Cli::try_parse_from(command.split(' ')).unwrap_or_else(|error| panic!("{name}: {error}"));
        let project = compose::load(&[file], &|_| None).unwrap_or_else(|error| panic!("{error}"));
        let env = project.vscale.workers.and_then(|workers| workers.env);
        assert_eq!((project.vscale.target.as_str(), env.as_deref()), ("app", Some("WORKERS")));
        for (service, parsed) in project.services.iter().filter(|(service, _)| *service != "loadgen") {
            let words = ["vscale"].map(String::from).into_iter().chain(parsed.command.clone().unwrap_or_default());
            Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{name}: {service}: {error}"));
        }
    }
}

#[test]
fn secrets_are_left_out_of_what_is_shown() {
    let project =
        load(&with_stack("environment: { API_KEY: s3cret, A_TOKEN: s3cret, DB_PASSWORD_2: s3cret, SHOWN: yes! }"));
    let yaml = project.expect("good").to_yaml(&Redactor::default());
    assert!(!yaml.contains("s3cret") && yaml.contains("yes!"), "{yaml}");
}

#[test]
fn compose_spellings_of_the_same_thing_agree() {
    let list = load(&with_stack("environment: [A=1, B=x=y]\nmem_limit: 512m\ncpus: \"1.5\"\ncommand: run 'a b'"));
    let map = load(&with_stack("environment: { A: 1, B: x=y }\nmem_limit: 536870912\ncpus: 1.5\ncommand: [run, a b]"));
    assert_eq!(list.expect("good").services["stack"], map.expect("good").services["stack"]);
}

#[test]
fn later_files_are_merged_over_earlier_ones() {
    let over = "services: { stack: { environment: { B: 2 }, cpuset: '3,1' } }";
    let project = load_files(&[&with_stack("environment: { A: 1, B: 1 }"), over]).expect("good");
    let stack = &project.services["stack"];
    assert_eq!((stack.environment["A"].as_str(), stack.environment["B"].as_str()), ("1", "2"));
    assert_eq!(stack.limits.cpuset().map(ToString::to_string).as_deref(), Some("1,3"));
}

#[test]
fn a_name_without_a_value_takes_the_callers_or_none() {
    let base = with_stack(
        "environment: { SET: base, NO: base }\nlabels: { A: base }\nsysctls: { a: 1 }\nbuild: { args: { SET: base, NO: base } }",
    );
    let over = "services: { stack: { environment: [SET, NO], labels: [A], sysctls: [a], build: { args: [SET, NO] } } }";
    let project = load_files(&[&base, over]).expect("good");
    let stack = &project.services["stack"];
    let only = |name: &str, value: &str| [(name.to_owned(), value.to_owned())].into();
    assert_eq!(stack.environment, only("SET", "7"));
    assert_eq!(stack.build.as_ref().map(|build| &build.args), Some(&only("SET", "7")));
    assert_eq!((&stack.labels, &stack.sysctls), (&only("A", ""), &only("a", "")));
}

#[test]
fn names_are_checked_where_compose_checks_them() {
    let text = with_stack("").replace(
        "  mock:\n    image: a\n",
        "  mock: { image: a }\n  a b: { image: a }\n  ../x: { image: a }\n  '': { image: a }\n",
    );
    let more = "volumes: { a/b: }\nsecrets: { é: { file: x } }\nconfigs: { a b: { file: x } }\nnetworks: { a b: }\n";
    assert_snapshot!(error(&(text + more)), @r"
    0.yaml:18:3: services.a b: `a b` is no name: letters, digits, `.`, `_` and `-`
    0.yaml:19:3: services.../x: `../x` is no name: letters, digits, `.`, `_` and `-`
    0.yaml:20:3: services.: `` is no name: letters, digits, `.`, `_` and `-`
    0.yaml:25:12: volumes.a/b: `a/b` is no name: letters, digits, `.`, `_` and `-`
    0.yaml:26:12: secrets.é: `é` is no name: letters, digits, `.`, `_` and `-`
    0.yaml:27:12: configs.a b: `a b` is no name: letters, digits, `.`, `_` and `-`
    ");
}

#[test]
fn variables_are_replaced_before_types_are_read() {
    let project = load(&with_stack("pids_limit: ${SET}\ncpus: ${NOT:-0.5}\nenvironment: { A: '$$x' }")).expect("good");
    let stack = &project.services["stack"];
    assert_eq!((stack.limits.number(Limit::Pids), stack.environment["A"].as_str()), (Some(7), "$x"));
    assert_eq!(stack.limits.quota_cores(), Some(0.5));
}

#[test]
fn limits_have_one_form_whatever_key_sets_them() {
    let limits = |extra: &str| load(&with_stack(extra)).expect("good").services["stack"].limits.clone();
    let cpus = limits("cpus: 0.5\nmem_limit: 64m");
    assert_eq!(cpus, limits("cpu_quota: 50000\nmem_limit: 64m"));
    assert_eq!(cpus, limits("cpu_quota: 50000\ncpu_period: 100000\nmem_limit: 64m\nmemswap_limit: 64m"));
    assert_eq!(cpus, limits("deploy: { resources: { limits: { cpus: '0.5', memory: 64m } } }"));
    assert_eq!((cpus.number(Limit::CpuQuotaUs), cpus.number(Limit::CpuPeriodUs)), (Some(50_000), Some(100_000)));
    assert_eq!((cpus.number(Limit::MemoryBytes), cpus.number(Limit::SwapBytes)), (Some(64 << 20), Some(0)));
    let short = limits("cpu_quota: 5000\ncpu_period: 10000");
    assert_eq!((short.quota_cores(), short.number(Limit::CpuPeriodUs)), (Some(0.5), Some(10_000)));
    assert_eq!(limits("cpu_quota: -1\npids_limit: -1"), limits(""));
    assert_eq!(limits("cpus: 0\ncpuset: ''\ncpu_period: 0\nmem_limit: 0\nmemswap_limit: 0"), limits(""));
    assert_eq!(limits("cpus: 0\nmem_limit: 0\ndeploy: { resources: { limits: { cpus: '0.5', memory: 64m } } }"), cpus);
    let swap = limits("mem_limit: 64m\nmemswap_limit: 96m");
    assert_eq!(swap.number(Limit::SwapBytes), Some(32 << 20));
    assert_eq!(limits("mem_limit: 64m\nmemswap_limit: -1").get(Limit::SwapBytes), Some(&LimitValue::Unlimited));
}

#[test]
fn limits_that_contradict_each_other_are_refused() {
    assert_snapshot!(error(&with_stack("cpus: 0.5\ncpu_quota: 50000")), @"0.yaml:24:5: services.stack.cpu_quota: and `cpus` both set the CPU quota; keep `cpus`, or `cpu_quota` with `cpu_period`");
    assert_snapshot!(error(&with_stack("cpus: 0.5\ncpu_period: 10000")), @"0.yaml:24:5: services.stack.cpu_period: and `cpus` both set the CPU quota; keep `cpus`, or `cpu_quota` with `cpu_period`");
    assert_snapshot!(error(&with_stack("cpu_quota: 500")), @"0.yaml:23:5: services.stack.cpu_quota: 500 us: the kernel takes at least 1000");
    assert_snapshot!(error(&with_stack("cpu_period: 2000000")), @"0.yaml:23:5: services.stack.cpu_period: 2000000 us: the kernel takes 1000 to 1000000");
    assert_snapshot!(error(&with_stack("mem_limit: 64m\nmemswap_limit: 32m")), @"0.yaml:24:5: services.stack.memswap_limit: is less than `mem_limit`, and counts memory and swap together");
    assert_snapshot!(error(&with_stack("memswap_limit: 32m")), @"0.yaml:23:5: services.stack.memswap_limit: needs `mem_limit` beside it");
    assert_snapshot!(error(&with_stack("mem_limit: 64m\ndeploy: { resources: { limits: { memory: 1g } } }")), @"0.yaml:23:5: services.stack.mem_limit: differs from deploy.resources.limits.memory; keep one");
}

#[test]
fn the_generator_has_an_old_name_too() {
    let new = with_stack("").replace("  load: loadgen", "  generator: loadgen");
    assert_eq!(load(&new).expect("good").vscale.generator, load(&with_stack("")).expect("good").vscale.generator);
    let both = with_stack("").replace("  load: loadgen", "  load: loadgen\n  generator: loadgen");
    assert_snapshot!(error(&both), @"0.yaml:4:3: x-vscale.load: is the old name of `generator`, which is there too; keep one");
}

#[test]
fn labels_by_which_things_are_removed_are_ours() {
    assert_snapshot!(error(&with_stack("labels: { dev.vscale.run: mine }")), @"0.yaml:23:5: services.stack.labels: `dev.vscale.run` is set by vscale: what a run made is found and removed by it");
    assert_snapshot!(error(&with_stack("labels: [com.docker.compose.project=mine]")), @"0.yaml:23:5: services.stack.labels: `com.docker.compose.project` is set by vscale: what a run made is found and removed by it");
    let network = with_stack("") + "networks: { bench: { labels: { dev.vscale.owner: me } } }\n";
    assert_snapshot!(error(&network), @"0.yaml:23:22: networks.bench.labels: `dev.vscale.owner` is set by vscale: what a run made is found and removed by it");
    assert!(load(&with_stack("labels: { com.example.team: ours }")).is_ok());
}

#[test]
fn what_is_not_supported_is_named_with_its_place() {
    assert_snapshot!(error(&with_stack("privileged: true")), @"0.yaml:23:5: services.stack.privileged: not supported: name what it needs in cap_add and devices");
    assert_snapshot!(error(&with_stack("enviroment: {}")), @"0.yaml:23:5: services.stack.enviroment: not supported; is `environment` meant?");
    assert_snapshot!(error(&with_stack("restart: nonsense")), @"0.yaml:23:5: services.stack.restart: `nonsense` is none of no, always, on-failure, on-failure:N, unless-stopped");
    assert_snapshot!(error(&with_stack("volumes: ['data:/data']")), @"0.yaml:23:15: services.stack.volumes.0: no volume `data` is defined");
    assert_snapshot!(error(&with_stack("deploy: { replicas: 3 }")), @"0.yaml:23:15: services.stack.deploy.replicas: 3 is not supported: each service has 1 container");
    assert_snapshot!(error(&with_stack("volumes_from: ['container:other']")), @"0.yaml:23:20: services.stack.volumes_from.0: `container:other` is not supported: a run has containers of its own; name a service");
    assert_snapshot!(error(&with_stack("volumes_from: ['mock:z']")), @"0.yaml:23:20: services.stack.volumes_from.0: `mock:z` is not service, service:ro or service:rw");
    assert_snapshot!(error(&with_stack("network_mode: host")), @"0.yaml:23:5: services.stack.network_mode: `host` is not supported: a run has a network of its own; leave it out, or say none or service:NAME");
}

#[test]
fn all_problems_are_told_at_once_by_place() {
    let text =
        with_stack("uts: host\nvolumes: ['./a:/b:xy', 'c:d']\nports: [abc]\nuser: 5\nhealthcheck: { interval: 5 }");
    assert_snapshot!(error(&text), @r"
    0.yaml:23:5: services.stack.uts: not supported: say hostname
    0.yaml:24:15: services.stack.volumes.0: `xy` is no option of a bind mount: ro, rw, z, Z, or a propagation such as rprivate
    0.yaml:24:28: services.stack.volumes.1: `d` is not an absolute path in the container
    0.yaml:25:13: services.stack.ports.0: `abc` is not [[address:]published:]target[/protocol]
    0.yaml:26:5: services.stack.user: must be a string: put 5 into quotes
    0.yaml:27:20: services.stack.healthcheck.interval: must be a string: put 5 into quotes
    ");
    let many = (0..30).map(|number| format!("key{number}: 1\n")).collect::<String>();
    let text = error(&with_stack(&many));
    assert!(text.lines().count() == 21 && text.ends_with("and 10 more"), "{text}");
}

#[test]
fn a_problem_keeps_the_file_that_it_stands_in() {
    let over = "services: { stack: { cap_add: [A], uts: host } }";
    let loaded = load_files(&[&with_stack("cap_add: [B]\nmem_limit: lots"), over]).expect_err("bad");
    assert_snapshot!(loaded, @r"
    0.yaml:24:5: services.stack.mem_limit: `lots` is not a size: use 512m, 1.5g or a number of bytes
    1.yaml:1:36: services.stack.uts: not supported: say hostname
    ");
}

#[test]
fn wrong_types_and_values_are_named_with_their_place() {
    assert_snapshot!(error(&with_stack("mem_limit: lots")), @"0.yaml:23:5: services.stack.mem_limit: `lots` is not a size: use 512m, 1.5g or a number of bytes");
    assert_snapshot!(error(&with_stack("init: maybe")), @"0.yaml:23:5: services.stack.init: must be true or false");
    assert_snapshot!(error(&with_stack("cpuset: 3-1")), @"0.yaml:23:5: services.stack.cpuset: `3-1` is not a CPU list: use 0,2-3");
    assert_snapshot!(error(&with_stack("networks: [other]")), @"0.yaml:23:16: services.stack.networks.other: no network `other` is defined");
    assert_snapshot!(error(&with_stack("depends_on: [stack]")), @"0.yaml:23:5: services.stack.depends_on: it depends on itself");
    assert_snapshot!(error(&with_stack("environment: { A: \"${B:?say what}\" }")), @"0.yaml:23:20: services.stack.environment.A: the variable B must be set: say what");
}

#[test]
fn what_is_measured_must_be_there() {
    let good = with_stack("");
    assert_snapshot!(error(&good.replace("target: stack", "target: web")), @"0.yaml:2:3: x-vscale.target: no service `web`; there are loadgen, mock, stack");
    assert_snapshot!(error(&good.replace("target: stack", "target: mock")), @"0.yaml:3:3: x-vscale.backend: `mock` is the target too");
    assert_snapshot!(error(&good.replace("port: 81", "port: 0")), @"0.yaml:14:7: x-vscale.endpoints.stack.port: 0 is not a port (1 to 65535)");
    assert_snapshot!(error(&good.replace("process: app", "process: '('")), @"0.yaml:8:7: x-vscale.workers.count.process: not a regular expression: found open group without closing ')'");
    assert_snapshot!(error("services: { a: { image: b } }"), @"0.yaml:1:1: `x-vscale` is missing: it says what is measured");
}

#[test]
fn files_that_are_not_yaml_or_not_there() {
    assert_snapshot!(error("services: [unclosed"), @"0.yaml:2:1: while parsing a flow sequence, expected ',' or ']'");
    assert_snapshot!(error("just text"), @"0.yaml: not a mapping of `services:` and `x-vscale:`");
    assert_snapshot!(error("a: 1\na: 2\n"), @"0.yaml:2:1: the key `a` is there already, in line 1");
    let missing = compose::load(&[PathBuf::from("no/such.yaml")], &|_| None).expect_err("missing");
    assert_snapshot!(missing, @"no/such.yaml: No such file or directory (os error 2)");
}

#[test]
fn composes_own_reading_of_the_repositorys_file_agrees() {
    let run = |program: &str, first: &[&str]| {
        let mut command = std::process::Command::new(program);
        command.args(first).args(["-f", "compose.yaml", "config"]).env("MOCK_PORT", "9001").output()
    };
    // Ubuntu's is a plugin of the docker command.
    let output = run("docker-compose", &[]).or_else(|_| run("docker", &["compose"]));
    let output = output.expect("`tools/setup test` installs it");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let theirs: serde_json::Value = serde_yaml::from_slice(&output.stdout).expect("YAML");
    let env = |name: &str| (name == "MOCK_PORT").then(|| "9001".to_owned());
    let ours = compose::load(&[PathBuf::from("compose.yaml")], &env).expect("good");
    for (name, service) in &ours.services {
        let their_environment = &theirs["services"][name]["environment"];
        for (variable, value) in &service.environment {
            let theirs = &their_environment[variable];
            // Ours is filled in for each visit.
            let value = value.replace("${WORKERS}", "1");
            assert_eq!(theirs.as_str().map_or_else(|| theirs.to_string(), str::to_owned), value, "{name}.{variable}");
        }
    }
}

/// The same with another load generator, in a folder that has its script.
fn with_tool(generator: &str, loadgen: &str) -> Result<Project, String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("locustfile.py"), "").expect("writable");
    let file = folder.path().join("0.yaml");
    let text = with_stack("").replace("  load: loadgen\n", &format!("  generator: {generator}\n"));
    let text = text.replace("  loadgen:\n    image: a\n", loadgen);
    let networks = "    networks: [front]\nnetworks:\n  front: {}\n";
    fs::write(&file, text + networks).expect("writable");
    compose::load(&[file], &|_| None)
        .map_err(|error| error.to_string().replace(&format!("{}/", folder.path().display()), ""))
}

#[test]
fn another_load_generator_gets_a_service_of_its_own_on_the_target_s_networks() {
    let project = with_tool("{ kind: locust, file: locustfile.py, args: --tags quick }", "").expect("it is good");
    let tool = project.vscale.generator.tool().expect("it is one");
    assert_eq!(
        (project.vscale.generator.service(), tool.plan.tool, tool.plan.args.len()),
        ("locust", LoadTool::Locust, 2)
    );
    assert_eq!(tool.plan.script.as_deref(), Some("locustfile.py"));
    let locust = &project.services["locust"];
    assert!(
        locust.image.as_deref() == Some("vscale/locust") && locust.networks.contains_key("front"),
        "its image is built"
    );
    let witness = &project.services["vscale-witness"];
    assert!(witness.is_ours() && witness.networks.contains_key("front"));

    let project = with_tool("{ kind: wrk, image: my/wrk }", "").expect("it is good");
    assert_eq!(project.services["wrk"].image.as_deref(), Some("my/wrk"));
}

#[test]
fn another_load_generator_may_run_as_a_service_with_its_limits() {
    let loadgen = "  loadgen: { image: vscale/self, read_only: true, mem_limit: 64m }\n";
    let project = with_tool("{ kind: oha, image: my/oha, service: loadgen }", loadgen).expect("it is good");
    let service = &project.services["loadgen"];
    assert_eq!((project.vscale.generator.service(), service.image.as_deref()), ("loadgen", Some("my/oha")));
    assert_eq!(service.limits.get(Limit::MemoryBytes), Some(&LimitValue::Number(64 << 20)));
    assert!(!service.read_only, "its files are put into it");

    // Without a name it takes the place of our own load generator.
    let project = with_tool("{ kind: locust, file: locustfile.py }", loadgen).expect("it is good");
    let service = &project.services["loadgen"];
    assert_eq!(
        (project.vscale.generator.service(), &service.image, service.read_only),
        ("loadgen", &Some("vscale/locust".to_owned()), false)
    );
    assert!(!project.services.contains_key("locust"));
}

#[test]
fn what_is_wrong_with_another_load_generator_is_named() {
    for (generator, loadgen, expected) in [
        (
            "{ kind: jmeter }",
            "",
            "x-vscale.generator.kind: `jmeter` is no load generator that is known: locust, k6, wrk, oha",
        ),
        ("{ file: locustfile.py }", "", "x-vscale.generator: `kind` is missing"),
        ("{ kind: locust, file: other.py }", "", "x-vscale.generator.file: other.py: no such file"),
        ("{ kind: wrk }", "", "x-vscale.generator: `image` is missing: one whose entry point is wrk"),
        ("{ kind: wrk, image: a, users: 3 }", "", "x-vscale.generator.users: not supported"),
        ("{ kind: wrk, image: a, service: other }", "", "x-vscale.generator.service: no service `other`"),
        ("{ kind: wrk, image: a }", "  wrk: { image: b }\n", "x-vscale.generator: there is a service `wrk`"),
        (
            "{ kind: wrk, service: w }",
            "  w: { image: b, read_only: true }\n",
            "x-vscale.generator: services.w.read_only",
        ),
    ] {
        let error = with_tool(generator, loadgen).expect_err(generator);
        assert!(error.contains(expected), "{error}");
    }
}
