//! `vscale`: parse, dispatch, and map the outcome to an exit status.

use clap::{CommandFactory, Parser};
use std::process::ExitCode;
use vscale::{
    cli::{Cli, Command},
    error::{Error, exit},
    redact::Redactor,
};

mod commands;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(refusal) => return refused(&refusal),
    };
    let outcome = match cli.command {
        Command::Init(args) => commands::init(&args),
        Command::Bench(args) => commands::bench(&args),
        Command::Study(args) => commands::study(&args),
        Command::Calibrate(args) => commands::calibrate(&args),
        Command::Config(args) => commands::config(&args),
        Command::Rerun(args) => commands::rerun(&args),
        Command::Report(args) => commands::report(&args),
        Command::Compare(args) => commands::compare(&args),
        Command::History(args) => commands::history(&args),
        Command::Schema(args) => commands::schema(&args),
        Command::Gc(args) => commands::gc(&args),
        Command::Mock(args) => commands::mock(&args),
        Command::App(args) => commands::app(&args),
        Command::Load(args) => commands::load(&args),
        Command::Capacity(args) => commands::capacity(&args),
        Command::Generator => commands::generator(),
        Command::Probe(args) => commands::probe(&args),
        Command::Speed => commands::speed(),
        Command::Witness => commands::witness(),
        Command::Host => commands::host(),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "vscale", &mut script);
            commands::to_stdout(|out| out.write_all(&script)).map(|()| exit::OK)
        }
    };
    outcome.map_or_else(fail, ExitCode::from)
}

/// What clap has to say: help and version on stdout, which may not be writable, or what is wrong on stderr.
fn refused(refusal: &clap::Error) -> ExitCode {
    if refusal.use_stderr() {
        let _ = refusal.print();
        return ExitCode::from(2);
    }
    let text = refusal.render();
    let printed =
        commands::to_stdout(
            |out| if commands::colour() { write!(out, "{}", text.ansi()) } else { write!(out, "{text}") },
        );
    printed.map_or_else(fail, |()| ExitCode::from(exit::OK))
}

fn fail(error: Error) -> ExitCode {
    let error = Redactor::default().error(error);
    if !matches!(error, Error::ClosedPipe) {
        commands::say(format_args!("vscale: {error}"));
    }
    ExitCode::from(error.exit_code())
}
