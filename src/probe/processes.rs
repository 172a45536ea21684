//! Reads processes from `/proc`, as far as it may without any capability. What a target can make as long as it likes (its
//! processes, its threads, its command lines) is read up to a limit.

use crate::{
    error::{Error, Result},
    model::{ProbeSample, Process, Task},
};
use std::{
    fs::{self, File},
    io::{self, ErrorKind, Read},
};

/// Ticks of `/proc/PID/stat` in a second: `USER_HZ`, 100 on every Linux port that Docker runs on (proc(5)).
const TICK_US: u64 = 10_000;
const SHOWN_COMMAND_BYTES: u64 = 400;
/// Of `/proc/PID/status` and `/proc/PID/stat`, which are far shorter.
const MOST_BYTES: u64 = 64 << 10;
/// Of a thread's `schedstat` and `status`, which are shorter.
const TASK_FILE_BYTES: usize = 4 << 10;

/// The first `most` processes of this PID namespace by PID, but for this one, and how many there are besides. One that
/// ends while it is read is left out. With names, every thread is told, and else those that have run; no more than
/// [`ProbeSample::MOST_TASKS`] are read, as opening the files of many would take CPU from what is measured.
///
/// # Errors
/// For what is there and cannot be read: a target of the same user may take this process's right to open files.
pub fn list(most: usize, with_names: bool) -> Result<(Vec<Process>, u32)> {
    let own = std::process::id();
    let mut pids: Vec<u32> = fs::read_dir("/proc")
        .map_err(Error::file("/proc"))?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|&pid: &u32| pid != own)
        .collect();
    pids.sort_unstable();
    let left_out = pids.len().saturating_sub(most) as u32;
    pids.truncate(most);
    let processes: io::Result<Vec<Option<Process>>> = pids.into_iter().map(read).collect();
    let mut processes: Vec<Process> = processes.map_err(Error::file("/proc/PID"))?.into_iter().flatten().collect();
    let mut room = ProbeSample::MOST_TASKS;
    for process in &mut processes {
        process.tasks = tasks(process.pid, room, with_names);
        room -= process.tasks.len();
    }
    Ok((processes, left_out))
}

/// CPU time of this process.
pub fn own_cpu_us() -> u64 {
    read(std::process::id()).ok().flatten().map_or(0, |process| process.cpu_us)
}

