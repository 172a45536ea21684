//! The phases of one level: up, ready, quota, attest, baseline, stack, attest, down. Everything is started afresh.

use super::{Progress, attest};
use crate::{
    cli::{LoadFlags, WarmUpArg},
    distribution::Distribution,
    engine::{Cluster, Container, Output, last_lines},
    error::{Error, Result},
    measure,
    model::{
        Attestation, CgroupLimits, ContainerSample, ContainerUsage, Level, Limits, LoadEvent, LoadModel, LoadProgress,
        LoadResult, Phase, PhaseName, Placement, ProbeEvent, ProbeSample, Settings, Warning, hlog_head,
    },
    plan::LevelPlan,
    spec::{Service, Spec},
    store::LevelFiles,
    units::{format_cpu_list, format_us, now_unix_us, parse_cpu_list},
};
use futures_util::future::join_all;
use regex_lite::Regex;
use std::{cell::RefCell, collections::BTreeMap, pin::pin, time::Duration};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

const SAMPLE_INTERVAL: Duration = Duration::from_secs(1);
/// Beyond the run time and the warm-up, the load generator may spawn users and drain for this long.
const LOAD_GRACE: Duration = Duration::from_secs(60);
/// Longest wait for a target's workers to come to rest, and what counts as rest.
const SETTLE_LIMIT: Duration = Duration::from_secs(60);
const SETTLED_CORES: f64 = 0.1;
/// Lines of a target's log that an error shows.
const SHOWN_LINES: usize = 15;

/// Of the phase against a mock that answers at once: long enough for a rate, short beside any window.
const NULL_WARM_UP: Duration = Duration::from_millis(300);
const NULL_RUN_TIME: Duration = Duration::from_secs(1);
/// Users of that phase, at most: enough to keep the load generator busy.
const NULL_USERS: u32 = 64;
/// A backend whose mean service time is below this answers at once.
const AT_ONCE_US: f64 = 200.0;

/// The name of the mock that answers at once.
const NULL: &str = "null";

/// The load generator's flags, but for whom to load.
pub struct LoadArguments {
    /// In the phases that are reported.
    measured: Vec<String>,
    /// In the phase that shows what it can do at most.
    null: Vec<String>,
}

impl LoadArguments {
    /// `request_text` and `data_text` stand in for files, which a container cannot see.
    pub fn new(flags: &LoadFlags, request_text: Option<String>, data_text: Option<String>) -> Self {
        let users = flags.users.max(flags.rate.map_or(0, |_| NULL_USERS)).min(NULL_USERS);
        let null = LoadFlags {
            users,
            spawn_rate: f64::from(users),
            think_time: Distribution::zero(),
            rate: None,
            stages: Vec::new(),
            run_time: NULL_RUN_TIME,
            warm_up: WarmUpArg::Fixed(NULL_WARM_UP),
            ..flags.clone()
        };
        Self {
            measured: flags.to_arguments(request_text.clone(), data_text.clone()),
            null: null.to_arguments(request_text, data_text),
        }
    }
}

/// What all levels of a run share.
pub struct Visit<'a> {
    /// The run's objects.
    pub cluster: &'a Cluster,
    /// The compose file, flags applied.
    pub spec: &'a Spec,
    /// What was asked for.
    pub settings: &'a Settings,
    /// Who runs where.
    pub placement: &'a Placement,
    /// Image reference of each service.
    pub images: &'a BTreeMap<String, String>,
    /// Our own image.
    pub own_image: &'a str,
    /// Tells workers from other processes.
    pub worker_pattern: &'a Regex,
    /// The load generator's flags, but for whom to load.
    pub load_arguments: &'a LoadArguments,
    /// Longest wait for a container to be ready.
    pub ready_timeout: Duration,
}

/// A service that is up, with what its probe said.
struct Up {
    container: Container,
    /// While this lives, a container of our own image knows that we live.
    _output: Output,
    /// The target's, which goes on telling about its processes.
    probe: Option<Output>,
    asked: CgroupLimits,
    /// What the probe saw last.
    seen: Option<ProbeSample>,
    ready_after_us: u64,
}

