//! One file a visit: what each costs, what survives a crash, and what cannot be gone on with.

use crate::fixture::{attached, begun, json, paths, run, run_of, saved};
use std::{collections::BTreeMap, fs, os::unix::fs::MetadataExt, path::PathBuf};
use vscale::store::{Attached, RunFolder};

/// Changes whenever a file is written anew.
type Stamp = (u64, i64, i64, u64);

fn stamp(path: &PathBuf) -> Stamp {
    let it = fs::metadata(path).unwrap();
    (it.ino(), it.mtime(), it.mtime_nsec(), it.len())
}

#[test]
fn what_is_saved_is_what_is_read() {
    let results = tempfile::tempdir().unwrap();
    let run = run();
    let folder = saved(results.path(), &run);
    assert_eq!(json(&folder.load().unwrap()), json(&run));
    folder.save_run(&run).unwrap();
    assert_eq!(json(&RunFolder::open(folder.path()).unwrap().load().unwrap()), json(&run));
}

#[test]
fn a_visit_that_was_cut_short_is_followed_by_the_same_once_more() {
    let results = tempfile::tempdir().unwrap();
    let mut run = run();
    let mut cut_short = run.visited[0].clone();
    (cut_short.id, cut_short.phases) = ("cut-short".into(), Vec::new());
    run.visited.iter_mut().for_each(|visited| visited.sequence += 1);
    run.visited.insert(0, cut_short);
    let folder = saved(results.path(), &run);
    assert_eq!(json(&folder.load().unwrap()), json(&run));
}

#[test]
fn a_visit_costs_its_own_files_however_many_there_were() {
    let results = tempfile::tempdir().unwrap();
    let run = run_of(500);
    let folder = begun(results.path(), &run);
    let mut stamps: BTreeMap<PathBuf, Stamp> =
        paths(folder.path()).into_iter().map(|path| (path.clone(), stamp(&path))).collect();
    let mut bytes = Vec::new();
    for visited in &run.visited {
        folder.save_visit(visited, &attached()).unwrap();
        let mut own = paths(&folder.path().join("levels").join(&visited.id));
        own.push(folder.path().join(format!("visits/{}.json", visited.id)));
        assert_eq!(own.len(), 4);
        bytes.push(own.iter().map(|path| stamp(path).3).sum::<u64>());
        stamps.extend(own.into_iter().map(|path| (path.clone(), stamp(&path))));
    }
    // Nothing was made besides, and nothing was written again after its own visit.
    let now: BTreeMap<PathBuf, Stamp> =
        paths(folder.path()).into_iter().map(|path| (path.clone(), stamp(&path))).collect();
    assert!(now == stamps, "{} files, of {} that were to be", now.len(), stamps.len());
    let (least, most) = (bytes.iter().min().unwrap(), bytes.iter().max().unwrap());
    // Their numbers have more digits.
    assert!(most - least < 10, "{least} to {most} bytes");
}

#[test]
fn a_run_that_is_killed_keeps_every_finished_visit() {
    let results = tempfile::tempdir().unwrap();
    let run = run_of(12);
    let folder = begun(results.path(), &run);
    let read = || RunFolder::open(folder.path()).unwrap().load().unwrap();
    assert_eq!(read().visited.len(), 0);
    for (before, visited) in run.visited.iter().enumerate() {
        // Killed while this visit was being written: its other files, and the half of its own.
        folder.write(&format!("levels/{}/stack.log", visited.id), "half").unwrap();
        let half = folder.path().join(format!("visits/.{}.json.0123456789abcdef.tmp", visited.id));
        fs::write(&half, "{\"id\":").unwrap();
        assert_eq!(json(&read().visited), json(&run.visited[..before].to_vec()));
        folder.save_visit(visited, &Attached::default()).unwrap();
    }
    assert_eq!(json(&read()), json(&run));
}

/// What is said of a run of four visits after `change` to its folder of visits.
fn refused(change: impl Fn(&dyn Fn(usize) -> PathBuf)) -> String {
    let results = tempfile::tempdir().unwrap();
    let folder = saved(results.path(), &run_of(4));
    change(&|number| folder.path().join(format!("visits/w1-r{number}.json")));
    let error = folder.load().unwrap_err();
    assert_eq!(error.exit_code(), 2, "{error}");
    error.to_string().replace(&format!("{}/", folder.path().display()), "")
}

fn edit(path: &PathBuf, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn a_visit_that_does_not_belong_is_named() {
    let corrupt = refused(|file| fs::write(file(3), "{\"id\":").unwrap());
    insta::assert_snapshot!(corrupt, @"visits/w1-r3.json: not a run's: EOF while parsing a value at line 1 column 6");
    let missing = refused(|file| fs::remove_file(file(2)).unwrap());
    insta::assert_snapshot!(missing, @"visits/w1-r3.json: not a run's: its sequence is 2, and no visit has 1");
    let renamed = refused(|file| fs::rename(file(4), file(9)).unwrap());
    insta::assert_snapshot!(renamed, @r#"visits/w1-r9.json: not a run's: it is of visit "w1-r4""#);
    let twice = refused(|file| {
        fs::copy(file(2), file(5)).unwrap();
        edit(&file(5), "w1-r2", "w1-r5");
    });
    insta::assert_snapshot!(twice, @"visits/w1-r5.json: not a run's: its sequence is 1, and so is that of visits/w1-r2.json");
    let elsewhere = refused(|file| edit(&file(1), "\"point\": 0", "\"point\": 7"));
    insta::assert_snapshot!(elsewhere, @"visits/w1-r1.json: not a run's: visit 0 of the plan is not of block 0 and point 7");
    let no_point = refused(|file| {
        edit(&file(1), "\"point\": 0", "\"point\": 7");
        edit(&file(1).with_file_name("../run.json"), "\"point\": 0", "\"point\": 7");
    });
    insta::assert_snapshot!(no_point, @"visits/w1-r1.json: not a run's: it is of point 7, and there are 1");
    let workers = refused(|file| edit(&file(1), "\"workers\": 1", "\"workers\": 2"));
    insta::assert_snapshot!(workers, @"visits/w1-r1.json: not a run's: its point is not of 2 workers");
    let unplanned = refused(|file| {
        fs::copy(file(4), file(5)).unwrap();
        edit(&file(5), "w1-r4", "w1-r5");
        edit(&file(5), "\"sequence\": 3", "\"sequence\": 4");
    });
    insta::assert_snapshot!(unplanned, @"visits/w1-r5.json: not a run's: visit 4 of the plan is not of block 0 and point 0");
}
