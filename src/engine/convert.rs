//! A service of the compose file as the engine's request. Nothing is defaulted here but what keeps a run reproducible: no
//! restarts, no health checks (they would steal CPU from the measurement), no swap beyond a memory limit.

use super::{limits, mounts};
use crate::{
    compose::{Attachment, Device, Gpus, Service, Ulimit, VolumesFrom},
    model::{ContainerPlan, CpuSet},
};
use bollard::models::{
    ContainerCreateBody, DeviceMapping, DeviceRequest, EndpointIpamConfig, EndpointSettings, HealthConfig, HostConfig,
    HostConfigLogConfig, ResourcesUlimits, RestartPolicy, RestartPolicyNameEnum,
};
use std::collections::{BTreeMap, HashMap};

const OWN_ROLE_MEMORY_BYTES: i64 = 256 << 20;
const OWN_ROLE_PIDS: i64 = 64;

/// The engine's names of what a compose file names.
pub(super) struct Names<'a> {
    /// Of a service's container.
    pub(super) container: &'a dyn Fn(&str) -> String,
    /// Of a volume.
    pub(super) volume: &'a dyn Fn(&str) -> String,
}

impl Names<'_> {
    /// `service:NAME` as the engine has it; other modes are its own words.
    fn mode(&self, mode: &str) -> String {
        mode.strip_prefix("service:")
            .map_or_else(|| mode.to_owned(), |name| format!("container:{}", (self.container)(name)))
    }

    /// Whose volumes a container has too.
    fn volumes(&self, from: &VolumesFrom) -> String {
        let access = if from.read_only { "ro" } else { "rw" };
        format!("{}:{access}", (self.container)(&from.service))
    }
}

/// The request for a container as planned, without networks and labels; `folders` are to be volumes.
pub(super) fn container(
    plan: &ContainerPlan,
    service: &Service,
    image: &str,
    folders: &[String],
    names: &Names<'_>,
) -> ContainerCreateBody {
    let network_mode = match &service.network_mode {
        Some(mode) => Some(names.mode(&String::from(mode.clone()))),
        None => service.networks.is_empty().then(|| "none".into()),
    };
    let mut host_config = HostConfig {
        init: service.init,
        network_mode,
        ipc_mode: service.ipc.as_deref().map(|mode| names.mode(mode)),
        pid_mode: service.pid.as_deref().map(|mode| names.mode(mode)),
        runtime: service.runtime.clone(),
        readonly_rootfs: Some(service.read_only),
        group_add: some(&service.group_add),
        cap_add: some(&service.cap_add),
        cap_drop: some(&service.cap_drop),
        security_opt: some(&service.security_opt),
        extra_hosts: some(&service.extra_hosts),
        dns: some(&service.dns),
        dns_search: some(&service.dns_search),
        dns_options: some(&service.dns_opt),
        devices: some(&service.devices).map(|devices| devices.into_iter().map(device).collect()),
        device_requests: some(&service.gpus).map(|gpus| gpus.into_iter().map(device_request).collect()),
        cpu_shares: service.cpu_shares,
        memory_reservation: service.mem_reservation_bytes.map(signed),
        shm_size: service.shm_size_bytes.map(signed),
        volumes_from: some(&service.volumes_from).map(|all| all.iter().map(|from| names.volumes(from)).collect()),
        ulimits: (!service.ulimits.is_empty()).then(|| service.ulimits.iter().map(ulimit).collect()),
        sysctls: (!service.sysctls.is_empty())
            .then(|| service.sysctls.iter().map(|(name, value)| (name.clone(), value.clone())).collect()),
        ..reproducible()
    };
    mounts::write(service, names.volume, folders, &mut host_config);
    limits::write(&plan.limits, &mut host_config);
    let environment: BTreeMap<_, _> = service.environment.iter().chain(&plan.environment).collect();
    ContainerCreateBody {
        image: Some(image.to_owned()),
        cmd: plan.command.clone().or_else(|| service.command.clone()),
        entrypoint: service.entrypoint.clone(),
        env: Some(environment.into_iter().map(|(name, value)| format!("{name}={value}")).collect()),
        hostname: service.hostname.clone(),
        domainname: service.domainname.clone(),
        user: service.user.clone(),
        working_dir: service.working_dir.clone(),
        tty: Some(service.tty),
        open_stdin: Some(service.stdin_open),
        stop_signal: service.stop_signal.clone(),
        healthcheck: Some(HealthConfig { test: Some(vec!["NONE".into()]), ..Default::default() }),
        host_config: Some(host_config),
        ..Default::default()
    }
}

