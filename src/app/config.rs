//! What a request costs and what limits the whole, as asked for.

use crate::{
    error::{Error, Result},
    model::Distribution,
};
use std::{
    net::{SocketAddr, ToSocketAddrs},
    str::FromStr,
    time::Duration,
};

/// By default it answers at once.
#[derive(Clone, Debug)]
pub struct AppConfig {
    /// Worker processes.
    pub workers: u32,
    /// Threads of each, every one of which serves one request at a time.
    pub threads: u32,
    /// CPU time of a request.
    pub cpu: Distribution,
    /// CPU time of every request besides, drawn once a start.
    pub modes: Distribution,
    /// CPU time of a request while it holds the lock that all workers share.
    pub lock: Distribution,
    /// Time that a request sleeps while it holds that lock.
    pub lock_sleep: Distribution,
    /// Time that a request sleeps, and its thread with it.
    pub sleep: Distribution,
    /// How the CPU time and the sleep of a request (those without the lock) grow with the number of workers.
    pub usl: Usl,
    /// For so long a request costs only its CPU time without the lock, then for as long only the rest, and so on.
    pub alternate: Option<Duration>,
    /// What each request calls once.
    pub backend: Option<BackendUrl>,
    /// Connections to the backend of all threads together, each of which has its share; `None` for any number.
    pub pool: Option<u32>,
    /// Requests that a thread has under way at the backend before it takes the next one on; `None` for any number.
    pub concurrency: Option<u32>,
    /// Share of the requests that fail at once, 0 to 1.
    pub error_rate: f64,
    /// Share of the connections that the first worker gets, 0 to 1; `None` for as many as the others.
    pub imbalance: Option<f64>,
    /// Memory that each request leaves behind.
    pub memory_growth_bytes: usize,
    /// CPUs that each worker uses besides, whatever it is asked, 0 to 1.
    pub hog_cores: f64,
    /// Of all that is random.
    pub seed: u64,
}

impl Default for AppConfig {
    fn default() -> Self {
        Self {
            workers: 1,
            threads: 1,
            cpu: Distribution::zero(),
            modes: Distribution::zero(),
            lock: Distribution::zero(),
            lock_sleep: Distribution::zero(),
            sleep: Distribution::zero(),
            usl: Usl::default(),
            alternate: None,
            backend: None,
            pool: None,
            concurrency: None,
            error_rate: 0.0,
            imbalance: None,
            memory_growth_bytes: 0,
            hog_cores: 0.0,
            seed: 0,
        }
    }
}

impl AppConfig {
    /// # Errors
    /// [`Error::Usage`] says which number, and what is allowed.
    pub(super) fn validate(&self) -> Result<()> {
        let shares = [
            ("an error rate", self.error_rate),
            ("an imbalance", self.imbalance.unwrap_or(0.0)),
            ("a hog", self.hog_cores),
        ];
        if let Some((what, share)) = shares.into_iter().find(|(_, share)| !(0.0..=1.0).contains(share)) {
            return Err(Error::Usage(format!("{what} of {share}: use a share from 0 to 1")));
        }
        let counts = [
            ("workers", self.workers),
            ("threads", self.threads),
            ("connections to the backend", self.pool.unwrap_or(1)),
            ("requests at the backend", self.concurrency.unwrap_or(1)),
        ];
        match counts.into_iter().find(|(_, count)| *count == 0) {
            Some((what, _)) => Err(Error::Usage(format!("0 {what}: nothing would be answered"))),
            None => Ok(()),
        }
    }

    /// Threads of all workers together. Those of one number are neighbours: thread 0 of each worker, then thread 1 of each.
    pub(super) fn seats(&self) -> usize {
        self.workers as usize * self.threads as usize
    }

    /// The seat of a thread; both numbers from 0.
    pub(super) fn seat(&self, worker: u32, thread: u32) -> usize {
        thread as usize * self.workers as usize + worker as usize
    }

    /// Connections to the backend that a seat may have. Where there are fewer than seats, the last seats have none.
    pub(super) fn pool_of(&self, seat: usize) -> usize {
        self.pool.map_or(usize::MAX, |pool| {
            let (pool, seats) = (pool as usize, self.seats());
            pool / seats + usize::from(seat < pool % seats)
        })
    }

    /// Shares of the clients' connections that the seats get, which need not add up to 1. Who may not call the backend gets none.
    pub(super) fn weights(&self) -> Vec<f64> {
        let others = f64::from(self.workers - 1);
        let weight = |seat: usize| match self.imbalance {
            _ if self.backend.is_some() && self.pool_of(seat) == 0 => 0.0,
            Some(share) if others > 0.0 => {
                if seat.is_multiple_of(self.workers as usize) {
                    share
                } else {
                    (1.0 - share) / others
                }
            }
            _ => 1.0,
        };
        (0..self.seats()).map(weight).collect()
    }
}

