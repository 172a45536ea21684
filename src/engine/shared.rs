//! What a run's containers share: networks and volumes, made for the run, or there already and left (`external`).

use super::{Call, Cause, Cluster, EngineError, cluster::project_name};
use crate::{
    compose::{self, MountSource, Network, Project, Service, Volume},
    error::{Error, Result},
};
use bollard::models::{Ipam, IpamConfig, NetworkCreateRequest, VolumeCreateRequest};
use std::collections::{BTreeSet, HashMap};

const BRIDGE: &str = "bridge";
/// An internal network leads nowhere but to the host itself, by the bridge's own address there: so it gets none. Engines
/// from 20.10 on know the option, others pass over it.
const NO_HOST_ADDRESS: &str = "com.docker.network.bridge.inhibit_ipv4";
/// Subnets that are tried when one is taken.
const SUBNET_TRIES: u32 = 32;

impl Cluster {
    /// Makes or finds every network and volume that a service uses.
    ///
    /// # Errors
    /// `Error::Engine` when the engine fails; `Error::Preflight` when it takes none such, or an external one is not there.
    pub async fn create_shared(&mut self, project: &Project) -> Result<()> {
        let all = project.all_services();
        let services = || all.iter().map(|(_, service)| *service);
        let of_b = project.beside.as_ref().map(|beside| &beside.project);
        let networks: BTreeSet<&String> = services().flat_map(|service| service.networks.keys()).collect();
        let volumes: BTreeSet<&String> = services().flat_map(named_volumes).collect();
        for key in networks {
            let of_b = of_b.and_then(|project| project.networks.get(key));
            let network = project.networks.get(key).or(of_b).cloned().unwrap_or_default();
            let id = if network.external {
                self.external_network(key, &network).await?
            } else {
                self.create_network(key, &network, services().filter(|one| one.networks.contains_key(key)).count())
                    .await?
            };
            self.networks.insert(key.clone(), id);
        }
        for key in volumes {
            let of_b = of_b.and_then(|project| project.volumes.get(key));
            let volume = project.volumes.get(key).or(of_b).cloned().unwrap_or_default();
            let name = if volume.external {
                self.external_volume(key, &volume).await?
            } else {
                self.create_volume(key, &volume).await?
            };
            self.volumes.insert(key.clone(), name);
        }
        Ok(())
    }

