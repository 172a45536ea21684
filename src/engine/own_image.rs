//! The image of our own roles (mock, load, probe): this very executable, alone in a `FROM scratch` image.
//!
//! Built by the engine from a tar made in memory and tagged by the executable's hash: built once, never stale, and the
//! controller and its roles are never of different versions.

use super::{
    Engine,
    build::{Build, Context},
};
use crate::{
    compose::OWN_IMAGE,
    error::{Error, Result},
};
const DOCKERFILE: &str = include_str!("../../docker/vscale/Dockerfile");

impl Engine {
    /// The reference of our own image, built now if it is not there; `progress` hears the builder's lines.
    ///
    /// # Errors
    /// `Error::Preflight` when this executable needs shared libraries, which a scratch image has not.
    pub async fn own_image(&self, progress: &mut dyn FnMut(&str)) -> Result<String> {
        let path = std::env::current_exe().map_err(Error::file("/proc/self/exe"))?;
        let executable = std::fs::read(&path).map_err(Error::file(&path))?;
        if has_interpreter(&executable) {
            return Err(Error::Preflight(format!(
                "{}: linked dynamically, so it cannot be the only file of an image; build it with `make build`",
                path.display()
            )));
        }
        let mut context = Context::default();
        context.put("Dockerfile", DOCKERFILE, 0o644);
        context.put("vscale", executable, 0o111);
        self.build_once(Build::of_files(OWN_IMAGE, context), progress).await
    }
}

/// Whether an ELF executable names a dynamic loader (a `PT_INTERP` program header). Source: elf(5).
fn has_interpreter(elf: &[u8]) -> bool {
    const PT_INTERP: u32 = 3;
    let number = |at: usize, bytes: usize| -> Option<usize> {
        Some(elf.get(at..at + bytes)?.iter().rev().fold(0, |value, &byte| value << 8 | usize::from(byte)))
    };
    let headers = || -> Option<bool> {
        let (start, size, count) = (number(0x20, 8)?, number(0x36, 2)?, number(0x38, 2)?);
        Some((0..count).any(|index| number(start + index * size, 4) == Some(PT_INTERP as usize)))
    };
    headers().unwrap_or(true)
}

#[cfg(test)]
mod tests {
    use super::has_interpreter;

    #[test]
    fn a_dynamic_executable_is_told_from_rubbish_and_from_a_static_one() {
        let shell = std::fs::read("/bin/sh").expect("there is a shell");
        assert!(has_interpreter(&shell));
        let mut cleared = shell.clone();
        cleared[0x38..0x3a].copy_from_slice(&[0, 0]);
        assert!(!has_interpreter(&cleared));
        assert!(has_interpreter(b"not an executable"));
    }
}
