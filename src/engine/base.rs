//! The base image of Dockerfiles with `ARG BASE_IMAGE`: the one given, else one that is there, else one pulled, else,
//! where no registry answers, one made from Debian's own packages.

use super::{Call, Engine};
use crate::error::{Error, Result};
use bollard::{body_try_stream, query_parameters::CreateImageOptionsBuilder};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use rustix::process::{Pid, Signal, kill_process_group};
use sha2::{Digest, Sha256};
use std::{io, process::Stdio};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    process::{Child, Command},
};

/// What is pulled where a registry answers.
const PULLED: &str = "python:3.12-slim";
/// Writes the tar of a root filesystem to stdout.
const MAKE_ROOTFS: &str = include_str!("../../docker/base/make-rootfs");

/// Which base image to use.
#[derive(Clone, Copy, Debug)]
pub enum BaseImage<'a> {
    /// Whatever is there, or can be had.
    Any,
    /// This one.
    Given(&'a str),
}

impl Engine {
    /// The reference of a base image that is there when this returns.
    ///
    /// # Errors
    /// `Error::Preflight` that says why none could be had, and what to do.
    pub(super) async fn base_image(&self, wanted: BaseImage<'_>, progress: &mut dyn FnMut(&str)) -> Result<String> {
        let made = format!("vscale/base:{}", script_hash());
        if let BaseImage::Given(reference) = wanted {
            if self.image("", reference).await?.is_none() {
                self.pull(reference, "", progress).await.map_err(|why| {
                    Error::Preflight(format!("the base image {reference} is not there and cannot be pulled: {why}"))
                })?;
            }
            return Ok(reference.to_owned());
        }
        for reference in [PULLED, &made] {
            if self.image("", reference).await?.is_some() {
                return Ok(reference.to_owned());
            }
        }
        match self.pull(PULLED, "", progress).await {
            Ok(()) => Ok(PULLED.to_owned()),
            Err(why) => {
                progress(&format!("{PULLED} cannot be pulled ({why}); making a base image from Debian's packages"));
                self.make_base(&made, progress).await?;
                Ok(made)
            }
        }
    }

    /// Runs the script and imports what it writes.
    async fn make_base(&self, reference: &str, progress: &mut dyn FnMut(&str)) -> Result<()> {
        let mut script = Command::new("sh")
            .arg("-s")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map(Script)
            .map_err(Error::file("sh"))?;
        let mut stdin = script.0.stdin.take().expect("it is piped");
        let mut words = BufReader::new(script.0.stderr.take().expect("it is piped")).lines();
        stdin.write_all(MAKE_ROOTFS.as_bytes()).await.map_err(Error::file("sh"))?;
        drop(stdin);

        let options = CreateImageOptionsBuilder::new().from_src("-").repo(reference).build();
        let mut answers = self.docker.create_image(Some(options), Some(body_try_stream(output_of(script))), None);
        let mut last_words = String::new();
        let mut outcome = None;
        while outcome.is_none() {
            tokio::select! {
                Ok(Some(line)) = words.next_line() => {
                    progress(&line);
                    last_words = line;
                }
                answer = self.ask_next(Call::Import, "it", answers.next()) => match answer {
                    Ok(None) => outcome = Some(Ok(())),
                    Ok(Some(info)) => {
                        if let Some(error) = info.error_detail.and_then(|detail| detail.message) {
                            outcome = Some(Err(error));
                        }
                    }
                    Err(error) => outcome = Some(Err(error.to_string())),
                },
            }
        }
        while let Ok(Some(line)) = words.next_line().await {
            last_words = line;
        }
        outcome.unwrap_or(Ok(())).map_err(|error| {
            let why = if last_words.is_empty() { error } else { last_words };
            Error::Preflight(format!(
                "no base image: {PULLED} cannot be pulled, and none can be made from Debian's packages: {why}\n  \
                 name one that is there with --base-image"
            ))
        })
    }
}

/// The script, in a process group of its own. Dropped before its end it is told to end, with all that it has started; it then
/// removes what it has made.
struct Script(Child);

impl Drop for Script {
    fn drop(&mut self) {
        let running = self.0.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        if let Some(group) = running {
            let _ = kill_process_group(group, Signal::TERM);
        }
    }
}

/// The script's stdout; ends with an error, so that nothing half is imported, when the script fails.
fn output_of(mut script: Script) -> impl Stream<Item = io::Result<Bytes>> + Send {
    let stdout = script.0.stdout.take().expect("it is piped");
    stream::try_unfold(Some((script, stdout)), |state| async move {
        let Some((mut script, mut stdout)) = state else { return Ok(None) };
        let mut chunk = Vec::with_capacity(256 * 1024);
        if stdout.read_buf(&mut chunk).await? > 0 {
            return Ok(Some((Bytes::from(chunk), Some((script, stdout)))));
        }
        let status = script.0.wait().await?;
        if status.success() { Ok(None) } else { Err(io::Error::other(format!("make-rootfs ended with {status}"))) }
    })
}

fn script_hash() -> String {
    Sha256::digest(MAKE_ROOTFS).iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}
