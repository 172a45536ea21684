//! The compose file of a server that somebody has described in a few words, with comments that teach what else there is.

use super::yaml::{expression, scalar};
use std::fmt::Write;

/// A server to be measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The service's name.
    pub name: String,
    /// What it is made of.
    pub source: Source,
    /// Where it answers: a number, or a variable as Compose has them.
    pub port: String,
    /// A path that answers with a 2xx once it is ready, or `tcp`: it takes connections.
    pub ready: String,
    /// Instead of the image's own.
    pub command: Option<String>,
    /// How many workers it has.
    pub workers: Workers,
    /// The variable that gets the URL of a mock of an OpenAI-compatible backend; `None` for a server that calls none.
    pub backend_env: Option<String>,
}

/// Where a container comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// An image that the engine has, or can pull.
    Image(String),
    /// A Dockerfile.
    Build {
        /// The folder whose files it may use.
        context: String,
        /// Its own name, where that is not `Dockerfile`.
        dockerfile: Option<String>,
    },
    /// A service that is defined in another file.
    Service {
        /// The other file, and those that stand over it.
        files: Vec<String>,
        /// Where the target can be reached.
        networks: Vec<String>,
        /// What the load generator's service is called, so that it is nobody else's name.
        generator: String,
    },
}

/// How a number of workers reaches a server, and how it is proved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workers {
    /// A variable that carries the number.
    pub env: Option<String>,
    /// A pattern of the workers' command lines.
    pub process: Option<String>,
}

const PORT_OF_MOCK: u16 = 8080;

/// What stands for the number of workers in a command.
const VARIABLE: &str = "${WORKERS}";

impl Target {
    /// The compose file.
    pub fn compose_file(&self) -> String {
        let mut text = String::new();
        self.write(&mut text).expect("a String takes all");
        text
    }

    fn write(&self, to: &mut String) -> std::fmt::Result {
        let (name, generator) = (scalar(&self.name), self.generator());
        match &self.source {
            Source::Service { files, .. } => writeln!(
                to,
                "# What is vscale's own, beside {}. Together they are measured: vscale bench -f {} -f THIS_FILE",
                files.join(" and "),
                files.join(" -f ")
            )?,
            _ => to.write_str(
                "# What `vscale bench` measures: an ordinary Compose file, and what is vscale's own under x-vscale.\n\
                 # `vscale init` has written it once; it is yours to change.\n",
            )?,
        }
        write!(to, "\nx-vscale:\n  target: {name}  # the service under test\n")?;
        if self.backend_env.is_some() {
            writeln!(to, "  backend: mock  # what it calls; loaded directly, too, to see what the target adds")?;
        }
        writeln!(to, "  generator: {generator}  # the service that loads it")?;
        self.write_endpoints(to)?;
        self.write_workers(to)?;
        to.write_str("\nservices:\n")?;
        self.write_service(to)?;
        if self.backend_env.is_some() {
            self.write_mock(to)?;
        }
        self.write_generator(to)?;
        match &self.source {
            Source::Service { .. } => Ok(()),
            _ => to.write_str(
                "\nnetworks:\n  bench:\n    internal: true  # no way out; a server that downloads something as it starts needs one\n",
            ),
        }
    }

    fn write_endpoints(&self, to: &mut String) -> std::fmt::Result {
        to.write_str("  endpoints:  # where services answer, and what says that they are ready\n")?;
        let (name, port, ready) = (scalar(&self.name), expression(&self.port), scalar(&self.ready));
        // Numbers are numbers, whatever a string may be.
        let port = if self.port.parse::<u16>().is_ok() { &self.port } else { &port };
        if self.ready == "tcp" {
            to.write_str(
                "    # tcp: it takes connections. A path that answers with a 2xx says more: ready: /health\n",
            )?;
        }
        writeln!(to, "    {name}: {{ port: {port}, ready: {ready} }}")?;
        match &self.backend_env {
            Some(_) => {
                writeln!(to, "    mock: {{ port: {PORT_OF_MOCK}, ready: /v1/health }}")?;
                to.write_str(
                    "  # Requests that the target makes of its backend for each one that it gets: a number, or any.\n",
                )?;
                to.write_str("  backend_requests: any\n")
            }
            None => Ok(()),
        }
    }

