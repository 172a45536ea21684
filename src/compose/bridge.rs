//! Reads a service from the YAML tree, until the canonical form does.
#![allow(clippy::unnecessary_wraps)]

use super::{
    Attachment, BindOptions, Build, Condition, DependsOn, Device, FileMount, FileSource, Gpus, Healthcheck, Mount,
    MountSource, NetworkMode, OWN_IMAGE, PullPolicy, Service, TmpfsOptions, Ulimit, Volume, VolumeOptions, env_file,
    fields::{Field, Problem},
    limits,
};
use crate::units;
use std::{collections::BTreeMap, path::Path};

const KEYS: &[&str] = &[
    "build",
    "cap_add",
    "cap_drop",
    "command",
    "cpu_shares",
    "depends_on",
    "entrypoint",
    "env_file",
    "environment",
    "expose",
    "extra_hosts",
    "healthcheck",
    "image",
    "init",
    "labels",
    "networks",
    "ports",
    "read_only",
    "restart",
    "security_opt",
    "shm_size",
    "stop_grace_period",
    "stop_signal",
    "sysctls",
    "tmpfs",
    "ulimits",
    "user",
    "volumes",
    "working_dir",
    "platform",
    "pull_policy",
    "hostname",
    "domainname",
    "tty",
    "stdin_open",
    "network_mode",
    "dns",
    "dns_search",
    "dns_opt",
    "links",
    "secrets",
    "configs",
    "ipc",
    "pid",
    "devices",
    "gpus",
    "runtime",
    "group_add",
    "mem_reservation",
    "profiles",
    "container_name",
    "logging",
];

/// Reads a service; relative paths start at `folder`.
pub(super) fn service(field: &Field<'_>, folder: &Path) -> Result<Service, Problem> {
    let mut keys = field.keys(&[KEYS, &limits::KEYS].concat())?;
    let mut get = |name: &str| keys.take(name);
    // Read so that a mistake shows, and without effect: no port is ever published, our own probe replaces health
    // checks (they would steal CPU from the measurement), and a container is removed without grace.
    for without_effect in ["ports", "expose"] {
        get(without_effect).map(|field| field.items()).transpose()?;
    }
    get("stop_grace_period").map(|field| field.parsed(units::parse_duration)).transpose()?;

    let strings = |field: Option<Field<'_>>| field.map_or(Ok(Vec::new()), |field| field.strings());
    let pairs = |field: Option<Field<'_>>| field.map_or(Ok(BTreeMap::new()), |field| field.pairs());
    let string = |field: Option<Field<'_>>| field.map(|field| field.string()).transpose();
    let integer = |field: Option<Field<'_>>| field.map(|field| field.integer()).transpose();
    let bytes = |field: Option<Field<'_>>| field.map(|field| field.bytes()).transpose();
    let mut environment = BTreeMap::new();
    if let Some(files) = get("env_file") {
        for file in files.one_or_more()? {
            environment.extend(env_file(&folder.join(file)).map_err(|error| files.problem(error.to_string()))?);
        }
    }
    environment.extend(pairs(get("environment"))?);
    let service = Service {
        image: string(get("image"))?,
        build: get("build").map(|field| build(&field, folder)).transpose()?,
        command: get("command").map(|field| field.command()).transpose()?,
        entrypoint: get("entrypoint").map(|field| field.command()).transpose()?,
        environment,
        depends_on: get("depends_on").map_or(Ok(BTreeMap::new()), |field| depends_on(&field))?,
        labels: get("labels").map_or(Ok(BTreeMap::new()), |field| field.labels())?,
        user: string(get("user"))?,
        working_dir: string(get("working_dir"))?,
        init: get("init").map(|field| field.boolean()).transpose()?,
        networks: get("networks").map_or(Ok(BTreeMap::new()), |field| networks(&field))?,
        extra_hosts: get("extra_hosts").map_or(Ok(Vec::new()), |field| extra_hosts(&field))?,
        volumes: get("volumes").map_or(Ok(Vec::new()), |field| volumes(&field, folder))?,
        tmpfs: get("tmpfs").map_or(Ok(Vec::new()), |field| field.one_or_more())?,
        read_only: get("read_only").map_or(Ok(false), |field| field.boolean())?,
        cap_add: strings(get("cap_add"))?,
        cap_drop: strings(get("cap_drop"))?,
        security_opt: strings(get("security_opt"))?,
        cpu_shares: integer(get("cpu_shares"))?,
        shm_size_bytes: bytes(get("shm_size"))?,
        ulimits: get("ulimits").map_or(Ok(BTreeMap::new()), |field| ulimits(&field))?,
        sysctls: pairs(get("sysctls"))?,
        stop_signal: string(get("stop_signal"))?,
        platform: string(get("platform"))?,
        pull_policy: get("pull_policy").map(|field| pull_policy(&field)).transpose()?,
        healthcheck: get("healthcheck").map(|field| healthcheck(&field)).transpose()?,
        profiles: Vec::new(),
        group_add: strings(get("group_add"))?,
        hostname: string(get("hostname"))?,
        domainname: string(get("domainname"))?,
        tty: get("tty").map_or(Ok(false), |field| field.boolean())?,
        stdin_open: get("stdin_open").map_or(Ok(false), |field| field.boolean())?,
        network_mode: get("network_mode").map(|field| network_mode(&field)).transpose()?,
        dns: get("dns").map_or(Ok(Vec::new()), |field| field.one_or_more())?,
        dns_search: get("dns_search").map_or(Ok(Vec::new()), |field| field.one_or_more())?,
        dns_opt: strings(get("dns_opt"))?,
        links: strings(get("links"))?
            .iter()
            .map(|link| {
                let (a, b) = link.split_once(':').unwrap_or((link, link));
                (a.to_owned(), b.to_owned())
            })
            .collect(),
        secrets: get("secrets").map_or(Ok(Vec::new()), |field| file_mounts(&field, "/run/secrets/"))?,
        configs: get("configs").map_or(Ok(Vec::new()), |field| file_mounts(&field, "/"))?,
        ipc: string(get("ipc"))?,
        pid: string(get("pid"))?,
        devices: strings(get("devices"))?.iter().map(|text| device(text)).collect(),
        gpus: Vec::<Gpus>::new(),
        runtime: string(get("runtime"))?,
        mem_reservation_bytes: bytes(get("mem_reservation"))?,
        limits: limits::parse(&mut keys)?,
    };
    let mut service = service;
    if service.networks.is_empty() && service.network_mode.is_none() {
        service.networks.insert("default".into(), Attachment::default());
    }
    let _ = OWN_IMAGE;
    if service.image.is_none() && service.build.is_none() {
        return Err(field.problem("has neither `image` nor `build`"));
    }
    Ok(service)
}

