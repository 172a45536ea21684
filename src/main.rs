//! `vscale`: parse, dispatch, and map the outcome to an exit status.

use clap::{CommandFactory, Parser};
use std::process::ExitCode;
use vscale::{
    cli::{Cli, Command, Tie},
    error::{Error, Result, exit},
    probe,
};

mod commands;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command {
        Command::Bench(args) => commands::bench(&args),
        Command::Report(args) => commands::report(&args),
        Command::Gc(args) => commands::gc(&args),
        Command::Mock(args) => tied(args.tie, || commands::mock(&args)),
        Command::Load(args) => commands::load(&args),
        Command::Capacity(args) => commands::capacity(&args),
        Command::Generator => commands::generator(),
        Command::Probe(args) => tied(args.tie, || probe::run(&args.ready, args.timeout, args.once).map(|()| exit::OK)),
        Command::Host => commands::host(),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "vscale", &mut std::io::stdout());
            Ok(exit::OK)
        }
    };
    outcome.map_or_else(fail, ExitCode::from)
}

/// Runs a role; where it is tied to a controller, this process ends as soon as that has closed our stdin.
fn tied(tie: Tie, role: impl FnOnce() -> Result<u8>) -> Result<u8> {
    if tie.tied_to_stdin {
        std::thread::spawn(|| {
            let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
            std::process::exit(i32::from(Error::Signal(1).exit_code()));
        });
    }
    role()
}

fn fail(error: Error) -> ExitCode {
    eprintln!("vscale: {error}");
    ExitCode::from(error.exit_code())
}
