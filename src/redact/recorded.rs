//! What a run keeps and tells, without secrets: every place in it that holds words of others. Names that lead from one thing
//! to another (of services, visits, limits) stay.

use super::Redactor;
use crate::{
    error::Error,
    events::Event,
    model::{CountBy, Endpoint, LoadPlan, LoadResult, Plan, Ready, RequestTemplate, Visited},
};

impl Redactor {
    /// What a load sends: its secret headers, and what looks like a secret.
    pub fn learn_load(&mut self, load: &LoadPlan) {
        for request in &load.requests {
            request.headers.iter().for_each(|(name, value)| self.learn_named(name, value));
            [&request.path, &request.body].into_iter().for_each(|text| self.learn_text(text));
        }
        load.lines.iter().for_each(|line| self.learn_text(line));
        load.secrets.iter().for_each(|value| self.learn(value));
    }

    /// A plan as it is kept. It can no longer be carried out.
    pub fn plan(&self, plan: &Plan) -> Plan {
        let mut plan = plan.clone();
        let of_a = (&mut plan.containers, &mut plan.at_workers);
        let of_b = plan.ab.iter_mut().map(|ab| (&mut ab.containers, &mut ab.at_workers));
        let all = [of_a].into_iter().chain(of_b).flat_map(|(containers, at_workers)| {
            containers.iter_mut().chain(at_workers.iter_mut().flat_map(|at| &mut at.containers))
        });
        for container in all {
            container.command = container.command.as_deref().map(|command| self.arguments(command));
            for (name, value) in &mut container.environment {
                *value = self.named(name, value);
            }
            if let Some(endpoint) = &mut container.ready {
                self.endpoint(endpoint);
            }
        }
        if let Some(CountBy::Http { path, .. }) = plan.workers.as_mut().map(|workers| &mut workers.count) {
            self.clean(path);
        }
        if let Some(tool) = &mut plan.tool {
            tool.args = self.arguments(&tool.args);
        }
        if let Some(ab) = &mut plan.ab {
            [&mut ab.a, &mut ab.b].into_iter().for_each(|text| self.clean(text));
        }
        self.clean(&mut plan.load.host);
        plan.load.requests.iter_mut().for_each(|request| self.request(request));
        plan.load.lines.iter_mut().for_each(|line| self.clean(line));
        plan.load.backend_token = None;
        plan
    }

    fn endpoint(&self, endpoint: &mut Endpoint) {
        self.clean(&mut endpoint.path);
        if let Ready::Answers(path, _) = &mut endpoint.ready {
            self.clean(path);
        }
    }

    fn request(&self, request: &mut RequestTemplate) {
        for (name, value) in &mut request.headers {
            *value = self.named(name, value);
        }
        [&mut request.path, &mut request.name, &mut request.body].into_iter().for_each(|text| self.clean(text));
    }

    /// What a visit found.
    pub fn visited(&self, mut visited: Visited) -> Visited {
        for phase in &mut visited.phases {
            self.load(&mut phase.load);
            for process in phase.processes.iter_mut().flat_map(|sample| &mut sample.processes) {
                self.clean(&mut process.command_line);
            }
        }
        visited.attestation.workers_not_told.iter_mut().for_each(|why| self.clean(why));
        visited.no_baseline.iter_mut().for_each(|why| self.clean(why));
        visited.ended.iter_mut().for_each(|ended| self.clean(&mut ended.how));
        visited
    }

    /// What a load found.
    pub fn load(&self, load: &mut LoadResult) {
        self.clean(&mut load.host);
        load.backend_error.iter_mut().for_each(|error| self.clean(error));
        load.backend.iter_mut().for_each(|backend| self.clean(&mut backend.url));
        load.requests.iter_mut().for_each(|request| self.clean(&mut request.name));
        for failure in &mut load.failures {
            [&mut failure.name, &mut failure.error].into_iter().for_each(|text| self.clean(text));
        }
    }

    /// What is told while a run goes on.
    pub fn event(&self, mut event: Event) -> Event {
        match &mut event {
            Event::Image { line: text, .. } | Event::Waiting { what: text, .. } | Event::Differs { what: text } => {
                self.clean(text)
            }
            Event::Collected { left, .. } | Event::Removed { left } => {
                left.iter_mut().for_each(|text| self.clean(text))
            }
            // What stands against a visit is said of one that has no secrets left.
            Event::Planned { .. }
            | Event::Starting { .. }
            | Event::Ready { .. }
            | Event::Phase { .. }
            | Event::Progress { .. }
            | Event::Saved { .. }
            | Event::Removing => {}
        }
        event
    }

    /// An error, of the same exit status.
    pub fn error(&self, error: Error) -> Error {
        let text = error.to_string();
        let clean = self.text(&text);
        match error {
            unchanged if clean == text => unchanged,
            Error::Usage(_) => Error::Usage(clean),
            Error::Compose(_) => Error::Compose(clean),
            Error::Preflight(_) => Error::Preflight(clean),
            Error::Start(_) => Error::Start(clean),
            Error::Engine(_) | Error::File { .. } | Error::Signal(_) | Error::ClosedPipe | Error::Other(_) => {
                Error::Other(clean)
            }
        }
    }

    fn clean(&self, text: &mut String) {
        *text = self.text(text);
    }
}
