//! `vscale generator`: the load generator in a container, which its controller talks to over stdin and stdout.
//!
//! Each line on stdin is a [`LoadPlan`] as JSON. It is carried out, and says on stdout, a line of JSON each, how it goes once
//! a second and last its result; then the next plan is taken. A closed stdin means that nobody waits for results: between
//! two plans that is the regular end, while one is carried out the controller is gone and this process ends at once.

use super::{output::print_event, signals::Stopper};
use crate::{
    error::{Error, Result, exit},
    load,
    model::{LoadEvent, LoadPlan},
};
use std::{
    io::{self, BufRead, Read, stdin},
    process,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
        mpsc::{RecvTimeoutError, Sender, channel},
    },
    thread,
    time::Duration,
};

/// Longest plan.
const MAX_LINE_BYTES: u64 = 64 << 20;

/// Between two looks, while idle, whether a signal has come.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Carries out plan after plan until stdin is closed or a signal comes.
pub fn generator() -> Result<u8> {
    let stop = Stopper::listen()?;
    let (sender, plans) = channel();
    let unfinished = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&unfinished);
    thread::spawn(move || read_plans(stdin().lock(), &sender, &counter));
    while !stop.flag.load(SeqCst) {
        let plan = match plans.recv_timeout(LOOK_EVERY) {
            Ok(plan) => plan?,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => break,
        };
        let result = load::run(&plan, &stop.flag, &mut |now| {
            if print_event(&LoadEvent::Progress(now.clone())).is_err() {
                // Nobody reads the result either.
                stop.stop();
            }
        })?;
        // Before the result is out: whoever has read it may close stdin at once.
        unfinished.fetch_sub(1, SeqCst);
        print_event(&LoadEvent::Result(Box::new(result)))?;
    }
    Ok(exit::OK)
}

/// Hands on each plan, or what is wrong with it, until stdin is closed. Ends the process if a plan is unfinished then.
fn read_plans(mut stdin: impl BufRead, plans: &Sender<Result<LoadPlan>>, unfinished: &AtomicU64) {
    for number in 1.. {
        match next_plan(&mut stdin, number) {
            Ok(Some(plan)) => {
                unfinished.fetch_add(1, SeqCst);
                // If nobody receives it, the process is about to end.
                let _ = plans.send(Ok(plan));
            }
            Ok(None) => break,
            Err(error) => {
                let _ = plans.send(Err(error));
                // No plan is taken any more, but stdin may still close before an earlier one is finished.
                let _ = io::copy(&mut stdin, &mut io::sink());
                break;
            }
        }
    }
    if unfinished.load(SeqCst) > 0 {
        process::exit(i32::from(Error::Signal(1).exit_code()));
    }
}

/// `None` when stdin is closed.
fn next_plan(stdin: &mut impl BufRead, number: u64) -> Result<Option<LoadPlan>> {
    let mut line = Vec::new();
    stdin.take(MAX_LINE_BYTES).read_until(b'\n', &mut line).map_err(Error::file("stdin"))?;
    if line.is_empty() {
        return Ok(None);
    }
    let wrong = |why: String| Error::Usage(format!("stdin: plan {number} cannot be read: {why}"));
    if line.len() as u64 == MAX_LINE_BYTES && !line.ends_with(b"\n") {
        return Err(wrong("it is longer than 64 MiB".into()));
    }
    serde_json::from_slice(line.trim_ascii_end()).map(Some).map_err(|error| wrong(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Option<LoadPlan>> {
        next_plan(&mut text.as_bytes(), 1)
    }

    #[test]
    fn a_plan_a_line() {
        let plan = LoadPlan::new("http://a");
        let line = serde_json::to_string(&plan).expect("it has a text");
        assert_eq!(read(&(line + "\nnext")).expect("good"), Some(plan));
        assert_eq!(read("").expect("closed"), None);
    }

    #[test]
    fn what_is_no_plan_is_named() {
        let said = |text: &str| read(text).expect_err("no plan").to_string();
        assert_eq!(said("\n"), "stdin: plan 1 cannot be read: EOF while parsing a value at line 1 column 0");
        assert!(said("{\"hots\": 1}\n").starts_with("stdin: plan 1 cannot be read: unknown field `hots`"));
        let endless = "[".repeat(MAX_LINE_BYTES as usize);
        assert_eq!(said(&endless), "stdin: plan 1 cannot be read: it is longer than 64 MiB");
    }
}
