//! Which mails carry which notifications: one each, or many where many wait.

use mail::compose::{MAX_WEIGHT, message_id};
use presentation::urls::Urls;
use registration::ids::{EventId, MailId};
use registration::notification::{Kind, NewMail, PendingNotification, Window};

/// So many notifications to an organiser are mails of their own; more are put together.
const SINGLES: usize = 10;

/// Most notifications of one mail.
const MOST: usize = 50;

/// What has one mail, or several parts of one: the same event, recipient and window.
struct Group<'a> {
    event: EventId,
    recipient: &'a str,
    window: Option<Window>,
    notifications: Vec<&'a PendingNotification>,
}

/// Mails for all notifications, none left out and none twice. A notification to a registrant is always a mail of its own.
/// Those of a digest's window are put together, and so are those to an organiser who has more than ten: as many as fit in
/// 50 and in [`MAX_WEIGHT`] by `weigh`, in their order.
pub(crate) fn plan(
    notifications: &[PendingNotification],
    urls: &Urls,
    weigh: impl Fn(&PendingNotification) -> usize,
    mut fresh: impl FnMut() -> MailId,
) -> Vec<NewMail> {
    let mut mails = Vec::new();
    let mut mail = |together: &[&PendingNotification]| {
        let Some(last) = together.last() else { return };
        let id = fresh();
        let single = together.len() == 1 && last.window.is_none();
        mails.push(NewMail {
            id,
            event: last.event,
            recipient: last.recipient.clone(),
            kind: if single { last.kind } else { Kind::Digest },
            language: last.language,
            message_id: message_id(id, urls),
            window: last.window,
            notifications: together.iter().map(|one| one.id).collect(),
        });
    };
    for group in groups(notifications) {
        if group.window.is_none() && group.notifications.len() <= SINGLES {
            group.notifications.iter().for_each(|one| mail(&[*one]));
            continue;
        }
        let (mut part, mut weight) = (Vec::new(), 0);
        for one in group.notifications {
            let own = weigh(one);
            if part.len() == MOST || (!part.is_empty() && weight + own > MAX_WEIGHT) {
                mail(&part);
                (part, weight) = (Vec::new(), 0);
            }
            part.push(one);
            weight += own;
        }
        mail(&part);
    }
    mails
}

