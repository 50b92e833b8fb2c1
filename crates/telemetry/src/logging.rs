//! How log lines look: text or JSON on standard error, each with the instance's name.

use std::fmt;
use std::panic::PanicHookInfo;

use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{Format, Json, JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// How lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What is logged: a level, or directives.
pub type Filter = EnvFilter;

/// Crates whose everyday lines tell an operator nothing; a filter that names one of them wins.
const QUIET: &str =
    "sqlx=warn,hyper=warn,hyper_util=warn,h2=warn,rustls=warn,lettre=warn,axum_server=warn,tower_http=warn";

/// Reads a filter: a level (`info`), or directives (`info,web=debug`).
pub fn filter(directives: &str) -> Result<Filter, String> {
    let level_or_directives = directives.trim();
    // Our own come first, for a later directive of the same target replaces an earlier one.
    EnvFilter::builder().parse(format!("{QUIET},{level_or_directives}")).map_err(|error| error.to_string())
}

/// Sets logging up for the process. Panics are logged by place, and by words only when those are constant: formatted
/// ones could carry what somebody typed. Does nothing when logging is set up already.
pub fn init(filter: Filter, format: LogFormat, instance: &str) {
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let instance = instance.to_owned();
    let done = match format {
        LogFormat::Text => builder
            .with_ansi(false)
            .event_format(WithInstance { inner: Format::default().with_ansi(false), instance })
            .try_init(),
        LogFormat::Json => builder
            .fmt_fields(JsonFields::new())
            .event_format(WithInstance { inner: Format::default().json().flatten_event(true), instance })
            .try_init(),
    };
    if done.is_ok() {
        std::panic::set_hook(Box::new(log_panic));
    }
}

fn log_panic(info: &PanicHookInfo<'_>) {
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    let words = info.payload().downcast_ref::<&'static str>().copied().unwrap_or_default();
    tracing::error!(place, words, "panic: this is a bug of Karibu");
}

/// Adds the instance's name to each line of another format.
struct WithInstance<F> {
    inner: F,
    instance: String,
}

/// Where the name goes into a finished line.
trait Splice {
    fn splice(line: &mut String, instance: &str);
}

impl Splice for Format {
    fn splice(line: &mut String, instance: &str) {
        let end = line.trim_end().len();
        line.insert_str(end, &format!(" instance={instance}"));
    }
}

impl Splice for Format<Json> {
    fn splice(line: &mut String, instance: &str) {
        let value = serde_json::Value::from(instance);
        line.insert_str(usize::from(line.starts_with('{')), &format!("\"instance\":{value},"));
    }
}

impl<S, N, F> FormatEvent<S, N> for WithInstance<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N> + Splice,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut line = String::with_capacity(256);
        self.inner.format_event(context, Writer::new(&mut line), event)?;
        F::splice(&mut line, &self.instance);
        writer.write_str(&line)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl Lines {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    #[test]
    fn a_line_of_text_names_the_instance() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .event_format(WithInstance { inner: Format::default().with_ansi(false), instance: "web-1".to_owned() })
            .finish();
        tracing::subscriber::with_default(subscriber, || tracing::info!(n = 3, "hello"));
        assert!(lines.text().ends_with("hello n=3 instance=web-1\n"), "{}", lines.text());
    }

    #[test]
    fn a_line_of_json_names_the_instance_and_stays_json() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .fmt_fields(JsonFields::new())
            .event_format(WithInstance {
                inner: Format::default().json().flatten_event(true),
                instance: "we\"b".to_owned(),
            })
            .finish();
        tracing::subscriber::with_default(subscriber, || tracing::info!(n = 3, "hello"));
        let line: serde_json::Value = serde_json::from_str(&lines.text()).unwrap();
        assert_eq!(line["instance"], "we\"b");
        assert_eq!(line["message"], "hello");
        assert_eq!(line["n"], 3);
    }

    #[test]
    fn a_filter_may_name_what_is_quiet_and_a_wrong_one_is_refused() {
        assert!(filter("info").unwrap().to_string().contains("sqlx=warn"));
        let loud = filter("info,sqlx=debug").unwrap().to_string();
        assert!(loud.contains("sqlx=debug") && !loud.contains("sqlx=warn"), "{loud}");
        assert!(filter("info,web=shouting").is_err());
    }
}
