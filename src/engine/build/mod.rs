//! Building images through the engine's API, tagged by the hash of all that goes into them, so that each is built once.
//!
//! BuildKit builds where the engine has it: it takes half the classic builder's time where a stage copies many files from
//! another. Podman's own builder reads all that BuildKit does. A second context, and the host's CA bundle, are images of their own, put
//! into the Dockerfile in place of their names: so each builder has them, and no `COPY . .` takes them along.

mod buildkit;
mod context;
mod dockerfile;
mod ignore;
mod said;

pub(in crate::engine) use context::Context;

use super::{BaseImage, Call, Engine};
use crate::{
    compose,
    error::{Error, Result},
    files,
};
use bollard::{body_try_stream, query_parameters::BuildImageOptionsBuilder};
use dockerfile::Dockerfile;
use futures_util::StreamExt;
use ignore::Ignore;
use said::Said;
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::{Path, PathBuf},
};

/// The build argument through which a Dockerfile takes its base image from us.
const BASE_ARGUMENT: &str = "BASE_IMAGE";
/// Under this name a Dockerfile is sent that is no file of the context.
const OWN_NAME: &str = ".dockerfile.vscale";
const IGNORE_FILE: &str = ".dockerignore";
/// The API of the first engines with BuildKit: Docker 18.09.
const HAS_BUILDKIT: (usize, usize) = (1, 39);
/// The API of the first engines whose BuildKit reads heredocs by itself: Docker 23.
const READS_HEREDOCS: (usize, usize) = (1, 42);

/// What goes into an image.
pub(super) struct Build {
    repository: String,
    context: Context,
    /// Its name in the context.
    dockerfile: String,
    target: String,
    platform: String,
    args: BTreeMap<String, String>,
    /// Reaches the builder, but is not part of what is built.
    settings: BTreeMap<String, String>,
}

impl Build {
    /// Of files that are made here, among them `Dockerfile`.
    pub(super) fn of_files(repository: &str, context: Context) -> Self {
        Self {
            repository: repository.to_owned(),
            context,
            dockerfile: "Dockerfile".into(),
            target: String::new(),
            platform: String::new(),
            args: BTreeMap::new(),
            settings: BTreeMap::new(),
        }
    }

    /// An image of a folder's files and nothing else.
    fn of_folder(folder: &Path) -> Result<Self> {
        let ignore = ignore_file(&folder.join(IGNORE_FILE))?.unwrap_or_default();
        let mut context = Context::of_folder(folder, &ignore, &[])?.below("files");
        context.put("Dockerfile", "FROM scratch\nCOPY files/ /\n", 0o644);
        Ok(Self::of_files("vscale/context", context))
    }

    /// An image of one file and nothing else.
    fn of_file(repository: &str, name: &str, path: &Path) -> Result<Self> {
        let mut context = Context::default();
        context.put_file(name, path)?;
        context.put("Dockerfile", format!("FROM scratch\nCOPY {name} /\n"), 0o644);
        Ok(Self::of_files(repository, context))
    }

    fn hash(&self) -> Result<String> {
        let mut hash = Sha256::new();
        self.context.hash(&mut hash)?;
        hash.update(format!("{} {} {}\n", self.dockerfile, self.target, self.platform));
        self.args.iter().for_each(|(name, value)| hash.update(format!("arg {name}={value}\n")));
        Ok(hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect())
    }
}

impl Engine {
    /// The reference of the image of a service's `build:`, built with the host's settings for reaching package indices.
    ///
    /// # Errors
    /// [`Error::Compose`] for what the file names and is not there; [`Error::Preflight`] when it does not build.
    pub(super) async fn built(
        &self,
        service: &str,
        build: &compose::Build,
        platform: &str,
        base: BaseImage<'_>,
        progress: &mut dyn FnMut(&str),
    ) -> Result<String> {
        if let Some(secret) = build.secrets.first() {
            return Err(Error::Preflight(format!(
                "services.{service}.build.secrets: `{}`: the engine's API takes no secrets for a build; build the image by \
                 `docker compose build` and name it as `image`",
                secret.source
            )));
        }
        if !build.context.is_dir() {
            let advice = "the build context is no folder; addresses are not supported: clone it and name the folder";
            return Err(Error::Compose(format!("services.{service}.build: {}: {advice}", build.context.display())));
        }
        let source = Source::of(build)?;
        let mut dockerfile = Dockerfile::parse(&source.text);
        let mut args = build.args.clone();
        if dockerfile.declares(BASE_ARGUMENT) && !args.contains_key(BASE_ARGUMENT) {
            args.insert(BASE_ARGUMENT.into(), self.base_image(base, progress).await?);
        }
        let mut images = BTreeMap::new();
        for (name, place) in &build.additional_contexts {
            images.insert(name.clone(), self.context_image(service, name, place, progress).await?);
        }
        dockerfile = dockerfile.with_contexts(&images);
        let (settings, ca_bundle) = host_build_settings();
        if let Some(path) = ca_bundle.filter(|_| dockerfile.wants_ca(&build.context)) {
            let image = Build::of_file("vscale/host-ca", dockerfile::CA_FILE, &path)?;
            dockerfile = dockerfile.with_ca(&self.build_once(image, progress).await?);
        }
        self.check_readable(&source.name, &dockerfile)?;
        let by_buildkit = self.has_buildkit();
        if by_buildkit {
            for image in dockerfile.images(&args) {
                if self.image("", &image).await?.is_none() {
                    let pulled = self.pull(&image, platform, progress).await;
                    pulled.map_err(|why| Error::Preflight(format!("{service}: the image {image} that its Dockerfile names is not there and cannot be pulled: {why}")))?;
                }
            }
        }
        let (folder, text) = (build.context.clone(), dockerfile.text().to_owned());
        let collected = tokio::task::spawn_blocking(move || source.context(&folder, &text, by_buildkit)).await;
        let (context, dockerfile) = collected.map_err(|defect| Error::Other(defect.to_string()))??;
        let repository = format!("vscale/{}", service.to_ascii_lowercase());
        let (target, platform) = (build.target.clone().unwrap_or_default(), platform.to_owned());
        let build = Build { repository, context, dockerfile, target, platform, args, settings };
        self.build_once(build, progress).await
    }