fn build(field: &Field<'_>, folder: &Path) -> Result<Build, Problem> {
    let default = |context: String| Build { context: folder.join(context), ..Build::default() };
    if !field.is_mapping() {
        return Ok(default(field.string()?));
    }
    let mut keys = field.keys(&[
        "context",
        "dockerfile",
        "dockerfile_inline",
        "args",
        "target",
        "additional_contexts",
        "secrets",
    ])?;
    let mut build = default(keys.take("context").map_or_else(|| Ok(".".into()), |field| field.string())?);
    build.dockerfile = keys.take("dockerfile").map(|field| field.string()).transpose()?.map(Into::into);
    build.dockerfile_inline = keys.take("dockerfile_inline").map(|field| field.string()).transpose()?;
    build.args = keys.take("args").map_or(Ok(BTreeMap::new()), |field| field.pairs())?;
    build.target = keys.take("target").map(|field| field.string()).transpose()?;
    let contexts = keys.take("additional_contexts").map_or(Ok(BTreeMap::new()), |field| field.pairs())?;
    let place = |place: String| if place.contains("://") { place } else { folder.join(place).display().to_string() };
    build.additional_contexts = contexts.into_iter().map(|(name, value)| (name, place(value))).collect();
    build.secrets = keys.take("secrets").map_or(Ok(Vec::new()), |field| file_mounts(&field, ""))?;
    Ok(build)
}

