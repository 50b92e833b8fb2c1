-- Signs of life: a name and when it was last set, so that of several processes one tells what all have seen.
create table sign (
    name text primary key,
    set_at integer not null
) strict;
