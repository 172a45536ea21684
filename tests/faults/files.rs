//! Results that cannot be written.

use super::bench::Bench;
use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

/// A small file system of its own, until dropped.
struct Disk(PathBuf);

impl Disk {
    fn mount(path: &Path, options: &str) -> Self {
        fs::create_dir_all(path).expect("writable");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(path).status();
        assert!(mounted.expect("mount is there").success(), "only root can mount: run this as root");
        Self(path.to_owned())
    }

    /// To the last byte.
    fn fill(&self) {
        let mut file = File::create(self.0.join("filler")).expect("there is room for a name");
        while file.write_all(&[0; 512]).is_ok() {}
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_is_found_before_anything_is_started() {
    let bench = Bench::new();
    let disk = Disk::mount(&bench.path().join("results"), "size=300k");
    disk.fill();
    let finished = bench.start(&[]).finish().assert(3);
    finished.assert_says(&["results cannot be written here", "No space left on device"]);
}

#[test]
fn results_that_are_read_only_are_found_before_anything_is_started() {
    let bench = Bench::new();
    let _disk = Disk::mount(&bench.path().join("results"), "size=300k,ro");
    let finished = bench.start(&[]).finish().assert(3);
    finished.assert_says(&["results cannot be written here", "Read-only file system"]);
}

#[test]
fn a_disk_that_is_full_in_the_second_level_loses_neither() {
    let bench = Bench::new();
    let disk = Disk::mount(&bench.path().join("results"), "size=3m");
    let mut started = bench.start(&["--workers", "1,1"]);
    started.until_said("w1: saved");
    disk.fill();
    let finished = started.finish().assert(1).assert_does_not_say(&["panicked"]);
    let finished = finished.assert_says(&["No space left on device", "the visits above are complete"]);
    assert!(finished.stdout.contains("w1-r2"), "what is in memory is shown:\n{}", finished.stdout);
    fs::remove_file(bench.path().join("results/filler")).expect("ours");
    assert_eq!(bench.visits(), 1);
}
