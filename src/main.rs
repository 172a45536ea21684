//! `vscale`: parse, dispatch, and map the outcome to an exit status.

use clap::{CommandFactory, Parser};
use std::{io::stdout, process::ExitCode};
use vscale::{
    cli::{Cli, Command},
    error::{Error, exit},
};

mod commands;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command {
        Command::Bench(args) => commands::bench(&args),
        Command::Report(args) => commands::report(&args),
        Command::Gc(args) => commands::gc(&args),
        Command::Mock(args) => commands::mock(&args),
        Command::Load(args) => commands::load(&args),
        Command::Capacity(args) => commands::capacity(&args),
        Command::Generator => commands::generator(),
        Command::Probe(args) => commands::probe(&args),
        Command::Host => commands::host(),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "vscale", &mut stdout());
            Ok(exit::OK)
        }
    };
    outcome.map_or_else(fail, ExitCode::from)
}

fn fail(error: Error) -> ExitCode {
    commands::complain(format_args!("vscale: {error}"));
    ExitCode::from(error.exit_code())
}
