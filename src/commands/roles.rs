//! The smaller roles that this program plays in containers: mock, app, probe, and saying what the host is.

use super::{print, say, signals::Stopper};
use crate::{
    app,
    cli::{AppArgs, MockArgs, ProbeArgs},
    error::{Error, Result, exit},
    load, mock,
    model::LoadPlan,
    probe,
    this_process::let_others_look,
    units::now_unix_us,
};
use serde::Serialize;
use std::{
    env::args_os,
    ffi::OsString,
    io::{BufRead, stdin},
    net::{IpAddr, TcpListener},
    process,
    sync::mpsc::{Receiver, channel},
    thread,
};

/// Serves the mock until a signal comes, or its controller is gone.
pub fn mock(args: &MockArgs) -> Result<u8> {
    if args.tied_to_stdin {
        // Its limits are read by a probe of the same user.
        let_others_look(true)?;
        let lines = lines_of_stdin();
        thread::spawn(move || {
            while lines.recv().is_ok() {}
            process::exit(i32::from(Error::Signal(1).exit_code()));
        });
    }
    let listener = listen("mock", args.host, args.port)?;
    mock::serve(listener, &args.config(), &Stopper::listen()?.flag)?;
    Ok(exit::OK)
}

/// Serves as the target of known limits until a signal comes; or as one of its workers, until its parent ends.
pub fn app(args: &AppArgs) -> Result<u8> {
    // The probe beside it looks at it, and it has no secrets.
    let_others_look(true)?;
    let config = args.config(now_unix_us());
    if let Some(place) = args.worker {
        app::serve(&config, place)?;
        return Ok(exit::OK);
    }
    let stopper = Stopper::listen()?;
    let listener = listen("app", args.host, args.port)?;
    let arguments: Vec<OsString> = args_os().skip(2).collect();
    app::supervise(listener, &config, &arguments, &stopper.flag)?;
    Ok(exit::OK)
}

/// Binds a role's socket, and says where.
fn listen(role: &str, host: IpAddr, port: u16) -> Result<TcpListener> {
    let refused = |error| Error::Preflight(format!("cannot listen on {host}:{port}: {error}"));
    let listener = TcpListener::bind((host, port)).map_err(refused)?;
    say(format_args!("vscale {role}: http://{}", listener.local_addr().map_err(refused)?));
    Ok(listener)
}

/// Watches the processes of the container that it is in.
pub fn probe(args: &ProbeArgs) -> Result<u8> {
    // What runs beside it is not trusted, and may have the same user.
    let_others_look(false)?;
    let watch = args.watch()?;
    probe::run(&watch, &lines_of_stdin())?;
    if args.end_target {
        say(probe::REAPING);
        probe::end_target(watch.ready.as_ref());
    }
    Ok(exit::OK)
}

/// Times a fixed piece of work each time it is asked.
pub fn speed() -> Result<u8> {
    let speed = probe::SpeedReference::new()?;
    for _ in lines_of_stdin() {
        print_json(&speed.reading())?;
    }
    Ok(exit::OK)
}

/// Asks a mock what it saw each time it is told of one by a load's plan: for load generators that are not ours.
pub fn witness() -> Result<u8> {
    for line in lines_of_stdin() {
        let plan: Result<LoadPlan, String> = serde_json::from_str(&line).map_err(|error| error.to_string());
        let answer = plan.and_then(|plan| load::close_window_of(&plan).map_err(|error| error.to_string()));
        print_json(&answer.and_then(|window| window.ok_or_else(|| "no backend is named".to_owned())))?;
    }
    Ok(exit::OK)
}

/// What the host is, for the controller.
pub fn host() -> Result<u8> {
    print_json(&probe::host_facts()?)?;
    Ok(exit::OK)
}

fn print_json(value: &impl Serialize) -> Result<()> {
    print(serde_json::to_string(value).map_err(|error| Error::Other(error.to_string()))?)
}

/// What a controller says; at an end when it is gone, or has nothing more to say.
fn lines_of_stdin() -> Receiver<String> {
    let (sender, lines) = channel();
    thread::spawn(move || {
        for line in stdin().lock().lines() {
            let Ok(line) = line else { break };
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    lines
}
