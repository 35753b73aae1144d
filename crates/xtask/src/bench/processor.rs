//! Processor time of processes, as the kernel counts it.

use std::fs;

use anyhow::Context;

/// The kernel's unit on every Linux that is in use.
const TICKS_A_SECOND: f64 = 100.0;

/// Fields of `/proc/PID/stat` behind the name in brackets.
struct Stat {
    parent: u32,
    own_ticks: u64,
    /// Of children that have ended.
    ended_ticks: u64,
}

/// Processor time of a process, and of its children that have ended, in seconds.
pub(crate) fn processor_seconds(pid: u32) -> anyhow::Result<f64> {
    let path = format!("/proc/{pid}/stat");
    let text = fs::read_to_string(&path).with_context(|| path.clone())?;
    let stat = stat(&text).with_context(|| format!("{path} is not as expected"))?;
    Ok((stat.own_ticks + stat.ended_ticks) as f64 / TICKS_A_SECOND)
}

/// The same with its children that run.
pub(crate) fn family_seconds(pid: u32) -> anyhow::Result<f64> {
    let mut ticks = 0;
    for entry in fs::read_dir("/proc")? {
        let text = fs::read_to_string(entry?.path().join("stat"));
        if let Some(stat) = text.ok().and_then(|text| stat(&text))
            && stat.parent == pid
        {
            ticks += stat.own_ticks + stat.ended_ticks;
        }
    }
    Ok(processor_seconds(pid)? + ticks as f64 / TICKS_A_SECOND)
}

fn stat(text: &str) -> Option<Stat> {
    let fields: Vec<&str> = text.rsplit_once(") ")?.1.split(' ').collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        own_ticks: number(11)? + number(12)?,
        ended_ticks: number(13)? + number(14)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_stand_behind_a_name_that_may_hold_anything() {
        let text = "7 (a) b) S 3 7 7 0 -1 4194560 1 2 3 4 50 60 7 8 20 0 1 0 5 6 7";
        let stat = stat(text).unwrap();
        assert_eq!(
            (stat.parent, stat.own_ticks, stat.ended_ticks),
            (3, 110, 15)
        );
    }
}
