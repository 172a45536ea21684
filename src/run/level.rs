//! The phases of one level: up, ready, quota, attest, baseline, stack, attest, down. Everything is started afresh.

use super::{
    Progress, attest,
    visit::{GRACE, SAMPLE_INTERVAL, Up, Visit, asked, parse},
};
use crate::{
    engine::{Container, Output},
    error::{Error, Result},
    measure,
    model::{Attestation, Level, Limits, PhaseName, ProbeEvent, ProbeSample, Warning},
    plan::LevelPlan,
    store::LevelFiles,
    units::{format_cpu_list, now_unix_us, parse_cpu_list},
};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Longest wait for a target's workers to come to rest, and what counts as rest.
const SETTLE_LIMIT: Duration = Duration::from_secs(60);
const SETTLED_CORES: f64 = 0.1;

impl Visit<'_> {
    /// Visits one level: the level's result, and what it leaves besides.
    ///
    /// # Errors
    /// `Error::Start` when a container does not start or is never ready, with its last log lines; `Error::Engine` when
    /// the engine goes away. What runs then is removed by the run's label.
    pub async fn level(&self, plan: &LevelPlan, progress: &mut Progress) -> Result<(Level, LevelFiles)> {
        let mut up = Vec::new();
        for name in self.project.start_order().into_iter().filter(|name| *name != self.settings.load) {
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
        let Some(endpoint) = self.project.vscale.endpoints.get(name) else { return Ok(up) };

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
        let deadline = Instant::now() + self.ready_timeout + GRACE;
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

/// `10001:10001` as it is; a name means nothing in our image, so then nobody.
fn numeric_user(user: &str) -> String {
    const NOBODY: &str = "65534:65534";
    let numeric = !user.is_empty() && user.chars().all(|c| c.is_ascii_digit() || c == ':');
    if numeric { user.to_owned() } else { NOBODY.to_owned() }
}

fn in_words(workers: u32) -> String {
    format!(" with {workers} worker{}", if workers == 1 { "" } else { "s" })
}
