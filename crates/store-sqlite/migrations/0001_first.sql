-- Times are microseconds since 1970-01-01T00:00:00Z, UUIDs 16 bytes, days ISO dates.

create table event (
    id integer primary key autoincrement,
    slug text not null unique,
    source text not null,
    sample integer not null check (sample in (0, 1)),
    imported_at integer not null,
    revision integer not null,
    -- Number of the newest form version.
    form_version integer not null
) strict;

create table form_version (
    event_id integer not null references event (id),
    number integer not null,
    form text not null check (json_valid(form)),
    created_at integer not null,
    primary key (event_id, number)
) strict;

create table place_count (
    event_id integer not null references event (id),
    -- 'event', or 'field=value' of an option.
    key text not null,
    taken integer not null check (taken >= 0),
    places_limit integer not null check (places_limit >= 0),
    primary key (event_id, key)
) strict, without rowid;

create table registration (
    id blob not null primary key check (length(id) = 16),
    event_id integer not null,
    form_version integer not null,
    submission_id blob not null unique check (length(submission_id) = 16),
    content_digest blob not null check (length(content_digest) = 32),
    reference text not null unique,
    status text not null,
    answers text not null check (json_valid(answers)),
    name text not null,
    email text not null,
    organization text,
    country text,
    category text,
    attendance text,
    language text not null,
    request_id text not null,
    search_text text not null,
    created_at integer not null,
    updated_at integer not null,
    foreign key (event_id, form_version) references form_version (event_id, number)
) strict;

-- Lists show who still means to come. A query must repeat this condition to use the index.
create index registration_alive on registration (event_id, id desc)
where status in ('pending', 'waiting', 'offered', 'confirmed');

create table history (
    id integer primary key autoincrement,
    registration_id blob not null references registration (id),
    at integer not null,
    action text not null,
    detail text
) strict;

create index history_of_registration on history (registration_id);

create table upload (
    id blob not null primary key check (length(id) = 16),
    submission_id blob not null check (length(submission_id) = 16),
    field text not null,
    state text not null check (state in ('begun', 'finished')),
    -- Known when it is finished.
    name text,
    media text,
    sha256 blob check (length(sha256) = 32),
    -- Grows with every chunk.
    size integer not null,
    created_at integer not null,
    check (state = 'begun' or (name is not null and media is not null and sha256 is not null))
) strict;

create index upload_of_submission on upload (submission_id);
create index upload_by_age on upload (created_at);

-- The content of uploads and attachments, so that an upload becomes an attachment without moving a byte.
create table file_chunk (
    file_id blob not null check (length(file_id) = 16),
    idx integer not null,
    data blob not null,
    primary key (file_id, idx)
) strict;

create table attachment (
    id blob not null primary key check (length(id) = 16),
    registration_id blob not null references registration (id),
    field text not null,
    name text not null,
    media text not null,
    size integer not null,
    sha256 blob not null check (length(sha256) = 32),
    created_at integer not null
) strict;

create index attachment_of_registration on attachment (registration_id);
-- The sum of all sizes is read from this index alone: some 10 MB at a million files.
create index attachment_size on attachment (size);

create table mail (
    id blob not null primary key check (length(id) = 16),
    event_id integer not null references event (id),
    recipient text not null,
    kind text not null,
    language text not null,
    message_id text not null unique,
    state text not null check (state in ('pending', 'sent', 'parked')),
    attempts integer not null,
    next_attempt_at integer,
    lease_until integer,
    last_error text,
    created_at integer not null,
    sent_at integer,
    check (state <> 'pending' or next_attempt_at is not null)
) strict;

create index mail_due on mail (next_attempt_at, id) where state = 'pending';
create index mail_parked on mail (created_at, id) where state = 'parked';
create index mail_by_age on mail (created_at, id);

create table notification (
    id integer primary key autoincrement,
    event_id integer not null references event (id),
    registration_id blob not null references registration (id),
    recipient text not null,
    kind text not null,
    language text not null,
    -- The mail that carries it, once made, for ever.
    mail_id blob references mail (id),
    created_at integer not null
) strict;

create index notification_waiting on notification (id) where mail_id is null;
create index notification_of_mail on notification (mail_id) where mail_id is not null;
create index notification_of_registration on notification (registration_id);

create table summary_count (
    event_id integer not null references event (id),
    dimension text not null,
    value text not null,
    n integer not null,
    primary key (event_id, dimension, value)
) strict, without rowid;

create table summary_delta (
    id integer primary key autoincrement,
    event_id integer not null references event (id),
    dimension text not null,
    value text not null,
    n integer not null
) strict;

create index summary_delta_of_event on summary_delta (event_id);

create table page_view (
    event_id integer not null references event (id),
    day text not null,
    page text not null,
    n integer not null,
    primary key (event_id, day, page)
) strict, without rowid;

-- One row that the readiness probe writes, because only a write proves that writing works.
create table probe (
    id integer primary key check (id = 1),
    at integer not null
) strict;
