//! What a store holds, table by table, in a form that both engines share: for carrying everything over from one to the
//! other, and for proving that both hold the same.

use async_trait::async_trait;
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::ports::StoreResult;

/// What a column holds, whatever the engine calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A whole number.
    Int,
    /// Yes or no.
    Bool,
    /// Text.
    Text,
    /// Bytes.
    Bytes,
    /// A UUID.
    Uuid,
    /// A moment, to the microsecond.
    Time,
    /// A day.
    Date,
    /// A JSON document.
    Json,
}

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name, the same in both engines.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
}

/// A table.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name, the same in both engines.
    pub name: &'static str,
    /// Its columns.
    pub columns: &'static [Column],
    /// Its primary key: the order in which rows are read.
    pub key: &'static [&'static str],
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Nothing.
    Null,
    /// Of [`Kind::Int`].
    Int(i64),
    /// Of [`Kind::Bool`].
    Bool(bool),
    /// Of [`Kind::Text`].
    Text(String),
    /// Of [`Kind::Bytes`].
    Bytes(Vec<u8>),
    /// Of [`Kind::Uuid`].
    Uuid(Uuid),
    /// Of [`Kind::Time`].
    Time(Timestamp),
    /// Of [`Kind::Date`].
    Date(Date),
    /// Of [`Kind::Json`].
    Json(Value),
}

/// Takes rows as they are read.
#[async_trait]
pub trait RowSink: Send {
    /// The next row; its cells stand in the order of the table's columns.
    async fn row(&mut self, row: Vec<Cell>) -> StoreResult<()>;
}

/// All tables of a store at one moment.
#[async_trait]
pub trait Snapshot: Send {
    /// How many rows a table has.
    async fn count(&mut self, table: &'static Table) -> StoreResult<u64>;
    /// Hands all rows of a table to `sink`, in the order of the key, one by one: however many there are, few are in memory.
    async fn read(&mut self, table: &'static Table, sink: &mut dyn RowSink) -> StoreResult<()>;
}

/// A table's rows in short: two tables with the same number and SHA-256 hold the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checksum {
    /// Rows.
    pub rows: u64,
    /// Over all cells in the order of the key, written the same way for both engines.
    pub sha256: [u8; 32],
}

/// Computes a [`Checksum`] from the rows that come.
#[derive(Clone, Debug, Default)]
pub struct Summing {
    rows: u64,
    hash: Sha256,
}

impl Summing {
    /// Adds a row.
    pub fn add(&mut self, row: &[Cell]) {
        self.rows += 1;
        for cell in row {
            self.cell(cell);
        }
    }

    /// What came of all rows.
    pub fn finish(self) -> Checksum {
        Checksum { rows: self.rows, sha256: self.hash.finalize().into() }
    }

    /// The kind, and the length of what may be long: no two rows are written alike.
    fn cell(&mut self, cell: &Cell) {
        match cell {
            Cell::Null => self.hash.update([0]),
            Cell::Int(number) => self.fixed(1, &number.to_le_bytes()),
            Cell::Bool(yes) => self.fixed(2, &[u8::from(*yes)]),
            Cell::Text(text) => self.sized(3, text.as_bytes()),
            Cell::Bytes(bytes) => self.sized(4, bytes),
            Cell::Uuid(id) => self.fixed(5, id.as_bytes()),
            Cell::Time(at) => self.fixed(6, &at.as_microsecond().to_le_bytes()),
            Cell::Date(day) => self.sized(7, day.to_string().as_bytes()),
            Cell::Json(document) => {
                let mut text = String::new();
                canonical(document, &mut text);
                self.sized(8, text.as_bytes());
            }
        }
    }

    fn fixed(&mut self, kind: u8, bytes: &[u8]) {
        self.hash.update([kind]);
        self.hash.update(bytes);
    }

