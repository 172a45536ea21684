//! A load phase from start to end: sets up what the threads share, starts one event loop a thread, and joins them.

use super::{
    addresses::MAX_ADDRESSES,
    backend,
    conductor::Conductor,
    count::{Collector, Recorder, Timeline},
    event_loop::{EventLoop, ThreadTotals},
    http::{Requests, Target, TlsSettings},
    lane::{MAX_HELD_BYTES, Shared},
    pace::{ClosedPacer, DueTimes, OpenPacer, Pacer, Ramp, UserSchedule},
    validate::validate,
};
use crate::{
    distribution::random,
    error::{Error, Result},
    model::{LoadModel, LoadPlan, LoadProgress, LoadResult, Share, Until},
    this_process,
    wire::Allowance,
};
use std::{
    io,
    net::SocketAddr,
    sync::{
        atomic::{AtomicBool, AtomicU32, AtomicU64},
        mpsc::channel,
    },
    thread::{self, ScopedJoinHandle},
    time::{Duration, Instant},
};

/// The seed's streams of random numbers: each thread has one for each use. Arrivals have stream 1, which all share.
const THINK_TIMES: u64 = 1 << 32;
const MIX: u64 = 2 << 32;

/// Carries out a plan, or as much of it as there is until `stop` is set, and then waits for the answers that are still
/// under way, no longer than the plan's drain. Calls `on_progress` about once a second. Blocks; sends from its own threads.
///
/// # Errors
/// [`Error::Usage`] for a plan that makes no load; [`Error::Preflight`] when there are no certificates to check the server
/// against; [`Error::Other`] when the operating system refuses threads or polling. A server that cannot be reached is no
/// error: its requests are counted as failures. Neither is a backend that does not tell: the result says why.
pub fn run(plan: &LoadPlan, stop: &AtomicBool, on_progress: &mut dyn FnMut(&LoadProgress)) -> Result<LoadResult> {
    let (target, requests) = understood(plan)?;
    let resolved = target.resolve();
    carry_out(plan, &target, requests, resolved, stop, on_progress)
}

/// Loads these addresses of the target, or fails each request for the reason that there are none.
fn carry_out(
    plan: &LoadPlan,
    target: &Target,
    requests: Requests,
    resolved: Result<Vec<SocketAddr>, String>,
    stop: &AtomicBool,
    on_progress: &mut dyn FnMut(&LoadProgress),
) -> Result<LoadResult> {
    this_process::allow_many_files();
    let cpus_allowed = this_process::cpus_allowed()?;
    let threads = plan.threads.unwrap_or_else(|| this_process::parallelism() as u32).min(plan.max_in_flight());
    let (mut addresses, unresolved) = match resolved {
        Ok(addresses) => (addresses, None),
        Err(why) => (Vec::new(), Some(why)),
    };
    addresses.truncate(MAX_ADDRESSES);
    let tls = TlsSettings::of(target, plan.insecure, plan.ca.as_deref())?;
    // The backend may have been busy before: its counts are to start with ours.
    let backend_error = backend::close_window_of(plan).err().map(|error| error.to_string());
    let shared = Shared {
        have_users: requests.have_users(),
        requests,
        addresses,
        unresolved,
        tls,
        is_stream: plan.stream,
        is_scheduled: plan.is_scheduled(),
        timeout: Duration::from_micros(plan.timeout_us),
        drain: Duration::from_micros(plan.drain_us),
        keep_alive: plan.keep_alive,
        threads,
        first_counter: plan.first_counter,
        iterations: match plan.until {
            Until::Iterations { count } if plan.stages.is_empty() => Some(count),
            _ => None,
        },
        finished: AtomicU32::new(0),
        allowance: Allowance::new(MAX_HELD_BYTES),
        timeline: Timeline::start_now(),
    };
    let kinds = plan.requests.len();
    let users = user_schedule(plan);
    let ended: Vec<AtomicU64> = (0..threads).map(|_| AtomicU64::new(0)).collect();
    let (sender, slices) = channel();
    let mut loops = Vec::new();
    for (number, ended) in (0..threads).zip(&ended) {
        let recorder = Recorder::new(&shared.timeline, sender.clone(), ended, kinds, shared.is_scheduled);
        let pacer = pacer(plan, &users, &shared, number);
        let mix = random(plan.seed, MIX + u64::from(number));
        let event_loop = EventLoop::new(&shared, number, pacer, recorder, mix);
        loops.push(event_loop.map_err(|error| Error::Other(format!("epoll: {error}")))?);
    }
    drop(sender);

    let mut conductor = Conductor::new(plan, &shared, &users, &ended, backend_error);
    let mut collector = Collector::new(&shared.timeline, threads, kinds);
    // With one thread for each CPU, nothing is gained by moving threads around.
    let pins: Vec<u32> =
        if threads as usize == cpus_allowed.len() { cpus_allowed.iter().collect() } else { Vec::new() };
    let threads_totals = thread::scope(|scope| {
        let mut handles = Vec::new();
        for (number, event_loop) in loops.into_iter().enumerate() {
            let pin = pins.get(number).copied();
            let body = move || {
                pin.inspect(|&cpu| this_process::pin_to(cpu));
                event_loop.run()
            };
            let started = thread::Builder::new().name(format!("load-{number}")).spawn_scoped(scope, body);
            match started {
                Ok(handle) => handles.push(handle),
                Err(error) => {
                    shared.timeline.set_end(0);
                    return Err(Error::Other(format!("cannot start a thread: {error}")));
                }
            }
        }
        conductor.lead(&slices, &handles, stop, &mut collector, on_progress);
        join(handles)
    })?;
    collector.finish(shared.timeline.us_at(Instant::now()));
    Ok(conductor.result(target, collector, &threads_totals, cpus_allowed))
}

