//! The image of a service: our own, one built from its `build:`, or one that is there or can be pulled.

use super::{BaseImage, Engine, build::Build};
use crate::{
    compose::{OWN_IMAGE, Service},
    error::{Error, Result},
};
use std::fs;

/// The build argument through which a Dockerfile takes its base image from us.
const BASE_ARGUMENT: &str = "BASE_IMAGE";

impl Engine {
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
        if let Some(build) = &service.build {
            let dockerfile = build.dockerfile.clone().unwrap_or_else(|| "Dockerfile".into());
            let path = build.context.join(&dockerfile);
            let text =
                fs::read_to_string(&path).map_err(|error| Error::Compose(format!("{}: {error}", path.display())))?;
            let mut args = build.args.clone();
            if takes_base_image(&text) && !args.contains_key(BASE_ARGUMENT) {
                args.insert(BASE_ARGUMENT.into(), self.base_image(base, progress).await?);
            }
            let repository = format!("vscale/{}", name.to_ascii_lowercase());
            let built = Build::from_folder(
                &repository,
                &build.context,
                &dockerfile.to_string_lossy(),
                build.target.as_deref(),
                args,
            )?;
            return self.build_once(built, progress).await.map(Some);
        }
        match service.image.as_deref() {
            None => Err(Error::Compose(format!("services.{name}: has neither image nor build"))),
            Some(OWN_IMAGE) => Ok(None),
            Some(reference) => {
                if self.image(name, reference).await?.is_none() {
                    self.pull(reference, progress).await.map_err(|why| {
                        Error::Preflight(format!(
                            "{name}: the image {reference} is not there and cannot be pulled: {why}"
                        ))
                    })?;
                }
                Ok(Some(reference.to_owned()))
            }
        }
    }
}

fn takes_base_image(dockerfile: &str) -> bool {
    let declared = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        words.next().is_some_and(|word| word.eq_ignore_ascii_case("ARG"))
            && words.next().is_some_and(|word| word.split('=').next() == Some(BASE_ARGUMENT))
    };
    dockerfile.lines().any(declared)
}

#[cfg(test)]
mod tests {
    use super::takes_base_image;

    #[test]
    fn the_argument_is_found_where_it_is_declared() {
        assert!(takes_base_image("# x\nARG BASE_IMAGE=python:3.12-slim\nFROM ${BASE_IMAGE}\n"));
        assert!(takes_base_image("arg BASE_IMAGE\n"));
        assert!(!takes_base_image("FROM debian\n# ARG BASE_IMAGE\nARG BASE_IMAGE_2\n"));
    }
}
