create table event (
    id bigint generated always as identity primary key,
    slug text not null unique,
    source text not null,
    sample boolean not null,
    imported_at timestamptz not null,
    revision bigint not null,
    -- Number of the newest form version.
    form_version integer not null
);

create table form_version (
    event_id bigint not null references event (id),
    number integer not null,
    form jsonb not null,
    created_at timestamptz not null,
    primary key (event_id, number)
);

-- Rows that many transactions change: room in their page keeps the changes there and off the indexes.
create table place_count (
    event_id bigint not null references event (id),
    -- 'event', or 'field=value' of an option.
    key text not null,
    taken bigint not null check (taken >= 0),
    places_limit bigint not null check (places_limit >= 0),
    primary key (event_id, key)
) with (fillfactor = 50);

create table registration (
    id uuid primary key,
    event_id bigint not null,
    form_version integer not null,
    submission_id uuid not null unique,
    content_digest bytea not null check (octet_length(content_digest) = 32),
    reference text not null unique,
    status text not null,
    answers jsonb not null,
    name text not null,
    email text not null,
    organization text,
    country text,
    category text,
    attendance text,
    language text not null,
    request_id text not null,
    search_text text not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    -- An import that counts what is taken relies on the lock that this check takes; see the crate's events.rs.
    foreign key (event_id, form_version) references form_version (event_id, number)
);

-- Lists show who still means to come. A query must repeat this condition to use the index.
create index registration_alive on registration (event_id, id desc)
where status in ('pending', 'waiting', 'offered', 'confirmed');

create table history (
    id bigint generated always as identity primary key,
    registration_id uuid not null references registration (id),
    at timestamptz not null,
    action text not null,
    detail text
);

create index history_of_registration on history (registration_id);

create table upload (
    id uuid primary key,
    submission_id uuid not null,
    field text not null,
    state text not null check (state in ('begun', 'finished')),
    -- Known when it is finished.
    name text,
    media text,
    sha256 bytea check (octet_length(sha256) = 32),
    -- Grows with every chunk.
    size bigint not null,
    created_at timestamptz not null,
    check (state = 'begun' or (name is not null and media is not null and sha256 is not null))
);

create index upload_of_submission on upload (submission_id);
create index upload_by_age on upload (created_at);

-- The content of uploads and attachments, so that an upload becomes an attachment without moving a byte.
create table file_chunk (
    file_id uuid not null,
    idx integer not null,
    data bytea not null,
    primary key (file_id, idx)
);

-- PDFs and pictures are compressed already.
alter table file_chunk alter column data set storage external;

create table attachment (
    id uuid primary key,
    registration_id uuid not null references registration (id),
    field text not null,
    name text not null,
    media text not null,
    size bigint not null,
    sha256 bytea not null check (octet_length(sha256) = 32),
    created_at timestamptz not null
);

create index attachment_of_registration on attachment (registration_id);

create table mail (
    id uuid primary key,
    event_id bigint not null references event (id),
    recipient text not null,
    kind text not null,
    language text not null,
    message_id text not null unique,
    state text not null check (state in ('pending', 'sent', 'parked')),
    attempts integer not null,
    next_attempt_at timestamptz,
    lease_until timestamptz,
    last_error text,
    created_at timestamptz not null,
    sent_at timestamptz,
    check (state <> 'pending' or next_attempt_at is not null)
);

create index mail_due on mail (next_attempt_at, id) where state = 'pending';
create index mail_parked on mail (created_at, id) where state = 'parked';
create index mail_by_age on mail (created_at, id);

-- The event is its registration's: a foreign key of its own would have every registration lock the event's row, too.
create table notification (
    id bigint generated always as identity primary key,
    event_id bigint not null,
    registration_id uuid not null references registration (id),
    recipient text not null,
    kind text not null,
    language text not null,
    -- The mail that carries it, once made, for ever.
    mail_id uuid references mail (id),
    created_at timestamptz not null
);

create index notification_waiting on notification (id) where mail_id is null;
create index notification_of_mail on notification (mail_id) where mail_id is not null;
create index notification_of_registration on notification (registration_id);

create table summary_count (
    event_id bigint not null references event (id),
    dimension text not null,
    value text not null,
    n bigint not null,
    primary key (event_id, dimension, value)
) with (fillfactor = 50);

-- A queue: rows come with registrations and go when they are folded, so it is cleaned early and often.
create table summary_delta (
    id bigint generated always as identity primary key,
    event_id bigint not null,
    dimension text not null,
    value text not null,
    n bigint not null
) with (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);

create index summary_delta_of_event on summary_delta (event_id);

create table page_view (
    event_id bigint not null references event (id),
    day date not null,
    page text not null,
    n bigint not null,
    primary key (event_id, day, page)
) with (fillfactor = 50);

-- One row that the readiness probe writes, because only a write proves that writing works.
create table probe (
    id integer primary key check (id = 1),
    at timestamptz not null
) with (fillfactor = 50);