impl Visit<'_> {
    /// Visits one level: the level's result, and what it leaves besides.
    ///
    /// # Errors
    /// `Error::Start` when a container does not start or is never ready, with its last log lines; `Error::Engine` when
    /// the engine goes away. What runs then is removed by the run's label.
    pub async fn level(&self, plan: &LevelPlan, progress: &mut Progress) -> Result<(Level, LevelFiles)> {
        let mut up = Vec::new();
        for name in self.spec.start_order().into_iter().filter(|name| *name != self.settings.load) {
            up.push(self.start(&name, plan, progress).await?);
        }
        let target = up.iter().position(|one| one.container.service() == self.settings.target);
        let target = target.ok_or_else(|| Error::Other("the target was not started".into()))?;
        let mut probe = up[target].probe.take().ok_or_else(|| Error::Other("the target has no probe".into()))?;
        self.settle(plan.workers, &mut up[target], &mut probe, progress).await?;
        if let Some(cores) = self.settings.cpus_cores {
            up[target].container.set_cpu_quota(cores).await?;
            up[target].asked.cpu_quota_cores = Some(cores);
        }

        let workers_before = self.count_workers(up[target].seen.as_ref());
        let mut files = LevelFiles::default();
        let (baseline, _) = self.load(PhaseName::Baseline, plan, &up, &mut probe, &mut files, progress).await?;
        let null_rps = self.null_rps(&baseline, plan, progress).await?;
        let (stack, load_limits) = self.load(PhaseName::Stack, plan, &up, &mut probe, &mut files, progress).await?;
        up[target].seen = self.fresh_sample(&up[target].container, &mut probe).await.ok();
        let workers_after = self.count_workers(up[target].seen.as_ref());

        let mut limits = Vec::new();
        for one in &up {
            limits.push(read_back(one).await?);
        }
        limits.push(load_limits);
        let mut level = Level {
            name: plan.name.clone(),
            workers: plan.workers,
            attestation: Attestation { workers_before, workers_after, limits },
            ready_after_us: up[target].ready_after_us,
            null_rps: Some(null_rps),
            baseline,
            stack,
            warnings: self.ended(plan, &up).await?,
        };
        level.warnings.extend(attest::warnings(&level));

        for one in &up {
            files.logs.push((one.container.service().to_owned(), one.container.logs().await?));
        }
        self.cluster.remove_containers().await?;
        Ok((level, files))
    }

    /// The service as this level runs it: its CPUs, its worker count, its memory limit; the quota comes once it is ready.
    fn service(&self, name: &str, workers: Option<u32>) -> Service {
        let mut service = self.spec.services[name].clone();
        if let Some(cpus) = self.cpus_of(name) {
            service.cpuset = Some(format_cpu_list(cpus));
        }
        if let Some(workers) = workers {
            service.environment.insert(self.spec.vscale.workers.env.clone(), workers.to_string());
        }
        service
    }

    fn cpus_of(&self, name: &str) -> Option<&[u32]> {
        match name {
            name if name == self.settings.target => Some(&self.placement.target),
            name if name == self.settings.backend => Some(&self.placement.backend),
            name if name == self.settings.load => Some(&self.placement.load),
            _ => None,
        }
    }

    /// Starts a service and waits until it is ready, if it has an endpoint to ask. The target's probe goes on.
    async fn start(&self, name: &str, plan: &LevelPlan, progress: &mut Progress) -> Result<Up> {
        let is_target = name == self.settings.target;
        let workers = is_target.then_some(plan.workers);
        progress.step(&format!("{}: starting {name}{}", plan.name, workers.map_or_else(String::new, in_words)));
        let service = self.service(name, workers);
        let image = &self.images[name];
        let container = self.cluster.create(name, &service, image, image == self.own_image).await?;
        let output = container.start().await?;
        let mut up =
            Up { container, _output: output, probe: None, asked: asked(&service), seen: None, ready_after_us: 0 };
        let Some(endpoint) = self.spec.vscale.endpoints.get(name) else { return Ok(up) };

        let url = format!("http://127.0.0.1:{}{}", endpoint.port, endpoint.ready);
        let timeout = format!("{}s", self.ready_timeout.as_secs_f64());
        let mut command = ["probe", "--ready", &url, "--timeout", &timeout].map(str::to_owned).to_vec();
        command.extend((!is_target).then(|| "--once".to_owned()));
        let user = numeric_user(&up.container.user().await?);
        let probe =
            self.cluster.create_probe(&up.container, self.own_image, &user, &self.placement.load, command).await?;
        let mut words = match probe.start().await {
            Ok(words) => words,
            Err(error) => return Err(self.not_ready(&up.container, &error.to_string()).await),
        };
        let deadline = Instant::now() + self.ready_timeout + LOAD_GRACE;
        while up.seen.is_none() {
            let line = timeout_at(deadline, words.next_line()).await;
            let line = line.map_err(|_| Error::Start(format!("{name}: its probe does not answer")))??;
            match line.as_deref().map(parse::<ProbeEvent>).transpose()? {
                Some(ProbeEvent::Waiting { last }) => progress.live(&format!("waiting for {name}: {last}")),
                Some(ProbeEvent::Ready { after_us }) => up.ready_after_us = after_us,
                Some(ProbeEvent::Sample(sample)) => up.seen = Some(sample),
                None => return Err(self.not_ready(&up.container, &words.last_words()).await),
            }
        }
        if is_target {
            progress.step(&format!("{}: {name} is ready after {:.1} s", plan.name, up.ready_after_us as f64 / 1e6));
            up.probe = Some(words);
        }
        Ok(up)
    }

    /// Why a container is not ready: that it has ended, or what its probe said last; with its own last log lines.
    async fn not_ready(&self, container: &Container, probe_words: &str) -> Error {
        let name = container.service();
        let why = match container.state().await {
            Ok(state) if !state.running => format!("it has ended ({})", state.in_words()),
            _ => probe_words.trim().trim_start_matches("vscale: ").to_owned(),
        };
        let log = container.logs().await.unwrap_or_default();
        let lines = last_lines(&log, SHOWN_LINES);
        let shown = if lines.is_empty() {
            "it wrote nothing".into()
        } else {
            format!("its last lines:\n  {}", lines.replace('\n', "\n  "))
        };
        Error::Start(format!("{name}: {why}; {shown}"))
    }

    /// The first worker answers while others still start: waits until all are there and none is busy, so that neither
    /// a quota nor the load meets a worker that is still importing. Goes on after a while all the same: what the
    /// target is then is attested like anything else.
    async fn settle(&self, workers: u32, target: &mut Up, probe: &mut Output, progress: &mut Progress) -> Result<()> {
        let deadline = Instant::now() + SETTLE_LIMIT.min(self.ready_timeout);
        while Instant::now() < deadline {
            let now = self.fresh_sample(&target.container, probe).await?;
            let found = self.count_workers(Some(&now));
            let busy_cores = target.seen.as_ref().map_or(0.0, |before| measure::busy_cores(before, &now));
            target.seen = Some(now);
            if found == workers && busy_cores < SETTLED_CORES {
                break;
            }
            progress.live(&format!("waiting for {workers} idle workers: {found} found, {busy_cores:.2} CPUs busy"));
        }
        Ok(())
    }

    fn count_workers(&self, sample: Option<&ProbeSample>) -> u32 {
        sample.map_or(0, |sample| measure::workers(sample, self.worker_pattern).len() as u32)
    }

    /// A sample of the target's processes that was taken after this call began.
    async fn fresh_sample(&self, target: &Container, probe: &mut Output) -> Result<ProbeSample> {
        let (now, deadline) = (now_unix_us(), Instant::now() + 10 * SAMPLE_INTERVAL);
        while let Ok(line) = timeout_at(deadline, probe.next_line()).await {
            match line?.as_deref().map(parse).transpose()? {
                Some(ProbeEvent::Sample(sample)) if sample.unix_us >= now => return Ok(sample),
                Some(_) => {}
                None => break,
            }
        }
        Err(self.not_ready(target, &format!("its probe has ended: {}", probe.last_words())).await)
    }

    /// One load phase, with all containers sampled while it lasts; and the load generator's limits as read back.
    async fn load(
        &self,
        name: PhaseName,
        plan: &LevelPlan,
        up: &[Up],
        probe: &mut Output,
        files: &mut LevelFiles,
        progress: &mut Progress,
    ) -> Result<(Phase, Limits)> {
        let loaded = if name == PhaseName::Baseline { &self.settings.backend } else { &self.settings.target };
        progress.step(&format!("{}: {name}: loading {loaded}", plan.name));
        let service = self.load_service(loaded, &self.load_arguments.measured);
        let mut hlog = hlog_head(now_unix_us());
        let load = &self.settings.load;
        let generator = self.cluster.create(load, &service, &self.images[load], true).await?;
        let mut output = generator.start().await?;

        let watched: Vec<&Container> = up.iter().map(|one| &one.container).chain([&generator]).collect();
        let samples: Vec<RefCell<Vec<ContainerSample>>> = watched.iter().map(|_| RefCell::default()).collect();
        let mut sampling = pin!(join_all(watched.iter().zip(&samples).map(|(one, samples)| watch(one, samples))));
        let mut processes = Vec::new();
        let mut probe_lives = true;
        let bound = self.settings.run_time_us + self.settings.warm_up_us;
        let spawning_s = match self.settings.model {
            LoadModel::Closed { users, spawn_rate_per_s, .. } => f64::from(users) / spawn_rate_per_s,
            LoadModel::Open { .. } => 0.0,
        };
        let deadline = Instant::now() + Duration::from_micros(bound) + Duration::from_secs_f64(spawning_s) + LOAD_GRACE;
        let result: LoadResult = loop {
            tokio::select! {
                line = timeout_at(deadline, output.next_line()) => {
                    let line = line.map_err(|_| Error::Start(format!("{load}: gives no result")))??;
                    match line.as_deref().map(parse::<LoadEvent>).transpose()? {
                        Some(LoadEvent::Progress(now)) => {
                            progress.live(&format!("{} {name}: {}", plan.name, progress_in_words(&now)));
                            hlog += &now.to_hlog_line();
                        }
                        Some(LoadEvent::Result(result)) => break *result,
                        None => return Err(self.not_ready(&generator, &format!("gave no result: {}", output.last_words())).await),
                    }
                }
                _ = &mut sampling => {}
                line = probe.next_line(), if probe_lives => match line? {
                    Some(line) => if let ProbeEvent::Sample(sample) = parse(&line)? { processes.push(sample) },
                    None => probe_lives = false,
                },
            }
        };
        let usage = |(one, samples): (&&Container, &RefCell<_>)| {
            measure::container_usage(one.service(), samples.take(), &result.window)
        };
        let containers: Vec<ContainerUsage> = watched.iter().zip(&samples).map(usage).collect();
        let limits = Limits {
            service: load.clone(),
            asked: asked(&service),
            engine: generator.limits().await?,
            inside: result.generator.limits.clone(),
            cpus_allowed: Some(format_cpu_list(&result.generator.cpus_allowed)),
        };
        generator.remove().await?;
        files.hlogs.push((name, hlog));
        Ok((Phase { name, load: result, containers, processes }, limits))
    }

    /// What the load generator does at most, on its CPUs: shown by the baseline, if the backend answers at once and is
    /// loaded without pause; otherwise by a short phase against a mock that does, in the backend's place.
    async fn null_rps(&self, baseline: &Phase, plan: &LevelPlan, progress: &mut Progress) -> Result<f64> {
        let answers_at_once =
            baseline.load.backend.as_ref().is_some_and(|it| it.window.service_time.mean_us() < AT_ONCE_US);
        let is_pressed = matches!(self.settings.model, LoadModel::Closed { think_time: None, .. });
        if answers_at_once && is_pressed && self.settings.stages.is_empty() {
            return Ok(baseline.load.throughput_rps());
        }
        progress.step(&format!("{}: null: loading a mock that answers at once", plan.name));
        let mut service = self.service(&self.settings.load, None);
        service.cpuset = Some(format_cpu_list(&self.placement.backend));
        let port = self.port(NULL);
        service.command = Some(["mock", "--host", "0.0.0.0", "--port", &port.to_string()].map(str::to_owned).to_vec());
        let mock = self.cluster.create(NULL, &service, self.own_image, true).await?;
        let _tie = mock.start().await?;
        let (load, service) = (&self.settings.load, self.load_service(NULL, &self.load_arguments.null));
        let generator = self.cluster.create(load, &service, &self.images[load], true).await?;
        let mut output = generator.start().await?;
        let deadline = Instant::now() + NULL_RUN_TIME + LOAD_GRACE;
        loop {
            let line = timeout_at(deadline, output.next_line()).await;
            let line = line.map_err(|_| Error::Start(format!("{load}: gives no result")))??;
            match line.as_deref().map(parse::<LoadEvent>).transpose()? {
                Some(LoadEvent::Progress(_)) => {}
                Some(LoadEvent::Result(result)) => {
                    generator.remove().await?;
                    mock.remove().await?;
                    return Ok(result.throughput_rps());
                }
                None => {
                    return Err(self.not_ready(&generator, &format!("gave no result: {}", output.last_words())).await);
                }
            }
        }
    }

    /// The load generator's service with a phase's flags behind its own: the last of a repeated flag counts.
    fn load_service(&self, loaded: &str, arguments: &[String]) -> Service {
        let mut service = self.service(&self.settings.load, None);
        let url = |name: &str| format!("http://{name}:{}", self.port(name));
        let command = service.command.get_or_insert_with(|| vec!["load".into()]);
        command.extend(["--host".into(), url(loaded)]);
        // Only a mock of ours tells what it saw.
        let backend = &self.settings.backend;
        if loaded != NULL && self.images[backend.as_str()] == self.own_image {
            command.extend(["--backend".into(), url(backend)]);
        }
        command.extend(arguments.iter().cloned());
        command.push("--json".into());
        service
    }

    fn port(&self, service: &str) -> u16 {
        self.spec.vscale.endpoints.get(service).map_or(80, |endpoint| endpoint.port)
    }

    /// Containers that should run and do not.
    async fn ended(&self, plan: &LevelPlan, up: &[Up]) -> Result<Vec<Warning>> {
        let mut warnings = Vec::new();
        for one in up {
            let state = one.container.state().await?;
            if !state.running {
                let (level, service) = (plan.name.clone(), one.container.service().to_owned());
                warnings.push(Warning::ContainerEnded { level, service, how: state.in_words() });
            }
        }
        Ok(warnings)
    }
}

