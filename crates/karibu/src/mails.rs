//! The way of mails out of the house, and `karibu mail test`, which tries it.

use std::sync::Arc;

use mail::compose::{TrialMail, message_id, trial};
use mail::{Dialogue, FolderTransport, Person, SmtpSettings, SmtpSettingsError, SmtpTransport, Transport, Verdict};
use presentation::urls::Urls;
use registration::ids::MailId;
use registration::language::Language;
use registration::ports::{Clock, Random};
use registration::stored::uuid_v7;
use serde::Serialize;
use url::Url;

use crate::cli::MailCommand;
use crate::columns::{print, print_json, say};
use crate::folder::private_folder;
use crate::ports::{SystemClock, SystemRandom};
use crate::refusal::{Outcome, Refusal};
use crate::settings::{MailWay, Role, ServeSettings, Settings, values};

/// What hands mails over, by so many connections at most; `None` where another process does.
pub(crate) fn transport(
    settings: &Settings,
    serve: &ServeSettings,
    connections: u32,
) -> Outcome<Option<Arc<dyn Transport>>> {
    match &serve.mail {
        MailWay::Elsewhere => Ok(None),
        MailWay::Folder(folder) => {
            private_folder(folder).map_err(|error| {
                Refusal::found(format!(
                    "the folder of mails {} cannot be made ({error}): make the data folder writable for this user",
                    folder.display()
                ))
            })?;
            Ok(Some(Arc::new(FolderTransport::new(folder))))
        }
        MailWay::Smtp { url, from } => smtp(settings, "SMTP_URL", url, &from.address, connections).map(Some),
    }
}

/// The relay that the setting `name` gives.
pub(crate) fn smtp(
    settings: &Settings,
    name: &'static str,
    url: &Url,
    from: &str,
    connections: u32,
) -> Outcome<Arc<dyn Transport>> {
    let relay = SmtpSettings {
        url: url.clone(),
        from: from.to_owned(),
        connections: connections as usize,
        ca_file: settings.ca_file.clone(),
    };
    let transport = SmtpTransport::new(&relay).map_err(|error| {
        let name = match error {
            SmtpSettingsError::Url(_) => name,
            SmtpSettingsError::From(_) => "MAIL_FROM",
            SmtpSettingsError::CaFile { .. } => "CA_FILE",
        };
        settings.wrong(name, &error.to_string())
    })?;
    Ok(match settings.dkim()? {
        Some(dkim) => Arc::new(transport.with_dkim(dkim)),
        None => Arc::new(transport),
    })
}

/// Does one of the commands.
pub(crate) async fn run(command: MailCommand, settings: &Settings) -> Outcome {
    let MailCommand::Test { address, json } = command;
    let recipient = match values::addresses(&address).map_err(Refusal::called)?.as_slice() {
        [one] => one.clone(),
        _ => return Err(Refusal::called("give one mail address, such as you@example.org")),
    };
    let serve = settings.of(Role::Serve)?;
    let Some(transport) = transport(settings, &serve, serve.mail_connections)? else { return Ok(()) };
    let host = || serve.public_url.as_ref().and_then(Url::domain).unwrap_or("localhost");
    let from = serve
        .mail_from
        .clone()
        .unwrap_or_else(|| Person { name: Some("Karibu".to_owned()), address: format!("karibu@{}", host()) });
    let base = serve.public_url.clone().map_or_else(|| "https://localhost".parse(), Ok);
    let urls = Urls::new(base.map_err(|error| Refusal::found(format!("no link can be made: {error}")))?);
    let now = SystemClock.now();
    let mut random = [0; 10];
    SystemRandom.fill(&mut random);
    let id = message_id(MailId(uuid_v7(now, random)), &urls);
    let message =
        trial(&TrialMail { message_id: &id, from: &from, to: &recipient, language: Language::En, urls: &urls, now });
    let dialogue = transport.diagnose(Some(&message)).await;
    tell(&dialogue, json)?;
    match dialogue.steps.last() {
        Some(step) if step.verdict == Verdict::Failed => Err(Refusal::found(format!(
            "the mail did not leave ({}: {}): {}",
            step.name,
            step.told,
            step.advice.as_deref().unwrap_or("see what it says")
        ))),
        _ => {
            if !json && matches!(serve.mail, MailWay::Smtp { .. }) {
                say(
                    "The relay has taken the mail. If it does not arrive, look among the spam and ask the relay's operator.",
                );
            }
            Ok(())
        }
    }
}

/// Prints the steps of a dialogue, with what to do.
pub(crate) fn tell(dialogue: &Dialogue, json: bool) -> Outcome {
    #[derive(Serialize)]
    struct Row<'a> {
        step: &'static str,
        result: &'static str,
        detail: &'a str,
        advice: Option<&'a str>,
    }
    if json {
        let rows: Vec<_> = dialogue
            .steps
            .iter()
            .map(|step| Row {
                step: step.name,
                result: step.verdict.as_str(),
                detail: &step.told,
                advice: step.advice.as_deref(),
            })
            .collect();
        return print_json(&rows);
    }
    let mut rows = Vec::new();
    for step in &dialogue.steps {
        rows.push(vec![step.name.to_owned(), step.verdict.as_str().to_owned(), step.told.clone()]);
        rows.extend(step.advice.iter().map(|advice| vec![String::new(), String::new(), format!("→ {advice}")]));
    }
    print(&["STEP", "RESULT", "WHAT HAPPENED"], &rows);
    Ok(())
}
