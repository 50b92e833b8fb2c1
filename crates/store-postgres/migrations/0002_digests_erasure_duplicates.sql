-- What two registrations of one address, or of one name and organisation, have in common. Empty when it is erased.
alter table registration add column address_key text;
alter table registration add column person_key text;
-- The registration that stands in this one's place, and the status that is shown all the same.
alter table registration add column duplicate_of uuid;
alter table registration add column shown_status text;
alter table registration add column erased_at timestamptz;

update registration set address_key = lower(trim(email)),
    person_key = case when trim(coalesce(organization, '')) <> '' and trim(name) <> ''
        then lower(trim(name)) || chr(10) || lower(trim(organization)) end;

create index registration_of_address on registration (event_id, address_key);
create index registration_of_person on registration (event_id, person_key) where person_key is not null;

-- The digest's window; null is told at once. Withheld: in no mail, because the address got enough or was erased.
alter table notification add column window_starts timestamptz;
alter table notification add column window_ends timestamptz;
alter table notification add column withheld text;

drop index notification_waiting;
create index notification_waiting on notification (id)
where mail_id is null and window_ends is null and withheld is null;
create index notification_of_digest on notification (window_ends, id)
where mail_id is null and window_ends is not null and withheld is null;

alter table mail add column window_starts timestamptz;
alter table mail add column window_ends timestamptz;
alter table mail add column part integer not null default 1;
-- Attempts that failed because of the relay, not because of the mail.
alter table mail add column relay_faults integer not null default 0;

create unique index mail_of_window on mail (event_id, recipient, window_ends, part) where window_ends is not null;
-- How many mails an address got today.
create index mail_to_registrant on mail (lower(recipient), created_at) where kind in ('confirmation', 'duplicate');
