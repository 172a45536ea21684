//! SIGINT, SIGTERM and SIGHUP: the first asks for an orderly end, the next ends the process, whatever it is waiting for.

use super::{block_on, say};
use crate::{
    error::{Error, Result},
    run::Stop,
};
use std::{
    process,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI32, Ordering::SeqCst},
        mpsc,
    },
    thread,
    time::Duration,
};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

/// For its last words: who reads them may have stopped to.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// For what talks to the engine. Once it is dropped, the first signal ends the process.
pub fn stop() -> Result<Stop> {
    let (sender, receiver) = watch::channel(None);
    listen(move |number| sender.send(Some(number)).is_ok())?;
    Ok(Stop::from(receiver))
}

/// For what looks at a flag now and then.
#[derive(Clone, Default)]
pub struct Stopper {
    /// Set at the first signal.
    pub flag: Arc<AtomicBool>,
    signal: Arc<AtomicI32>,
}

impl Stopper {
    pub fn listen() -> Result<Self> {
        let stopper = Self::default();
        let ours = stopper.clone();
        listen(move |number| {
            ours.signal.store(number, SeqCst);
            ours.stop();
            true
        })?;
        Ok(stopper)
    }

    /// As if a signal had come.
    pub fn stop(&self) {
        self.flag.store(true, SeqCst);
    }

    /// The status that the signal asks for, if one has come.
    pub fn status(&self) -> Option<u8> {
        let number = self.signal.load(SeqCst);
        (number != 0).then(|| Error::Signal(number).exit_code())
    }
}

/// In a thread of its own, as all others may be waiting. `first` says whether anybody heard the first one.
fn listen(first: impl FnOnce(i32) -> bool + Send + 'static) -> Result<()> {
    let (ready, is_ready) = mpsc::channel();
    thread::spawn(move || {
        let ended = block_on(async {
            let listen = |kind| signal(kind).map_err(|error| Error::Other(format!("signal handler: {error}")));
            let mut interrupt = listen(SignalKind::interrupt())?;
            let mut terminate = listen(SignalKind::terminate())?;
            let mut hang_up = listen(SignalKind::hangup())?;
            let _ = ready.send(());
            let mut next = async || {
                tokio::select! {
                    _ = interrupt.recv() => 2,
                    _ = terminate.recv() => 15,
                    _ = hang_up.recv() => 1,
                }
            };
            let number = next().await;
            Ok(if first(number) { next().await } else { number })
        });
        if let Ok(number) = ended {
            end(&Error::Signal(number));
        }
    });
    is_ready.recv().map_err(|_| Error::Other("cannot set signal handlers".into()))
}

fn end(why: &Error) -> ! {
    let code = why.exit_code();
    let (said, is_said) = mpsc::channel();
    let words = format!("vscale: {why} at once; `vscale gc` removes what it may have left in the engine");
    thread::spawn(move || {
        say(&words);
        let _ = said.send(());
    });
    let _ = is_said.recv_timeout(LAST_WORDS);
    process::exit(i32::from(code))
}