/// Samples a container once a second for as long as it is polled.
async fn watch(container: &Container, samples: &RefCell<Vec<ContainerSample>>) {
    let mut ticks = interval(SAMPLE_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        let sample = container.sample().await;
        samples.borrow_mut().extend(sample);
    }
}

async fn read_back(up: &Up) -> Result<Limits> {
    let seen = up.seen.as_ref();
    Ok(Limits {
        service: up.container.service().to_owned(),
        asked: up.asked.clone(),
        engine: up.container.limits().await?,
        inside: seen.and_then(|sample| sample.limits.clone()),
        cpus_allowed: seen
            .and_then(|sample| widest(&sample.processes.iter().map(|it| it.cpus_allowed.as_str()).collect::<Vec<_>>())),
    })
}

/// The union of CPU lists: one process that may run elsewhere shows.
fn widest(lists: &[&str]) -> Option<String> {
    let mut cpus: Vec<u32> = lists.iter().filter_map(|list| parse_cpu_list(list).ok()).flatten().collect();
    cpus.sort_unstable();
    cpus.dedup();
    (!cpus.is_empty()).then(|| format_cpu_list(&cpus))
}

/// The limits that a service asks for when it starts.
fn asked(service: &Service) -> CgroupLimits {
    CgroupLimits {
        cpu_quota_cores: service.cpu_quota_cores(),
        cpu_period_us: None,
        cpuset: service.cpuset.clone(),
        memory_bytes: service.mem_limit_bytes,
    }
}

