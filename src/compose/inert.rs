//! What Compose knows and a measurement does not need: keys without effect are checked all the same, and told in one note;
//! keys that would change the container and are not supported are errors that say what to do instead.

use super::{
    context::Context,
    fields::{Field, Keys, Problem},
    ports,
};

type Check = fn(&Field<'_>) -> Result<(), Problem>;

/// Without effect: no port is published, nothing is restarted, and a container is removed without grace.
const INERT: [(&str, Check); 11] = [
    ("annotations", |field| field.pairs().map(drop)),
    ("attach", |field| field.boolean().map(drop)),
    ("container_name", |field| field.text().map(drop)),
    ("develop", |field| field.entries().map(drop)),
    ("expose", |field| field.list_of(ports::check_exposed).map(drop)),
    ("logging", |field| {
        let keys = field.keys(&["driver", "options"])?;
        keys.get("driver", Field::text);
        keys.get("options", Field::pairs);
        Ok(())
    }),
    ("ports", |field| field.list_of(ports::check).map(drop)),
    ("restart", restart),
    ("scale", one),
    ("stop_grace_period", |field| field.duration_us().map(drop)),
    // Resolved by then.
    ("extends", |_| Ok(())),
];

/// Of those, what nobody would miss.
const UNTOLD: [&str; 4] = ["annotations", "attach", "expose", "extends"];

/// What Compose knows and we do not do, and what can be done instead.
const UNSUPPORTED: [(&str, &str); 28] = [
    ("blkio_config", "disks are not limited here; leave it out"),
    ("cgroup", "the engine's own is used; leave it out"),
    ("cgroup_parent", "its limits would hold besides; leave it out"),
    ("cpu_count", "it is for Windows; say cpus"),
    ("cpu_percent", "it is for Windows; say cpus"),
    ("cpu_rt_period", "say cpu_period"),
    ("cpu_rt_runtime", "say cpu_quota"),
    ("credential_spec", "it is for Windows; leave it out"),
    ("device_cgroup_rules", "name the devices in devices"),
    ("external_links", "put the other container into this file, or name its network as external"),
    ("isolation", "it is for Windows; leave it out"),
    ("label_file", "write its lines into labels"),
    ("mac_address", "leave it out"),
    ("mem_swappiness", "say memswap_limit"),
    ("models", "run the model's server as a service"),
    ("net", "it is Compose 1's; say network_mode"),
    ("oom_kill_disable", "a full memory is to be seen; leave it out"),
    ("oom_score_adj", "leave it out"),
    ("post_start", "put it into the command"),
    ("pre_stop", "leave it out"),
    ("privileged", "name what it needs in cap_add and devices"),
    ("provider", "run it as a service"),
    ("storage_opt", "leave it out"),
    ("use_api_socket", "a server under test gets no engine"),
    ("userns_mode", "leave it out"),
    ("uts", "say hostname"),
    ("volume_driver", "say the driver of a volume at the top"),
    ("log_driver", "leave it out"),
];

/// Checks every key of a service that is not among `read`.
pub(super) fn check(keys: &Keys<'_>, read: &[&[&str]], context: &Context<'_>) {
    for name in keys.names().filter(|name| !name.starts_with("x-")) {
        if let Some((_, check)) = INERT.iter().find(|(inert, _)| *inert == name) {
            if keys.get(name, check).is_some() && !UNTOLD.contains(&name) {
                context.without_effect(name);
            }
        } else if let Some((_, instead)) = UNSUPPORTED.iter().find(|(unsupported, _)| *unsupported == name) {
            keys.field(name).complain(format!("not supported: {instead}"));
        } else if !read.iter().any(|keys| keys.contains(&name)) {
            let known = read.iter().copied().flatten().chain(INERT.iter().map(|(inert, _)| inert));
            keys.field(name).unknown(known);
        }
    }
}

fn restart(field: &Field<'_>) -> Result<(), Problem> {
    let text = field.text()?;
    let is_one = match text.split_once(':') {
        None => ["", "no", "always", "on-failure", "unless-stopped"].contains(&text.as_str()),
        Some((policy, times)) => policy == "on-failure" && times.parse::<u32>().is_ok(),
    };
    if is_one {
        return Ok(());
    }
    Err(field.problem(format!("`{text}` is none of no, always, on-failure, on-failure:N, unless-stopped")))
}

/// More than one container of a service would be measured as one.
pub(super) fn one(field: &Field<'_>) -> Result<(), Problem> {
    match field.integer()? {
        1 => Ok(()),
        number => Err(field.problem(format!("{number} is not supported: each service has 1 container"))),
    }
}
