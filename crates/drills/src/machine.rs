//! What the kernel says of processes.

use std::time::Duration;

/// Ticks a second in `/proc`; 100 on every Linux.
const TICKS: u64 = 100;

/// Processor time of a process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cpu {
    /// In its own code.
    pub(crate) user: Duration,
    /// In the kernel on its behalf.
    pub(crate) kernel: Duration,
}

impl Cpu {
    /// Both together.
    pub(crate) fn total(self) -> Duration {
        self.user + self.kernel
    }
}

/// Processor time of a process so far, with all its threads.
pub(crate) fn cpu(pid: u32) -> Cpu {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name in brackets may hold anything; the fields begin after it. utime is the 14th of all.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let time = |field: usize| {
        let ticks: u64 = fields.get(field).and_then(|ticks| ticks.parse().ok()).unwrap_or_default();
        Duration::from_millis(ticks * 1_000 / TICKS)
    };
    Cpu { user: time(11), kernel: time(12) }
}

/// Processor time of this process.
pub(crate) fn own_cpu() -> Duration {
    cpu(std::process::id()).total()
}

/// The children of a process.
pub(crate) fn children(pid: u32) -> Vec<u32> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|id| id.parse().ok()).collect()
}

/// Memory of a process that is in RAM, in MB (10^6 bytes).
pub(crate) fn rss_mb(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    let kib: f64 = line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or_default();
    kib * 1_024.0 / 1e6
}

/// The machine in a line: processors, kernel, how busy it is.
pub(crate) fn describe() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown processor");
    let model = model.trim_start_matches([' ', '\t', ':']).to_owned();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    let load = read("/proc/loadavg");
    let load = load.split_whitespace().next().unwrap_or_default();
    format!("{cores} × {model}, Linux {}, load {load} before", kernel.trim())
}
