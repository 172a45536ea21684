//! What each subcommand does, in terms of the library: parse, dispatch, and map the outcome to an exit status. Results go to
//! stdout, progress and errors to stderr.

mod bench;
mod calibrate;
mod compare;
mod config;
mod generator;
mod init;
mod load;
mod measure;
mod output;
mod progress;
mod report;
mod roles;
mod signals;
mod study;

use bench::bench;
use calibrate::calibrate;
use compare::{compare, history};
use config::config;
use generator::generator;
use init::init;
use load::{capacity, load};
use output::{print, say, to_stdout};
use report::{gc, report, schema};
use roles::{app, host, mock, probe, speed, witness};
use study::{rerun, study};

use crate::{
    cli::{Cli, Command},
    error::{Error, Result, exit},
    redact::Redactor,
    report::terminal,
};
use clap::{CommandFactory, Parser};
use std::{
    env::args_os,
    io::{IsTerminal, Write, stderr, stdout},
    os::fd::AsFd,
    process::ExitCode,
};
use terminal_size::{Width, terminal_size_of};

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(refusal) => return refused(&refusal),
    };
    let outcome = match cli.command {
        Command::Init(args) => init(&args),
        Command::Bench(args) => bench(&args),
        Command::Study(args) => study(&args),
        Command::Calibrate(args) => calibrate(&args),
        Command::Config(args) => config(&args),
        Command::Rerun(args) => rerun(&args),
        Command::Report(args) => report(&args),
        Command::Compare(args) => compare(&args),
        Command::History(args) => history(&args),
        Command::Schema(args) => schema(&args),
        Command::Gc(args) => gc(&args),
        Command::Mock(args) => mock(&args),
        Command::App(args) => app(&args),
        Command::Load(args) => load(&args),
        Command::Capacity(args) => capacity(&args),
        Command::Generator => generator(),
        Command::Probe(args) => probe(&args),
        Command::Speed => speed(),
        Command::Witness => witness(),
        Command::Host => host(),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "vscale", &mut script);
            to_stdout(|out| out.write_all(&script)).map(|()| exit::OK)
        }
    };
    outcome.map_or_else(fail, ExitCode::from)
}

/// What clap has to say: help and version on stdout, which may not be writable, or what is wrong on stderr, which repeats what
/// was given.
fn refused(refusal: &clap::Error) -> ExitCode {
    if refusal.use_stderr() {
        let text = refusal.render().to_string();
        let arguments: Vec<String> = args_os().map(|argument| argument.to_string_lossy().into_owned()).collect();
        let mut redactor = Redactor::default();
        redactor.learn_arguments(&arguments);
        let clean = redactor.text(&text);
        let _ = if clean == text { refusal.print() } else { stderr().write_all(clean.as_bytes()) };
        return ExitCode::from(2);
    }
    let text = refusal.render();
    let printed = to_stdout(|out| if colour() { write!(out, "{}", text.ansi()) } else { write!(out, "{text}") });
    printed.map_or_else(fail, |()| ExitCode::from(exit::OK))
}

fn fail(error: Error) -> ExitCode {
    let error = Redactor::default().error(error);
    if !matches!(error, Error::ClosedPipe) {
        say(format_args!("vscale: {error}"));
    }
    ExitCode::from(error.exit_code())
}

fn block_on<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::Other(format!("no event loop: {error}")))?;
    let outcome = runtime.block_on(future);
    // What reads a large build context on a thread of its own is not waited for.
    runtime.shutdown_background();
    outcome
}

/// Colour on a terminal only, as <https://no-color.org> and `CLICOLOR_FORCE` have it.
pub fn colour() -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0");
    !set("NO_COLOR") && (set("CLICOLOR_FORCE") || stdout().is_terminal())
}

/// Columns of the terminal that stdout is; elsewhere as many as a page has.
fn width() -> usize {
    if stdout().is_terminal() { columns_of(stdout()) } else { terminal::WIDTH }
}

/// Columns of a terminal; 80 where it does not say.
fn columns_of(terminal: impl AsFd) -> usize {
    terminal_size_of(terminal).map_or(80, |(Width(columns), _)| columns.into())
}
