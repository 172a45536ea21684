//! Volumes, folders of the host and memory in a container, as the engine's request has them.

use crate::compose::{BindOptions, Mount, MountSource, Service, VolumeOptions};
use bollard::models::{
    HostConfig, Mount as EngineMount, MountBindOptions, MountBindOptionsPropagationEnum as Propagation,
    MountTmpfsOptions, MountType, MountVolumeOptions,
};
use serde::Deserialize;
use std::{collections::HashMap, path::Path};

/// Puts a service's mounts into the request; `volume` gives the engine's name of a volume by its key. `folders` are to be
/// volumes besides.
pub(super) fn write(service: &Service, volume: &dyn Fn(&str) -> String, folders: &[String], host: &mut HostConfig) {
    let (mut binds, mut mounts) = (Vec::new(), Vec::new());
    for mount in &service.volumes {
        match &mount.source {
            // Only in this form does the engine make a folder that is missing, and know SELinux's marks; a colon would end it.
            MountSource::Bind { source, bind }
                if (bind.create_host_path || bind.selinux.is_some()) && !has_colon(source, mount) =>
            {
                binds.push(short(source, mount, bind));
            }
            _ => mounts.push(long(mount, volume)),
        }
    }
    let anonymous = folders.iter().filter(|folder| service.volumes.iter().all(|mount| mount.target != **folder));
    mounts.extend(anonymous.map(|folder| EngineMount {
        target: Some(folder.clone()),
        typ: Some(MountType::VOLUME),
        ..Default::default()
    }));
    let tmpfs: HashMap<String, String> = service.tmpfs.iter().map(|mount| split_tmpfs(mount)).collect();
    host.binds = Some(binds).filter(|binds| !binds.is_empty());
    host.mounts = Some(mounts).filter(|mounts| !mounts.is_empty());
    host.tmpfs = Some(tmpfs).filter(|tmpfs| !tmpfs.is_empty());
}

fn has_colon(source: &Path, mount: &Mount) -> bool {
    source.to_string_lossy().contains(':') || mount.target.contains(':')
}

fn short(source: &Path, mount: &Mount, bind: &BindOptions) -> String {
    let access = if mount.read_only { "ro" } else { "rw" };
    let options = [Some(access), bind.propagation.as_deref(), bind.selinux.as_deref()];
    let options: Vec<&str> = options.into_iter().flatten().collect();
    format!("{}:{}:{}", source.display(), mount.target, options.join(","))
}

fn long(mount: &Mount, volume: &dyn Fn(&str) -> String) -> EngineMount {
    let target = Some(mount.target.clone());
    let same = EngineMount { target, read_only: Some(mount.read_only), ..Default::default() };
    match &mount.source {
        MountSource::Bind { source, bind } => EngineMount {
            typ: Some(MountType::BIND),
            source: Some(source.display().to_string()),
            bind_options: Some(MountBindOptions {
                propagation: bind.propagation.as_deref().and_then(propagation),
                create_mountpoint: bind.create_host_path.then_some(true),
                ..Default::default()
            }),
            ..same
        },
        MountSource::Volume { source, volume: VolumeOptions { nocopy, subpath } } => EngineMount {
            typ: Some(MountType::VOLUME),
            source: source.as_deref().map(volume),
            volume_options: Some(MountVolumeOptions {
                no_copy: nocopy.then_some(true),
                subpath: subpath.clone(),
                ..Default::default()
            }),
            ..same
        },
        MountSource::Tmpfs { tmpfs } => EngineMount {
            typ: Some(MountType::TMPFS),
            tmpfs_options: Some(MountTmpfsOptions {
                size_bytes: tmpfs.size_bytes.map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX)),
                mode: tmpfs.mode.map(i64::from),
                ..Default::default()
            }),
            ..same
        },
    }
}

/// `None` is the engine's own: what it does not know, it has been told by nobody, as the compose file is checked before.
fn propagation(name: &str) -> Option<Propagation> {
    Propagation::deserialize(serde::de::value::StrDeserializer::<serde::de::value::Error>::new(name)).ok()
}

