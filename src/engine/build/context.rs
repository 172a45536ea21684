//! What a builder gets: a folder's files by `.dockerignore`, and a few made here. Files are read when they are hashed and
//! once more when they are sent; none is in memory as a whole.

use super::ignore::Ignore;
use crate::error::{Error, Result};
use bytes::Bytes;
use futures_util::Stream;
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    fs::{self, File, Metadata},
    io::{self, BufWriter, Read, Write},
    os::unix::{
        ffi::OsStrExt,
        fs::{FileTypeExt, MetadataExt},
    },
    path::{Path, PathBuf},
};
use tokio::sync::mpsc;

const CHUNK_BYTES: usize = 256 << 10;
/// Chunks that are read ahead of the engine.
const CHUNKS_AHEAD: usize = 4;

/// The entries of a context by their path in it.
#[derive(Default)]
pub(in crate::engine) struct Context(BTreeMap<PathBuf, Entry>);

enum Entry {
    Folder { mode: u32 },
    File { path: PathBuf, mode: u32, size_bytes: u64, modified_s: u64 },
    Link { target: PathBuf },
    Pipe { mode: u32 },
    Made { content: Vec<u8>, mode: u32 },
}

impl Context {
    /// All below `folder` that `ignore` lets in, and the files of `always` besides. Links stay links, and sockets stay out,
    /// as Docker has it.
    ///
    /// # Errors
    /// [`Error::File`] for what cannot be read; [`Error::Compose`] for a device.
    pub(super) fn of_folder(folder: &Path, ignore: &Ignore, always: &[&str]) -> Result<Self> {
        let mut context = Self::default();
        let mut folders = vec![PathBuf::new()];
        while let Some(below) = folders.pop() {
            let here = folder.join(&below);
            for entry in fs::read_dir(&here).map_err(Error::file(&here))? {
                let entry = entry.map_err(Error::file(&here))?;
                let name = below.join(entry.file_name());
                let text = name.to_string_lossy();
                let excluded = ignore.excludes(&text) && !always.contains(&&*text);
                let is_folder = entry.file_type().map_err(Error::file(entry.path()))?.is_dir();
                let holds_always = || always.iter().any(|path| Path::new(path).starts_with(&name));
                if is_folder && (!excluded || ignore.may_include_below(&text) || holds_always()) {
                    folders.push(name.clone());
                }
                if !excluded {
                    let metadata = entry.metadata().map_err(Error::file(entry.path()))?;
                    context.0.extend(Entry::of(entry.path(), &metadata)?.map(|entry| (name.clone(), entry)));
                }
            }
        }
        Ok(context)
    }

    /// Adds a file, or replaces one.
    pub(in crate::engine) fn put(&mut self, path: impl Into<PathBuf>, content: impl Into<Vec<u8>>, mode: u32) {
        self.0.insert(path.into(), Entry::Made { content: content.into(), mode });
    }

    /// Adds a file of the host.
    pub(super) fn put_file(&mut self, name: impl Into<PathBuf>, path: &Path) -> Result<()> {
        let metadata = fs::metadata(path).map_err(Error::file(path))?;
        self.0.extend(Entry::of(path.to_owned(), &metadata)?.map(|entry| (name.into(), entry)));
        Ok(())
    }

    /// The same entries, all in a folder of this name.
    pub(super) fn below(self, folder: &str) -> Self {
        let entries = self.0.into_iter().map(|(path, entry)| (Path::new(folder).join(path), entry));
        Self(entries.chain([(folder.into(), Entry::Folder { mode: 0o755 })]).collect())
    }

