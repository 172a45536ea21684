//! Secrets and configs: files that are put into a container before it starts, through the engine's API. No file of the host is
//! mounted, so the engine may be on another one, and owner and mode are what the compose file says.

use super::{Call, Container};
use crate::{
    compose::{FileMount, FileSource, MountSource, Project, Service},
    error::{Error, Result},
    files,
};
use bollard::{body_full, query_parameters::UploadToContainerOptionsBuilder};
use std::collections::BTreeMap;

const ROOT: &str = "/";
/// Where nobody says: all may read it, nobody may write it.
const DEFAULT_MODE: u32 = 0o444;

/// A file to be put into a container.
pub(super) struct Placed {
    /// Absolute.
    path: String,
    /// A folder that has to be a volume, as the container's own files cannot be written or are hidden there.
    volume: Option<String>,
    uid: u64,
    gid: u64,
    mode: u32,
    content: Vec<u8>,
}

/// Reads what a service is given.
pub(super) fn placed(name: &str, service: &Service, project: &Project) -> Result<Vec<Placed>> {
    let secrets = service.secrets.iter().map(|file| ("secrets", file, project.secrets.get(&file.source)));
    let configs = service.configs.iter().map(|file| ("configs", file, project.configs.get(&file.source)));
    let read = |(kind, file, source): (&str, &FileMount, Option<&FileSource>)| {
        let here = format!("services.{name}.{kind}.{}", file.source);
        let wrong = |why: String| Error::Compose(format!("{here}: {why}"));
        let content = match source {
            None => return Err(wrong("it is not defined".into())),
            Some(FileSource::File(path)) => {
                files::read(path, files::MOST_BYTES).map_err(|error| wrong(format!("{}: {error}", path.display())))?
            }
            Some(FileSource::Environment((_, value))) => value.clone().into_bytes(),
            Some(FileSource::Content(text)) => text.clone().into_bytes(),
        };
        let number = |text: &Option<String>| match text {
            Some(text) => text.parse().map_err(|_| wrong(format!("`{text}` is not the number of a user or group"))),
            None => Ok(0),
        };
        let folder =
            file.target.rsplit_once('/').map_or(ROOT, |(folder, _)| if folder.is_empty() { ROOT } else { folder });
        let volume = needs_volume(service, folder).then(|| folder.to_owned());
        if volume.as_deref() == Some(ROOT) {
            return Err(wrong("a read-only root folder takes no file; give it a `target` in another folder".into()));
        }
        Ok(Placed {
            path: file.target.clone(),
            volume,
            uid: number(&file.uid)?,
            gid: number(&file.gid)?,
            mode: file.mode.unwrap_or(DEFAULT_MODE),
            content,
        })
    };
    secrets.chain(configs).map(read).collect()
}

/// Whether a file put into the container's own folder could not be written, or would be hidden by memory mounted there.
fn needs_volume(service: &Service, folder: &str) -> bool {
    let in_memory = |target: &str| {
        let below = folder.strip_prefix(target.trim_end_matches('/'));
        below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let tmpfs = service.tmpfs.iter().map(|mount| mount.split(':').next().unwrap_or_default());
    let mounted = service
        .volumes
        .iter()
        .filter(|mount| matches!(mount.source, MountSource::Tmpfs { .. }))
        .map(|mount| mount.target.as_str());
    service.read_only || tmpfs.chain(mounted).any(in_memory)
}

/// Folders that have to be volumes.
pub(super) fn volumes(files: &[Placed]) -> Vec<String> {
    let mut folders: Vec<String> = files.iter().filter_map(|file| file.volume.clone()).collect();
    folders.sort_unstable();
    folders.dedup();
    folders
}

impl Container {
    /// Puts files into it; it is created and not yet started.
    pub(super) async fn put(&self, files: &[Placed]) -> Result<()> {
        let mut by_place: BTreeMap<&str, Vec<&Placed>> = BTreeMap::new();
        files.iter().for_each(|file| by_place.entry(file.volume.as_deref().unwrap_or(ROOT)).or_default().push(file));
        for (place, files) in by_place {
            let options = UploadToContainerOptionsBuilder::new().path(place).build();
            let tar = tar(place, &files).map_err(Error::file("secrets and configs"))?;
            let put = self.engine.docker.upload_to_container(&self.id, Some(options), body_full(tar.into()));
            self.ask(Call::PutFiles, put).await?;
        }
        Ok(())
    }
}

fn tar(place: &str, files: &[&Placed]) -> std::io::Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    for file in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(file.content.len() as u64);
        header.set_mode(file.mode);
        header.set_uid(file.uid);
        header.set_gid(file.gid);
        let name = file.path.strip_prefix(place).unwrap_or(&file.path).trim_start_matches('/');
        tar.append_data(&mut header, name, file.content.as_slice())?;
    }
    tar.into_inner()
}

#[cfg(test)]
mod tests {
    use super::placed;
    use crate::compose;
    use std::{fs, process::Command};

    #[test]
    fn a_device_or_a_pipe_is_given_to_no_container() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        assert!(Command::new("mkfifo").arg(at("pipe")).status().expect("it is installed").success());
        let given = |kind: &str, path: &str| {
            let text = "x-vscale: { target: a, generator: l, endpoints: { a: { port: 1, ready: tcp } } }\n".to_owned()
                + &format!("services: {{ a: {{ image: x, {kind}: [f] }}, l: {{ image: vscale/self }} }}\n")
                + &format!("{kind}: {{ f: {{ file: {path} }} }}\n");
            fs::write(at("compose.yaml"), text).expect("writable");
            let project = compose::load(&[at("compose.yaml")], &|_| None).expect("good");
            placed("a", &project.services["a"], &project).map(|files| files.len()).map_err(|error| error.to_string())
        };
        assert_eq!(given("secrets", "compose.yaml"), Ok(1));
        for (kind, path) in
            [("secrets", "/dev/zero"), ("configs", "/dev/zero"), ("secrets", "pipe"), ("configs", "pipe")]
        {
            let said = given(kind, path).expect_err("no file");
            assert!(
                said.starts_with(&format!("services.a.{kind}.f: ")) && said.contains("is no regular file"),
                "{said}"
            );
        }
    }
}
