//! MEMORY DOCTOR: what is unusual about the server's memory, in words.

use std::sync::Arc;

use crate::observe::Facts;
use crate::observe::info::MemoryFacts;

use super::super::{Call, Next, Outcome};
use super::stats::ratio;

/// Below this many bytes ratios tell nothing.
const LITTLE: u64 = 5 << 20;
/// Waste below this many bytes is nothing to worry about.
const WORTH_A_WORD: u64 = 10 << 20;
/// Bytes that the connections may take on average.
const CLIENT_BUFFER: u64 = 200 << 10;

/// What is looked at.
struct Patient {
    memory: MemoryFacts,
    connections: u64,
}

/// A finding: whether it applies, and what to say then.
type Finding = (fn(&Patient) -> bool, &'static str);

const FINDINGS: [Finding; 5] = [
    (
        |patient| ratio(patient.memory.peak, patient.memory.used) > 1.5,
        "Peak: more than one and a half times the present memory was in use once. Pages from then may not have gone \
         back to the operating system yet; MEMORY PURGE sends them back.",
    ),
    (
        |patient| exceeds(patient.memory.resident, patient.memory.used, 1.4),
        "Resident memory: the process occupies more than 1.4 times what it uses. After a peak this goes away by \
         itself or with MEMORY PURGE; otherwise data of changing sizes fragment the memory.",
    ),
    (
        |patient| {
            exceeds(patient.memory.allocator.active as u64, patient.memory.allocator.allocated as u64, 1.1)
        },
        "Fragmentation: the pages in use by the allocator are more than 1.1 times what is allocated in them.",
    ),
    (
        |patient| {
            exceeds(patient.memory.allocator.resident as u64, patient.memory.allocator.active as u64, 1.1)
        },
        "Unused pages: the allocator keeps more than 1.1 times the pages that it uses. MEMORY PURGE gives them back.",
    ),
    (
        |patient| patient.memory.clients / patient.connections.max(1) > CLIENT_BUFFER,
        "Client buffers: connections take more than 200 KB on average. CLIENT LIST shows which don't read their \
         replies or send very long pipelines.",
    ),
];

/// Whether `all` is more than `limit` times `part`, and by an amount that matters.
fn exceeds(all: u64, part: u64, limit: f64) -> bool {
    ratio(all, part) > limit && all - part > WORTH_A_WORD
}

pub(super) fn doctor(call: &mut Call<'_>) -> Outcome {
    let server = Arc::clone(call.server);
    Ok(Next::Later(Box::new(move |reply| {
        let patient = Patient { memory: server.memory(), connections: server.clients.len() as u64 };
        reply.verbatim("txt", report(&patient).as_bytes());
    })))
}

fn report(patient: &Patient) -> String {
    if patient.memory.used < LITTLE {
        return "So little memory is in use that nothing can be said about it.\n".to_owned();
    }
    let findings: Vec<&str> =
        FINDINGS.iter().filter(|(applies, _)| applies(patient)).map(|(_, text)| *text).collect();
    if findings.is_empty() {
        return "Nothing is unusual about the memory of this server.\n".to_owned();
    }
    let lines = findings.iter().map(|finding| format!(" * {finding}\n\n"));
    format!("About the memory of this server:\n\n{}", lines.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::alloc;

    const GB: u64 = 1 << 30;

    fn healthy() -> Patient {
        let allocator =
            alloc::Stats { allocated: 1 << 30, active: 1 << 30, resident: 1 << 30, ..Default::default() };
        let memory = MemoryFacts { used: GB, peak: GB, resident: GB, allocator, ..Default::default() };
        Patient { memory, connections: 10 }
    }

    #[test]
    fn says_what_is_unusual_and_only_that() {
        assert!(report(&healthy()).starts_with("Nothing is unusual"));
        let little = Patient { memory: MemoryFacts { used: LITTLE - 1, ..healthy().memory }, ..healthy() };
        assert!(report(&little).starts_with("So little"));
        type Worsen = fn(&mut Patient);
        let worse: [(&str, Worsen); 5] = [
            ("Peak", |patient| patient.memory.peak = 2 * GB),
            ("Resident", |patient| patient.memory.resident = 2 * GB),
            ("Fragmentation", |patient| patient.memory.allocator.allocated = 1 << 29),
            ("Unused", |patient| patient.memory.allocator.resident = 1 << 31),
            ("Client", |patient| patient.memory.clients = GB),
        ];
        for (word, worsen) in worse {
            let mut patient = healthy();
            worsen(&mut patient);
            let report = report(&patient);
            assert!(report.contains(&format!(" * {word}")) && report.matches(" * ").count() == 1, "{report}");
        }
    }
}
