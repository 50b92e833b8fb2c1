//! People who register: forms opened as a browser opens them, filled in, and sent with a file of 20 kB.

use std::io::{Error, Result};
use std::sync::atomic::{AtomicU64, Ordering};

use testkit::registrant::{Attached, Filled, OpenedForm};

use crate::http::{Answer, Client, Trust};

/// Bytes of the attached file.
pub(crate) const FILE: usize = 20_000;

/// Parts of a body are kept apart by this.
const BOUNDARY: &str = "drillsdrillsdrills";

/// A form that was opened, with what will be answered.
pub(crate) struct Person {
    form: OpenedForm,
    filled: Filled,
}

/// The file everybody attaches.
pub(crate) fn file() -> Attached {
    Attached::large_pdf("passport.pdf", FILE)
}

/// Opens the form of `slug` for so many people, on some connections at once.
pub(crate) async fn open(port: u16, trust: &Trust, slug: &str, many: usize) -> Result<Vec<Person>> {
    let connections = 8.min(many.max(1));
    let tasks: Vec<_> = (0..connections)
        .map(|nth| {
            let (trust, path) = (trust.clone(), format!("/{slug}/register?lang=en"));
            let share = many / connections + usize::from(nth < many % connections);
            tokio::spawn(async move {
                let mut client = Client::connect(port, &trust).await?;
                let mut people = Vec::with_capacity(share);
                for _ in 0..share {
                    let answer = client.get(&path, false).await?;
                    if answer.status != 200 {
                        return Err(Error::other(format!("the form is answered {}", answer.status)));
                    }
                    let form = OpenedForm::read(&String::from_utf8_lossy(&answer.body), &path);
                    people.push(Person { form, filled: answers() });
                }
                Ok(people)
            })
        })
        .collect();
    let mut all = Vec::with_capacity(many);
    for task in tasks {
        all.extend(task.await.map_err(Error::other)??);
    }
    Ok(all)
}

/// Answers of the kind that people give, of somebody else each time: many of one name would be many possible duplicates.
fn answers() -> Filled {
    static COUNTER: AtomicU64 = AtomicU64::new(1);
    let n = COUNTER.fetch_add(1, Ordering::Relaxed);
    let ending: String = format!("{n:o}").bytes().map(|digit| char::from(b'a' + digit - b'0')).collect();
    Filled::sample(&format!("Odhiambo {ending}")).with("email", &format!("somebody-{n}@example.org"))
}

impl Person {
    /// Sends the form.
    pub(crate) async fn register(&self, client: &mut Client, file: &Attached) -> Result<Answer> {
        let body = self.form.body(&self.filled, Some(file), BOUNDARY);
        client.post(&self.form.action, BOUNDARY, &body).await
    }
}
