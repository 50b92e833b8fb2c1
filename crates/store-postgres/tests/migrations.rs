//! New migrations leave the previous release working: it runs beside the new one while a cluster is replaced. What the rules
//! are and how a contract step is marked is in `migrations/README.md`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

/// Released before the rules; their checksums are in people's databases.
const RELEASED: i64 = 2;

/// A piece of SQL: what it is, and in which line. Comments are gone; strings have no text.
#[derive(Clone, Debug, PartialEq)]
struct Token {
    kind: Kind,
    line: usize,
}

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    /// A keyword or a name, in small letters.
    Word(String),
    /// A name in double quotes: never a keyword.
    Quoted(String),
    Text,
    Sign(char),
}

impl Token {
    fn is(&self, word: &str) -> bool {
        matches!(&self.kind, Kind::Word(own) if own == word)
    }

    fn sign(&self, sign: char) -> bool {
        self.kind == Kind::Sign(sign)
    }

    fn name(&self) -> Option<&str> {
        match &self.kind {
            Kind::Word(name) | Kind::Quoted(name) => Some(name),
            _ => None,
        }
    }
}

/// Cuts SQL into tokens, as PostgreSQL does as far as it matters here.
fn tokens(sql: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut line = 1;
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let (kind, length) = if first.is_whitespace() {
            (None, first.len_utf8())
        } else if rest.starts_with("--") {
            (None, rest.find('\n').unwrap_or(rest.len()))
        } else if rest.starts_with("/*") {
            (None, comment(rest))
        } else if first == '\'' {
            (Some(Kind::Text), quoted(rest, '\'', false))
        } else if (first == 'e' || first == 'E') && rest[1..].starts_with('\'') {
            (Some(Kind::Text), 1 + quoted(&rest[1..], '\'', true))
        } else if first == '"' {
            let length = quoted(rest, '"', false);
            (Some(Kind::Quoted(rest[1..length - 1].replace("\"\"", "\""))), length)
        } else if let Some(length) = dollars(rest) {
            (Some(Kind::Text), length)
        } else if first.is_alphabetic() || first == '_' {
            let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '$').unwrap_or(rest.len());
            (Some(Kind::Word(rest[..length].to_lowercase())), length)
        } else {
            (Some(Kind::Sign(first)), first.len_utf8())
        };
        tokens.extend(kind.map(|kind| Token { kind, line }));
        line += rest[..length].matches('\n').count();
        rest = &rest[length..];
    }
    tokens
}

/// The length of a comment in slashes and stars, which may hold others.
fn comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        if text[at..].starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if text[at..].starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// The length of what is quoted; a doubled quote belongs to it.
fn quoted(text: &str, quote: char, escapes: bool) -> usize {
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        if escapes && character == '\\' {
            characters.next();
        } else if character == quote && characters.next_if(|(_, next)| *next == quote).is_none() {
            return at + 1;
        }
    }
    panic!("a quote is not closed: {}", text.lines().next().unwrap_or_default());
}

/// The length of `$tag$ … $tag$`.
fn dollars(text: &str) -> Option<usize> {
    let end = text.strip_prefix('$')?.find('$')? + 2;
    let tag = &text[..end];
    if !tag[1..end - 1].chars().all(|c| c.is_alphanumeric() || c == '_')
        || tag[1..].starts_with(|c: char| c.is_numeric())
    {
        return None;
    }
    Some(end + text[end..].find(tag).expect("a dollar quote is closed") + tag.len())
}

/// Cuts at a sign that stands in no parentheses.
fn cut(tokens: &[Token], at: char) -> Vec<&[Token]> {
    let mut depth = 0;
    let pieces = tokens.split(|token| {
        match token.kind {
            Kind::Sign('(') => depth += 1,
            Kind::Sign(')') => depth -= 1,
            _ => {}
        }
        depth == 0 && token.sign(at)
    });
    pieces.filter(|piece| !piece.is_empty()).collect()
}

/// Whether these words follow each other at the beginning.
fn begins(tokens: &[Token], words: &str) -> bool {
    let words: Vec<&str> = words.split(' ').collect();
    tokens.len() >= words.len() && words.iter().zip(tokens).all(|(word, token)| token.is(word))
}

/// Whether these words stand anywhere, in no parentheses.
fn holds(tokens: &[Token], words: &str) -> bool {
    let mut depth = 0;
    (0..tokens.len()).any(|at| {
        match tokens[at].kind {
            Kind::Sign('(') => depth += 1,
            Kind::Sign(')') => depth -= 1,
            _ => {}
        }
        depth == 0 && begins(&tokens[at..], words)
    })
}

