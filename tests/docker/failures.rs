//! What cannot work: each says what and where, with the exit status of its kind, and leaves nothing in the engine.

use super::*;
use std::os::unix::{fs::PermissionsExt, process::CommandExt};

#[test]
fn a_target_that_exits_at_start_shows_its_last_words() {
    let stack = "image: vscale/self\n    command: [mock, --port, none]";
    let finished = Bench::new(stack, "/").run(&[]).assert(4);
    finished.assert_says(&["stack: it has ended (exit status 2)", "invalid value 'none' for '--port <PORT>'"]);
}

#[test]
fn a_command_that_is_not_in_the_image_is_named() {
    let stack = "image: vscale/self\n    entrypoint: [/no/such/program]";
    Bench::new(stack, "/").run(&[]).assert(4).assert_says(&["starting stack", "/no/such/program"]);
}

#[test]
fn a_target_that_is_never_healthy_is_named_with_its_last_answer() {
    let finished = Bench::new(STACK, "/nowhere").run(&["--ready-timeout", "1s"]).assert(4);
    finished.assert_says(&["stack: not ready after 1 s; last answer: HTTP 404"]);
}

#[test]
fn an_image_that_does_not_build_shows_the_builders_words() {
    let bench = Bench::new("build: image", "/");
    fs::create_dir(bench.path().join("image")).expect("writable");
    fs::write(bench.path().join("image/Dockerfile"), "FROM scratch\nCOPY no-such-file /\n").expect("writable");
    bench.run(&[]).assert(3).assert_says(&["vscale/stack", "does not build", "no-such-file"]);
}

#[test]
fn a_build_without_a_folder_or_a_dockerfile_is_named() {
    Bench::new("build: nowhere", "/").run(&[]).assert(2).assert_says(&["nowhere: the build context is no folder"]);
    Bench::new("build: .", "/").run(&[]).assert(2).assert_says(&["Dockerfile: no such Dockerfile"]);
}

#[test]
fn an_image_that_is_nowhere_is_named() {
    let finished = Bench::new("image: localhost:1/no/such:tag", "/").run(&[]).assert(3);
    finished.assert_says(&["stack: the image localhost:1/no/such:tag is not there and cannot be pulled"]);
}

#[test]
fn more_cpus_than_the_host_has_are_refused() {
    Bench::new(STACK, "/").run(&["--cpus", "4000"]).assert(3).assert_says(&["--cpus 4000: this host has"]);
    let stack = format!("{STACK}    cpuset: '4000'\n");
    Bench::new(&stack, "/").run(&[]).assert(3).assert_says(&["cpuset names CPU 4000"]);
}

#[test]
fn no_permission_on_the_socket_says_what_to_do() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("not root, so it cannot become another user: not tested");
        return;
    }
    let bench = Bench::new(STACK, "/");
    fs::set_permissions(bench.path(), fs::Permissions::from_mode(0o777)).expect("ours");
    let copy = bench.path().join("vscale");
    fs::copy(binary(), &copy).expect("writable");
    let mut command = Command::new(&copy);
    command.arg("bench").current_dir(bench.path()).uid(65534).gid(65534);
    Finished::of_all(&mut command).assert(3).assert_says(&[
        "no Docker engine at",
        "ermission denied",
        "`docker` group",
    ]);
}
