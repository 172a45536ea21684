//! Files that a compose file is made of: read within bounds, and only what is a file.

use crate::files;
use std::{
    io::Error,
    path::{Path, PathBuf},
};

/// A larger file is no compose file, and no env file.
const MAX_BYTES: u64 = 1 << 20;
/// The names that Compose looks for, in its order.
const NAMES: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];
/// What is merged over the first of them, where it is there.
const OVERRIDES: [&str; 4] =
    ["compose.override.yml", "compose.override.yaml", "docker-compose.override.yml", "docker-compose.override.yaml"];

/// The text of a file; devices and pipes are not even opened.
pub(super) fn read(path: &Path) -> Result<String, Error> {
    files::read_text(path, MAX_BYTES)
}

/// The compose files of a folder when none is named; the first name where there is none, for the error to name.
pub fn default_files(folder: &Path) -> Vec<PathBuf> {
    let there = |names: [&str; 4]| names.map(|name| folder.join(name)).into_iter().find(|path| path.is_file());
    match there(NAMES) {
        Some(file) => [file].into_iter().chain(there(OVERRIDES)).collect(),
        None => vec![folder.join(NAMES[0])],
    }
}