    /// The reference of an image built of files that are made here, a `Dockerfile` that takes a base image and `host-ca.crt`
    /// among them or wanted by it, with the host's settings for reaching package indices.
    ///
    /// # Errors
    /// [`Error::Preflight`] when it does not build.
    pub(super) async fn built_of_files(
        &self,
        name: &str,
        mut context: Context,
        base: BaseImage<'_>,
        progress: &mut dyn FnMut(&str),
    ) -> Result<String> {
        let (settings, ca_bundle) = host_build_settings();
        if let Some(path) = ca_bundle {
            context.put_file(dockerfile::CA_FILE, &path)?;
        }
        let args = BTreeMap::from([(BASE_ARGUMENT.to_owned(), self.base_image(base, progress).await?)]);
        let build = Build::of_files(&format!("vscale/{}", name.to_ascii_lowercase()), context);
        self.build_once(Build { args, settings, ..build }, progress).await
    }

    /// The image that stands for an additional context.
    async fn context_image(
        &self,
        service: &str,
        name: &str,
        place: &str,
        progress: &mut dyn FnMut(&str),
    ) -> Result<String> {
        if let Some(reference) = place.strip_prefix("docker-image://") {
            return Ok(reference.to_owned());
        }
        if !Path::new(place).is_dir() {
            let here = format!("services.{service}.build.additional_contexts.{name}");
            return Err(Error::Compose(format!("{here}: `{place}` is neither a folder nor docker-image://...")));
        }
        self.build_once(Build::of_folder(Path::new(place))?, progress).await
    }

    fn is_podman(&self) -> bool {
        self.facts.name.contains("Podman")
    }

    fn has_buildkit(&self) -> bool {
        self.api_version() >= HAS_BUILDKIT && !self.is_podman()
    }

    /// # Errors
    /// [`Error::Preflight`] that names the line which this engine's builder cannot read.
    fn check_readable(&self, name: &str, dockerfile: &Dockerfile) -> Result<()> {
        if self.is_podman() {
            return Ok(());
        }
        if !self.has_buildkit() {
            return dockerfile.needs_buildkit().map_or(Ok(()), |(line, what)| {
                Err(Error::Preflight(format!("{name}:{line}: {what} needs BuildKit, which this engine has not")))
            });
        }
        match dockerfile.bare_heredoc().filter(|_| self.api_version() < READS_HEREDOCS) {
            Some(line) => Err(Error::Preflight(format!(
                "{name}:{line}: this engine's BuildKit knows no heredocs (Docker 23 does); write the commands with `&& \\`, or \
                 begin the file with `# syntax=docker/dockerfile:1`"
            ))),
            None => Ok(()),
        }
    }

