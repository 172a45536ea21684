//! One load phase: a fresh load generator against one service, with every container sampled while it lasts.

use super::{
    Progress,
    visit::{GRACE, SAMPLE_INTERVAL, Up, Visit, asked, parse},
};
use crate::{
    compose::Service,
    engine::{Container, Output},
    error::{Error, Result},
    measure,
    model::{
        ContainerSample, ContainerUsage, Limits, LoadEvent, LoadModel, LoadPlan, LoadProgress, LoadResult, Phase,
        PhaseName, ProbeEvent, Until, WarmUp, hlog_head,
    },
    plan::LevelPlan,
    store::LevelFiles,
    units::{format_cpu_list, format_us, now_unix_us},
};
use futures_util::future::join_all;
use std::{cell::RefCell, pin::pin, time::Duration};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

/// A backend whose mean service time is below this answers at once.
const AT_ONCE_US: f64 = 200.0;

/// The name of the mock that answers at once.
const NULL: &str = "null";

/// Of the phase against it: long enough for a rate, short beside any window.
const NULL_WARM_UP_US: u64 = 300_000;
const NULL_RUN_TIME_US: u64 = 1_000_000;
/// Users of that phase, at most: enough to keep the load generator busy.
const NULL_USERS: u32 = 64;

impl Visit<'_> {
    /// One load phase, with all containers sampled while it lasts; and the load generator's limits as read back.
    pub async fn load(
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
        let load = self.measured(loaded);
        let mut hlog = hlog_head(now_unix_us());
        let service = self.generator_service();
        let (generator, mut output) = self.start_generator(&service, &load).await?;

        let watched: Vec<&Container> = up.iter().map(|one| &one.container).chain([&generator]).collect();
        let samples: Vec<RefCell<Vec<ContainerSample>>> = watched.iter().map(|_| RefCell::default()).collect();
        let mut sampling = pin!(join_all(watched.iter().zip(&samples).map(|(one, samples)| watch(one, samples))));
        let mut processes = Vec::new();
        let mut probe_lives = true;
        let deadline = deadline(&load);
        let result: LoadResult = loop {
            tokio::select! {
                event = next_event(&generator, &mut output, deadline) => match event? {
                    Some(LoadEvent::Progress(now)) => {
                        progress.live(&format!("{} {name}: {}", plan.name, progress_in_words(&now)));
                        hlog += &now.to_hlog_line();
                    }
                    Some(LoadEvent::Result(result)) => break *result,
                    None => return Err(self.without_result(&generator, &output).await),
                },
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
            service: self.settings.load.clone(),
            asked: asked(&service),
            engine: generator.limits().await?,
            inside: result.generators.first().and_then(|one| one.limits.clone()),
            cpus_allowed: result.generators.first().map(|one| format_cpu_list(&one.cpus_allowed)),
        };
        generator.remove().await?;
        files.hlogs.push((name, hlog));
        Ok((Phase { name, load: result, containers, processes }, limits))
    }

    /// What the load generator does at most, on its CPUs: shown by the baseline, if the backend answers at once and is
    /// loaded without pause; otherwise by a short phase against a mock that does, in the backend's place.
    pub async fn null_rps(&self, baseline: &Phase, plan: &LevelPlan, progress: &mut Progress) -> Result<f64> {
        let answers_at_once =
            baseline.load.backend.as_ref().is_some_and(|it| it.window.service_time.mean_us() < AT_ONCE_US);
        let is_pressed = !self.load.is_scheduled() && self.load.stages.is_empty();
        if answers_at_once && is_pressed {
            return Ok(baseline.load.throughput_rps());
        }
        progress.step(&format!("{}: null: loading a mock that answers at once", plan.name));
        let mut service = self.service(&self.settings.load, None);
        service.cpuset = Some(format_cpu_list(&self.placement.backend));
        let port = self.port(NULL);
        service.command = Some(["mock", "--host", "0.0.0.0", "--port", &port.to_string()].map(str::to_owned).to_vec());
        let mock = self.cluster.create(NULL, &service, self.own_image, true).await?;
        let _tie = mock.start().await?;
        let load = self.null();
        let (generator, mut output) = self.start_generator(&self.generator_service(), &load).await?;
        let deadline = deadline(&load);
        loop {
            match next_event(&generator, &mut output, deadline).await? {
                Some(LoadEvent::Progress(_)) => {}
                Some(LoadEvent::Result(result)) => {
                    generator.remove().await?;
                    mock.remove().await?;
                    return Ok(result.throughput_rps());
                }
                None => return Err(self.without_result(&generator, &output).await),
            }
        }
    }

    async fn start_generator(&self, service: &Service, plan: &LoadPlan) -> Result<(Container, Output)> {
        let line = serde_json::to_string(plan).map_err(|error| Error::Other(format!("writing JSON: {error}")))?;
        let load = &self.settings.load;
        let generator = self.cluster.create(load, service, &self.images[load], true).await?;
        let mut output = generator.start().await?;
        output.write(&(line + "\n")).await;
        Ok((generator, output))
    }

    /// Why a load generator has ended without a result.
    async fn without_result(&self, generator: &Container, output: &Output) -> Error {
        self.not_ready(generator, &format!("gave no result: {}", output.last_words())).await
    }

    fn generator_service(&self) -> Service {
        Service { command: Some(vec!["generator".into()]), ..self.service(&self.settings.load, None) }
    }

    /// The load of a phase that is reported.
    fn measured(&self, loaded: &str) -> LoadPlan {
        let backend = &self.settings.backend;
        // Only a mock of ours tells what it saw.
        let is_ours = self.images[backend.as_str()] == self.own_image;
        LoadPlan { host: self.url(loaded), backend: is_ours.then(|| self.url(backend)), ..self.load.clone() }
    }

    /// The load that shows what the generator does at most: users who send without pause.
    fn null(&self) -> LoadPlan {
        let users = match self.load.model {
            LoadModel::Closed { users, .. } => users.min(NULL_USERS),
            LoadModel::Open { .. } => NULL_USERS,
        };
        let plan = LoadPlan {
            host: self.url(NULL),
            stages: Vec::new(),
            until: Until::RunTime { us: NULL_RUN_TIME_US },
            warm_up: WarmUp::Fixed { us: NULL_WARM_UP_US },
            ..self.load.clone()
        };
        plan.with_users(users, f64::from(users))
    }

    fn url(&self, service: &str) -> String {
        format!("http://{service}:{}", self.port(service))
    }

    fn port(&self, service: &str) -> u16 {
        self.project.vscale.endpoints.get(service).map_or(80, |endpoint| endpoint.port)
    }
}

/// When a load generator must have given its result.
fn deadline(plan: &LoadPlan) -> Instant {
    Instant::now() + Duration::from_micros(plan.longest_us().unwrap_or_default()) + GRACE
}

/// What a load generator says next; `None` at its end.
async fn next_event(generator: &Container, output: &mut Output, deadline: Instant) -> Result<Option<LoadEvent>> {
    let line = timeout_at(deadline, output.next_line()).await;
    let line = line.map_err(|_| Error::Start(format!("{}: gives no result", generator.service())))??;
    line.as_deref().map(parse::<LoadEvent>).transpose()
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
