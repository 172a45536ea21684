//! The smaller roles that this program plays in containers: mock, probe, and saying what the host is.

use super::{complain, signals};
use std::{
    io::{BufRead, stdin},
    net::TcpListener,
    process,
    sync::mpsc::{Receiver, channel},
    thread,
};
use vscale::{
    cli::{MockArgs, ProbeArgs},
    error::{Error, Result, exit},
    mock, probe,
};

/// Serves the mock until a signal comes, or its controller is gone.
pub fn mock(args: &MockArgs) -> Result<u8> {
    if args.tied_to_stdin {
        let lines = lines_of_stdin();
        thread::spawn(move || {
            while lines.recv().is_ok() {}
            process::exit(i32::from(Error::Signal(1).exit_code()));
        });
    }
    let refused = |error| Error::Preflight(format!("cannot listen on {}:{}: {error}", args.host, args.port));
    let listener = TcpListener::bind((args.host, args.port)).map_err(refused)?;
    eprintln!("vscale mock: http://{}", listener.local_addr().map_err(refused)?);
    let stop = signals::flag()?;
    mock::serve(listener, &args.config(), &stop)?;
    Ok(exit::OK)
}

/// Watches the processes of the container that it is in.
pub fn probe(args: &ProbeArgs) -> Result<u8> {
    probe::run(&args.ready, args.timeout, &lines_of_stdin())?;
    if args.end_target {
        complain(probe::REAPING);
        probe::end_target(&args.ready);
    }
    Ok(exit::OK)
}

/// What the host is, for the controller.
pub fn host() -> Result<u8> {
    let facts = serde_json::to_string(&probe::host_facts()?).map_err(|error| Error::Other(error.to_string()))?;
    println!("{facts}");
    Ok(exit::OK)
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
