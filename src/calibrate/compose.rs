//! A case as a compose file, so that it can be looked at and run by hand.

use super::{Case, cases::NEIGHBOURS_CPU};
use std::fmt::Write;

/// With the limit of the case, or with it lifted: to show that it binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// As the case is.
    Limited,
    /// Without its limit.
    Lifted,
}

/// The compose file of a case.
pub fn compose_file(case: &Case, variant: Variant) -> String {
    let side = match variant {
        Variant::Limited => &case.limited,
        Variant::Lifted => case.lifted.as_ref().unwrap_or(&case.limited),
    };
    let mut text = format!(
        "# {}: {}\n\nx-vscale:\n  name: calibrate-{}\n  target: app\n  backend: mock\n  generator: loadgen\n  \
         workers: {{ env: WORKERS, count: {{ process: \"--worker [0-9]\" }} }}\n  endpoints:\n    \
         mock: {{ port: 8080, ready: /v1/health }}\n    app: {{ port: 8321, ready: /v1/health }}\n  \
         backend_requests: {}\n\nservices:\n",
        case.name,
        case.about,
        case.name,
        u32::from(side.app.contains("--backend")),
    );
    let mut service = |name: &str, command: &str, more: &[String]| {
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "  {name}:\n    image: vscale/self\n    command: {command}\n    read_only: true\n    cap_drop: [ALL]\n    \
             networks: [bench]\n    init: true\n"
        );
        for line in more {
            let _ = writeln!(text, "    {line}");
        }
    };
    service("mock", &format!("mock --host 0.0.0.0 --port 8080 {}", side.mock), &side.mock_limits);
    let mut app_limits = side.app_limits.clone();
    app_limits.push("depends_on: [mock]".into());
    service("app", &format!("app --host 0.0.0.0 --port 8321 {}", side.app), &app_limits);
    if let Some(neighbour) = &side.neighbour {
        service("neighbour", neighbour, &[NEIGHBOURS_CPU.into()]);
    }
    let mut loadgen_limits = side.loadgen_limits.clone();
    loadgen_limits.push("depends_on: [app]".into());
    service("loadgen", "[load]", &loadgen_limits);
    text.push_str("\nnetworks:\n  bench:\n    internal: true\n");
    text
}