/// The rest behind words that may or may not be there.
fn behind<'a>(mut tokens: &'a [Token], optional: &[&str]) -> &'a [Token] {
    for words in optional {
        if begins(tokens, words) {
            tokens = &tokens[words.split(' ').count()..];
        }
    }
    tokens
}

/// A table's name without its schema, and what follows.
fn table(tokens: &[Token]) -> (String, &[Token]) {
    let mut rest = tokens;
    if rest.get(1).is_some_and(|token| token.sign('.')) {
        rest = &rest[2..];
    }
    let name = rest.first().and_then(Token::name).unwrap_or_default().to_owned();
    let rest = rest.get(1..).unwrap_or_default();
    (name, if rest.first().is_some_and(|token| token.sign('*')) { &rest[1..] } else { rest })
}

/// What is wrong with a migration: "line 3: …".
fn faults(sql: &str) -> Vec<String> {
    let tokens = tokens(sql);
    let statements = cut(&tokens, ';');
    let mut faults = Vec::new();
    let marked = is_contract(sql);
    let mut created = BTreeSet::new();
    for statement in &statements {
        let line = statement[0].line;
        if !marked {
            let found = contract_faults(statement, &mut created);
            faults.extend(found.into_iter().map(|(line, fault)| format!("line {line}: {fault}")));
        }
        if holds(statement, "concurrently") && !(sql.starts_with("-- no-transaction") && statements.len() == 1) {
            faults.push(format!(
                "line {line}: CONCURRENTLY works in no transaction: the file begins with `-- no-transaction` and holds nothing else"
            ));
        }
    }
    faults
}

/// Whether the comment at the beginning says `contract:` and a reason.
fn is_contract(sql: &str) -> bool {
    let comment = sql.lines().map_while(|line| line.trim().strip_prefix("--"));
    let mut reasons = comment.filter_map(|line| line.trim().strip_prefix("contract:"));
    reasons.any(|reason| !reason.trim().is_empty())
}

/// What in a statement breaks the release before.
fn contract_faults(statement: &[Token], created: &mut BTreeSet<String>) -> Vec<(usize, &'static str)> {
    let line = statement[0].line;
    let fault = |fault| vec![(line, fault)];
    if begins(statement, "create") {
        let kinds = ["create", "or replace", "global", "local", "temporary", "temp", "unlogged", "unique"];
        let rest = behind(statement, &kinds);
        if begins(rest, "table") {
            created.insert(table(behind(&rest[1..], &["if not exists"])).0);
        } else if begins(rest, "index") && !holds(rest, "concurrently") {
            let on = rest.iter().position(|token| token.is("on")).map_or(rest.len(), |at| at + 1);
            if !created.contains(&table(behind(&rest[on..], &["only"])).0) {
                return fault("CREATE INDEX without CONCURRENTLY stops all writing while it runs");
            }
        }
        return Vec::new();
    }
    if begins(statement, "drop") || begins(statement, "truncate") {
        return fault("DROP and TRUNCATE take away what the release before uses");
    }
    if begins(statement, "do") || begins(statement, "call") {
        return fault("nobody can look into DO and CALL: write the statements themselves");
    }
    if begins(statement, "alter table") {
        let (name, actions) = table(behind(&statement[2..], &["if exists", "only"]));
        if created.contains(&name) {
            return Vec::new();
        }
        return cut(actions, ',')
            .into_iter()
            .filter_map(|action| Some((action[0].line, action_fault(action)?)))
            .collect();
    }
    if begins(statement, "alter") {
        if holds(statement, "rename") {
            return fault(RENAME);
        }
        if holds(statement, "drop") {
            return fault("DROP takes away what the release before uses");
        }
    }
    Vec::new()
}

const RENAME: &str = "RENAME takes away the name that the release before uses";

/// What in an action of ALTER TABLE breaks the release before.
fn action_fault(action: &[Token]) -> Option<&'static str> {
    if begins(action, "drop") {
        return Some("DROP takes away what the release before uses");
    }
    if begins(action, "rename") {
        return Some(RENAME);
    }
    if begins(action, "alter") && !begins(action, "alter constraint") {
        // The column's name may be any word.
        let change = behind(&action[1..], &["column"]).get(1..).unwrap_or_default();
        return if begins(change, "type") || begins(change, "set data type") {
            Some("ALTER COLUMN TYPE rewrites the table, and the release before knows the old type")
        } else if begins(change, "set not null") {
            Some("SET NOT NULL refuses rows that the release before writes")
        } else if begins(change, "drop") && !begins(change, "drop not null") {
            Some("DROP takes away what the release before uses")
        } else {
            None
        };
    }
    if begins(action, "add") {
        let rest = &action[1..];
        if ["constraint", "primary key", "unique", "check", "foreign key", "exclude"]
            .iter()
            .any(|word| begins(rest, word))
        {
            return Some("a new constraint refuses rows that the release before writes");
        }
        let given = holds(rest, "default") || holds(rest, "generated");
        let needed = holds(rest, "not null") || holds(rest, "primary key");
        if needed && !given {
            return Some("ADD COLUMN with NOT NULL and without DEFAULT refuses rows that the release before writes");
        }
    }
    None
}

