//! SIGINT, SIGTERM and SIGHUP: the first asks for an orderly end, the next ends the process, whatever it is waiting for.

use super::{block_on, complain};
use std::{
    process,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};
use vscale::{
    error::{Error, Result},
    run::Stop,
};

/// For its last words: who reads them may have stopped to.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// For what talks to the engine. Once it is dropped, the first signal ends the process.
pub fn stop() -> Result<Stop> {
    let (sender, receiver) = watch::channel(None);
    listen(move |number| sender.send(Some(number)).is_ok())?;
    Ok(Stop::from(receiver))
}

/// A flag that is set at the first signal.
pub fn flag() -> Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&flag);
    listen(move |_| {
        set.store(true, Ordering::Relaxed);
        true
    })?;
    Ok(flag)
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
        complain(&words);
        let _ = said.send(());
    });
    let _ = is_said.recv_timeout(LAST_WORDS);
    process::exit(i32::from(code))
}
