//! Organisers with `each`, `every 30m` and `daily 18:00`, with a clock that the tests move; mails go to a folder or a relay.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::{Counting, House, Running, SystemClock};
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use mail::{FolderTransport, SmtpSettings, SmtpTransport};
use registration::cancel::{Cancelled, EventAt};
use registration::event_file;
use registration::ids::{RegistrationId, SubmissionId};
use registration::language::Language;
use registration::notification::MailState;
use registration::places::limits;
use registration::ports::{Clock, Conveyor, Events as _, Outbox as _};
use registration::reference::Reference;
use registration::register::{Desk, OpenForm, Outcome, SampleOrganizers, Submission};
use registration::stored::{Erasure, EventImport};
use registration::validate::Typed;
use testkit::letters::{Letter, letters, wait_for_letters};
use testkit::smtp::{Options, SmtpServer, Tls};

/// A clock that stands until it is moved.
struct Moved(Mutex<Timestamp>);

impl Moved {
    fn at(time: &str) -> Arc<Self> {
        Arc::new(Self(Mutex::new(time.parse().expect("a time"))))
    }

    fn set(&self, time: &str) {
        *self.0.lock().expect("no panic") = time.parse().expect("a time");
    }
}

impl Clock for Moved {
    fn now(&self) -> Timestamp {
        *self.0.lock().expect("no panic")
    }
}

struct NobodyWoken;

impl Conveyor for NobodyWoken {
    fn wake(&self, _: RegistrationId) {}
}

/// The sample event as it was imported in the morning of the first of June 2026, and people who register for it.
struct Conference {
    house: House,
    clock: Arc<Moved>,
    desk: Desk,
    open: OpenForm,
}

impl Conference {
    async fn open(source: &str) -> Self {
        let house = House::open().await;
        let clock = Moved::at("2026-06-01T06:00:00Z");
        let event = event_file::parse(source, clock.now()).expect("an event");
        let import = EventImport {
            slug: event.slug.clone(),
            source: source.to_owned(),
            form: serde_json::to_value(&event.form).expect("JSON"),
            limits: limits(&event),
            sample: true,
            at: clock.now(),
        };
        let imported = house.store.import(&import).await.expect("imports");
        let desk = Desk {
            store: Arc::new(house.store.clone()),
            clock: clock.clone(),
            random: Arc::new(Counting::default()),
            conveyor: Arc::new(NobodyWoken),
            sample_organizers: SampleOrganizers::AsWritten,
        };
        let form = Arc::new(event.form.clone());
        let open = OpenForm {
            id: imported.id,
            event: Arc::new(event),
            sample: true,
            form_version: imported.form_version,
            form,
            places: Vec::new(),
        };
        Self { house, clock, desk, open }
    }

    fn at(&self) -> EventAt {
        EventAt { id: self.open.id, event: self.open.event.clone(), sample: true }
    }

    async fn register(&self, name: &str) -> (RegistrationId, Reference) {
        let mut id = [0; 10];
        self.desk.random.fill(&mut id);
        let email = format!("{}@example.org", name.to_lowercase());
        let answers = [
            ("last_name", name),
            ("email", &email),
            ("organization", "KENET"),
            ("country", "KE"),
            ("category", "delegate"),
            ("attendance", "online"),
            ("consent", "yes"),
        ];
        let submission = Submission {
            id: SubmissionId(registration::stored::uuid_v7(SystemClock.now(), id)),
            typed: Typed {
                fields: answers.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
                files: Vec::new(),
            },
            small: Vec::new(),
            language: Language::En,
            request_id: format!("request-{name}"),
        };
        match self.desk.register(&self.open, submission).await.expect("the store works") {
            Outcome::Registered { id, reference, .. } => (id, reference),
            other => panic!("{other:?}"),
        }
    }

    fn notifier(&self, folder: &Path) -> Running {
        self.house.notifier_at(Arc::new(FolderTransport::new(folder)), self.clock.clone())
    }

    /// Waits until everything that is due is sent, in however many batches: a thousand mails take a while where other tests
    /// run.
    async fn quiet(&self) {
        let rest = SignedDuration::from_secs(3);
        let quiet = async {
            loop {
                let waiting = self.house.store.unassigned(self.clock.now() - rest, 1).await.expect("reads");
                let pending = self.house.store.list(None, Some(MailState::Pending), 1).await.expect("lists");
                if waiting.is_empty() && pending.is_empty() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(120), quiet).await.expect("all mails are sent");
    }
}

fn to<'a>(letters: &'a [Letter], recipient: &str) -> Vec<&'a Letter> {
    letters.iter().filter(|letter| letter.to == recipient).collect()
}

const EACH: &str = "devops@ubuntunet.net";
const DAILY: &str = "programme@ubuntunet.net";

