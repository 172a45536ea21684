//! A service of the compose file as the engine's request. Nothing is defaulted here but what keeps a run reproducible: no
//! restarts, no health checks (they would steal CPU from the measurement), no swap beyond a memory limit.

use super::limits;
use crate::{
    compose::{Attachment, Mount, MountSource, Service, Subnet, Ulimit},
    model::{ContainerPlan, CpuSet},
};
use bollard::models::{
    ContainerCreateBody, EndpointSettings, HealthConfig, HostConfig, HostConfigLogConfig, IpamConfig, NetworkingConfig,
    ResourcesUlimits, RestartPolicy, RestartPolicyNameEnum,
};
use std::collections::{BTreeMap, HashMap};

const OWN_ROLE_MEMORY_BYTES: i64 = 256 << 20;
const OWN_ROLE_PIDS: i64 = 64;

/// The request for a container as planned, without networks and labels.
pub(super) fn container(plan: &ContainerPlan, service: &Service, image: &str) -> ContainerCreateBody {
    let mut host_config = HostConfig {
        init: service.init,
        readonly_rootfs: Some(service.read_only),
        cap_add: some(&service.cap_add),
        cap_drop: some(&service.cap_drop),
        security_opt: some(&service.security_opt),
        extra_hosts: some(&service.extra_hosts),
        binds: some(&service.volumes.iter().filter_map(bind).collect::<Vec<_>>()),
        tmpfs: (!service.tmpfs.is_empty()).then(|| service.tmpfs.iter().map(|mount| split_tmpfs(mount)).collect()),
        cpu_shares: service.cpu_shares,
        shm_size: service.shm_size_bytes.map(|bytes| bytes as i64),
        ulimits: (!service.ulimits.is_empty()).then(|| service.ulimits.iter().map(ulimit).collect()),
        sysctls: (!service.sysctls.is_empty())
            .then(|| service.sysctls.iter().map(|(name, value)| (name.clone(), value.clone())).collect()),
        ..reproducible()
    };
    limits::write(&plan.limits, &mut host_config);
    let environment: BTreeMap<_, _> = service.environment.iter().chain(&plan.environment).collect();
    ContainerCreateBody {
        image: Some(image.to_owned()),
        cmd: plan.command.clone().or_else(|| service.command.clone()),
        entrypoint: service.entrypoint.clone(),
        env: Some(environment.into_iter().map(|(name, value)| format!("{name}={value}")).collect()),
        user: service.user.clone(),
        working_dir: service.working_dir.clone(),
        stop_signal: service.stop_signal.clone(),
        healthcheck: Some(HealthConfig { test: Some(vec!["NONE".into()]), ..Default::default() }),
        host_config: Some(host_config),
        ..Default::default()
    }
}

/// The request for a probe of `target`: our own image in its PID and network namespaces.
pub(super) fn probe(target: &str, image: &str, user: &str, cpus: &CpuSet, command: Vec<String>) -> ContainerCreateBody {
    let namespaces = Some(format!("container:{target}"));
    let host_config = HostConfig {
        pid_mode: namespaces.clone(),
        network_mode: namespaces,
        cpuset_cpus: Some(cpus.to_string()),
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
    body.open_stdin = Some(true);
    body.stdin_once = Some(true);
    body.attach_stdin = Some(true);
    body.attach_stdout = Some(true);
    body.attach_stderr = Some(true);
    body.env.get_or_insert_default().push("VSCALE_TIED_TO_STDIN=true".into());
}

/// The one network that a container is created with.
pub(super) fn endpoint(service: &str, network: &str, attachment: &Attachment) -> NetworkingConfig {
    let endpoints = HashMap::from([(network.to_owned(), endpoint_settings(service, attachment))]);
    NetworkingConfig { endpoints_config: Some(endpoints) }
}

/// A container's place in a network: reachable by its service's name and its aliases.
pub(super) fn endpoint_settings(service: &str, attachment: &Attachment) -> EndpointSettings {
    let aliases = [service.to_owned()].into_iter().chain(attachment.aliases.clone()).collect();
    EndpointSettings { aliases: Some(aliases), ..Default::default() }
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

/// A network's addresses.
pub(super) fn subnet(subnet: &Subnet) -> IpamConfig {
    let Subnet { subnet, gateway, ip_range, aux_addresses } = subnet.clone();
    let auxiliary_addresses = (!aux_addresses.is_empty()).then(|| aux_addresses.into_iter().collect());
    IpamConfig { subnet, gateway, ip_range, auxiliary_addresses }
}

/// A folder of the host, as `docker run --volume` has it.
fn bind(mount: &Mount) -> Option<String> {
    let MountSource::Bind { source, .. } = &mount.source else { return None };
    Some(format!("{}:{}{}", source.display(), mount.target, if mount.read_only { ":ro" } else { "" }))
}

fn ulimit((name, limit): (&String, &Ulimit)) -> ResourcesUlimits {
    ResourcesUlimits { name: Some(name.clone()), soft: Some(limit.soft), hard: Some(limit.hard) }
}

/// `/tmp:size=64m` into path and options.
fn split_tmpfs(mount: &str) -> (String, String) {
    let (path, options) = mount.split_once(':').unwrap_or((mount, ""));
    (path.to_owned(), options.to_owned())
}

fn some(list: &[String]) -> Option<Vec<String>> {
    (!list.is_empty()).then(|| list.to_vec())
}