    /// The reference of the built image; when one of the same hash is there, it is not built again.
    pub(super) async fn build_once(&self, build: Build, progress: &mut dyn FnMut(&str)) -> Result<String> {
        let hashed = tokio::task::spawn_blocking(move || build.hash().map(|hash| (build, hash))).await;
        let (build, hash) = hashed.map_err(|defect| Error::Other(defect.to_string()))??;
        let reference = format!("{}:{hash}", build.repository);
        if self.image("", &reference).await?.is_some() {
            return Ok(reference);
        }
        progress(&format!("building {reference}"));
        let mut said = Said::new(progress);
        let args: HashMap<String, String> = build.settings.into_iter().chain(build.args).collect();
        let outcome = if self.has_buildkit() {
            let args = serde_json::to_string(&args).map_err(|error| Error::Other(error.to_string()))?;
            let parameters = [
                ("t", reference.as_str()),
                ("dockerfile", &build.dockerfile),
                ("target", &build.target),
                ("platform", &build.platform),
                ("buildargs", &args),
            ];
            let built =
                self.build_by_buildkit(&reference, &parameters, build.context, &mut |line| said.line(line)).await;
            built.unwrap_or_else(|error| Err(error.to_string()))
        } else {
            let options = BuildImageOptionsBuilder::new()
                .t(&reference)
                .dockerfile(&build.dockerfile)
                .target(&build.target)
                .platform(&build.platform)
                .buildargs(&args)
                .rm(true)
                .forcerm(true)
                .build();
            let mut answers = self.docker.build_image(options, None, Some(body_try_stream(build.context.into_tar())));
            loop {
                match self.ask_next(Call::Build, &reference, answers.next()).await {
                    Ok(None) => break Ok(()),
                    Ok(Some(info)) => {
                        said.text(&info.stream.unwrap_or_default());
                        if let Some(error) = info.error_detail.and_then(|detail| detail.message) {
                            break Err(error);
                        }
                    }
                    Err(error) => break Err(error.to_string()),
                }
            }
        };
        let words = said.last_words();
        match outcome {
            Ok(()) => Ok(reference),
            Err(error) => {
                let error = crate::text::plain(error.trim());
                Err(Error::Preflight(format!("the image {reference} does not build: {error}\n  {words}")))
            }
        }
    }
}

/// Where a Dockerfile comes from.
struct Source {
    text: String,
    /// In errors.
    name: String,
    /// Its path in the context; `None` where it is no file of it.
    inside: Option<String>,
    /// What the folder leaves out for this Dockerfile alone.
    own_ignore: Option<PathBuf>,
}

impl Source {
    fn of(build: &compose::Build) -> Result<Self> {
        if let Some(text) = &build.dockerfile_inline {
            return Ok(Self { text: text.clone(), name: "dockerfile_inline".into(), inside: None, own_ignore: None });
        }
        let path = build.context.join(build.dockerfile.as_deref().unwrap_or(Path::new("Dockerfile")));
        let name = path.display().to_string();
        let wrong = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::NotFound => Error::Compose(format!("{name}: no such Dockerfile")),
            _ => Error::Compose(format!("{name}: {error}")),
        };
        let text = read(&path).map_err(wrong)?;
        let own_ignore = Some(PathBuf::from(format!("{name}.dockerignore")));
        // By its real place: `../Dockerfile` and a link out of the context are outside.
        let (context, real) = (fs::canonicalize(&build.context), fs::canonicalize(&path));
        let inside = context
            .ok()
            .zip(real.ok())
            .and_then(|(context, real)| real.strip_prefix(context).ok().and_then(Path::to_str).map(str::to_owned));
        Ok(Self { text, name, inside, own_ignore })
    }

    /// The context with the Dockerfile as it is to be read, and the Dockerfile's name in it.
    fn context(self, folder: &Path, text: &str, by_buildkit: bool) -> Result<(Context, String)> {
        let shared = folder.join(IGNORE_FILE);
        let own = self.own_ignore.as_deref().map(ignore_file).transpose()?.flatten();
        let ignore = own.map_or_else(|| ignore_file(&shared), |own| Ok(Some(own)))?.unwrap_or_default();
        // The classic builder reads both, and takes out of the context what they say of themselves.
        let ignore_name = (!by_buildkit).then_some(IGNORE_FILE);
        let always: Vec<&str> = self.inside.as_deref().into_iter().chain(ignore_name).collect();
        let mut context = Context::of_folder(folder, &ignore, &always)?;
        let name = self.inside.unwrap_or_else(|| OWN_NAME.into());
        if name == OWN_NAME && !by_buildkit {
            // The classic builder takes these out of the context before any COPY.
            let theirs = read(&shared).ok();
            let more = if theirs.is_some() { "" } else { IGNORE_FILE };
            context.put(IGNORE_FILE, format!("{}\n{OWN_NAME}\n{more}\n", theirs.unwrap_or_default()), 0o644);
        }
        if name == OWN_NAME || text != self.text {
            context.put(&name, text, 0o644);
        }
        Ok((context, name))
    }
}

fn read(path: &Path) -> std::io::Result<String> {
    files::read_text(path, files::MOST_BYTES)
}

/// `None` where there is no such file.
fn ignore_file(path: &Path) -> Result<Option<Ignore>> {
    match read(path) {
        Ok(text) => Ignore::parse(&text).map(Some).map_err(|why| Error::Compose(format!("{}: {why}", path.display()))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::file(path)(error)),
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

#[cfg(test)]
mod tests {
    use super::{Source, compose};

    #[test]
    fn a_device_is_no_dockerfile() {
        let build = compose::Build { dockerfile: Some("/dev/zero".into()), ..compose::Build::default() };
        let said = Source::of(&build).err().map(|error| error.to_string());
        assert_eq!(said.as_deref(), Some("/dev/zero: is no regular file"));
    }
}