#[tokio::test]
async fn the_samples_organisers_get_each_at_once_and_all_at_six_in_the_evening() {
    let conference = Conference::open(registration::SAMPLE_EVENT).await;
    let folder = conference.house.data.path().join("mail");
    let notifier = conference.notifier(&folder);
    let (_, first) = conference.register("Banda").await;
    let (second, second_reference) = conference.register("Mwila").await;
    let (third, third_reference) = conference.register("Otieno").await;
    wait_for_letters(&folder, 6).await;
    conference.quiet().await;
    assert_eq!((to(&letters(&folder), EACH).len(), to(&letters(&folder), DAILY).len()), (3, 0));

    assert_eq!(conference.desk.cancel(&conference.at(), second, false).await, Ok(Cancelled::Done));
    assert!(matches!(conference.desk.erase(&conference.at(), third).await, Ok(Erasure::Done(_))));
    wait_for_letters(&folder, 8).await;
    // Six in Lusaka is four in Greenwich. Until a moment after it, nothing is due.
    conference.clock.set("2026-06-01T16:00:01Z");
    conference.quiet().await;
    assert_eq!(to(&letters(&folder), DAILY).len(), 0);
    conference.clock.set("2026-06-01T16:00:03Z");
    let all = wait_for_letters(&folder, 9).await;
    conference.quiet().await;
    let daily = to(&all, DAILY);
    assert_eq!(daily.len(), 1);
    let digest = daily[0];
    assert!(digest.subject.starts_with("[UbuntuNet-Connect] "), "{}", digest.subject);
    for told in [first.as_str(), second_reference.as_str(), third_reference.as_str(), "Banda", "Mwila"] {
        assert!(digest.text.contains(told) && digest.html.contains(told), "{told}: {}", digest.text);
    }
    assert!(!digest.raw.contains("Otieno") && !digest.text.contains("otieno@"), "who is erased is not told of");
    assert!(digest.raw.contains("X-Karibu-Kind: digest"));

    // What comes from now on is tomorrow's.
    conference.clock.set("2026-06-02T15:59:00Z");
    conference.register("Nakato").await;
    conference.clock.set("2026-06-02T16:01:00Z");
    wait_for_letters(&folder, 12).await;
    conference.quiet().await;
    let all = letters(&folder);
    let daily = to(&all, DAILY);
    assert_eq!(daily.len(), 2);
    // Files are named by when a mail was made, so today's comes after yesterday's.
    assert!(daily[0].text.contains(first.as_str()) && !daily[0].text.contains("Nakato"));
    assert!(daily[1].text.contains("Nakato") && !daily[1].text.contains(first.as_str()));
    // A day on which nothing happened has no mail.
    conference.clock.set("2026-06-04T16:01:00Z");
    conference.quiet().await;
    assert_eq!(letters(&folder).len(), 12);
    notifier.stop().await;
}

#[tokio::test]
async fn whoever_waits_for_an_option_is_told_which() {
    let limited = registration::SAMPLE_EVENT.replace("value = \"delegate\"", "value = \"delegate\"\nplaces = 1");
    let conference = Conference::open(&limited).await;
    let folder = conference.house.data.path().join("mail");
    conference.register("Banda").await;
    conference.register("Mwila").await;
    let notifier = conference.notifier(&folder);
    let all = wait_for_letters(&folder, 4).await;
    let words = |letter: &Letter| letter.text.split_whitespace().collect::<Vec<_>>().join(" ");
    let says = |letter: &Letter| words(letter).contains("There is no place left for: Delegate.");
    let waits = |recipient| to(&all, recipient).into_iter().filter(|letter| says(letter)).count();
    assert_eq!((waits("banda@example.org"), waits("mwila@example.org"), waits(EACH)), (0, 1, 1));
    assert!(!all.iter().any(|letter| letter.text.contains("All places are taken")));
    notifier.stop().await;
}

#[tokio::test]
async fn whoever_was_asked_for_no_file_is_offered_to_send_none() {
    // Everybody here comes online.
    for (attendance, offered) in [("online", true), ("onsite", false)] {
        let shown = format!("type = \"file\"\nshow_if = {{ field = \"attendance\", in = [\"{attendance}\"] }}");
        let conference = Conference::open(&registration::SAMPLE_EVENT.replace("type = \"file\"", &shown)).await;
        let folder = conference.house.data.path().join("mail");
        conference.register("Banda").await;
        let notifier = conference.notifier(&folder);
        let all = wait_for_letters(&folder, 2).await;
        let confirmation = to(&all, "banda@example.org")[0];
        assert_eq!(confirmation.text.contains("/connect/attachments/"), offered, "{}", confirmation.text);
        notifier.stop().await;
    }
}

#[tokio::test]
async fn a_window_missed_while_all_was_down_is_sent_late_and_once() {
    let conference = Conference::open(registration::SAMPLE_EVENT).await;
    let folder = conference.house.data.path().join("mail");
    let (_, missed) = conference.register("Banda").await;
    conference.clock.set("2026-06-03T09:00:00Z");
    let (_, later) = conference.register("Mwila").await;
    // Two notifiers come back two days after, at the same time.
    conference.clock.set("2026-06-05T09:00:00Z");
    let both = [conference.notifier(&folder), conference.notifier(&folder)];
    wait_for_letters(&folder, 6).await;
    conference.quiet().await;
    let all = letters(&folder);
    let daily = to(&all, DAILY);
    assert_eq!(daily.len(), 2, "one for each window");
    for reference in [missed, later] {
        assert_eq!(daily.iter().filter(|letter| letter.text.contains(reference.as_str())).count(), 1);
    }
    for notifier in both {
        notifier.stop().await;
    }
    assert_eq!(letters(&folder).len(), 6);
}