    /// Hashes names, kinds, modes and contents: what a builder can make a difference of.
    pub(super) fn hash(&self, hash: &mut Sha256) -> Result<()> {
        for (name, entry) in &self.0 {
            let name = name.as_os_str().as_bytes();
            let (kind, mode, length) = match entry {
                Entry::Folder { mode } => ("folder", *mode, 0),
                Entry::File { mode, size_bytes, .. } => ("file", *mode, *size_bytes),
                Entry::Link { target } => ("link", 0, target.as_os_str().len() as u64),
                Entry::Pipe { mode } => ("pipe", *mode, 0),
                Entry::Made { content, mode } => ("file", *mode, content.len() as u64),
            };
            hash.update(format!("{kind} {mode:o} {} {length}\n", name.len()));
            hash.update(name);
            match entry {
                Entry::File { path, size_bytes, .. } => {
                    let copied =
                        whole_file(path, *size_bytes).and_then(|mut file| io::copy(&mut file, &mut Hashing(hash)));
                    copied.map_err(Error::file(path))?;
                }
                Entry::Link { target } => hash.update(target.as_os_str().as_bytes()),
                Entry::Made { content, .. } => hash.update(content),
                Entry::Folder { .. } | Entry::Pipe { .. } => {}
            }
        }
        Ok(())
    }

    /// The tar, written by a thread as it is read.
    pub(super) fn into_tar(self) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
        let (sender, receiver) = mpsc::channel(CHUNKS_AHEAD);
        tokio::task::spawn_blocking(move || {
            let mut pipe = BufWriter::with_capacity(CHUNK_BYTES, Sender(sender.clone()));
            if let Err(error) = self.write(&mut pipe).and_then(|()| pipe.flush()) {
                // Nobody listens any more where the engine has hung up, and then has said why.
                let _ = sender.blocking_send(Err(error));
            }
        });
        futures_util::stream::unfold(receiver, |mut receiver| async { Some((receiver.recv().await?, receiver)) })
    }

    /// Owner and group are root's, as with Docker.
    fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let mut tar = tar::Builder::new(to);
        for (name, entry) in &self.0 {
            let mut header = tar::Header::new_gnu();
            header.set_size(0);
            match entry {
                Entry::Folder { mode } => {
                    header.set_entry_type(tar::EntryType::Directory);
                    header.set_mode(*mode);
                    tar.append_data(&mut header, name, io::empty())?;
                }
                Entry::File { path, mode, size_bytes, modified_s } => {
                    header.set_mode(*mode);
                    header.set_mtime(*modified_s);
                    header.set_size(*size_bytes);
                    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
                    let file = whole_file(path, *size_bytes).map_err(named)?;
                    tar.append_data(&mut header, name, file).map_err(named)?;
                }
                Entry::Link { target } => {
                    header.set_entry_type(tar::EntryType::Symlink);
                    header.set_mode(0o777);
                    tar.append_link(&mut header, name, target)?;
                }
                Entry::Pipe { mode } => {
                    header.set_entry_type(tar::EntryType::Fifo);
                    header.set_mode(*mode);
                    tar.append_data(&mut header, name, io::empty())?;
                }
                Entry::Made { content, mode } => {
                    header.set_mode(*mode);
                    header.set_size(content.len() as u64);
                    tar.append_data(&mut header, name, content.as_slice())?;
                }
            }
        }
        tar.finish()
    }
}

impl Entry {
    /// `None` for a socket.
    fn of(path: PathBuf, metadata: &Metadata) -> Result<Option<Self>> {
        let kind = metadata.file_type();
        let mode = metadata.mode() & 0o7777;
        Ok(Some(if kind.is_dir() {
            Self::Folder { mode }
        } else if kind.is_file() {
            let modified_s = u64::try_from(metadata.mtime()).unwrap_or(0);
            Self::File { path, mode, size_bytes: metadata.len(), modified_s }
        } else if kind.is_symlink() {
            Self::Link { target: fs::read_link(&path).map_err(Error::file(&path))? }
        } else if kind.is_fifo() {
            Self::Pipe { mode }
        } else if kind.is_socket() {
            return Ok(None);
        } else {
            let advice = "a device cannot be part of a build context; keep it out by .dockerignore";
            return Err(Error::Compose(format!("{}: {advice}", path.display())));
        }))
    }
}

/// Reads exactly as many bytes as there were: what changes meanwhile is an error.
fn whole_file(path: &Path, size_bytes: u64) -> io::Result<impl Read> {
    Ok(Exactly { file: File::open(path)?, left_bytes: size_bytes })
}

struct Exactly {
    file: File,
    left_bytes: u64,
}

impl Read for Exactly {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        match self.left_bytes.checked_sub(count as u64) {
            Some(left) if count > 0 || buffer.is_empty() || left == 0 => self.left_bytes = left,
            _ => return Err(io::Error::other("it changed while it was read")),
        }
        Ok(count)
    }
}

