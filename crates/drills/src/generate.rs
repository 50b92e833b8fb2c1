//! Registrations by the hundred thousand, written in the stores' own tables by a few statements: what years leave behind. The
//! content of their files is left out (a million would be 20 GB, which no query here reads), their rows are not.

use std::io::{Error, Result};
use std::path::{Path, PathBuf};

use sqlx::postgres::PgConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

/// Where to.
pub(crate) enum Store {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL database.
    Postgres(String),
}

impl Store {
    /// The database of a Karibu with this data folder.
    pub(crate) fn of(database: Option<&str>, data: &Path) -> Self {
        database.map_or_else(|| Self::Sqlite(data.join("karibu.db")), |url| Self::Postgres(url.to_owned()))
    }
}

/// Crockford's base 32, as in references.
const ALPHABET: &str = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Writes so many registrations of an event. With `waiting`, each has a confirmation that is still to be made a mail of;
/// otherwise all mails, the organiser's too, were sent. Nobody may write at the same time.
pub(crate) async fn registrations(store: &Store, slug: &str, many: u64, waiting: bool) -> Result<()> {
    match store {
        Store::Sqlite(path) => {
            let options = SqliteConnectOptions::new()
                .filename(path)
                .create_if_missing(false)
                .synchronous(SqliteSynchronous::Off)
                .foreign_keys(false)
                .pragma("cache_size", "-262144");
            let mut connection = options.connect().await.map_err(Error::other)?;
            let sql = statements(&Dialect::SQLITE, slug, many, waiting);
            let sql = format!("begin; {sql} commit; pragma wal_checkpoint(truncate);");
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.map_err(Error::other)?;
            connection.close().await.map_err(Error::other)
        }
        Store::Postgres(url) => {
            let mut connection = PgConnection::connect(url).await.map_err(Error::other)?;
            let sql = statements(&Dialect::POSTGRES, slug, many, waiting);
            let sql = format!("begin; set local session_replication_role = replica; {sql} commit;");
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.map_err(Error::other)?;
            // What autovacuum does in its time.
            sqlx::raw_sql("vacuum analyze").execute(&mut connection).await.map_err(Error::other)?;
            connection.close().await.map_err(Error::other)
        }
    }
}

/// How an engine says things.
struct Dialect {
    /// Numbers `i` from 1 to `MANY`, as `n`.
    numbers: &'static str,
    /// Microseconds now.
    now: &'static str,
    /// A time of microseconds `AT`.
    time: &'static str,
    /// The day of the column `created_at`.
    day: &'static str,
    /// A UUID of 32 hexadecimal digits `HEX`.
    uuid: &'static str,
    /// A number `VALUE` in `WIDTH` hexadecimal digits.
    hex: &'static str,
    /// 32 bytes.
    digest: &'static str,
    json: &'static str,
    newline: &'static str,
}

impl Dialect {
    const SQLITE: Self = Self {
        numbers: "with recursive n (i) as (select 1 union all select i + 1 from n where i < MANY)",
        now: "unixepoch() * 1000000",
        time: "(AT)",
        day: "date(created_at / 1000000, 'unixepoch')",
        uuid: "unhex(HEX)",
        hex: "printf('%0WIDTHx', VALUE)",
        digest: "zeroblob(32)",
        json: "json_object",
        newline: "char(10)",
    };
    const POSTGRES: Self = Self {
        numbers: "with n (i) as (select generate_series(1::bigint, MANY))",
        now: "(extract(epoch from now()) * 1000000)::bigint",
        time: "to_timestamp((AT) / 1000000.0)",
        day: "to_char(created_at at time zone 'UTC', 'YYYY-MM-DD')",
        uuid: "(HEX)::uuid",
        hex: "lpad(to_hex((VALUE)::bigint), WIDTH, '0')",
        digest: "decode(repeat('00', 32), 'hex')",
        json: "jsonb_build_object",
        newline: "chr(10)",
    };

    /// A UUID in order of time, another one for each `i` and kind.
    fn id(&self, at: &str, kind: u8) -> String {
        let hex = |value: &str, width: &str| self.hex.replace("VALUE", value).replace("WIDTH", width);
        let digits = format!(
            "{} || '7' || {} || '8{kind:03x}' || {}",
            hex(&format!("({at}) / 1000"), "12"),
            hex("i % 4096", "3"),
            hex("i", "12")
        );
        self.uuid.replace("HEX", &digits)
    }
}