/// `/tmp:size=64m` into path and options.
fn split_tmpfs(mount: &str) -> (String, String) {
    let (path, options) = mount.split_once(':').unwrap_or((mount, ""));
    (path.to_owned(), options.to_owned())
}

/// What an engine of this version would pass over in silence.
pub(super) fn not_known(service: &Service, version: (usize, usize)) -> Option<String> {
    let has_subpath =
        |mount: &&Mount| matches!(&mount.source, MountSource::Volume { volume, .. } if volume.subpath.is_some());
    let mount = service.volumes.iter().find(has_subpath).filter(|_| version < (1, 45))?;
    Some(format!("volume.subpath of {} needs Docker 26 (API 1.45)", mount.target))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::TmpfsOptions;

    fn host(volumes: Vec<Mount>) -> HostConfig {
        let service = Service { volumes, tmpfs: vec!["/t:size=1m".into(), "/u".into()], ..Default::default() };
        let mut host = HostConfig::default();
        write(&service, &|key| format!("run_{key}"), &["/run/secrets".into(), "/v".into()], &mut host);
        host
    }

    fn bind(source: &str, create_host_path: bool, selinux: Option<&str>) -> MountSource {
        let bind =
            BindOptions { create_host_path, propagation: Some("rslave".into()), selinux: selinux.map(str::to_owned) };
        MountSource::Bind { source: source.into(), bind }
    }

    #[test]
    fn each_kind_of_mount_has_its_form() {
        let mount = |source, target: &str, read_only| Mount { source, target: target.into(), read_only };
        let volume = VolumeOptions { nocopy: true, subpath: None };
        let tmpfs = TmpfsOptions { size_bytes: Some(1 << 20), mode: Some(0o1777) };
        let host = host(vec![
            mount(bind("/a", true, Some("z")), "/b", true),
            mount(bind("/a:b", true, None), "/c", false),
            mount(bind("/d", false, None), "/e", false),
            mount(MountSource::Volume { source: Some("data".into()), volume: volume.clone() }, "/v", false),
            mount(MountSource::Volume { source: None, volume: VolumeOptions::default() }, "/w", false),
            mount(MountSource::Tmpfs { tmpfs }, "/x", false),
        ]);
        assert_eq!(host.binds, Some(vec!["/a:/b:ro,rslave,z".into()]));
        let mounts = host.mounts.expect("some");
        let seen: Vec<_> = mounts.iter().map(|it| (it.source.as_deref(), it.target.as_deref().unwrap_or(""))).collect();
        assert_eq!(
            seen,
            [
                (Some("/a:b"), "/c"),
                (Some("/d"), "/e"),
                (Some("run_data"), "/v"),
                (None, "/w"),
                (None, "/x"),
                (None, "/run/secrets")
            ]
        );
        let options = mounts[1].bind_options.as_ref().expect("some");
        assert_eq!((options.propagation, options.create_mountpoint), (Some(Propagation::RSLAVE), None));
        assert_eq!(mounts[2].volume_options.as_ref().and_then(|options| options.no_copy), Some(true));
        assert_eq!(mounts[4].tmpfs_options.as_ref().and_then(|options| options.mode), Some(0o1777));
        assert_eq!(host.tmpfs.expect("some").get("/t").map(String::as_str), Some("size=1m"));
    }

    #[test]
    fn what_an_old_engine_would_pass_over_is_an_error() {
        let volume = VolumeOptions { nocopy: false, subpath: Some("a".into()) };
        let source = MountSource::Volume { source: Some("data".into()), volume };
        let service =
            Service { volumes: vec![Mount { source, target: "/v".into(), read_only: false }], ..Default::default() };
        assert_eq!(not_known(&service, (1, 45)), None);
        assert!(not_known(&service, (1, 44)).is_some_and(|why| why.contains("/v needs Docker 26")));
    }
}