struct Hashing<'a>(&'a mut Sha256);

impl Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Sender(mpsc::Sender<io::Result<Bytes>>);

impl Write for Sender {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes)));
        sent.map(|()| bytes.len()).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        fs::Permissions,
        os::unix::{
            fs::{PermissionsExt, symlink},
            net::UnixListener,
        },
    };

    fn names(context: &Context) -> Vec<String> {
        context.0.keys().map(|path| path.display().to_string()).collect()
    }

    fn hash(context: &Context) -> Vec<u8> {
        let mut hash = Sha256::new();
        context.hash(&mut hash).expect("readable");
        hash.finalize().to_vec()
    }

    #[test]
    fn a_context_is_what_docker_would_send() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        for name in ["results/old", "src/deep", "empty"] {
            fs::create_dir_all(at(name)).expect("writable");
        }
        for name in ["Dockerfile", ".dockerignore", "a", "results/old/x", "src/deep/keep", "src/deep/drop"] {
            fs::write(at(name), name).expect("writable");
        }
        fs::set_permissions(at("a"), Permissions::from_mode(0o4750)).expect("ours");
        symlink("/nowhere/at all", at("link")).expect("writable");
        let _socket = UnixListener::bind(at("socket")).expect("writable");
        let ignore = Ignore::parse("results\nsrc\n!src/deep/keep\nDockerfile\n.dockerignore").expect("patterns");
        let context = Context::of_folder(folder.path(), &ignore, &["Dockerfile"]).expect("readable");
        assert_eq!(names(&context), ["Dockerfile", "a", "empty", "link", "src/deep/keep"]);

        let mut bytes = Vec::new();
        context.write(&mut bytes).expect("readable");
        let mut archive = tar::Archive::new(&bytes[..]);
        let entries = archive.entries().expect("a tar").map(|entry| {
            let entry = entry.expect("an entry");
            let target = entry.link_name().expect("a name").map(|name| name.display().to_string());
            (entry.path().expect("a path").display().to_string(), entry.header().mode().expect("a mode"), target)
        });
        let entries: Vec<_> = entries.collect();
        assert!(entries.contains(&("a".into(), 0o4750, None)), "{entries:?}");
        assert!(entries.contains(&("link".into(), 0o777, Some("/nowhere/at all".into()))), "{entries:?}");

        let before = hash(&context);
        fs::write(at("results/old/x"), "changed").expect("writable");
        let same = Context::of_folder(folder.path(), &ignore, &["Dockerfile"]).expect("readable");
        assert_eq!(hash(&same), before);
        fs::set_permissions(at("a"), Permissions::from_mode(0o600)).expect("ours");
        let other = Context::of_folder(folder.path(), &ignore, &["Dockerfile"]).expect("readable");
        assert_ne!(hash(&other), before);
    }

    #[test]
    fn a_file_that_changes_meanwhile_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a");
        for (then, now) in [("long", "short as"), ("long", "lo")] {
            fs::write(&path, then).expect("writable");
            let context = Context::of_folder(folder.path(), &Ignore::default(), &[]).expect("readable");
            fs::write(&path, now).expect("writable");
            let error = context.write(&mut Vec::new()).expect_err("it changed");
            assert_eq!(error.to_string(), format!("{}: it changed while it was read", path.display()));
        }
    }

    #[tokio::test]
    async fn a_tar_comes_in_pieces() {
        use futures_util::TryStreamExt;
        let mut context = Context::default();
        let content: Vec<u8> = (0..CHUNK_BYTES * 9).map(|at| (at % 251) as u8).collect();
        context.put("big", content.clone(), 0o644);
        let pieces: Vec<Bytes> = context.into_tar().try_collect().await.expect("readable");
        assert!(pieces.len() > 2, "{}", pieces.len());
        let bytes = pieces.concat();
        let mut archive = tar::Archive::new(&bytes[..]);
        let mut entry = archive.entries().expect("a tar").next().expect("one").expect("an entry");
        let mut read = Vec::new();
        entry.read_to_end(&mut read).expect("whole");
        assert!(read == content);
    }
}