/// `10001:10001` as it is; a name means nothing in our image, so then nobody.
fn numeric_user(user: &str) -> String {
    const NOBODY: &str = "65534:65534";
    let numeric = !user.is_empty() && user.chars().all(|c| c.is_ascii_digit() || c == ':');
    if numeric { user.to_owned() } else { NOBODY.to_owned() }
}

fn parse<T: serde::de::DeserializeOwned>(line: &str) -> Result<T> {
    serde_json::from_str(line)
        .map_err(|error| Error::Other(format!("not an event of ours ({error}): {}", &line[..line.len().min(200)])))
}

/// `measuring: 78 req/s, p50 12.7 ms, ...`.
pub fn progress_in_words(now: &LoadProgress) -> String {
    let state = if now.measuring { "measuring" } else { "warming up" };
    let latency = |percent: f64| match now.latency.count() {
        0 => "n/a".to_owned(),
        _ => format_us(now.latency.percentile_us(percent) as f64),
    };
    let users = if now.users > 0 { format!("{} users, ", now.users) } else { String::new() };
    format!(
        "{state}: {:.0} req/s, p50 {}, p99 {}, {:.0} failures/s, {users}{:.0} s",
        now.throughput_rps,
        latency(50.0),
        latency(99.0),
        now.failures_rps,
        now.elapsed_us as f64 / 1e6
    )
}

fn in_words(workers: u32) -> String {
    format!(" with {workers} worker{}", if workers == 1 { "" } else { "s" })
}