    fn write_workers(&self, to: &mut String) -> std::fmt::Result {
        let Workers { env, process } = &self.workers;
        let is_in_command = self.command.as_ref().is_some_and(|command| command.contains(VARIABLE));
        if !is_in_command && self.workers == Workers::default() {
            return to.write_str(
                "  # How the number of workers of `vscale bench --workers 1,2,4` reaches the target (a variable, or ${WORKERS} in its command),\n  \
                 # and how it is proved (a pattern of the workers' command lines; or `count: none`, which proves nothing):\n  \
                 # workers: { env: WEB_CONCURRENCY, count: { process: \"gunicorn\" } }\n",
            );
        }
        to.write_str("  workers:\n")?;
        if let Some(env) = env {
            writeln!(
                to,
                "    env: {}  # the variable that carries the number: vscale bench --workers 1,2,4",
                scalar(env)
            )?;
        }
        match process {
            Some(pattern) => writeln!(
                to,
                "    count: {{ process: {} }}  # the proof: processes whose command lines match, and that supervise none",
                quoted(pattern)
            ),
            None => to.write_str(
                "    count: none  # nothing is proved; better is { process: REGEX } over the workers' command lines\n",
            ),
        }
    }

    fn write_service(&self, to: &mut String) -> std::fmt::Result {
        match &self.source {
            Source::Service { .. } if self.backend_env.is_none() => return Ok(()),
            Source::Service { .. } => writeln!(to, "  {}:", scalar(&self.name))?,
            Source::Image(image) => write!(to, "  {}:\n    image: {}\n", scalar(&self.name), scalar(image))?,
            Source::Build { context, dockerfile: None } => {
                write!(to, "  {}:\n    build: {}\n", scalar(&self.name), scalar(context))?;
            }
            Source::Build { context, dockerfile: Some(file) } => write!(
                to,
                "  {}:\n    build: {{ context: {}, dockerfile: {} }}\n",
                scalar(&self.name),
                scalar(context),
                scalar(file)
            )?,
        }
        if let Some(command) = &self.command {
            let pieces: Vec<String> = command.split(VARIABLE).map(|piece| piece.replace('$', "$$")).collect();
            writeln!(to, "    command: {}", expression(&pieces.join(VARIABLE)))?;
        }
        if let Some(env) = &self.backend_env {
            write!(
                to,
                "    environment:\n      {}: http://mock:{PORT_OF_MOCK}/v1\n    depends_on: [mock]\n",
                scalar(env)
            )?;
        }
        if !matches!(self.source, Source::Service { .. }) {
            to.write_str(
                "    networks: [bench]\n    # mem_limit: 2g  # limits are read back inside the container, and shown\n",
            )?;
        }
        to.write_char('\n')
    }

    fn write_mock(&self, to: &mut String) -> std::fmt::Result {
        write!(
            to,
            "  mock:  # a backend that answers as OpenAI's API does, always alike: see `vscale mock --help`\n    \
             image: vscale/self\n    command: mock --host 0.0.0.0 --port {PORT_OF_MOCK} --service-time 10ms\n    \
             user: \"65534:65534\"\n    read_only: true\n    cap_drop: [ALL]\n"
        )?;
        self.write_networks(to)?;
        to.write_char('\n')
    }

    fn write_generator(&self, to: &mut String) -> std::fmt::Result {
        write!(
            to,
            "  {}:\n    image: vscale/self  # the vscale that measures\n    \
             command: [load]  # it is told whom to load, how and for how long by the flags of `vscale bench`\n    \
             user: \"65534:65534\"\n    read_only: true\n    cap_drop: [ALL]\n",
            self.generator()
        )?;
        self.write_networks(to)?;
        writeln!(to, "    depends_on: [{}]", scalar(&self.name))
    }

    fn write_networks(&self, to: &mut String) -> std::fmt::Result {
        match &self.source {
            Source::Service { networks, .. } if networks.is_empty() => Ok(()),
            Source::Service { networks, .. } => {
                let names: Vec<String> = networks.iter().map(|name| scalar(name)).collect();
                writeln!(to, "    networks: [{}]", names.join(", "))
            }
            _ => to.write_str("    networks: [bench]\n"),
        }
    }

    fn generator(&self) -> String {
        match &self.source {
            Source::Service { generator, .. } => scalar(generator),
            _ => "loadgen".into(),
        }
    }
}

