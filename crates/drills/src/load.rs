//! Many people registering at once, as fast as they are answered.

use std::io::{Error, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::http::{Client, Trust};
use crate::machine;
use crate::people::{self, Person};

/// What came of it.
pub(crate) struct Load {
    /// Answered 303.
    pub(crate) accepted: usize,
    /// Answered otherwise.
    pub(crate) other: usize,
    /// From the first request to the last answer.
    pub(crate) took: Duration,
    /// Processor time that this generator took.
    pub(crate) own_cpu: Duration,
    /// How long each answer took, shortest first.
    pub(crate) answers: Vec<Duration>,
}

impl Load {
    /// Accepted registrations a second.
    pub(crate) fn rate(&self) -> f64 {
        self.accepted as f64 / self.took.as_secs_f64()
    }
}

/// So many clients, each on its own connection, until everybody is registered or the time is over.
pub(crate) async fn run(
    port: u16,
    trust: &Trust,
    clients: usize,
    people: Vec<Person>,
    limit: Duration,
) -> Result<Load> {
    let mut connections = Vec::with_capacity(clients);
    for _ in 0..clients {
        connections.push(Client::connect(port, trust).await?);
    }
    let (people, next, file) = (Arc::new(people), Arc::new(AtomicUsize::new(0)), Arc::new(people::file()));
    let (before, began) = (machine::own_cpu(), Instant::now());
    let tasks: Vec<_> = connections
        .into_iter()
        .map(|mut client| {
            let (people, next, file) = (people.clone(), next.clone(), file.clone());
            tokio::spawn(async move {
                let (mut accepted, mut other, mut answers) = (0, 0, Vec::new());
                while began.elapsed() < limit {
                    let Some(person) = people.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
                    let sent = Instant::now();
                    let answer = person.register(&mut client, &file).await?;
                    answers.push(sent.elapsed());
                    if answer.status == 303 {
                        accepted += 1;
                    } else {
                        other += 1;
                    }
                }
                Ok::<_, Error>((accepted, other, answers))
            })
        })
        .collect();
    let (mut accepted, mut other, mut answers) = (0, 0, Vec::new());
    for task in tasks {
        let done = task.await.map_err(Error::other)??;
        accepted += done.0;
        other += done.1;
        answers.extend(done.2);
    }
    let (took, own_cpu) = (began.elapsed(), machine::own_cpu().saturating_sub(before));
    answers.sort_unstable();
    Ok(Load { accepted, other, took, own_cpu, answers })
}

/// The value below which this share (0 to 1) of sorted values lies.
pub(crate) fn quantile(sorted: &[Duration], share: f64) -> Duration {
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * share).round() as usize).copied().unwrap_or_default()
}