/// Whether the plan can be carried out, as far as that can be known without doing anything.
///
/// # Errors
/// [`Error::Usage`] says what is wrong.
pub fn check(plan: &LoadPlan) -> Result<()> {
    understood(plan).map(|_| ())
}

fn understood(plan: &LoadPlan) -> Result<(Target, Requests)> {
    validate(plan)?;
    if let Some(backend) = &plan.backend {
        Target::parse(backend)?;
    }
    let target = Target::parse(&plan.host)?;
    let requests = Requests::new(&plan.requests, &plan.lines, &target, plan.keep_alive)?;
    Ok((target, requests))
}

fn user_schedule(plan: &LoadPlan) -> UserSchedule {
    match plan.model {
        LoadModel::Open { .. } => UserSchedule::spawn(0, 1.0),
        LoadModel::Closed { users, spawn_rate_per_s, .. } if plan.stages.is_empty() => {
            UserSchedule::spawn(users, spawn_rate_per_s)
        }
        LoadModel::Closed { users, .. } => UserSchedule::Stages(Ramp::new(f64::from(users), &plan.stages)),
    }
}

fn pacer(plan: &LoadPlan, users: &UserSchedule, shared: &Shared, thread: u32) -> Pacer {
    let (start, threads) = (shared.timeline.start(), shared.threads);
    match &plan.model {
        LoadModel::Closed { think_time, .. } => {
            let random = random(plan.seed, THINK_TIMES + u64::from(thread));
            Pacer::Closed(ClosedPacer::new(users.clone(), think_time.clone(), random, start, thread, threads))
        }
        &LoadModel::Open { rate_rps, arrivals, max_in_flight } => {
            let rate = Ramp::new(rate_rps, &plan.stages);
            let due = DueTimes::new(rate, arrivals, plan.seed, thread, threads);
            let share = Share { part: thread, of: threads }.of_count(max_in_flight.into()) as u32;
            Pacer::Open(OpenPacer::new(due, start, share))
        }
    }
}

fn join(handles: Vec<ScopedJoinHandle<'_, io::Result<ThreadTotals>>>) -> Result<Vec<ThreadTotals>> {
    let totals = handles.into_iter().map(|handle| match handle.join() {
        Ok(result) => result.map_err(|error| Error::Other(format!("a load thread failed: {error}"))),
        Err(_) => Err(Error::Other("a load thread panicked".into())),
    });
    totals.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{mock, model::WarmUp};
    use std::{
        net::{TcpListener, TcpStream},
        sync::atomic::Ordering::SeqCst,
    };

    /// Loads several addresses of one name with as many users, 50 requests together.
    fn load(addresses: Vec<SocketAddr>, users: u32, keep_alive: bool) -> LoadResult {
        let plan = LoadPlan {
            warm_up: WarmUp::Fixed { us: 0 },
            until: Until::Iterations { count: 50 },
            threads: Some(1),
            keep_alive,
            ..LoadPlan::new("http://several").with_users(users, f64::from(users))
        };
        let (target, requests) = understood(&plan).unwrap();
        carry_out(&plan, &target, requests, Ok(addresses), &AtomicBool::new(false), &mut |_| ()).unwrap()
    }

    fn connections(result: &LoadResult) -> Vec<u64> {
        result.addresses.iter().map(|one| one.connections).collect()
    }

    /// Calls `body` with as many servers running.
    fn with_servers(count: usize, body: impl FnOnce(Vec<SocketAddr>)) {
        let listeners: Vec<_> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let addresses = listeners.iter().map(|listener| listener.local_addr().unwrap()).collect();
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            for listener in listeners {
                scope.spawn(|| mock::serve(listener, &mock::MockConfig::default(), &stop).unwrap());
            }
            body(addresses);
            stop.store(true, SeqCst);
        });
    }

    #[test]
    fn connections_are_spread_over_the_addresses() {
        with_servers(2, |addresses| {
            let result = load(addresses.clone(), 6, true);
            assert_eq!((result.failures.len(), connections(&result)), (0, vec![3, 3]));
            let result = load(addresses, 1, false);
            assert_eq!((result.failures.len(), connections(&result)), (0, vec![25, 25]));
        });
    }

    #[test]
    fn an_address_that_refuses_costs_nothing() {
        let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        with_servers(1, |addresses| {
            let result = load([vec![nobody], addresses].concat(), 2, true);
            assert_eq!((result.failures.len(), connections(&result)), (0, vec![0, 2]));
        });
    }

    /// Linux drops the SYNs of further clients where a listener's queue is full, as a firewall does.
    #[test]
    fn the_next_address_is_tried_where_one_does_not_answer_at_all() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _context = runtime.enter();
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let deaf = socket.listen(0).unwrap();
        let address = deaf.local_addr().unwrap();
        let connect = || TcpStream::connect_timeout(&address, Duration::from_millis(300));
        let queued: Vec<_> = std::iter::from_fn(|| connect().ok()).take(64).collect();
        assert!((1..64).contains(&queued.len()), "the queue never fills");
        with_servers(1, |addresses| {
            let result = load([vec![address], addresses].concat(), 2, true);
            assert_eq!((result.request_count(), result.failures.len()), (50, 0), "{:?}", result.failures);
            assert_eq!(connections(&result), [0, 2]);
        });
    }
}