/// Always in quotes, as a pattern is easier read.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text.replace('$', "$$")).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::{Project, load, load_text};
    use std::{fs, path::Path};

    fn target(source: Source) -> Target {
        let (port, ready, workers) = ("8000".into(), "tcp".into(), Workers::default());
        Target { name: "app".into(), source, port, ready, command: None, workers, backend_env: None }
    }

    fn image() -> Target {
        target(Source::Image("nginx:1.27".into()))
    }

    fn project(target: &Target) -> Project {
        let loaded = load_text(Path::new("made.yaml"), target.compose_file(), &|_| None, 1);
        loaded.unwrap_or_else(|error| panic!("{error}\n{}", target.compose_file()))
    }

    #[test]
    fn the_least_that_can_be_said() {
        insta::assert_snapshot!(image().compose_file());
        let project = project(&image());
        assert_eq!((project.vscale.target.as_str(), &project.vscale.backend), ("app", &None));
        assert!(project.vscale.workers.is_none());
        assert_eq!(project.services["app"].image.as_deref(), Some("nginx:1.27"));
        assert!(project.services["loadgen"].is_ours());
    }

    #[test]
    fn all_that_can_be_said() {
        let workers = Workers { env: Some("WEB_CONCURRENCY".into()), process: Some("^gunicorn: \"w\" [0-9]+$".into()) };
        let source = Source::Build { context: "./my app".into(), dockerfile: Some("Dockerfile.prod".into()) };
        let target = Target {
            ready: "/health".into(),
            command: Some("sh -c 'exec gunicorn -w ${WORKERS} $APP'".into()),
            workers,
            backend_env: Some("OPENAI_BASE_URL".into()),
            ..target(source)
        };
        insta::assert_snapshot!(target.compose_file());
        let project = project(&target);
        assert_eq!(project.vscale.backend.as_deref(), Some("mock"));
        let app = &project.services["app"];
        assert_eq!(app.environment["OPENAI_BASE_URL"], "http://mock:8080/v1");
        let build = app.build.as_ref().unwrap();
        assert!(build.context.ends_with("my app"));
        assert!(build.dockerfile.as_ref().unwrap().ends_with("Dockerfile.prod"));
        assert_eq!(app.command.as_ref().unwrap().last().unwrap(), "exec gunicorn -w ${WORKERS} $APP");
        let workers = project.vscale.workers.unwrap();
        assert_eq!(workers.env.as_deref(), Some("WEB_CONCURRENCY"));
        assert_eq!(workers.count, crate::model::CountBy::Process("^gunicorn: \"w\" [0-9]+$".into()));
    }

    #[test]
    fn a_number_in_the_command_is_enough() {
        let with = |process: Option<&str>| Target {
            command: Some("serve -n ${WORKERS}".into()),
            workers: Workers { env: None, process: process.map(Into::into) },
            ..image()
        };
        for (process, count) in
            [(None, crate::model::CountBy::None), (Some("serve"), crate::model::CountBy::Process("serve".into()))]
        {
            assert_eq!(project(&with(process)).vscale.workers.unwrap().count, count);
        }
    }

    #[test]
    fn beside_a_compose_file() {
        let text = "services:\n  web:\n    image: a\n    ports: [\"8080:80\"]\n    networks: [front]\n    \
                    depends_on: [db]\n  db:\n    image: b\n    networks: [front]\n  loadgen:\n    image: c\n    \
                    networks: [front]\n    depends_on: [web]\nnetworks:\n  front:\n";
        let existing = super::super::Existing::read(&[("compose.yaml".into(), text.into())]).unwrap();
        assert_eq!(existing.choose(Some("web")), Ok("web".into()));
        let target = existing.target("web".into(), "80".into(), "/".into(), Workers::default(), None);
        insta::assert_snapshot!(target.compose_file());
        let folder = tempfile::tempdir().unwrap();
        let files = ["compose.yaml", "vscale.yaml"].map(|name| folder.path().join(name));
        fs::write(&files[0], text).unwrap();
        fs::write(&files[1], target.compose_file()).unwrap();
        let project = load(&files, &|_| None).unwrap();
        assert_eq!((project.vscale.generator.service(), project.vscale.target.as_str()), ("vscale-loadgen", "web"));
        assert!(project.services["vscale-loadgen"].networks.contains_key("front"));
    }
}