/// What belongs together, in the order of the first of each.
fn groups(notifications: &[PendingNotification]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for one in notifications {
        let same = |group: &&mut Group<'_>| {
            group.event == one.event && group.window == one.window && group.recipient == one.recipient
        };
        match groups.iter_mut().find(same).filter(|_| !one.kind.is_to_registrant()) {
            Some(group) => group.notifications.push(one),
            None => groups.push(Group {
                event: one.event,
                // A registrant may be an organiser, too: those are never put together.
                recipient: if one.kind.is_to_registrant() { "" } else { &one.recipient },
                window: one.window,
                notifications: vec![one],
            }),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;
    use proptest::prelude::*;
    use registration::ids::RegistrationId;
    use registration::language::Language;
    use uuid::Uuid;

    use super::*;

    fn notification(id: i64, recipient: &str, kind: Kind) -> PendingNotification {
        PendingNotification {
            id,
            event: EventId(7),
            registration: RegistrationId(Uuid::nil()),
            recipient: recipient.to_owned(),
            kind,
            language: Language::Fr,
            window: None,
            answers_bytes: 100,
            created_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn planned(waiting: &[PendingNotification], weight: usize) -> Vec<NewMail> {
        let urls = Urls::new("https://register.example.org:8443/".parse().unwrap());
        let mut next = 0;
        plan(
            waiting,
            &urls,
            |_| weight,
            || {
                next += 1;
                MailId(Uuid::from_u128(next))
            },
        )
    }

    #[test]
    fn a_few_have_a_mail_each() {
        let waiting = [
            notification(3, "desk@example.org", Kind::Registered),
            notification(4, "t@example.org", Kind::Confirmation),
            notification(5, "desk@example.org", Kind::Cancelled),
        ];
        let mails = planned(&waiting, 1);
        let told: Vec<_> = mails.iter().map(|m| (m.recipient.as_str(), m.kind, &m.notifications[..])).collect();
        assert_eq!(
            told,
            [
                ("desk@example.org", Kind::Registered, &[3][..]),
                ("desk@example.org", Kind::Cancelled, &[5][..]),
                ("t@example.org", Kind::Confirmation, &[4][..]),
            ]
        );
        assert_eq!(mails[2].message_id, "<00000000-0000-0000-0000-000000000003@register.example.org>");
        assert_eq!((mails[0].event, mails[0].language), (EventId(7), Language::Fr));
    }

    #[test]
    fn more_than_ten_for_an_organiser_are_put_together_up_to_fifty() {
        let waiting: Vec<_> = (0..120)
            .flat_map(|n| {
                let other = Kind::Confirmation;
                [
                    notification(2 * n, "desk@example.org", Kind::Registered),
                    notification(2 * n + 1, "desk@example.org", other),
                ]
            })
            .collect();
        let mails = planned(&waiting, 1);
        let digests: Vec<_> = mails.iter().filter(|mail| mail.kind == Kind::Digest).collect();
        assert_eq!(digests.iter().map(|mail| mail.notifications.len()).collect::<Vec<_>>(), [50, 50, 20]);
        assert!(digests.iter().all(|mail| mail.window.is_none()));
        assert_eq!(mails.len(), 3 + 120, "an organiser's own confirmations stay apart");
    }

    #[test]
    fn a_window_is_a_digest_even_of_one() {
        let window = Some(Window { starts: Timestamp::UNIX_EPOCH, ends: Timestamp::from_second(1800).unwrap() });
        let mut one = notification(1, "desk@example.org", Kind::Registered);
        one.window = window;
        let mails = planned(&[one, notification(2, "desk@example.org", Kind::Registered)], 1);
        let told: Vec<_> = mails.iter().map(|mail| (mail.kind, mail.window)).collect();
        assert_eq!(told, [(Kind::Digest, window), (Kind::Registered, None)]);
    }

    #[test]
    fn a_mail_is_as_large_as_its_weight_allows() {
        let waiting: Vec<_> = (0..11).map(|n| notification(n, "desk@example.org", Kind::Registered)).collect();
        let sizes = |weight| planned(&waiting, weight).iter().map(|m| m.notifications.len()).collect::<Vec<_>>();
        assert_eq!(sizes(MAX_WEIGHT / 4), [4, 4, 3]);
        assert_eq!(sizes(2 * MAX_WEIGHT), [1; 11], "what does not fit anywhere has a mail of its own");
    }

    proptest! {
        #[test]
        fn every_notification_is_in_exactly_one_mail_of_its_own_recipient(
            what in prop::collection::vec((0_usize..3, 0_usize..3, 0_i64..3, 1_usize..400_000), 0..200),
        ) {
            let kinds = [Kind::Registered, Kind::Cancelled, Kind::Confirmation];
            let waiting: Vec<_> = what.iter().zip(0..).map(|((who, kind, window, size), id)| {
                let ends = Timestamp::from_second(1800 * window).unwrap();
                let mut one = notification(id, ["a@x.org", "b@x.org", "c@x.org"][*who], kinds[*kind]);
                one.answers_bytes = *size as u64;
                one.window = (*window > 0 && *kind < 2).then_some(Window { starts: Timestamp::UNIX_EPOCH, ends });
                one
            }).collect();
            let urls = Urls::new("https://x.org/".parse().unwrap());
            let mails = plan(&waiting, &urls, |one| one.answers_bytes as usize, || MailId(Uuid::nil()));
            let by_id: BTreeMap<i64, &PendingNotification> = waiting.iter().map(|one| (one.id, one)).collect();
            let mut carried: Vec<i64> = mails.iter().flat_map(|mail| mail.notifications.iter().copied()).collect();
            carried.sort_unstable();
            prop_assert_eq!(carried, (0..waiting.len() as i64).collect::<Vec<_>>());
            for mail in &mails {
                prop_assert!((1..=MOST).contains(&mail.notifications.len()));
                let of = |id: &i64| by_id[id];
                prop_assert!(mail.notifications.iter().all(|id| of(id).recipient == mail.recipient));
                prop_assert!(mail.notifications.iter().all(|id| of(id).window == mail.window));
                let alone = mail.notifications.len() == 1;
                prop_assert!(alone || mail.notifications.iter().all(|id| !of(id).kind.is_to_registrant()));
                let weight: usize = mail.notifications.iter().map(|id| of(id).answers_bytes as usize).sum();
                prop_assert!(alone || weight <= MAX_WEIGHT);
                prop_assert!(mail.notifications.is_sorted());
            }
        }
    }
}
