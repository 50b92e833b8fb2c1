//! The command line: commands by clap, a flag per setting from the table.

use std::ffi::OsString;

use clap::error::{ContextKind, ErrorKind};
use clap::{Arg, Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::refusal::Refusal;
use crate::registrations::RegistrationsCommand;
use crate::settings::table::{self, TABLE};

/// Version and commit.
pub(crate) const COMMIT: &str = env!("KARIBU_BUILD_COMMIT");

/// Registers people for conferences: form, registrations, mails, in one program.
#[derive(Debug, Parser)]
#[command(name = "karibu")]
#[command(version = concat!(env!("CARGO_PKG_VERSION"), " (", env!("KARIBU_BUILD_COMMIT"), ")"))]
#[command(after_help = "Each setting may also be an environment variable (KARIBU_PUBLIC_URL), a file named by one \
    (KARIBU_PUBLIC_URL_FILE), or a line of karibu.toml in the working folder (public_url = \"…\"). \
    Exit code: 0 done, 1 something was found wrong, 2 called wrongly.")]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the pages and send the mails, all in one process (also without a command)
    Serve,
    /// Serve the pages only; any number of these share a PostgreSQL
    Web,
    /// Send the mails only; any number of these share a PostgreSQL
    Notifier,
    /// Show the mails of a demo's folder behind a proxy that asks for a login
    Mailbox,
    /// Ask the process that runs with these settings whether it is ready
    Healthcheck,
    /// Make or change the database's tables
    Migrate,
    /// Events and their forms
    #[command(subcommand, arg_required_else_help = true)]
    Event(EventCommand),
    /// Those who registered
    #[command(subcommand, arg_required_else_help = true)]
    Registrations(RegistrationsCommand),
    /// Mails to organisers and registrants
    #[command(subcommand, arg_required_else_help = true)]
    Notifications(NotificationsCommand),
    /// The way of mails out of the house
    #[command(subcommand, arg_required_else_help = true)]
    Mail(MailCommand),
    /// Show every setting, its value and where it comes from
    Config {
        /// For programs
        #[arg(long)]
        json: bool,
    },
    /// Look at everything that Karibu needs, in a cluster at each part of it; say what to do
    Check {
        /// For programs
        #[arg(long)]
        json: bool,
    },
    /// Watch other hosts' pages from here, and mail the on-call when people cannot register there
    Watch {
        /// Their public URLs
        #[arg(required = true, value_name = "URL")]
        urls: Vec<String>,
    },
    /// Put everything that is kept in SQLite into one file, while `serve` runs
    Backup {
        /// The file to make
        file: String,
    },
    /// Put a backup into an empty data folder
    Restore {
        /// The file that `karibu backup` made
        file: String,
    },
    /// Carry everything over from SQLite to PostgreSQL
    Move {
        /// An empty PostgreSQL database, as `postgres://user:password@host:5432/database`
        #[arg(long, value_name = "URL")]
        to: String,
    },
}

/// `karibu mail …`
#[derive(Debug, Subcommand)]
pub(crate) enum MailCommand {
    /// Send one mail to try the relay, and tell each step of the dialogue
    Test {
        /// Whom to
        address: String,
        /// For programs
        #[arg(long)]
        json: bool,
    },
}

/// `karibu event …`
#[derive(Debug, Subcommand)]
pub(crate) enum EventCommand {
    /// Store an event file; a running server shows it within a second
    Import {
        /// The event file, or - for standard input
        file: String,
        /// Import it although its dates let answers or files of registrants be deleted at once
        #[arg(long)]
        yes: bool,
        /// For programs
        #[arg(long)]
        json: bool,
    },
    /// Print the event file as it was imported
    Export {
        /// The event's part of its URLs
        slug: String,
    },
    /// List all events
    List {
        /// Also the one that `karibu check` registers for
        #[arg(long)]
        all: bool,
        /// For programs
        #[arg(long)]
        json: bool,
    },
    /// Views, opened forms, registrations by status, places
    Stats {
        /// The event's part of its URLs
        slug: String,
        /// For programs
        #[arg(long)]
        json: bool,
    },
}

