//! What bare databases do with the statements of a registration: the bound for any registration desk over them.

use std::io::{Error, Result};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqliteConnection};
use store_postgres::PostgresStore;
use store_sqlite::SqliteStore;
use testkit::postgres;
use uuid::Uuid;

use crate::house::{LIMITED, PLACES};
use crate::people;
use crate::statements::{fill, find};

/// Answers as the sample's form makes them; pgbench takes what follows a colon at once for one of its variables.
const ANSWERS: &str = r#"{"attendance": "online","attachment": {"id": "0197f1d2-1111-7000-8000-000000000000","name": "passport.pdf","size": 20000,"type": "application/pdf"},"category": "delegate","consent": true,"country": "KE","email": "somebody@example.org","first_name": "Wanjiru","last_name": "Odhiambo","organization": "KENET","phone": "+254712345678","position": "Network engineer"}"#;

/// When everybody of the bare SQLite loop registers, in microseconds.
const AT: i64 = 1_795_000_000_000_000;

/// Dimension, value: what a registration adds to the summary.
const COUNTED: [(&str, &str); 5] = [
    ("status", "confirmed"),
    ("day", "2026-11-21"),
    ("field:country", "KE"),
    ("field:category", "delegate"),
    ("field:attendance", "online"),
];

/// Recipient and kind: who is told.
const TOLD: [(&str, &str); 3] = [
    ("desk@example.org", "registered"),
    ("programme@example.org", "registered"),
    ("somebody@example.org", "confirmation"),
];

/// The rows that registrations refer to: event 1 without a limit, event 2 with one.
fn seed(at: &str, sample: &str) -> String {
    format!(
        "insert into event (slug, source, sample, imported_at, revision, form_version)
             values ('free', '', {sample}, {at}, 1, 1), ('{LIMITED}', '', {sample}, {at}, 1, 1);
         insert into form_version (event_id, number, form, created_at) select id, 1, '{{}}', {at} from event;
         insert into place_count (event_id, key, taken, places_limit)
             select id, 'event', 0, {PLACES} from event where slug = '{LIMITED}';"
    )
}

/// Key of an event in a comparator's database.
fn event(limited: bool) -> i64 {
    if limited { 2 } else { 1 }
}

/// Makes the tables and events for [`pgbench`].
pub(crate) async fn prepare_postgres(url: &str) -> Result<()> {
    let store = PostgresStore::connect(url, 1, None).await.map_err(Error::other)?;
    store.migrate().await.map_err(Error::other)?;
    store.close().await;
    postgres::try_run(url, &seed("now()", "false")).await.map_err(Error::other)
}

/// Registrations a second by pgbench: the statements of the store in one transaction, prepared, the file as a parameter.
pub(crate) fn pgbench(url: &str, folder: &Path, limited: bool, clients: usize, seconds: u64, run: u32) -> Result<f64> {
    let script = folder.join(format!("register-{limited}.sql"));
    std::fs::write(&script, transaction(limited)?)?;
    let file: String = people::file().content.iter().fold("\\x".to_owned(), |mut text, byte| {
        text.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
        text.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
        text
    });
    let output = Command::new("sh")
        .args(["-c", "PATH=\"$PATH:$(ls -d /usr/lib/postgresql/*/bin | tail -n 1)\"; exec pgbench \"$@\"", "sh"])
        .args(["-n", "-M", "prepared", "-j", "2", "-D", "n=0"])
        .args(["-D", &format!("run={run}"), "-D", &format!("file={file}")])
        .args(["-c", &clients.to_string(), "-T", &seconds.to_string()])
        .arg("-f")
        .arg(&script)
        .arg(url)
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let rate = text.lines().find_map(|line| line.strip_prefix("tps = ")).and_then(|rest| rest.split(' ').next());
    let failed = || Error::other(format!("pgbench: {}", String::from_utf8_lossy(&output.stderr)));
    rate.filter(|_| output.status.success()).and_then(|rate| rate.parse().ok()).ok_or_else(failed)
}

