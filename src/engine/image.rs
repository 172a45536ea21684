//! The image of a service: our own, one built from its `build:`, or one that is there or can be pulled.

use super::{BaseImage, Call, Engine, EngineError, build::Context};
use crate::{
    compose::{OWN_IMAGE, PullPolicy, Service},
    error::{Error, Result},
};
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::StreamExt;
use std::collections::BTreeMap;

impl Engine {
    /// The reference of an image built of files that this program has with it, a Dockerfile that takes a base image among
    /// them; it is there when this returns.
    ///
    /// # Errors
    /// `Error::Preflight` when it does not build.
    pub async fn bundled_image(
        &self,
        name: &str,
        files: &[(&str, &str)],
        base: BaseImage<'_>,
        progress: &mut dyn FnMut(&str),
    ) -> Result<String> {
        let mut context = Context::default();
        files.iter().for_each(|(name, content)| context.put(*name, *content, 0o644));
        self.built_of_files(name, context, base, progress).await
    }

    /// The reference of a service's image, which is there when this returns; `None` is our own image. `progress` hears
    /// what takes long.
    ///
    /// # Errors
    /// `Error::Preflight` when it does not build or cannot be had; `Error::Compose` for a service without image.
    pub async fn service_image(
        &self,
        name: &str,
        service: &Service,
        base: BaseImage<'_>,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Option<String>> {
        let platform = service.platform.as_deref().unwrap_or_default();
        if let Some(build) = &service.build {
            return self.built(name, build, platform, base, progress).await.map(Some);
        }
        let reference = match service.image.as_deref() {
            None => return Err(Error::Compose(format!("services.{name}: has neither image nor build"))),
            Some(OWN_IMAGE) => return Ok(None),
            Some(reference) => reference,
        };
        let is_there = self.image(name, reference).await?.is_some();
        match service.pull_policy {
            Some(PullPolicy::Never) if !is_there => {
                let advice = "and `pull_policy: never` forbids pulling it";
                return Err(Error::Preflight(format!("{name}: the image {reference} is not there, {advice}")));
            }
            Some(PullPolicy::Build) => {
                return Err(Error::Compose(format!("services.{name}.pull_policy: `build` without a `build`")));
            }
            Some(PullPolicy::Always) => {}
            _ if is_there => return Ok(Some(reference.to_owned())),
            _ => {}
        }
        self.pull(reference, platform, progress).await.map_err(|why| {
            let found = if is_there { "is there, but" } else { "is not there and" };
            Error::Preflight(format!("{name}: the image {reference} {found} cannot be pulled: {why}"))
        })?;
        Ok(Some(reference.to_owned()))
    }

    /// Pulls an image; the error says why it did not work.
    pub(super) async fn pull(
        &self,
        reference: &str,
        platform: &str,
        progress: &mut dyn FnMut(&str),
    ) -> Result<(), String> {
        progress(&format!("pulling {reference}"));
        let (name, tag) = name_and_tag(reference);
        let options = CreateImageOptionsBuilder::new().from_image(name).tag(tag).platform(platform).build();
        let mut answers = self.docker.create_image(Some(options), None, None);
        let object = format!("image {reference}");
        let said = |error: EngineError| error.to_string();
        let mut layers = BTreeMap::new();
        while let Some(info) = self.ask_next(Call::Pull, &object, answers.next()).await.map_err(said)? {
            if let Some(error) = info.error_detail.and_then(|detail| detail.message) {
                return Err(error);
            }
            match (info.id, info.status) {
                (None, Some(status)) => progress(&status),
                // Each layer tells how it stands by the hundred: only how many are there is passed on.
                (Some(layer), Some(status)) if !status.starts_with("Pulling from") => {
                    let is_there = ["Pull complete", "Already exists"].contains(&status.as_str());
                    let is_news = layers.insert(layer, is_there) != Some(is_there) && is_there;
                    if is_news {
                        let there = layers.values().filter(|is_there| **is_there).count();
                        progress(&format!("{there} of {} layers", layers.len()));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// As the engine takes them: a digest belongs to the name, and without a tag all would be pulled.
fn name_and_tag(reference: &str) -> (&str, &str) {
    match reference.rsplit_once(':') {
        _ if reference.contains('@') => (reference, ""),
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (reference, "latest"),
    }
}

#[cfg(test)]
mod tests {
    use super::name_and_tag;

    #[test]
    fn references_are_split_as_the_engine_takes_them() {
        for (reference, name, tag) in [
            ("nginx", "nginx", "latest"),
            ("nginx:1.27", "nginx", "1.27"),
            ("localhost:5000/x", "localhost:5000/x", "latest"),
            ("localhost:5000/x:y", "localhost:5000/x", "y"),
            ("nginx@sha256:12ab", "nginx@sha256:12ab", ""),
            ("nginx:1@sha256:12ab", "nginx:1@sha256:12ab", ""),
        ] {
            assert_eq!(name_and_tag(reference), (name, tag));
        }
    }
}
