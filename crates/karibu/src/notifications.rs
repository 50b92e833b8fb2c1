//! `karibu notifications list | resend`.

use registration::ids::MailId;
use registration::notification::{MailRow, MailState};
use registration::ports::Store;
use serde::Serialize;

use crate::cli::{NotificationsCommand, Which};
use crate::columns::{print, print_json, say};
use crate::refusal::{Outcome, Refusal};

/// Does one of the commands.
pub(crate) async fn run(command: NotificationsCommand, store: &dyn Store) -> Outcome {
    match command {
        NotificationsCommand::List { state, event, limit, json } => {
            let state = state.as_deref().and_then(MailState::from_word);
            if let Some(slug) = event.as_deref()
                && store.by_slug(slug).await?.is_none()
            {
                return Err(Refusal::found(format!("there is no event `{slug}`: `karibu event list` names all")));
            }
            list(&store.list(event.as_deref(), state, limit).await?, json)
        }
        NotificationsCommand::Resend { which, json } => resend(store, &which, json).await,
    }
}

fn list(mails: &[MailRow], json: bool) -> Outcome {
    #[derive(Serialize)]
    struct Row<'a> {
        id: uuid::Uuid,
        event: &'a str,
        recipient: &'a str,
        kind: &'static str,
        message_id: &'a str,
        references: &'a [String],
        state: &'static str,
        attempts: u32,
        next_attempt_at: Option<String>,
        last_error: Option<&'a str>,
        created_at: String,
        sent_at: Option<String>,
    }
    if json {
        let rows: Vec<_> = mails
            .iter()
            .map(|mail| Row {
                id: mail.id.0,
                event: &mail.event,
                recipient: &mail.recipient,
                kind: mail.kind.as_str(),
                message_id: &mail.message_id,
                references: &mail.references,
                state: mail.state.as_str(),
                attempts: mail.attempts,
                next_attempt_at: mail.next_attempt_at.map(|at| at.to_string()),
                last_error: mail.last_error.as_deref(),
                created_at: mail.created_at.to_string(),
                sent_at: mail.sent_at.map(|at| at.to_string()),
            })
            .collect();
        return print_json(&rows);
    }
    let rows: Vec<_> = mails
        .iter()
        .map(|mail| {
            vec![
                mail.id.0.to_string(),
                mail.state.as_str().to_owned(),
                mail.attempts.to_string(),
                mail.kind.as_str().to_owned(),
                mail.references.join(", "),
                mail.recipient.clone(),
                format!("{:.0}", mail.created_at),
                mail.last_error.clone().unwrap_or_default(),
            ]
        })
        .collect();
    print(&["ID", "STATE", "ATTEMPTS", "KIND", "REFERENCE", "RECIPIENT", "CREATED", "LAST ERROR"], &rows);
    Ok(())
}

async fn resend(store: &dyn Store, which: &Which, json: bool) -> Outcome {
    #[derive(Serialize)]
    struct Row {
        resent: u64,
    }
    let resent = match which.id {
        Some(id) if store.resend_any(MailId(id)).await? => 1,
        Some(id) => {
            return Err(Refusal::found(format!("there is no mail {id}: `karibu notifications list` names all")));
        }
        None => store.resend(None).await?,
    };
    if json {
        return print_json(&[Row { resent }]);
    }
    say(format_args!("{resent} {} sent again now.", if resent == 1 { "mail is" } else { "mails are" }));
    Ok(())
}