/// The transaction of a registration as a script for pgbench.
fn transaction(limited: bool) -> Result<String> {
    let array = |texts: &[&str]| {
        // pgbench takes what follows a colon for one of its variables, in quotes, too.
        let texts: Vec<String> =
            texts.iter().map(|text| format!("'{}'", text.replace(':', "' || chr(58) || '"))).collect();
        format!("array[{}]::text[]", texts.join(","))
    };
    let first = |pairs: &[(&'static str, &'static str)]| -> Vec<&str> { pairs.iter().map(|pair| pair.0).collect() };
    let second = |pairs: &[(&'static str, &'static str)]| -> Vec<&str> { pairs.iter().map(|pair| pair.1).collect() };
    // In order of time, like the stores' own.
    let uuid = |kind: u8| {
        format!(
            "(lpad(to_hex((extract(epoch from now()) * 1000)::bigint), 12, '0') || '7' || lpad(to_hex(:client_id::bigint), 3, '0')
              || '8{kind:03x}' || lpad(to_hex(:n::bigint), 12, '0'))::uuid"
        )
    };
    let (id, submission, file) = (uuid(1), uuid(2), uuid(3));
    let event = format!("{}::bigint", event(limited));
    let digest = format!("'\\x{}'::bytea", "ab".repeat(32));
    let answers = format!("'{ANSWERS}'::jsonb");
    let (recipients, kinds) = (array(&first(&TOLD)), array(&second(&TOLD)));
    let (dimensions, values) = (array(&first(&COUNTED)), array(&second(&COUNTED)));
    let files = format!("array[{file}]");
    let digests = format!("array[{digest}]");
    let size = format!("array[{}]::bigint[]", people::FILE);
    let places = "array['event']::text[]";
    let expressions = [
        id.as_str(),
        &event,
        "1",
        &submission,
        &digest,
        "'KC-' || :run::text || '-' || :client_id::text || '-' || :n::text",
        &answers,
        "'Wanjiru Odhiambo'",
        "'somebody@example.org'",
        "'KENET'",
        "'KE'",
        "'delegate'",
        "'online'",
        "'en'",
        "'0197f1d2-1111-7000-8000-000000000000'",
        "'wanjiru odhiambo somebody@example.org kenet kc-7f3k-2m9q'",
        places,
        "now()",
        &recipients,
        &kinds,
        "array['en','en','en']::text[]",
        &dimensions,
        &values,
        "array[1,1,1,1,1]::bigint[]",
        "array[]::uuid[]",
        &files,
        "array['attachment']::text[]",
        "array['passport.pdf']::text[]",
        "array['application/pdf']::text[]",
        &size,
        &digests,
        "array[:file::bytea]",
        // The second one is told by a digest.
        "array[null,now(),null]::timestamptz[]",
        "array[null,now() + interval '1 day',null]::timestamptz[]",
        "'somebody@example.org'",
        "'wanjiru odhiambo' || chr(10) || 'kenet'",
        "null::uuid",
    ];
    let insert = fill(&find("store-postgres", "with exhausted as", 37)?, &expressions);
    let limits = fill(
        &find("store-postgres", "select key from place_count where event_id = $1 and key = any", 2)?,
        &[&event, places],
    );
    let take = fill(&find("store-postgres", "set taken = taken + 1", 2)?, &[&event, "'event'"]);
    let take = if limited { format!("{take};\n") } else { String::new() };
    Ok(format!(
        "\\set n :n + 1\nbegin;\nselect pg_advisory_xact_lock(:client_id::bigint * 1000000000 + :n::bigint);\n{insert};\n{limits};\n\
         {take}commit;\n"
    ))
}

/// A file with the tables and events, and a connection to it like the store's writer.
pub(crate) struct BareSqlite {
    connection: SqliteConnection,
    claim: String,
    attach: String,
    chunk: String,
    uploads: String,
    history: String,
    notify: String,
    count: String,
    limits: String,
    take: String,
}