/// `None` if it has ended.
fn read(pid: u32) -> io::Result<Option<Process>> {
    let file = |name: &str, most| {
        let mut bytes = Vec::new();
        File::open(format!("/proc/{pid}/{name}"))?.take(most).read_to_end(&mut bytes).map(|_| bytes)
    };
    let files = || Ok([file("status", MOST_BYTES)?, file("cmdline", SHOWN_COMMAND_BYTES)?, file("stat", MOST_BYTES)?]);
    match files() {
        Ok([status, command, stat]) => Ok(understand(pid, &status, &command, &stat)),
        Err(error) if has_ended(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The file is gone, or (ESRCH) whom it is about.
fn has_ended(error: &io::Error) -> bool {
    error.kind() == ErrorKind::NotFound || error.raw_os_error() == Some(nix::libc::ESRCH)
}

fn understand(pid: u32, status: &[u8], command: &[u8], stat: &[u8]) -> Option<Process> {
    let status = String::from_utf8_lossy(status);
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim);
    let Stat { major_faults, cpu_us, ended_children_cpu_us } = Stat::parse(&String::from_utf8_lossy(stat))?;
    Some(Process {
        pid,
        ppid: field("PPid")?.parse().ok()?,
        command_line: command_line(command),
        threads: field("Threads")?.parse().ok()?,
        cpu_us,
        ended_children_cpu_us,
        tasks: Vec::new(),
        major_faults,
        // A process that has ended and was not waited for has no such line, and does not count.
        rss_bytes: field("VmRSS")?.trim_end_matches(" kB").parse::<u64>().ok()? * 1024,
        cpus_allowed: field("Cpus_allowed_list")?.parse().ok()?,
    })
}

/// The arguments with spaces between them; so is every other control character a space: in JSON it takes six.
fn command_line(raw: &[u8]) -> String {
    String::from_utf8_lossy(raw).replace(char::is_control, " ").trim().to_owned()
}

/// What `/proc/PID/stat` tells, in which the name in brackets may contain anything.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    major_faults: u64,
    cpu_us: u64,
    ended_children_cpu_us: u64,
}

impl Stat {
    /// Field 12, and 14 to 17: user and system, each of the process and of its children that have ended.
    fn parse(text: &str) -> Option<Self> {
        let fields = text[text.rfind(')')? + 1..].split_ascii_whitespace().skip(9).take(6);
        let fields: Vec<u64> = fields.map_while(|field| field.parse().ok()).collect();
        let [major_faults, _, user, system, children_user, children_system] = fields[..] else { return None };
        Some(Self {
            major_faults,
            cpu_us: (user + system) * TICK_US,
            ended_children_cpu_us: (children_user + children_system) * TICK_US,
        })
    }
}

/// The first threads of a process that have run, without names none where the kernel keeps no such statistics; with names
/// all of the first.
fn tasks(pid: u32, most: usize, with_names: bool) -> Vec<Task> {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let tids = entries.take(most).filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    tids.filter_map(|tid| task(pid, tid, with_names)).collect()
}

fn task(pid: u32, tid: u32, with_name: bool) -> Option<Task> {
    let mut buffer = [0; TASK_FILE_BYTES];
    let mut file = |name: &str| {
        let read = File::open(format!("/proc/{pid}/task/{tid}/{name}")).ok()?.read(&mut buffer).ok()?;
        Some(String::from_utf8_lossy(&buffer[..read]).into_owned())
    };
    let name = if with_name { file("comm")?.trim_end().replace(char::is_control, " ") } else { String::new() };
    let times = file("schedstat").as_deref().and_then(run_and_wait).filter(|(cpu_us, _)| *cpu_us > 0);
    let (cpu_us, wait_us) = if with_name { times.unwrap_or_default() } else { times? };
    let (voluntary_switches, involuntary_switches) = switches(&file("status")?).unwrap_or_default();
    Some(Task { tid, name, cpu_us, wait_us, voluntary_switches, involuntary_switches })
}

/// `RUN_NS WAIT_NS TIMESLICES` in microseconds.
fn run_and_wait(schedstat: &str) -> Option<(u64, u64)> {
    let mut fields = schedstat.split_ascii_whitespace().map_while(|field| field.parse::<u64>().ok());
    Some((fields.next()? / 1000, fields.next()? / 1000))
}

/// The last lines of a thread's status: voluntary and other switches of its context.
fn switches(status: &str) -> Option<(u64, u64)> {
    let mut lines = status.lines().rev();
    let mut value = |name: &str| lines.find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    let involuntary = value("nonvoluntary_ctxt_switches:")?;
    Some((value("voluntary_ctxt_switches:")?, involuntary))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_behind_a_hostile_name() {
        let stat = "42 (a) b (c)) S 1 42 42 0 -1 4194304 100 0 3 0 7 5 4 0 20 0 1 0 100 1000 10";
        assert_eq!(Stat::parse(stat), Some(Stat { major_faults: 3, cpu_us: 120_000, ended_children_cpu_us: 40_000 }));
    }

    #[test]
    fn a_child_is_listed_and_this_process_is_not() {
        let mut child = std::process::Command::new("sleep").arg("30").spawn().expect("sleep is there");
        let (listed, left_out) = list(usize::MAX, false).expect("/proc is readable");
        let few = list(1, false).expect("/proc is readable");
        let seen = listed.iter().find(|process| process.pid == child.id()).cloned();
        child.kill().expect("it was ours");
        child.wait().expect("it was ours");
        let seen = seen.expect("the child is listed");
        assert_eq!(seen.ppid, std::process::id());
        assert!(listed.iter().all(|process| process.pid != std::process::id()));
        assert_eq!(left_out, 0);
        assert!(few.0.len() <= 1 && few.1 > 0, "the first only, and the child at least is left out: {few:?}");
    }

    #[test]
    fn this_process_has_a_thread_that_has_run() {
        assert_eq!(run_and_wait("2500000 1000 7\n"), Some((2500, 1)));
        assert_eq!(run_and_wait("rubbish"), None);
        let spin = std::time::Instant::now();
        while spin.elapsed().as_millis() < 20 {}
        std::thread::sleep(std::time::Duration::from_millis(1));
        let own = tasks(std::process::id(), ProbeSample::MOST_TASKS, false);
        let has_run = |task: &Task| task.cpu_us >= 1_000 && task.voluntary_switches > 0;
        assert!(own.is_empty() || own.iter().any(has_run), "{own:?}");
    }

    #[test]
    fn threads_have_names_where_these_are_asked_for() {
        let (done, wait) = std::sync::mpsc::channel::<()>();
        let builder = std::thread::Builder::new().name("tokio-runtime-w".into());
        let thread = builder.spawn(move || wait.recv()).expect("there is room for a thread");
        // It sets its name itself, once it runs.
        let is_there = || tasks(std::process::id(), 1024, true).iter().any(|task| task.name == "tokio-runtime-w");
        let is_named = (0..200).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(5));
            is_there()
        });
        assert!(is_named);
        assert!(tasks(std::process::id(), 1024, false).iter().all(|task| task.name.is_empty()));
        assert_eq!(tasks(std::process::id(), 1, true).len(), 1);
        drop(done);
        assert!(thread.join().expect("it ends").is_err());
    }

    #[test]
    fn switches_are_the_last_lines_of_a_status() {
        let status =
            "Name:\tnonvoluntary_ctxt_switches:\t1\nvoluntary_ctxt_switches:\t150\nnonvoluntary_ctxt_switches:\t54\n";
        assert_eq!(switches(status), Some((150, 54)));
        assert_eq!(switches("Name:\tx\n"), None);
    }

    #[test]
    fn command_lines_are_joined_and_bounded() {
        assert_eq!(command_line(b"python\0-m\0uvicorn\0"), "python -m uvicorn");
        assert_eq!(command_line(b"a\x1b[2J\nb"), "a [2J b");
        let long = "x".repeat(5000);
        // Reads until it is killed.
        let mut command = std::process::Command::new("sh");
        command.args(["-c", "read line", &long]).stdin(std::process::Stdio::piped());
        let mut child = command.spawn().expect("sh is there");
        let seen = read(child.id());
        child.kill().expect("it was ours");
        child.wait().expect("it was ours");
        let seen = seen.expect("readable").expect("it runs");
        assert!(seen.command_line.len() <= SHOWN_COMMAND_BYTES as usize, "{}", seen.command_line.len());
    }

    #[test]
    fn what_has_ended_is_told_from_what_may_not_be_read() {
        assert!(read(u32::MAX).expect("that it is not there is no error").is_none());
        assert!(!has_ended(&io::Error::from_raw_os_error(nix::libc::EMFILE)));
        assert!(has_ended(&io::Error::from_raw_os_error(nix::libc::ESRCH)));
    }
}
