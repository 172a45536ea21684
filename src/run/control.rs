//! What mock and generator share and the target never sees: without it a target could close the windows in which the mock
//! counts. No plan has it, so no file of the run has: it is added where a container is made and where a generator is told.

use crate::{
    error::{Error, Result},
    model::{BackendWindow, ContainerPlan, LoadPlan, PhasePlan},
};
use std::{fs::File, io::Read};

/// The token of a run's mock.
pub(super) struct Control {
    backend: Option<String>,
    token: String,
}

impl Control {
    /// For the container `backend`, if there is one; not to be guessed.
    pub(super) fn new(backend: Option<&str>) -> Result<Self> {
        const RANDOM: &str = "/dev/urandom";
        let mut bytes = [0; 16];
        File::open(RANDOM).and_then(|mut random| random.read_exact(&mut bytes)).map_err(Error::file(RANDOM))?;
        Ok(Self { backend: backend.map(str::to_owned), token: bytes.map(|byte| format!("{byte:02x}")).concat() })
    }

    /// The container as it is made.
    pub(super) fn container(&self, plan: &ContainerPlan) -> ContainerPlan {
        let mut plan = plan.clone();
        if self.backend.as_ref() == Some(&plan.name) {
            plan.environment.insert(BackendWindow::TOKEN_VARIABLE.into(), self.token.clone());
        }
        plan
    }

    /// The phase as its generator is told.
    pub(super) fn phase(&self, plan: &PhasePlan) -> PhasePlan {
        let backend_token = plan.load.backend.is_some().then(|| self.token.clone());
        PhasePlan { load: LoadPlan { backend_token, ..plan.load.clone() }, ..plan.clone() }
    }
}

/// What a generator reads: its plan as a line of JSON.
pub(super) fn line(plan: &LoadPlan) -> Result<String> {
    let json = serde_json::to_string(plan).map_err(|error| Error::Other(format!("writing a load plan: {error}")))?;
    Ok(json + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Life, Limits, PhaseKind};

    fn container(name: &str) -> ContainerPlan {
        ContainerPlan {
            name: name.into(),
            service: name.into(),
            command: None,
            environment: Default::default(),
            limits: Limits::default(),
            limits_once_ready: Limits::default(),
            ready: None,
            probe_cpus: Default::default(),
            life: Life::Run,
        }
    }

    #[test]
    fn mock_and_generator_get_the_same_token_and_the_target_none() {
        let control = Control::new(Some("mock")).expect("there are random numbers");
        assert_eq!(control.token.len(), 32);
        assert_ne!(control.token, Control::new(Some("mock")).expect("there are more").token);
        assert_eq!(control.container(&container("mock")).environment["VSCALE_CONTROL_TOKEN"], control.token);
        assert!(control.container(&container("stack")).environment.is_empty());

        let load = |backend: Option<&str>| LoadPlan {
            backend: backend.map(str::to_owned),
            ..LoadPlan::new("http://stack:8321")
        };
        let told = |backend| {
            let plan = PhasePlan { kind: PhaseKind::Target, beside: None, load: load(backend), tool: None };
            control.phase(&plan).load.backend_token
        };
        assert_eq!(told(Some("http://mock:8080")), Some(control.token.clone()));
        assert_eq!(told(None), None);
    }
}