/// The request for a probe of `target`: our own image in its PID and network namespaces.
pub(super) fn probe(target: &str, image: &str, user: &str, cpus: &CpuSet, command: Vec<String>) -> ContainerCreateBody {
    let namespaces = Some(format!("container:{target}"));
    // A target that starts as root often goes on as another user, whose processes only who has these may end (kill(2)), or
    // become in order to (setuid(2)).
    let is_root = user.starts_with("0:");
    let host_config = HostConfig {
        pid_mode: namespaces.clone(),
        network_mode: namespaces,
        cpuset_cpus: Some(cpus.to_string()),
        cap_add: is_root.then(|| ["KILL", "SETGID", "SETUID"].map(str::to_owned).to_vec()),
        ..confined()
    };
    ContainerCreateBody { user: Some(user.to_owned()), ..own_role(image, command, host_config) }
}

/// The request for a role of ours without any network.
pub(super) fn alone(image: &str, command: Vec<String>) -> ContainerCreateBody {
    own_role(image, command, HostConfig { network_mode: Some("none".into()), ..confined() })
}

/// Gives a container pipes to us, and tells our roles in it that closing stdin means that we are gone.
pub(super) fn pipe(body: &mut ContainerCreateBody) {
    body.tty = Some(false);
    body.open_stdin = Some(true);
    body.stdin_once = Some(true);
    body.attach_stdin = Some(true);
    body.attach_stdout = Some(true);
    body.attach_stderr = Some(true);
    body.env.get_or_insert_default().push("VSCALE_TIED_TO_STDIN=true".into());
}

/// A container's place in a network: reachable by its service's name and its aliases, and itself reaching what it is linked
/// to by the link's name.
pub(super) fn endpoint(name: &str, service: &Service, attachment: &Attachment, names: &Names<'_>) -> EndpointSettings {
    let link = |(other, alias): &(String, String)| format!("{}:{alias}", (names.container)(other));
    let links: Vec<String> = service.links.iter().map(link).collect();
    EndpointSettings {
        aliases: Some([name.to_owned()].into_iter().chain(attachment.aliases.clone()).collect()),
        links: some(&links),
        ipam_config: attachment
            .ipv4_address
            .clone()
            .map(|address| EndpointIpamConfig { ipv4_address: Some(address), ..Default::default() }),
        ..Default::default()
    }
}

fn own_role(image: &str, command: Vec<String>, host_config: HostConfig) -> ContainerCreateBody {
    let (image, cmd) = (Some(image.to_owned()), Some(command));
    ContainerCreateBody { image, cmd, host_config: Some(host_config), ..Default::default() }
}

fn confined() -> HostConfig {
    HostConfig {
        readonly_rootfs: Some(true),
        cap_drop: Some(vec!["ALL".into()]),
        security_opt: Some(vec!["no-new-privileges:true".into()]),
        memory: Some(OWN_ROLE_MEMORY_BYTES),
        memory_swap: Some(OWN_ROLE_MEMORY_BYTES),
        pids_limit: Some(OWN_ROLE_PIDS),
        ..reproducible()
    }
}

fn reproducible() -> HostConfig {
    let log_options = HashMap::from([("max-size".to_owned(), "64m".to_owned())]);
    HostConfig {
        restart_policy: Some(RestartPolicy { name: Some(RestartPolicyNameEnum::NO), maximum_retry_count: None }),
        log_config: Some(HostConfigLogConfig { typ: Some("json-file".into()), config: Some(log_options) }),
        ..Default::default()
    }
}

fn ulimit((name, limit): (&String, &Ulimit)) -> ResourcesUlimits {
    ResourcesUlimits { name: Some(name.clone()), soft: Some(limit.soft), hard: Some(limit.hard) }
}

fn device(device: Device) -> DeviceMapping {
    DeviceMapping {
        path_on_host: Some(device.source),
        path_in_container: Some(device.target),
        cgroup_permissions: Some(device.permissions),
    }
}

fn device_request(gpus: Gpus) -> DeviceRequest {
    DeviceRequest {
        driver: gpus.driver,
        count: gpus.count,
        device_ids: some(&gpus.device_ids),
        // Each inner list is one way to satisfy the request. That `gpus: all` are GPUs goes without saying.
        capabilities: Some(vec![if gpus.capabilities.is_empty() { vec!["gpu".into()] } else { gpus.capabilities }]),
        options: Some(gpus.options.into_iter().collect()),
    }
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

fn some<T: Clone>(list: &[T]) -> Option<Vec<T>> {
    (!list.is_empty()).then(|| list.to_vec())
}