#[test]
fn new_migrations_leave_the_previous_release_working() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut report = String::new();
    for entry in std::fs::read_dir(&folder).expect("the folder can be read") {
        let path = entry.expect("it can be read").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
        if path.extension().is_none_or(|extension| extension != "sql") {
            continue;
        }
        let version: i64 =
            name.split('_').next().and_then(|number| number.parse().ok()).expect("it begins with a number");
        if version > RELEASED {
            for fault in faults(&std::fs::read_to_string(&path).expect("it can be read")) {
                writeln!(report, "{name}, {fault}").expect("a string takes it");
            }
        }
    }
    assert!(report.is_empty(), "see migrations/README.md:\n{report}");
}

#[test]
fn what_breaks_the_previous_release_is_refused() {
    for (sql, line, words) in [
        ("drop table event", 1, "DROP"),
        ("-- tidy\n\nDROP\n  INDEX mail_due;", 3, "DROP"),
        ("select 1; truncate event", 1, "TRUNCATE"),
        ("alter table registration\n  add column x text,\n  drop column email", 3, "DROP"),
        ("alter table registration drop email", 1, "DROP"),
        ("alter table only public.registration alter email drop default", 1, "DROP"),
        ("ALTER TABLE IF EXISTS \"registration\" /* new */ RENAME COLUMN name TO full_name", 1, "RENAME"),
        ("alter table registration rename to person", 1, "RENAME"),
        ("alter index mail_due rename to due", 1, "RENAME"),
        ("alter type kind rename value 'a' to 'b'", 1, "RENAME"),
        ("alter table mail alter column attempts\n type bigint", 1, "TYPE"),
        ("alter table mail alter attempts set data type bigint using (attempts::bigint)", 1, "TYPE"),
        ("alter table mail alter column type type text", 1, "TYPE"),
        ("alter table mail alter column kind set not null", 1, "SET NOT NULL"),
        ("alter table mail add column a text, add column b text not null", 1, "without DEFAULT"),
        ("alter table mail add b text check (b <> 'default') not null", 1, "without DEFAULT"),
        ("alter table mail add column if not exists \"default\" text not null", 1, "without DEFAULT"),
        ("alter table mail add constraint c check (attempts > 0)", 1, "constraint"),
        ("alter table mail add unique (recipient)", 1, "constraint"),
        ("create index i on mail (kind)", 1, "CONCURRENTLY"),
        ("create table other (id int); create unique index i on public.mail (kind)", 1, "CONCURRENTLY"),
        ("create index concurrently i on mail (kind)", 1, "no-transaction"),
        ("-- no-transaction\ncreate index concurrently i on mail (kind);\nselect 1", 2, "nothing else"),
        ("do $$ begin execute 'select 1'; end $$", 1, "DO"),
        ("-- contract:\ndrop table event", 2, "DROP"),
        ("select '-- contract: no';\ndrop table event", 2, "DROP"),
        ("select 'it''s', E'\\'', $a$ ; $b$ $a$; drop table event", 1, "DROP"),
    ] {
        let found = faults(sql);
        assert_eq!(found.len(), 1, "{sql}: {found:?}");
        assert!(found[0].starts_with(&format!("line {line}: ")) && found[0].contains(words), "{sql}: {found:?}");
    }
}

#[test]
fn what_leaves_the_previous_release_working_is_taken() {
    for sql in [
        "",
        "alter table registration add column note text;",
        "alter table registration add column n integer not null default 0, add column m int generated always as (1) stored not null",
        "alter table registration alter column email drop not null, alter email set default '', alter email set storage external",
        "-- drop table event\n/* drop /* table */ event; rename */ select 'drop table event; --', \"drop\" from t",
        "insert into event (slug) values ('drop; rename'), ($x$drop table event;$x$)",
        "create table room (id bigint primary key, name text not null, rename text);\ncreate index room_by_name on room (name);\n\
         alter table room add constraint named check (name <> '')",
        "-- no-transaction\n-- Lists by organisation.\nCREATE INDEX CONCURRENTLY IF NOT EXISTS i ON mail (kind)",
        "-- contract: the release 1.4 was the last that read it\nalter table registration drop column note;\ndrop table room",
        "update mail set last_error = null where state = 'sent'",
    ] {
        assert_eq!(faults(sql), Vec::<String>::new(), "{sql}");
    }
}
