//! What differs between the hosts, engines and images of two runs.

use crate::model::{Host, ImageFacts, Origin};

/// In words, each thing that is another now than it was then.
pub fn differences(then: &Origin, now: &Origin) -> Vec<String> {
    let mut differences = Vec::new();
    let mut compare = |what: &str, then: &str, now: &str| {
        if then != now {
            differences.push(format!("{what}: {} then, {} now", or_none(then), or_none(now)));
        }
    };
    compare("vscale", &then.vscale_version, &now.vscale_version);
    for (Host { facts: then, engine: old }, Host { facts: now, engine: new }) in then.hosts.iter().zip(&now.hosts) {
        compare("kernel", &then.kernel, &now.kernel);
        compare("CPU model", &then.cpu_model, &now.cpu_model);
        compare("CPUs", &then.cpus.len().to_string(), &now.cpus.len().to_string());
        compare("governor", then.governor.as_deref().unwrap_or(""), now.governor.as_deref().unwrap_or(""));
        compare("memory", &mebibytes(then.memory_bytes), &mebibytes(now.memory_bytes));
        compare("engine", &old.version, &new.version);
        compare("cgroup version", &old.cgroup_version, &new.cgroup_version);
    }
    let image = |images: &[ImageFacts], service: &str| {
        images.iter().find(|image| image.service == service).map_or_else(String::new, |image| image.id.clone())
    };
    for service in then.images.iter().map(|image| &image.service) {
        compare(&format!("image of {service}"), &image(&then.images, service), &image(&now.images, service));
    }
    differences
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "none" } else { text }
}

fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thing_that_is_another_is_named() {
        let image =
            |id: &str| ImageFacts { service: "stack".into(), reference: String::new(), id: id.into(), size_bytes: 0 };
        let origin = |id: &str| Origin {
            hosts: Vec::new(),
            images: vec![image(id)],
            vscale_version: "1".into(),
            arguments: Vec::new(),
        };
        assert_eq!(differences(&origin("a"), &origin("a")), Vec::<String>::new());
        assert_eq!(differences(&origin("a"), &origin("b")), ["image of stack: a then, b now"]);
    }
}