    fn sized(&mut self, kind: u8, bytes: &[u8]) {
        self.hash.update([kind]);
        self.hash.update((bytes.len() as u64).to_le_bytes());
        self.hash.update(bytes);
    }
}

#[async_trait]
impl RowSink for Summing {
    async fn row(&mut self, row: Vec<Cell>) -> StoreResult<()> {
        self.add(&row);
        Ok(())
    }
}

/// JSON as text in one way only: keys sorted, no spaces, and 3.0 written as 3, since PostgreSQL keeps neither order nor
/// spelling.
fn canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(object) => {
            let mut keys: Vec<_> = object.keys().collect();
            keys.sort_unstable();
            text.push('{');
            for key in keys {
                text.push_str(&Value::String(key.clone()).to_string());
                text.push(':');
                canonical(&object[key], text);
                text.push(',');
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for item in items {
                canonical(item, text);
                text.push(',');
            }
            text.push(']');
        }
        Value::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            // Up to 2^53 every whole number is one of these.
            Some(float) if float.fract() == 0.0 && float.abs() <= 9_007_199_254_740_992.0 => {
                text.push_str(&(float as i64).to_string());
            }
            _ => text.push_str(&number.to_string()),
        },
        other => text.push_str(&other.to_string()),
    }
}

const fn column(name: &'static str, kind: Kind) -> Column {
    Column { name, kind }
}

use Kind::{Bool, Bytes, Date as Day, Int, Json, Text, Time, Uuid as Id};

/// All tables, those that others refer to first. The store crates hold this list to the tables that they really have.
pub static TABLES: [Table; 13] = [
    Table {
        name: "event",
        columns: &[
            column("id", Int),
            column("slug", Text),
            column("source", Text),
            column("sample", Bool),
            column("imported_at", Time),
            column("revision", Int),
            column("form_version", Int),
        ],
        key: &["id"],
    },
    Table {
        name: "form_version",
        columns: &[column("event_id", Int), column("number", Int), column("form", Json), column("created_at", Time)],
        key: &["event_id", "number"],
    },
    Table {
        name: "place_count",
        columns: &[column("event_id", Int), column("key", Text), column("taken", Int), column("places_limit", Int)],
        key: &["event_id", "key"],
    },
    Table {
        name: "registration",
        columns: &[
            column("id", Id),
            column("event_id", Int),
            column("form_version", Int),
            column("submission_id", Id),
            column("content_digest", Bytes),
            column("reference", Text),
            column("status", Text),
            column("answers", Json),
            column("name", Text),
            column("email", Text),
            column("organization", Text),
            column("country", Text),
            column("category", Text),
            column("attendance", Text),
            column("language", Text),
            column("request_id", Text),
            column("search_text", Text),
            column("created_at", Time),
            column("updated_at", Time),
            column("address_key", Text),
            column("person_key", Text),
            column("duplicate_of", Id),
            column("shown_status", Text),
            column("erased_at", Time),
        ],
        key: &["id"],
    },
    Table {
        name: "history",
        columns: &[
            column("id", Int),
            column("registration_id", Id),
            column("at", Time),
            column("action", Text),
            column("detail", Text),
        ],
        key: &["id"],
    },
    Table {
        name: "upload",
        columns: &[
            column("id", Id),
            column("submission_id", Id),
            column("field", Text),
            column("state", Text),
            column("name", Text),
            column("media", Text),
            column("sha256", Bytes),
            column("size", Int),
            column("created_at", Time),
        ],
        key: &["id"],
    },
    Table {
        name: "file_chunk",
        columns: &[column("file_id", Id), column("idx", Int), column("data", Bytes)],
        key: &["file_id", "idx"],
    },
    Table {
        name: "attachment",
        columns: &[
            column("id", Id),
            column("registration_id", Id),
            column("field", Text),
            column("name", Text),
            column("media", Text),
            column("size", Int),
            column("sha256", Bytes),
            column("created_at", Time),
        ],
        key: &["id"],
    },
    Table {
        name: "mail",
        columns: &[
            column("id", Id),
            column("event_id", Int),
            column("recipient", Text),
            column("kind", Text),
            column("language", Text),
            column("message_id", Text),
            column("state", Text),
            column("attempts", Int),
            column("next_attempt_at", Time),
            column("lease_until", Time),
            column("last_error", Text),
            column("created_at", Time),
            column("sent_at", Time),
            column("window_starts", Time),
            column("window_ends", Time),
            column("part", Int),
            column("relay_faults", Int),
        ],
        key: &["id"],
    },
    Table {
        name: "notification",
        columns: &[
            column("id", Int),
            column("event_id", Int),
            column("registration_id", Id),
            column("recipient", Text),
            column("kind", Text),
            column("language", Text),
            column("mail_id", Id),
            column("created_at", Time),
            column("window_starts", Time),
            column("window_ends", Time),
            column("withheld", Text),
        ],
        key: &["id"],
    },
    Table {
        name: "summary_count",
        columns: &[column("event_id", Int), column("dimension", Text), column("value", Text), column("n", Int)],
        key: &["event_id", "dimension", "value"],
    },
    Table {
        name: "summary_delta",
        columns: &[
            column("id", Int),
            column("event_id", Int),
            column("dimension", Text),
            column("value", Text),
            column("n", Int),
        ],
        key: &["id"],
    },
    Table {
        name: "page_view",
        columns: &[column("event_id", Int), column("day", Day), column("page", Text), column("n", Int)],
        key: &["event_id", "day", "page"],
    },
];

