//! Building images through the engine's API: a context made in memory, tagged by the hash of all that goes into it.

use super::{Call, Engine};
use crate::error::{Error, Result};
use bollard::{body_full, query_parameters::BuildImageOptionsBuilder};
use futures_util::StreamExt;
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::{Path, PathBuf},
};

/// Under this name a Dockerfile may find the host's CA bundle, to reach a package index through a proxy.
const CA_FILE: &str = "host-ca.crt";
/// Lines of the builder that an error shows.
const SHOWN_LINES: usize = 15;

/// What goes into an image.
pub(super) struct Build {
    repository: String,
    dockerfile: String,
    target: String,
    args: BTreeMap<String, String>,
    tar: tar::Builder<Vec<u8>>,
    hash: Sha256,
    /// Reaches the builder, but is not part of what is built.
    settings: BTreeMap<String, String>,
}

impl Build {
    /// An empty context for an image `repository:HASH`.
    pub(super) fn new(repository: &str) -> Self {
        Self {
            repository: repository.to_owned(),
            dockerfile: "Dockerfile".into(),
            target: String::new(),
            args: BTreeMap::new(),
            tar: tar::Builder::new(Vec::new()),
            hash: Sha256::new(),
            settings: BTreeMap::new(),
        }
    }

    /// The context of a compose file's `build:`, with the host's settings for reaching package indices.
    ///
    /// # Errors
    /// `Error::File` for what cannot be read, `Error::Compose` without a Dockerfile.
    pub(super) fn from_folder(
        repository: &str,
        context: &Path,
        dockerfile: &str,
        target: Option<&str>,
        args: BTreeMap<String, String>,
    ) -> Result<Self> {
        let mut build = Self::new(repository);
        if !context.join(dockerfile).is_file() {
            return Err(Error::Compose(format!("{}: no such Dockerfile", context.join(dockerfile).display())));
        }
        for path in files_below(context)? {
            let content = fs::read(&path).map_err(Error::file(&path))?;
            let mode = executable_mode(&path)?;
            let name = path.strip_prefix(context).expect("it was found below the context");
            build.add_file(name, &content, mode)?;
        }
        dockerfile.clone_into(&mut build.dockerfile);
        build.target = target.unwrap_or_default().to_owned();
        for (name, value) in &args {
            build.hash.update(format!("arg {name}={value}\n"));
        }
        build.args = args;
        let (settings, ca_bundle) = host_build_settings();
        build.settings = settings;
        if let Some(path) = ca_bundle {
            let content = fs::read(&path).map_err(Error::file(&path))?;
            build.append(Path::new(CA_FILE), &content, 0o644)?;
        }
        Ok(build)
    }

    /// Adds a file to the context and to the hash.
    pub(super) fn add_file(&mut self, name: &Path, content: &[u8], mode: u32) -> Result<()> {
        self.hash.update(format!("file {} {mode:o} {}\n", name.display(), content.len()));
        self.hash.update(content);
        self.append(name, content, mode)
    }

    fn append(&mut self, name: &Path, content: &[u8], mode: u32) -> Result<()> {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(mode);
        self.tar.append_data(&mut header, name, content).map_err(Error::file(name))
    }
}

impl Engine {
    /// The reference of the built image; when one of the same hash is there, it is not built again.
    pub(super) async fn build_once(&self, build: Build, progress: &mut dyn FnMut(&str)) -> Result<String> {
        let hash: String = build.hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        let reference = format!("{}:{hash}", build.repository);
        if self.image("", &reference).await?.is_some() {
            return Ok(reference);
        }
        progress(&format!("building {reference}"));
        let tar = build.tar.into_inner().map_err(Error::file("the build context"))?;
        let args: HashMap<String, String> = build.settings.into_iter().chain(build.args).collect();
        let options = BuildImageOptionsBuilder::new()
            .t(&reference)
            .dockerfile(&build.dockerfile)
            .target(&build.target)
            .buildargs(&args)
            .rm(true)
            .forcerm(true)
            .build();
        let mut answers = self.docker.build_image(options, None, Some(body_full(tar.into())));
        let mut lines: Vec<String> = Vec::new();
        loop {
            let (text, error) = match self.ask_next(Call::Build, &reference, answers.next()).await {
                Ok(None) => break,
                Ok(Some(info)) => {
                    (info.stream.unwrap_or_default(), info.error_detail.and_then(|detail| detail.message))
                }
                Err(error) => (String::new(), Some(error.to_string())),
            };
            for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
                progress(line);
                lines.push(line.to_owned());
            }
            if let Some(error) = error {
                let last = lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n  ");
                return Err(Error::Preflight(format!(
                    "the image {reference} does not build: {}\n  {last}",
                    error.trim()
                )));
            }
        }
        Ok(reference)
    }
}

/// The host's settings that a build needs to reach package indices: proxies, `PIP_*` and `UV_*` as build arguments
/// (which a Dockerfile declares in the stages where it wants them), and the CA bundle. Settings that name a file of
/// the host mean nothing in a container and stay here.
fn host_build_settings() -> (BTreeMap<String, String>, Option<PathBuf>) {
    let wanted = |name: &str| {
        let upper = name.to_ascii_uppercase();
        matches!(upper.as_str(), "HTTP_PROXY" | "HTTPS_PROXY" | "FTP_PROXY" | "NO_PROXY" | "ALL_PROXY")
            || name.starts_with("PIP_")
            || name.starts_with("UV_")
    };
    let settings = std::env::vars().filter(|(name, value)| wanted(name) && !value.starts_with('/')).collect();
    let named = ["SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE"].map(std::env::var).into_iter().flatten();
    let usual = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];
    let ca_bundle = named.map(PathBuf::from).chain(usual.map(PathBuf::from)).find(|path| path.is_file());
    (settings, ca_bundle)
}

/// Regular files below `folder`, in order, links not followed.
fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(Error::file(&folder))? {
            let entry = entry.map_err(Error::file(&folder))?;
            let kind = entry.file_type().map_err(Error::file(entry.path()))?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                files.push(entry.path());
            } else {
                let path = entry.path();
                return Err(Error::Compose(format!(
                    "{}: a build context holds only files and folders",
                    path.display()
                )));
            }
        }
    }
    files.sort();
    Ok(files)
}

/// 0755 for what the owner may execute, 0644 for the rest: so that a umask does not change the image.
fn executable_mode(path: &Path) -> Result<u32> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(path).map_err(Error::file(path))?.permissions().mode();
    Ok(if mode & 0o100 == 0 { 0o644 } else { 0o755 })
}
