//! Reads the TCP sockets of this network namespace from `/proc/net/tcp*`: who waits to be accepted, and whom the target has
//! connections to.

use crate::model::{Listener, Peer, ProbeSample};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader, Read},
    time::Instant,
};

/// Longest line of a table.
const MOST_LINE_BYTES: u64 = 1 << 10;
/// States, as the kernel writes them (include/net/tcp_states.h).
const ESTABLISHED: &str = "01";
const LISTEN: &str = "0A";

/// Of a CPU, for reading the tables: the kernel goes through its whole hash of connections for each, those of all
/// namespaces, which takes some milliseconds on a host with much memory.
const MOST_SHARE: f64 = 0.001;

/// The sockets as they were when last looked at: when their number last changed, and else as often as [`MOST_SHARE`] allows.
#[derive(Debug, Default)]
pub struct SocketWatch {
    seen: Sockets,
    /// What the kernel counted then.
    count: String,
    /// When to look again, if nothing changes.
    due: Option<Instant>,
}

impl SocketWatch {
    pub fn look(&mut self) -> &Sockets {
        let start = Instant::now();
        let count = count();
        if self.due.is_none_or(|due| start >= due) || count != self.count {
            (self.seen, self.count) = (Sockets::now(), count);
            self.due = start.checked_add(start.elapsed().div_f64(MOST_SHARE));
        }
        &self.seen
    }
}

/// How many TCP sockets there are, as the kernel counts them without looking at each: cheap.
fn count() -> String {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let all = read("/proc/self/net/sockstat") + &read("/proc/self/net/sockstat6");
    all.lines().filter_map(|line| line.strip_prefix("TCP")?.split(" orphan").next()).collect()
}

/// The TCP sockets of a network namespace, counted.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Sockets {
    /// In state ESTABLISHED, both ends counted.
    pub established: u32,
    /// By port, connections that wait to be accepted.
    queued: BTreeMap<u16, u32>,
    /// By the port of the other side, connections from a port on which nobody listens.
    opened: BTreeMap<u16, u32>,
}

impl Sockets {
    /// Those of this process's namespace; none where the kernel does not tell.
    pub fn now() -> Self {
        let mut sockets = Self::default();
        for path in ["/proc/self/net/tcp", "/proc/self/net/tcp6"] {
            if let Ok(table) = File::open(path) {
                sockets.read(BufReader::new(table));
            }
        }
        sockets
    }

    pub fn listeners(&self) -> Vec<Listener> {
        first(&self.queued).map(|(port, queued)| Listener { port, queued }).collect()
    }

    pub fn peers(&self) -> Vec<Peer> {
        first(&self.opened).map(|(port, connections)| Peer { port, connections }).collect()
    }

    /// Adds those of a table. The kernel lists sockets that listen before all others (`tcp_seq_start`), and an accepted one
    /// in the table of the one that accepted it, so who listens is known when it is asked for.
    fn read(&mut self, mut table: impl BufRead) {
        let mut line = String::new();
        while table.by_ref().take(MOST_LINE_BYTES).read_line(&mut line).is_ok_and(|read| read > 0) {
            self.add(&line);
            line.clear();
        }
    }

    /// A line `SL LOCAL:PORT REMOTE:PORT STATE SENDING:RECEIVED ...`. Of a socket that listens, what it has received is the
    /// number of connections that it has not accepted (`get_tcp4_sock`).
    fn add(&mut self, line: &str) -> Option<()> {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let [local, remote, state, queues] = [fields.next()?, fields.next()?, fields.next()?, fields.next()?];
        match state {
            LISTEN => *self.queued.entry(port(local)?).or_default() += behind_colon(queues)?,
            ESTABLISHED => {
                self.established += 1;
                if !self.queued.contains_key(&port(local)?) {
                    *self.opened.entry(port(remote)?).or_default() += 1;
                }
            }
            _ => {}
        }
        Some(())
    }
}