/// Tables that hold nothing of their own: what readiness writes, signs of life, and what the migrations note.
pub const NOT_CARRIED: [&str; 3] = ["probe", "sign", "_sqlx_migrations"];

/// Whether two stores hold the same rows is only asked of columns listed here, so `real` (table, column, type as the engine
/// says) must be exactly those. For the tests of the store crates.
///
/// # Errors
/// A sentence for every difference.
pub fn differences(real: &[(String, String, String)], is: impl Fn(Kind, &str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for (table, name, kind) in real.iter().filter(|(table, ..)| !NOT_CARRIED.contains(&table.as_str())) {
        let listed = TABLES.iter().find(|listed| listed.name == table);
        match listed.and_then(|listed| listed.columns.iter().find(|column| column.name == name)) {
            None => found.push(format!("{table}.{name} ({kind}) is not in registration::transfer::TABLES")),
            Some(column) if !is(column.kind, kind) => {
                found.push(format!("{table}.{name} is {kind}, not {:?}", column.kind));
            }
            Some(_) => {}
        }
    }
    for table in &TABLES {
        for column in table.columns {
            if !real.iter().any(|(real, name, _)| real == table.name && name == column.name) {
                found.push(format!("{}.{} is listed, but there is no such column", table.name, column.name));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(rows: &[Vec<Cell>]) -> Checksum {
        let mut summing = Summing::default();
        for row in rows {
            summing.add(row);
        }
        summing.finish()
    }

    #[test]
    fn json_is_the_same_in_any_order_and_spelling() {
        let json = |text: &str| vec![Cell::Json(serde_json::from_str(text).unwrap())];
        assert_eq!(sum(&[json(r#"{"b": [1, "é"], "a": 3.0}"#)]), sum(&[json(r#"{"a":3,"b":[1,"\u00e9"]}"#)]));
        assert_ne!(sum(&[json("[1,2]")]), sum(&[json("[2,1]")]));
        assert_ne!(sum(&[json("[1.5]")]), sum(&[json("[1]")]));
        assert_ne!(sum(&[json(r#""1""#)]), sum(&[json("1")]));
    }

    #[test]
    fn no_two_different_rows_are_summed_alike() {
        let text = |text: &str| Cell::Text(text.to_owned());
        assert_ne!(sum(&[vec![text("ab"), text("c")]]), sum(&[vec![text("a"), text("bc")]]));
        assert_ne!(sum(&[vec![Cell::Null]]), sum(&[vec![text("")]]));
        assert_ne!(sum(&[vec![text("a")], vec![text("b")]]), sum(&[vec![text("b")], vec![text("a")]]));
        assert_ne!(sum(&[vec![Cell::Bytes(b"a".to_vec())]]), sum(&[vec![text("a")]]));
    }

    #[test]
    fn tables_that_others_refer_to_come_first_and_keys_are_columns() {
        let place = |name: &str| TABLES.iter().position(|table| table.name == name).unwrap();
        assert!(place("event") < place("form_version") && place("form_version") < place("registration"));
        assert!(place("registration") < place("attachment") && place("mail") < place("notification"));
        for table in &TABLES {
            assert!(table.key.iter().all(|key| table.columns.iter().any(|column| column.name == *key)));
        }
    }
}