/// `karibu notifications …`
#[derive(Debug, Subcommand)]
pub(crate) enum NotificationsCommand {
    /// List the latest mails, newest first
    List {
        /// Only those in this state
        #[arg(long, value_parser = ["pending", "sent", "parked"])]
        state: Option<String>,
        /// Only those of this event
        #[arg(long, value_name = "SLUG")]
        event: Option<String>,
        /// At most this many
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: u32,
        /// For programs
        #[arg(long)]
        json: bool,
    },
    /// Send a mail again, or all that are parked
    Resend {
        #[command(flatten)]
        which: Which,
        /// For programs
        #[arg(long)]
        json: bool,
    },
}

/// Which mails.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Which {
    /// The mail's id, as `notifications list` shows it
    pub(crate) id: Option<uuid::Uuid>,
    /// All parked mails
    #[arg(long)]
    pub(crate) parked: bool,
}

/// What the command line asks for.
pub(crate) enum Asked {
    /// A command with the settings given as flags.
    Do(Command, Vec<(&'static str, String)>),
    /// Only a text: help or version.
    Tell(clap::Error),
}

/// Reads the command line.
pub(crate) fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Asked, Refusal> {
    let arguments: Vec<_> = arguments.into_iter().collect();
    let refusal = |error: &clap::Error| refusal(error, &called(&arguments));
    let matches = match command().try_get_matches_from(&arguments) {
        Ok(matches) => matches,
        Err(error) if !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            return Ok(Asked::Tell(error));
        }
        Err(error) => return Err(refusal(&error)),
    };
    let flags = TABLE
        .iter()
        .filter_map(|setting| matches.get_one::<String>(setting.name).map(|text| (setting.name, text.clone())));
    let flags = flags.collect();
    let cli = Cli::from_arg_matches(&matches).map_err(|error| refusal(&error))?;
    Ok(Asked::Do(cli.command.unwrap_or(Command::Serve), flags))
}

fn command() -> clap::Command {
    Cli::command().args(flags()).mut_subcommands(|command| match command.get_name() {
        "serve" | "web" | "notifier" => command,
        _ => brief(command),
    })
}

/// A flag for each setting.
fn flags() -> impl Iterator<Item = Arg> {
    TABLE.iter().map(|setting| {
        let help = match setting.default {
            Some(default) => format!("{} [default: {default}]", setting.help),
            None => setting.help.to_owned(),
        };
        Arg::new(setting.name)
            .long(table::flag(setting.name))
            .value_name(setting.value)
            .help(help)
            .help_heading("Settings")
            .global(true)
    })
}

/// A command that takes all settings, but leaves it to `serve` to list them.
fn brief(command: clap::Command) -> clap::Command {
    command
        .disable_help_subcommand(true)
        .args(flags().map(|flag| flag.hide(true)))
        .after_help("Settings are flags here, too, such as --data-dir FOLDER: `karibu serve --help` lists them.")
        .mut_subcommands(brief)
}

/// The command that the arguments name, as far as they do: `karibu registrations cancel`.
fn called(arguments: &[OsString]) -> String {
    let top = command();
    let (mut names, mut at) = (vec![top.get_name()], &top);
    let mut words = arguments.iter().skip(1).filter_map(|word| word.to_str());
    while let Some(word) = words.next() {
        if let Some(flag) = word.strip_prefix("--") {
            // The value of a setting is no command, whatever it is called.
            if top.get_arguments().any(|known| known.get_long() == Some(flag)) {
                words.next();
            }
        } else if let Some(command) = at.find_subcommand(word) {
            names.push(command.get_name());
            at = command;
        } else {
            break;
        }
    }
    names.join(" ")
}

/// clap explains in paragraphs; one sentence will do.
fn refusal(error: &clap::Error, called: &str) -> Refusal {
    let text = error.to_string();
    let mut sentence = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
    if sentence.ends_with(':') {
        // What is missing stands on the next lines.
        let missing = text.lines().skip(1).map_while(|line| line.strip_prefix("  ")).map(str::trim);
        sentence = format!("{sentence} {}", missing.collect::<Vec<_>>().join(", "));
    }
    let suggested = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue];
    let suggested = suggested.into_iter().find_map(|kind| error.get(kind)).map(ToString::to_string);
    let advice = suggested.map_or_else(
        || match called {
            "karibu" => "`karibu --help` tells all commands".to_owned(),
            called => format!("`{called} --help` tells how it is called"),
        },
        |suggested| format!("did you mean `{suggested}`?"),
    );
    Refusal::called(format!("{sentence}: {advice}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(line: &str) -> Result<Asked, Refusal> {
        read(line.split_whitespace().map(Into::into))
    }

    #[test]
    fn the_command_line_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn settings_are_flags_before_and_after_the_command() {
        for line in [
            "karibu --public-url https://a.org serve",
            "karibu serve --public-url https://a.org",
            "karibu --public-url https://a.org",
        ] {
            let Ok(Asked::Do(Command::Serve, flags)) = asked(line) else { panic!("{line}") };
            assert_eq!(flags, [("PUBLIC_URL", "https://a.org".to_owned())]);
        }
        let Ok(Asked::Do(Command::Event(EventCommand::List { all: false, json: true }), flags)) =
            asked("karibu event list --json --data-dir /x")
        else {
            panic!("not a list")
        };
        assert_eq!(flags, [("DATA_DIR", "/x".to_owned())]);
    }

    fn help(line: &str) -> String {
        let Ok(Asked::Tell(text)) = asked(line) else { panic!("{line}") };
        text.to_string()
    }

    #[test]
    fn settings_are_listed_where_they_are_looked_for_and_named_elsewhere() {
        for line in ["karibu --help", "karibu serve --help", "karibu help serve"] {
            assert!(help(line).contains("--public-url"), "{line}");
        }
        for line in
            ["karibu registrations --help", "karibu registrations cancel --help", "karibu check --help", "karibu event"]
        {
            let text = help(line);
            assert!(!text.contains("--public-url") && text.contains("`karibu serve --help`"), "{line}: {text}");
            assert!(text.lines().count() < 25, "{line}: {text}");
        }
    }

    #[test]
    fn help_is_a_command_too() {
        for (line, same) in [
            ("karibu help", "karibu --help"),
            ("karibu help registrations", "karibu registrations --help"),
            ("karibu help registrations cancel", "karibu registrations cancel --help"),
        ] {
            assert_eq!(help(line), help(same), "{line}");
        }
    }

    #[test]
    fn mistakes_are_told_in_one_sentence() {
        for (line, told) in [
            ("karibu --public-ulr x", "did you mean `--public-url`?"),
            ("karibu srve", "did you mean `serve`?"),
            ("karibu event import", "<FILE>"),
            ("karibu notifications list --state lost", "lost"),
            ("karibu notifications resend", "`karibu notifications resend --help`"),
            ("karibu registrations cancel connect", "`karibu registrations cancel --help`"),
            ("karibu --data-dir event registrations show", "`karibu registrations show --help`"),
            ("karibu registrations list connect --data-dir event --wrong-one", "`karibu registrations list --help`"),
            ("karibu xyz", "`karibu --help`"),
            ("karibu notifications resend 1 --parked", "1"),
            ("karibu serve now", "now"),
        ] {
            let Err(refusal) = asked(line) else { panic!("{line}") };
            let sentence = refusal.to_string();
            assert_eq!(refusal.code(), 2, "{line}");
            assert!(sentence.contains(told) && !sentence.contains('\n'), "{line}: {sentence}");
        }
    }
}