fn first(by_port: &BTreeMap<u16, u32>) -> impl Iterator<Item = (u16, u32)> + '_ {
    by_port.iter().take(ProbeSample::MOST_PORTS).map(|(&port, &count)| (port, count))
}

fn port(address: &str) -> Option<u16> {
    behind_colon(address).and_then(|port| u16::try_from(port).ok())
}

fn behind_colon(field: &str) -> Option<u32> {
    u32::from_str_radix(field.rsplit_once(':')?.1, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    /// As Linux 6.18 writes them, shortened: 8321 (0x2081) listens with three in its queue and has accepted one from port
    /// 0xD431; two lead from here to 8080 (0x1F90); one is about to end.
    const TABLE: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt
   0: 00000000:2081 00000000:0000 0A 00000000:00000003 00:00000000 00000000
   1: 020011AC:2081 040011AC:D431 01 00000000:00000000 00:00000000 00000000
   2: 020011AC:9C40 030011AC:1F90 01 00000000:0000002A 02:000AF213 00000000
   3: 020011AC:9C41 030011AC:1F90 01 00000000:00000000 02:000AF213 00000000
   4: 020011AC:9C42 030011AC:1F90 06 00000000:00000000 02:000AF213 00000000
   5: 020011AC:XXXX 030011AC:1F90 01
";

    #[test]
    fn who_waits_and_where_connections_lead() {
        let mut sockets = Sockets::default();
        sockets.read(TABLE.as_bytes());
        assert_eq!(sockets.established, 3);
        assert_eq!(sockets.listeners(), [Listener { port: 8321, queued: 3 }]);
        assert_eq!(sockets.peers(), [Peer { port: 8080, connections: 2 }]);
    }

    #[test]
    fn sockets_on_one_port_count_together_and_only_the_first_ports_are_told() {
        let mut sockets = Sockets::default();
        sockets.read(TABLE.as_bytes());
        sockets
            .read(&b"0: 00000000000000000000000000000000:2081 00000000000000000000000000000000:0000 0A 0:00000004"[..]);
        assert_eq!(sockets.listeners(), [Listener { port: 8321, queued: 7 }]);
        let many: String = (1..=1000).map(|port| format!("0: 00000000:{port:04X} 00000000:0000 0A 0:0\n")).collect();
        sockets.read(many.as_bytes());
        let listeners = sockets.listeners();
        assert_eq!((listeners.len(), listeners[0].port), (ProbeSample::MOST_PORTS, 1));
    }

    #[test]
    fn what_was_seen_stands_until_it_is_time_or_sockets_come_and_go() {
        let later = || Instant::now().checked_add(std::time::Duration::from_secs(3600));
        let port = |listener: &TcpListener| listener.local_addr().expect("bound").port();
        let has = |watch: &mut SocketWatch, port| watch.look().listeners().iter().any(|it| it.port == port);
        let mut watch = SocketWatch::default();
        let first = TcpListener::bind("127.0.0.1:0").expect("a free port");
        assert!(has(&mut watch, port(&first)), "the first look");
        // Where somebody closes one meanwhile, there are as many as before; not each time.
        let mut others = Vec::new();
        let is_seen = (0..20).any(|_| {
            watch.due = later();
            others.push(TcpListener::bind("127.0.0.1:0").expect("a free port"));
            has(&mut watch, port(&others[others.len() - 1]))
        });
        assert!(is_seen && watch.due.is_some(), "one more was counted");
    }

    #[test]
    fn the_kernel_counts_what_nobody_has_accepted() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let _clients = [0, 1].map(|_| TcpStream::connect(address).expect("it listens"));
        let sockets = Sockets::now();
        assert!(sockets.listeners().contains(&Listener { port: address.port(), queued: 2 }), "{sockets:?}");
        assert!(sockets.peers().contains(&Peer { port: address.port(), connections: 2 }), "{sockets:?}");
    }
}