fn depends_on(field: &Field<'_>) -> Result<BTreeMap<String, DependsOn>, Problem> {
    if field.is_sequence() {
        let started = DependsOn { condition: Condition::Started, required: true };
        return Ok(field.strings()?.into_iter().map(|name| (name, started)).collect());
    }
    let mut all = BTreeMap::new();
    for (name, entry) in field.entries()? {
        let mut keys = entry.keys(&["condition", "required", "restart"])?;
        let condition = match keys.take("condition").map(|field| field.string()).transpose()?.as_deref() {
            None | Some("service_started") => Condition::Started,
            Some("service_healthy") => Condition::Healthy,
            Some("service_completed_successfully") => Condition::Completed,
            Some(other) => return Err(entry.problem(format!("`{other}` is not supported"))),
        };
        let required = keys.take("required").map_or(Ok(true), |field| field.boolean())?;
        all.insert(name, DependsOn { condition, required });
    }
    Ok(all)
}

fn pull_policy(field: &Field<'_>) -> Result<PullPolicy, Problem> {
    Ok(match field.string()?.as_str() {
        "always" => PullPolicy::Always,
        "never" => PullPolicy::Never,
        "build" => PullPolicy::Build,
        "missing" | "if_not_present" => PullPolicy::Missing,
        other => return Err(field.problem(format!("`{other}` is not supported"))),
    })
}

fn healthcheck(field: &Field<'_>) -> Result<Healthcheck, Problem> {
    let mut keys =
        field.keys(&["test", "interval", "timeout", "retries", "start_period", "start_interval", "disable"])?;
    let mut check = Healthcheck::default();
    if let Some(test) = keys.take("test") {
        check.test = if test.is_sequence() { test.strings()? } else { vec!["CMD-SHELL".into(), test.string()?] };
    }
    let mut us = |name: &str| keys.take(name).map(|field| field.parsed(units::parse_duration)).transpose();
    let micros = |it: Option<std::time::Duration>| it.map(|it| u64::try_from(it.as_micros()).unwrap_or(u64::MAX));
    check.interval_us = micros(us("interval")?);
    check.timeout_us = micros(us("timeout")?);
    check.start_period_us = micros(us("start_period")?);
    check.retries = keys.take("retries").map(|field| field.integer()).transpose()?.map(i64::unsigned_abs);
    Ok(check)
}

fn network_mode(field: &Field<'_>) -> Result<NetworkMode, Problem> {
    let text = field.string()?;
    match text.strip_prefix("service:") {
        Some(name) => Ok(NetworkMode::Service(name.into())),
        None if text == "none" => Ok(NetworkMode::None),
        None => Err(field.problem(format!("`{text}` is not supported: it cannot be measured privately"))),
    }
}

fn device(text: &str) -> Device {
    let mut parts = text.split(':').map(str::to_owned);
    let source = parts.next().unwrap_or_default();
    Device {
        target: parts.next().unwrap_or_else(|| source.clone()),
        source,
        permissions: parts.next().unwrap_or("rwm".into()),
    }
}

fn file_mounts(field: &Field<'_>, below: &str) -> Result<Vec<FileMount>, Problem> {
    let one = |item: Field<'_>| {
        if !item.is_mapping() {
            let source = item.string()?;
            return Ok(FileMount { target: format!("{below}{source}"), source, uid: None, gid: None, mode: None });
        }
        let mut keys = item.keys(&["source", "target", "uid", "gid", "mode"])?;
        let source = keys.required("source")?.string()?;
        let target = keys.take("target").map(|field| field.string()).transpose()?.unwrap_or_else(|| source.clone());
        let target = if target.starts_with('/') { target } else { format!("{below}{target}") };
        let mode = keys.take("mode").map(|field| field.integer()).transpose()?.map(|mode| mode as u32);
        let uid = keys.take("uid").map(|field| field.string()).transpose()?;
        let gid = keys.take("gid").map(|field| field.string()).transpose()?;
        Ok(FileMount { source, target, uid, gid, mode })
    };
    field.items()?.into_iter().map(one).collect()
}