#[tokio::test]
async fn a_thousand_in_a_burst_are_in_exactly_one_mail_of_each_organiser() {
    let source = registration::SAMPLE_EVENT.replacen(
        "[[organizers]]",
        "[[organizers]]\nemail = \"half-hour@example.org\"\ndelivery = \"every 30m\"\n\n[[organizers]]",
        1,
    );
    let conference = Conference::open(&source.replacen("capacity = 300", "capacity = 900", 1)).await;
    let server = SmtpServer::start(Options { tls: Tls::None, login: None }).await;
    testkit::install_tls_provider();
    let transport = || {
        let settings = SmtpSettings {
            url: server.url().parse().expect("a URL"),
            from: "events@example.org".to_owned(),
            connections: 4,
            ca_file: None,
        };
        Arc::new(SmtpTransport::new(&settings).expect("good settings"))
    };
    let both = [
        conference.house.notifier_at(transport(), conference.clock.clone()),
        conference.house.notifier_at(transport(), conference.clock.clone()),
    ];
    let mut all: Vec<Reference> = Vec::new();
    for batch in 0..20 {
        let names: Vec<String> = (0..50).map(|n| format!("Guest{batch}x{n}")).collect();
        let burst = join_all(names.iter().map(|name| conference.register(name))).await;
        all.extend(burst.into_iter().map(|(_, reference)| reference));
    }
    conference.clock.set("2026-06-01T06:30:03Z");
    conference.quiet().await;
    conference.clock.set("2026-06-01T16:00:03Z");
    conference.quiet().await;
    for notifier in both {
        notifier.stop().await;
    }

    let mails: Vec<Letter> = server.mails().iter().map(testkit::smtp::ReceivedMail::letter).collect();
    assert_eq!(mails.iter().filter(|mail| mail.to.starts_with("guest")).count(), 1000, "each person once");
    for organizer in [EACH, "half-hour@example.org", DAILY] {
        let told = to(&mails, organizer);
        let mut times: BTreeMap<&str, u32> = BTreeMap::new();
        for mail in &told {
            // The answers' heading of each registration that a mail tells in full; the table at the end has no reference.
            let references: std::collections::BTreeSet<&str> =
                mail.text.split_whitespace().filter_map(reference_in).collect();
            assert!(references.len() <= 50, "{} in one mail", references.len());
            assert!(mail.raw.len() <= 1_000_000, "{} bytes", mail.raw.len());
            for one in references {
                *times.entry(one).or_default() += 1;
            }
        }
        for reference in &all {
            assert_eq!(times.get(reference.as_str()), Some(&1), "{reference} to {organizer}");
        }
        assert_eq!(times.len(), 1000);
        assert!(organizer == EACH || (20..=24).contains(&told.len()), "{} mails to {organizer}", told.len());
    }
}

#[tokio::test]
async fn an_organiser_whose_address_bounces_for_a_month_delays_nobody_and_misses_nothing() {
    let refusing = "rcpt-550-5.1.1@example.org";
    let source = registration::SAMPLE_EVENT.replacen(
        "[[organizers]]",
        &format!("[[organizers]]\nemail = \"{refusing}\"\ndelivery = \"daily 17:00\"\n\n[[organizers]]"),
        1,
    );
    let conference = Conference::open(&source).await;
    let server = SmtpServer::start(Options { tls: Tls::None, login: None }).await;
    testkit::install_tls_provider();
    let settings = SmtpSettings {
        url: server.url().parse().expect("a URL"),
        from: "events@example.org".to_owned(),
        connections: 4,
        ca_file: None,
    };
    let transport = Arc::new(SmtpTransport::new(&settings).expect("good settings"));
    let notifier = conference.house.notifier_at(transport, conference.clock.clone());
    for day in 1..=30 {
        conference.clock.set(&format!("2026-06-{day:02}T09:00:00Z"));
        conference.register(&format!("Guest{day}")).await;
        conference.clock.set(&format!("2026-06-{day:02}T17:00:00Z"));
        conference.quiet().await;
    }
    let parked = conference.house.store.list(None, Some(MailState::Parked), 100).await.expect("lists");
    assert_eq!(parked.len(), 30, "each day's digest is kept");
    assert!(parked.iter().all(|mail| mail.recipient == refusing && mail.attempts == 1 && mail.references.len() == 1));
    assert_eq!(notifier.relay_fault(), None);
    let sent: Vec<Letter> = server.mails().iter().map(testkit::smtp::ReceivedMail::letter).collect();
    assert_eq!((to(&sent, EACH).len(), to(&sent, DAILY).len()), (30, 30));
    notifier.stop().await;
}

/// A reference that stands alone or among punctuation.
fn reference_in(word: &str) -> Option<&str> {
    let at = word.find("KC-")?;
    word.get(at..at + "KC-XXXX-XXXX".len()).filter(|word| word.parse::<Reference>().is_ok())
}
