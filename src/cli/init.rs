//! `vscale init`, and what it shares with the commands that measure without a file: the flags that describe a server.

use crate::{
    error::{Error, Result},
    init::{Source, Target, Workers},
};
use clap::Args;
use regex_lite::Regex;
use std::path::PathBuf;

/// A server in a few words, in the place of a compose file.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Server without a compose file")]
pub struct TargetFlags {
    /// Image of the server
    #[arg(long, value_name = "IMAGE", conflicts_with = "build")]
    pub image: Option<String>,
    /// Folder of the server's Dockerfile; built for each run
    #[arg(long, value_name = "DIR")]
    pub build: Option<PathBuf>,
    /// Name of the Dockerfile in that folder
    #[arg(long, value_name = "FILE", requires = "build")]
    pub dockerfile: Option<String>,
    /// Port that it answers on (a Dockerfile may say it: EXPOSE)
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,
    /// What says that it is ready: a path that answers with a 2xx, or `tcp`, that it takes connections [default: tcp]
    #[arg(long, value_parser = parse_ready, value_name = "PATH|tcp")]
    pub ready: Option<String>,
    /// Command in place of the image's own; ${WORKERS} in it is the number of workers
    #[arg(long, visible_alias = "cmd", value_name = "COMMAND", allow_hyphen_values = true)]
    pub command: Option<String>,
    /// Variable that carries the number of workers: WEB_CONCURRENCY
    #[arg(long, value_name = "NAME", value_parser = parse_name)]
    pub workers_env: Option<String>,
    /// Pattern of the workers' command lines, by which they are counted [default: not counted]
    #[arg(long, value_name = "REGEX", value_parser = parse_regex)]
    pub workers_process: Option<String>,
    /// Variable that gets the URL of a mock of an OpenAI-compatible backend: OPENAI_BASE_URL [default: no backend]
    #[arg(long, value_name = "NAME", value_parser = parse_name)]
    pub backend_env: Option<String>,
}

/// `vscale init`.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The server
    #[command(flatten)]
    pub target: TargetFlags,
    /// Which service of the compose file that is there already
    #[arg(long, value_name = "NAME", conflicts_with_all = ["image", "build"], help_heading = "Server")]
    pub service: Option<String>,

    /// Write a file of requests instead, from a curl command line; `-` reads it from stdin
    #[arg(long, value_name = "COMMAND", conflicts_with_all = ["har", "image", "build", "service"], help_heading = "Requests")]
    pub curl: Option<String>,
    /// Write a file of requests instead, a scenario from what a browser has recorded
    #[arg(long, value_name = "FILE", conflicts_with_all = ["image", "build", "service"], help_heading = "Requests")]
    pub har: Option<PathBuf>,
    /// Of the recording, the requests to this server [default: that of its first request]
    #[arg(long, value_name = "URL", requires = "har", help_heading = "Requests")]
    pub origin: Option<String>,

    /// Where to write it; `-` prints it [default: compose.yaml; vscale.yaml beside a compose file; requests.jsonl]
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub output: Option<PathBuf>,
    /// Write over a file that is there
    #[arg(long, help_heading = "Output")]
    pub force: bool,
}

impl TargetFlags {
    /// What is measured, where they say it.
    pub fn source(&self) -> Option<Source> {
        let built = |folder: &PathBuf| Source::Build {
            context: folder.display().to_string(),
            dockerfile: self.dockerfile.clone(),
        };
        self.image.clone().map(Source::Image).or_else(|| self.build.as_ref().map(built))
    }

    /// The server that is made of this.
    ///
    /// # Errors
    /// [`Error::Usage`] names the flag that is missing.
    pub fn describe(&self, source: Source, told: &Told) -> Result<Target> {
        Ok(Target {
            name: "app".into(),
            source,
            port: self.port(told)?,
            ready: self.ready(),
            command: self.command.clone(),
            workers: self.workers(told),
            backend_env: self.backend_env.clone(),
        })
    }

    /// The port: the flag's, or the only one that is told.
    ///
    /// # Errors
    /// [`Error::Usage`] where there is none, or more than one.
    pub fn port(&self, told: &Told) -> Result<String> {
        match (self.port, &told.ports[..]) {
            (Some(port), _) => Ok(port.to_string()),
            (None, [port]) => Ok(port.clone()),
            (None, []) => {
                Err(Error::Usage("--port: which port does the server answer on? Nothing else says it".into()))
            }
            (None, several) => Err(Error::Usage(format!("--port: which of {}?", several.join(", ")))),
        }
    }

    /// Where nobody says otherwise: that it takes connections.
    pub fn ready(&self) -> String {
        self.ready.clone().unwrap_or_else(|| "tcp".into())
    }

    /// The flags', or what is told.
    pub fn workers(&self, told: &Told) -> Workers {
        match (&self.workers_env, &self.workers_process, &self.command) {
            (None, None, None) => told.workers.clone(),
            (None, None, Some(command)) => Workers::of_command(command),
            (env, process, _) => Workers { env: env.clone(), process: process.clone() },
        }
    }

    /// Without a source, a compose file says it all.
    ///
    /// # Errors
    /// [`Error::Usage`] names a flag that says something about no server.
    pub fn refuse_others(&self) -> Result<()> {
        let flags = [
            ("--port", self.port.is_some()),
            ("--ready", self.ready.is_some()),
            ("--command", self.command.is_some()),
            ("--workers-env", self.workers_env.is_some()),
            ("--workers-process", self.workers_process.is_some()),
            ("--backend-env", self.backend_env.is_some()),
        ];
        match flags.into_iter().find(|(_, is_given)| *is_given) {
            Some((flag, _)) => Err(Error::Usage(format!(
                "{flag} is for a server without a compose file: give --image or --build too, or say it in the file"
            ))),
            None => Ok(()),
        }
    }
}

/// What files say of a server.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// Numbers, or variables.
    pub ports: Vec<String>,
    /// How its command takes a number of workers.
    pub workers: Workers,
}

fn parse_ready(text: &str) -> Result<String, String> {
    let is_path = text.starts_with('/') && !text.chars().any(|c| c.is_whitespace() || c.is_control());
    if text == "tcp" || is_path {
        Ok(text.to_owned())
    } else {
        Err(format!("`{text}` is neither tcp nor a path such as /health"))
    }
}

fn parse_name(text: &str) -> Result<String, String> {
    let is_name = !text.is_empty() && !text.contains(['=', '\0']) && !text.chars().any(char::is_whitespace);
    if is_name { Ok(text.to_owned()) } else { Err(format!("`{text}` is not the name of a variable")) }
}

fn parse_regex(text: &str) -> Result<String, String> {
    Regex::new(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}