fn volumes(field: &Field<'_>, folder: &Path) -> Result<Vec<Mount>, Problem> {
    let absolute =
        |path: &str| std::path::absolute(folder.join(path)).map_err(|error| field.problem(error.to_string()));
    let one = |item: Field<'_>| {
        if !item.is_mapping() {
            let text = item.string()?;
            let parts: Vec<&str> = text.split(':').collect();
            let read_only = parts.get(2).is_some_and(|options| options.split(',').any(|it| it == "ro"));
            let (source, target) = match parts[..] {
                [target] => (MountSource::Volume { source: None, volume: VolumeOptions::default() }, target),
                [host, target, ..] if host.starts_with(['.', '/']) => {
                    let bind = BindOptions { create_host_path: true, ..Default::default() };
                    (MountSource::Bind { source: absolute(host)?, bind }, target)
                }
                [name, target, ..] => {
                    let volume = VolumeOptions { nocopy: parts.get(2) == Some(&"nocopy"), subpath: None };
                    (MountSource::Volume { source: Some(name.into()), volume }, target)
                }
                [] => return Err(item.problem("empty")),
            };
            return Ok(Mount { source, target: target.into(), read_only });
        }
        let mut keys = item.keys(&["type", "source", "target", "read_only", "bind", "volume", "tmpfs"])?;
        let target = keys.required("target")?.string()?;
        let read_only = keys.take("read_only").map_or(Ok(false), |field| field.boolean())?;
        let from = keys.take("source").map(|field| field.string()).transpose()?;
        let source = match keys.required("type")?.string()?.as_str() {
            "bind" => MountSource::Bind { source: absolute(&from.unwrap_or_default())?, bind: BindOptions::default() },
            "tmpfs" => MountSource::Tmpfs { tmpfs: TmpfsOptions { size_bytes: Some(1 << 20), mode: None } },
            _ => MountSource::Volume { source: from, volume: VolumeOptions::default() },
        };
        Ok(Mount { source, target, read_only })
    };
    field.items()?.into_iter().map(one).collect()
}

pub(super) fn volume(field: &Field<'_>) -> Result<Volume, Problem> {
    if field.is_null() {
        return Ok(Volume::default());
    }
    let mut keys = field.keys(&["name", "external", "driver", "driver_opts", "labels"])?;
    Ok(Volume {
        name: keys.take("name").map(|field| field.string()).transpose()?,
        external: keys.take("external").map_or(Ok(false), |field| field.boolean())?,
        driver: keys.take("driver").map(|field| field.string()).transpose()?,
        ..Default::default()
    })
}

pub(super) fn source(field: &Field<'_>, folder: &Path) -> Result<FileSource, Problem> {
    let mut keys = field.keys(&["file", "environment", "content"])?;
    if let Some(file) = keys.take("file") {
        return Ok(FileSource::File(folder.join(file.string()?)));
    }
    if let Some(content) = keys.take("content") {
        return Ok(FileSource::Content(content.string()?));
    }
    let name = keys.required("environment")?.string()?;
    let value = std::env::var(&name).unwrap_or_default();
    Ok(FileSource::Environment((name, value)))
}

fn networks(field: &Field<'_>) -> Result<BTreeMap<String, Attachment>, Problem> {
    if field.is_sequence() {
        return Ok(field.strings()?.into_iter().map(|name| (name, Attachment::default())).collect());
    }
    let attachment = |(name, entry): (String, Field<'_>)| {
        let aliases = if entry.is_null() { None } else { entry.keys(&["aliases", "ipv4_address"])?.take("aliases") };
        let aliases = aliases.map_or(Ok(Vec::new()), |field| field.strings())?;
        let ipv4_address = if entry.is_null() {
            None
        } else {
            entry.keys(&["aliases", "ipv4_address"])?.take("ipv4_address").map(|field| field.string()).transpose()?
        };
        Ok((name, Attachment { aliases, ipv4_address, ..Default::default() }))
    };
    field.entries()?.into_iter().map(attachment).collect()
}

/// `name:address` each, as the engine takes them.
fn extra_hosts(field: &Field<'_>) -> Result<Vec<String>, Problem> {
    if field.is_sequence() {
        return field.strings();
    }
    Ok(field.pairs()?.into_iter().map(|(name, address)| format!("{name}:{address}")).collect())
}

fn ulimits(field: &Field<'_>) -> Result<BTreeMap<String, Ulimit>, Problem> {
    let limit = |(name, entry): (String, Field<'_>)| {
        let limit = if entry.is_mapping() {
            let mut keys = entry.keys(&["soft", "hard"])?;
            Ulimit { soft: keys.required("soft")?.integer()?, hard: keys.required("hard")?.integer()? }
        } else {
            let both = entry.integer()?;
            Ulimit { soft: both, hard: both }
        };
        Ok((name, limit))
    };
    field.entries()?.into_iter().map(limit).collect()
}