    /// On a small subnet of its own, unless the file names one.
    async fn create_network(&self, key: &str, network: &Network, members: usize) -> Result<String> {
        let labels = self.labelled(network.labels.clone(), [("com.docker.compose.network", key)]);
        let driver = network.driver.clone().unwrap_or_else(|| BRIDGE.into());
        let mut options: HashMap<String, String> = network.driver_opts.clone().into_iter().collect();
        if network.internal && driver == BRIDGE {
            options.entry(NO_HOST_ADDRESS.into()).or_insert("true".into());
        }
        let mut request = NetworkCreateRequest {
            name: format!("{}_{key}", project_name(&self.run)),
            driver: Some(driver),
            options: Some(options),
            internal: Some(network.internal),
            enable_ipv6: network.enable_ipv6.then_some(true),
            labels: Some(labels.into_iter().collect()),
            ..Default::default()
        };
        let object = format!("network {key}");
        let config: Vec<IpamConfig> = network.ipam.config.iter().map(subnet).collect();
        let is_free = config.iter().all(|config| config.subnet.is_none());
        let seed = self.run.bytes().fold(0_u32, |hash, byte| hash.wrapping_mul(31).wrapping_add(u32::from(byte)));
        for attempt in 0..SUBNET_TRIES {
            let mut config = config.clone();
            if is_free {
                config.truncate(1);
                config.resize(1, IpamConfig::default());
                config[0].subnet = Some(small_subnet(seed, attempt, members));
            }
            request.ipam =
                Some(Ipam { driver: network.ipam.driver.clone(), config: Some(config), ..Default::default() });
            let (docker, request) = (self.engine.docker.clone(), request.clone());
            let made = async move { docker.create_network(request).await };
            match self.make(Call::CreateNetwork, &object, made).await {
                Ok(answer) => return Ok(answer.id),
                Err(error) if is_free && overlaps(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let why = format!("{SUBNET_TRIES} subnets of 10.213.0.0/16 are taken");
        Err(EngineError::other(Call::CreateNetwork, &object, why).into())
    }

    async fn create_volume(&self, key: &str, volume: &Volume) -> Result<String> {
        let labels = self.labelled(volume.labels.clone(), [("com.docker.compose.volume", key)]);
        let request = VolumeCreateRequest {
            name: Some(format!("{}_{key}", project_name(&self.run))),
            driver: volume.driver.clone(),
            driver_opts: Some(volume.driver_opts.clone().into_iter().collect()),
            labels: Some(labels),
            ..Default::default()
        };
        let docker = self.engine.docker.clone();
        let made = async move { docker.create_volume(request).await };
        Ok(self.make(Call::CreateVolume, &format!("volume {key}"), made).await?.name)
    }

    async fn external_network(&self, key: &str, network: &Network) -> Result<String> {
        let name = network.name.as_deref().unwrap_or(key);
        let found = self.engine.docker.inspect_network(name, None);
        match self.engine.ask(Call::Inspect, &format!("network {name}"), found).await {
            Ok(found) => Ok(found.id.unwrap_or_else(|| name.to_owned())),
            Err(error) if error.is_not_found() => Err(not_there("network", key, name)),
            Err(error) => Err(error.into()),
        }
    }

    async fn external_volume(&self, key: &str, volume: &Volume) -> Result<String> {
        let name = volume.name.as_deref().unwrap_or(key);
        let found = self.engine.docker.inspect_volume(name);
        match self.engine.ask(Call::Inspect, &format!("volume {name}"), found).await {
            Ok(found) => Ok(found.name),
            Err(error) if error.is_not_found() => Err(not_there("volume", key, name)),
            Err(error) => Err(error.into()),
        }
    }
}

fn named_volumes(service: &Service) -> impl Iterator<Item = &String> {
    service.volumes.iter().filter_map(|mount| match &mount.source {
        MountSource::Volume { source, .. } => source.as_ref(),
        _ => None,
    })
}

fn not_there(kind: &str, key: &str, name: &str) -> Error {
    let advice = format!("`docker {kind} create {name}`, or leave `external` out to have one made for the run");
    Error::Preflight(format!("{kind}s.{key}: external, and the engine has no {kind} `{name}`: {advice}"))
}

fn subnet(from: &compose::Subnet) -> IpamConfig {
    let others = &from.aux_addresses;
    IpamConfig {
        subnet: from.subnet.clone(),
        gateway: from.gateway.clone(),
        ip_range: from.ip_range.clone(),
        auxiliary_addresses: (!others.is_empty()).then(|| others.clone().into_iter().collect()),
    }
}

/// A /28 (13 containers) of 10.213.0.0/16, or as large a one as `members` need; another one for each attempt.
fn small_subnet(seed: u32, attempt: u32, members: usize) -> String {
    // Besides the members: the generator's further containers, the bridge, and the first and last address.
    let needed = u32::try_from(members).unwrap_or(u32::MAX).saturating_add(8).clamp(16, 65_536).next_power_of_two();
    let blocks = 65_536 / needed;
    let first = seed.wrapping_add(attempt.wrapping_mul(97)) % blocks * needed;
    format!("10.213.{}.{}/{}", first / 256, first % 256, 32 - needed.trailing_zeros())
}

/// Whether a subnet is taken: the engine has no status of its own for that (403, 409 or 500 by its version), only words.
fn overlaps(error: &EngineError) -> bool {
    matches!(error.cause(), Cause::Refused { message, .. } if message.to_ascii_lowercase().contains("overlap"))
}

#[cfg(test)]
mod tests {
    use super::small_subnet;
    use std::collections::HashSet;

    #[test]
    fn attempts_go_to_different_subnets_of_the_range() {
        let subnets: HashSet<String> = (0..32).map(|attempt| small_subnet(4_000_000_000, attempt, 5)).collect();
        assert_eq!(subnets.len(), 32);
        assert!(subnets.iter().all(|subnet| subnet.starts_with("10.213.") && subnet.ends_with("/28")));
    }

    #[test]
    fn many_members_get_a_larger_one() {
        assert_eq!(small_subnet(0, 1, 9), "10.213.12.32/27");
        assert_eq!(small_subnet(0, 0, 3_000), "10.213.0.0/20");
        assert_eq!(small_subnet(7, 9, usize::MAX), "10.213.0.0/16");
    }
}