fn statements(dialect: &Dialect, slug: &str, many: u64, waiting: bool) -> String {
    let Dialect { now, day, digest, json, newline, .. } = dialect;
    let numbers = dialect.numbers.replace("MANY", &many.to_string());
    let event = format!("(select id from event where slug = '{slug}')");
    // The last thirty days, or right now.
    let month = 30_u64 * 86_400 * 1_000_000;
    let at = if waiting { format!("({now})") } else { format!("({now} - {month} + i * {})", month / (many + 1)) };
    let time = dialect.time.replace("AT", &at);
    let (id, submission, file) = (dialect.id(&at, 1), dialect.id(&at, 2), dialect.id(&at, 3));
    let (told, confirmed) = (dialect.id(&at, 4), dialect.id(&at, 5));
    // Each number once: an odd factor only shuffles the 35 bits.
    let bits = "((i * 2654435761) & 34359738367)";
    let digit = |shift: u32| format!("substr('{ALPHABET}', cast(1 + (({bits} >> {shift}) & 31) as integer), 1)");
    let weighed: Vec<String> = (0..7).map(|n| format!("(({bits} >> {}) & 31) * {}", 5 * n, 2 * n + 3)).collect();
    let check = format!("substr('{ALPHABET}', cast(1 + ({}) % 32 as integer), 1)", weighed.join(" + "));
    let digits: Vec<String> = (0..7).map(|n| digit(30 - 5 * n)).collect();
    let reference = format!("'KC-' || {} || '-' || {} || {check}", digits[..4].join(" || "), digits[4..].join(" || "));
    let first = "(case i % 5 when 0 then 'Wanjiru' when 1 then 'Thandiwe' when 2 then 'Jean-Baptiste' when 3 then 'Amina' \
                 else 'Tendai' end)";
    let last = "(case i % 7 when 0 then 'Odhiambo' when 1 then 'Banda' when 2 then 'Rakotomalala' when 3 then 'Mwangi' \
                when 4 then 'Nkurunziza' when 5 then 'Phiri' else 'Tesfaye' end || ' ' || i)";
    let organization = "(case i % 6 when 0 then 'KENET' when 1 then 'ZAMREN' when 2 then 'RENU' when 3 then 'TERNET' \
                        when 4 then 'MoRENet' else 'EthERNet' end)";
    let email = "('person-' || i || '@example.org')";
    let country = "substr('KEUGTZRWZMMWMZETSDSOMGCD', cast(1 + 2 * (i % 12) as integer), 2)";
    let category =
        "(case i % 10 when 0 then 'speaker' when 1 then 'student' when 2 then 'exhibitor' else 'delegate' end)";
    let attendance = "(case i % 3 when 0 then 'online' else 'onsite' end)";
    let answers = format!(
        "{json}('first_name', {first}, 'last_name', {last}, 'email', {email}, 'phone', '+2547' || (10000000 + i),
             'organization', {organization}, 'position', 'Network engineer', 'country', {country}, 'category', {category},
             'attendance', {attendance}, 'comments', 'A room near the hall, please.', 'consent',
             {truth})",
        truth = if *json == "json_object" { "json('true')" } else { "true" }
    );
    let mut sql = format!(
        "insert into registration (id, event_id, form_version, submission_id, content_digest, reference, status, answers,
             name, email, organization, country, category, attendance, language, request_id, search_text,
             created_at, updated_at, address_key, person_key)
         {numbers}
         select {id}, {event}, 1, {submission}, {digest}, {reference}, 'confirmed', {answers}, {first} || ' ' || {last},
             {email}, {organization}, {country}, {category}, {attendance}, 'en', 'generated',
             lower({first} || ' ' || {last} || ' ' || {email} || ' ' || {organization} || ' ' || {reference}), {time}, {time},
             {email}, lower({first} || ' ' || {last}) || {newline} || lower({organization})
         from n;
         insert into history (registration_id, at, action) {numbers} select {id}, {time}, 'registered' from n;
         insert into attachment (id, registration_id, field, name, media, size, sha256, created_at)
         {numbers} select {file}, {id}, 'attachment', 'passport.pdf', 'application/pdf', 20000, {digest}, {time} from n;"
    );
    if waiting {
        sql.push_str(&format!(
            "insert into notification (event_id, registration_id, recipient, kind, language, created_at)
             {numbers} select {event}, {id}, {email}, 'confirmation', 'en', {time} from n;"
        ));
    } else {
        for (mail, recipient, kind) in
            [(&told, "'desk@example.org'", "registered"), (&confirmed, email, "confirmation")]
        {
            sql.push_str(&format!(
                "insert into mail (id, event_id, recipient, kind, language, message_id, state, attempts, created_at, sent_at)
                 {numbers} select {mail}, {event}, {recipient}, '{kind}', 'en', '<' || i || '.{kind}.{many}@localhost>',
                     'sent', 1, {time}, {time} from n;
                 insert into notification (event_id, registration_id, recipient, kind, language, mail_id, created_at)
                 {numbers} select {event}, {id}, {recipient}, '{kind}', 'en', {mail}, {time} from n;"
            ));
        }
    }
    let counted = |dimension: &str, value: &str| {
        format!(
            "select event_id, '{dimension}', {value}, count(*) from registration where event_id = {event} group by 1, 3"
        )
    };
    let counted = [
        counted("status", "status"),
        counted("day", day),
        counted("field:country", "country"),
        counted("field:category", "category"),
        counted("field:attendance", "attendance"),
    ];
    sql.push_str(&format!(
        "delete from summary_count where event_id = {event};
         delete from summary_delta where event_id = {event};
         insert into summary_count (event_id, dimension, value, n) {};
         update place_count set taken = (select count(*) from registration where event_id = {event})
             where event_id = {event} and key = 'event';",
        counted.join(" union all ")
    ));
    sql
}