impl BareSqlite {
    /// Makes the file in a folder.
    pub(crate) async fn make(folder: &Path) -> Result<Self> {
        let path = folder.join("bare.db");
        let store = SqliteStore::open(&path, 1).await.map_err(Error::other)?;
        store.close().await;
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .pragma("secure_delete", "on")
            .pragma("temp_store", "memory")
            .pragma("journal_size_limit", "67108864");
        let mut connection = options.connect().await.map_err(Error::other)?;
        sqlx::raw_sql(AssertSqlSafe(seed("0", "0"))).execute(&mut connection).await.map_err(Error::other)?;
        let query = |part, parameters| find("store-sqlite", part, parameters);
        Ok(Self {
            connection,
            claim: query("insert into registration (", 20)?,
            attach: query(
                "insert into attachment (id, registration_id, field, name, media, size, sha256, created_at)\n         values",
                8,
            )?,
            chunk: query("insert into file_chunk", 3)?,
            uploads: query("delete from upload where submission_id = ? returning", 1)?,
            history: query("insert into history", 4)?,
            notify: query("insert into notification", 3)?,
            count: query("insert into summary_delta", 2)?,
            limits: query("select key from place_count where event_id = ?", 1)?,
            take: query("set taken = taken + 1", 2)?,
        })
    }

    /// Registrations a second, one after the other, each in a transaction of its own that is on the disk when it ends.
    pub(crate) async fn run(&mut self, limited: bool, limit: Duration) -> Result<f64> {
        let (began, mut many, content) = (Instant::now(), 0_u32, people::file().content);
        while began.elapsed() < limit {
            self.register(limited, &content).await.map_err(Error::other)?;
            many += 1;
        }
        Ok(f64::from(many) / began.elapsed().as_secs_f64())
    }

    async fn register(&mut self, limited: bool, content: &[u8]) -> std::result::Result<(), sqlx::Error> {
        static COUNTER: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
        let n = u128::from(COUNTER.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        let [id, submission, file] = [1, 2, 3].map(|kind| Uuid::from_u128(n << 64 | kind));
        let (event, reference, digest) = (event(limited), format!("KC-{n}"), [7_u8; 32]);
        // The second one is told by a digest.
        let told: Vec<_> = TOLD
            .iter()
            .enumerate()
            .map(|(nth, (to, kind))| {
                let window = (nth == 1).then_some(AT);
                serde_json::json!([to, kind, "en", window, window.map(|starts| starts + 86_400_000_000)])
            })
            .collect();
        let counted: Vec<_> = COUNTED.iter().map(|(name, value)| serde_json::json!([name, value, 1])).collect();
        let (told, counted) = (serde_json::json!(told).to_string(), serde_json::json!(counted).to_string());
        let at = AT;
        let query = |text: &str| sqlx::query(AssertSqlSafe(text.to_owned()));

        let mut tx = self.connection.begin_with("begin immediate").await?;
        query(&self.claim)
            .bind(id)
            .bind(event)
            .bind(1_i64)
            .bind(submission)
            .bind(&digest[..])
            .bind(reference)
            .bind("confirmed")
            .bind(ANSWERS)
            .bind("Wanjiru Odhiambo")
            .bind("somebody@example.org")
            .bind("KENET")
            .bind("KE")
            .bind("delegate")
            .bind("online")
            .bind("en")
            .bind("0197f1d2-1111-7000-8000-000000000000")
            .bind("wanjiru odhiambo somebody@example.org kenet kc-7f3k-2m9q")
            .bind(at)
            .bind("somebody@example.org")
            .bind("wanjiru odhiambo\nkenet")
            .execute(&mut *tx)
            .await?;
        query(&self.attach)
            .bind(file)
            .bind(id)
            .bind("attachment")
            .bind("passport.pdf")
            .bind("application/pdf")
            .bind(content.len() as i64)
            .bind(&digest[..])
            .bind(at)
            .execute(&mut *tx)
            .await?;
        query(&self.chunk).bind(file).bind(0_i64).bind(content).execute(&mut *tx).await?;
        query(&self.uploads).bind(submission).fetch_all(&mut *tx).await?;
        query(&self.history).bind(id).bind(at).bind("registered").bind(None::<&str>).execute(&mut *tx).await?;
        query(&self.notify).bind(event).bind(id).bind(told).execute(&mut *tx).await?;
        query(&self.count).bind(event).bind(counted).execute(&mut *tx).await?;
        query(&self.limits).bind(event).fetch_all(&mut *tx).await?;
        if limited {
            query(&self.take).bind(event).bind("event").execute(&mut *tx).await?;
        }
        tx.commit().await
    }
}
