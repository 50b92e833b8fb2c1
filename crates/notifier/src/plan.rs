//! Which mails carry which notifications. Digests will change this function and nothing else.

use mail::compose::message_id;
use presentation::urls::Urls;
use registration::ids::MailId;
use registration::notification::{NewMail, PendingNotification};

/// One mail for every notification, in their order.
pub(crate) fn plan(
    notifications: &[PendingNotification],
    urls: &Urls,
    mut fresh: impl FnMut() -> MailId,
) -> Vec<NewMail> {
    notifications
        .iter()
        .map(|notification| {
            let id = fresh();
            NewMail {
                id,
                event: notification.event,
                recipient: notification.recipient.clone(),
                kind: notification.kind,
                language: notification.language,
                message_id: message_id(id, urls),
                window: notification.window,
                notifications: vec![notification.id],
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use registration::ids::{EventId, RegistrationId};
    use registration::language::Language;
    use registration::notification::Kind;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn each_notification_has_a_mail_of_its_own() {
        let notification = |id: i64, recipient: &str, kind| PendingNotification {
            id,
            event: EventId(7),
            registration: RegistrationId(Uuid::nil()),
            recipient: recipient.to_owned(),
            kind,
            language: Language::Fr,
            window: None,
            answers_bytes: 0,
            created_at: Timestamp::UNIX_EPOCH,
        };
        let waiting = [
            notification(3, "desk@example.org", Kind::Registered),
            notification(4, "t@example.org", Kind::Confirmation),
        ];
        let urls = Urls::new("https://register.example.org:8443/".parse().unwrap());
        let mut next = 0;
        let mails = plan(&waiting, &urls, || {
            next += 1;
            MailId(Uuid::from_u128(next))
        });
        let told: Vec<_> = mails.iter().map(|m| (m.recipient.as_str(), m.kind, &m.notifications[..])).collect();
        assert_eq!(
            told,
            [("desk@example.org", Kind::Registered, &[3][..]), ("t@example.org", Kind::Confirmation, &[4][..])]
        );
        assert_eq!(mails[1].message_id, "<00000000-0000-0000-0000-000000000002@register.example.org>");
        assert_eq!((mails[0].event, mails[0].language), (EventId(7), Language::Fr));
    }
}