/// How the cost of a request grows with the number of workers W: by the factor 1 + sigma (W - 1) + kappa W (W - 1).
///
/// Source: N. J. Gunther, *Guerrilla Capacity Planning*, Springer 2007, whose throughput of W workers is W over this factor.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usl {
    /// Contention.
    pub sigma: f64,
    /// Coherency.
    pub kappa: f64,
}

impl Usl {
    /// By how much a request costs more than with one worker.
    pub fn factor(self, workers: u32) -> f64 {
        let workers = f64::from(workers);
        1.0 + (workers - 1.0) * (self.sigma + self.kappa * workers)
    }
}

/// `0.05,0.001`: sigma and kappa.
impl FromStr for Usl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.trim().parse::<f64>().ok().filter(|number| (0.0..=100.0).contains(number));
        let both = text.split_once(',').and_then(|(sigma, kappa)| Some((number(sigma)?, number(kappa)?)));
        let (sigma, kappa) = both.ok_or_else(|| format!("`{text}` is not sigma,kappa, such as 0.05,0.001"))?;
        Ok(Self { sigma, kappa })
    }
}

/// Where the backend answers chat completions: `http://mock:8080`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendUrl {
    pub(super) host: String,
    pub(super) port: u16,
}

impl BackendUrl {
    /// Its first address.
    ///
    /// # Errors
    /// [`Error::Preflight`] where the name has none.
    pub(super) fn address(&self) -> Result<SocketAddr> {
        let refused = |why: String| Error::Preflight(format!("the backend {}: {why}", self.host));
        let mut found =
            (self.host.as_str(), self.port).to_socket_addrs().map_err(|error| refused(error.to_string()))?;
        found.next().ok_or_else(|| refused("the name has no address".into()))
    }
}

impl FromStr for BackendUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a server such as http://mock:8080");
        let uri: http::Uri = text.parse().map_err(|_| wrong())?;
        match (uri.scheme_str(), uri.host(), uri.path_and_query().map_or("/", |path| path.as_str())) {
            (Some("http"), Some(host), "/") => {
                let host = host.trim_matches(['[', ']']).to_owned();
                Ok(Self { host, port: uri.port_u16().unwrap_or(80) })
            }
            _ => Err(wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(workers: u32, threads: u32) -> AppConfig {
        AppConfig { workers, threads, ..AppConfig::default() }
    }

    #[test]
    fn the_law_s_factor() {
        let usl: Usl = "0.1, 0.01".parse().unwrap();
        assert_eq!(usl.factor(1), 1.0);
        assert!((usl.factor(4) - (1.0 + 0.3 + 0.12)).abs() < 1e-12);
        assert_eq!(Usl::default().factor(8), 1.0);
        for wrong in ["", "0.1", "x,0", "-0.1,0", "0,NaN", "0,1,2"] {
            assert!(wrong.parse::<Usl>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_pool_is_divided_among_all_threads() {
        let shares = |config: AppConfig| (0..config.seats()).map(|seat| config.pool_of(seat)).collect::<Vec<_>>();
        assert_eq!(shares(AppConfig { pool: Some(5), ..of(2, 2) }), [2, 1, 1, 1]);
        assert_eq!(shares(of(2, 1)), [usize::MAX; 2]);
        let few = AppConfig { pool: Some(2), backend: Some("http://mock".parse().unwrap()), ..of(3, 1) };
        assert_eq!((few.weights(), shares(few)), (vec![1.0, 1.0, 0.0], vec![1, 1, 0]));
    }

    #[test]
    fn the_first_worker_gets_its_share_of_the_connections() {
        let uneven = AppConfig { imbalance: Some(0.7), ..of(3, 2) };
        let (first, other) = (0.7, (1.0 - 0.7) / 2.0);
        assert_eq!(uneven.weights(), [first, other, other, first, other, other]);
        assert_eq!(uneven.seat(0, 1), 3);
        assert_eq!(AppConfig { imbalance: Some(0.7), ..of(1, 1) }.weights(), [1.0], "there is no other");
    }

    #[test]
    fn what_makes_no_server_is_refused() {
        let default = AppConfig::default;
        assert!(default().validate().is_ok());
        for wrong in [
            AppConfig { workers: 0, ..default() },
            AppConfig { threads: 0, ..default() },
            AppConfig { pool: Some(0), ..default() },
            AppConfig { concurrency: Some(0), ..default() },
            AppConfig { error_rate: 1.1, ..default() },
            AppConfig { imbalance: Some(-0.1), ..default() },
            AppConfig { hog_cores: f64::NAN, ..default() },
        ] {
            assert!(matches!(wrong.validate(), Err(Error::Usage(_))), "{wrong:?}");
        }
    }

    #[test]
    fn urls_of_backends() {
        let backend = |text: &str| text.parse::<BackendUrl>().map(|url| (url.host, url.port)).ok();
        assert_eq!(backend("http://mock:8080"), Some(("mock".into(), 8080)));
        assert_eq!(backend("http://[::1]/"), Some(("::1".into(), 80)));
        for wrong in ["mock:8080", "https://mock", "http://mock/v1", ""] {
            assert_eq!(backend(wrong), None, "{wrong}");
        }
    }
}
