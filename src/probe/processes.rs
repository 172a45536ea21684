//! Reads processes and connections from `/proc`, as far as it may without any capability.

use crate::{
    error::{Error, Result},
    model::{Process, Task},
};
use std::fs;

/// Ticks of `/proc/PID/stat` in a second: `USER_HZ`, 100 on every Linux port that Docker runs on (proc(5)).
const TICK_US: u64 = 10_000;
const SHOWN_COMMAND_BYTES: usize = 400;
/// Threads of a process that are read one by one: opening the files of many more would take CPU from what is measured.
const MOST_TASKS: usize = 512;

/// All processes of this PID namespace but this one, by PID. One that ends while it is read is left out.
pub fn list() -> Result<Vec<Process>> {
    let own = std::process::id();
    let mut processes: Vec<Process> = fs::read_dir("/proc")
        .map_err(Error::file("/proc"))?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|&pid: &u32| pid != own)
        .filter_map(read)
        .collect();
    processes.sort_unstable_by_key(|process| process.pid);
    Ok(processes)
}

/// TCP connections in state ESTABLISHED in this network namespace.
pub fn established_connections() -> u32 {
    const ESTABLISHED: &str = "01";
    let count = |path| {
        let table = fs::read_to_string(path).unwrap_or_default();
        table.lines().skip(1).filter(|line| line.split_ascii_whitespace().nth(3) == Some(ESTABLISHED)).count()
    };
    (count("/proc/self/net/tcp") + count("/proc/self/net/tcp6")) as u32
}

/// CPU time of this process.
pub fn own_cpu_us() -> u64 {
    read(std::process::id()).map_or(0, |process| process.cpu_us)
}

fn read(pid: u32) -> Option<Process> {
    let file = |name: &str| fs::read(format!("/proc/{pid}/{name}")).ok();
    let status = String::from_utf8_lossy(&file("status")?).into_owned();
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim);
    let [cpu_us, ended_children_cpu_us] = cpu_times(&String::from_utf8_lossy(&file("stat")?))?;
    Some(Process {
        pid,
        ppid: field("PPid")?.parse().ok()?,
        command_line: command_line(&file("cmdline")?),
        threads: field("Threads")?.parse().ok()?,
        cpu_us,
        ended_children_cpu_us,
        tasks: tasks(pid),
        // A process that has ended and was not waited for has no such line, and does not count.
        rss_bytes: field("VmRSS")?.trim_end_matches(" kB").parse::<u64>().ok()? * 1024,
        cpus_allowed: field("Cpus_allowed_list")?.parse().ok()?,
    })
}

/// The arguments with spaces between them, cut at a limit.
fn command_line(raw: &[u8]) -> String {
    let raw = &raw[..raw.len().min(SHOWN_COMMAND_BYTES)];
    String::from_utf8_lossy(raw).replace('\0', " ").trim().to_owned()
}

/// CPU time of a process and of its children that have ended: fields 14 to 17 of `/proc/PID/stat`, user and system each.
/// The name in brackets before them may contain anything.
fn cpu_times(stat: &str) -> Option<[u64; 2]> {
    let fields = stat[stat.rfind(')')? + 1..].split_ascii_whitespace().skip(11).take(4);
    let ticks: Vec<u64> = fields.map_while(|field| field.parse().ok()).collect();
    let [user, system, children_user, children_system] = ticks[..] else { return None };
    Some([(user + system) * TICK_US, (children_user + children_system) * TICK_US])
}

/// The threads of a process that have run; none where the kernel keeps no such statistics.
fn tasks(pid: u32) -> Vec<Task> {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let tids = entries.take(MOST_TASKS).filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let read = |tid: u32| {
        let text = fs::read_to_string(format!("/proc/{pid}/task/{tid}/schedstat")).ok()?;
        let (cpu_us, wait_us) = run_and_wait(&text)?;
        (cpu_us > 0).then_some(Task { tid, cpu_us, wait_us })
    };
    tids.filter_map(read).collect()
}

/// `RUN_NS WAIT_NS TIMESLICES` in microseconds.
fn run_and_wait(schedstat: &str) -> Option<(u64, u64)> {
    let mut fields = schedstat.split_ascii_whitespace().map_while(|field| field.parse::<u64>().ok());
    Some((fields.next()? / 1000, fields.next()? / 1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_found_behind_a_hostile_name() {
        let stat = "42 (a) b (c)) S 1 42 42 0 -1 4194304 100 0 0 0 7 5 0 0 20 0 1 0 100 1000 10";
        assert_eq!(cpu_times(stat), Some([120_000, 0]));
    }

    #[test]
    fn a_child_is_listed_and_this_process_is_not() {
        let mut child = std::process::Command::new("sleep").arg("30").spawn().expect("sleep is there");
        let listed = list().expect("/proc is readable");
        let seen = listed.iter().find(|process| process.pid == child.id()).cloned();
        child.kill().expect("it was ours");
        child.wait().expect("it was ours");
        let seen = seen.expect("the child is listed");
        assert_eq!(seen.ppid, std::process::id());
        assert!(listed.iter().all(|process| process.pid != std::process::id()));
    }

    #[test]
    fn this_process_has_a_thread_that_has_run() {
        assert_eq!(run_and_wait("2500000 1000 7\n"), Some((2500, 1)));
        assert_eq!(run_and_wait("rubbish"), None);
        let spin = std::time::Instant::now();
        while spin.elapsed().as_millis() < 20 {}
        let own = tasks(std::process::id());
        assert!(own.is_empty() || own.iter().any(|task| task.cpu_us >= 1_000), "{own:?}");
    }

    #[test]
    fn command_lines_are_joined_and_bounded() {
        assert_eq!(command_line(b"python\0-m\0uvicorn\0"), "python -m uvicorn");
        assert_eq!(command_line(&[b'x'; 5000]).len(), SHOWN_COMMAND_BYTES);
    }
}
