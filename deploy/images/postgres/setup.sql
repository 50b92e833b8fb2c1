-- Run at each start, before the server listens: roles, their passwords as the files say now, the database, and who may do
-- what. Everything may be there already. Variables: none; the passwords are read from files, so that they are in no
-- process's arguments.
\set ON_ERROR_STOP on
set client_min_messages = warning;
\set owner_password `cat /run/karibu/owner_password`
\set app_password `cat /run/karibu/app_password`
\set backup_password `cat /run/karibu/backup_password`
\set watch_password `cat /run/karibu/watch_password`

select format('create role %I', name)
from unnest(array['karibu_owner', 'karibu', 'karibu_backup', 'karibu_watch']) as wanted (name)
where not exists (select from pg_roles where rolname = name) \gexec

alter role karibu_owner login nosuperuser nocreatedb nocreaterole noreplication password :'owner_password';
alter role karibu login nosuperuser nocreatedb nocreaterole noreplication password :'app_password';
alter role karibu_backup login nosuperuser nocreatedb nocreaterole replication password :'backup_password';
-- The exporter's: figures of the server, no table of Karibu's. It never holds what others wait for.
alter role karibu_watch login nosuperuser nocreatedb nocreaterole noreplication connection limit 3 password :'watch_password';
alter role karibu_watch set statement_timeout = '4s';
alter role karibu_watch set default_transaction_read_only = on;
grant pg_monitor to karibu_watch;

-- The backup closes WAL segments and looks at its slot.
grant pg_monitor to karibu_backup;
grant execute on function pg_switch_wal() to karibu_backup;

select 'create database karibu owner karibu_owner'
where not exists (select from pg_database where datname = 'karibu') \gexec

revoke all on database karibu from public;
grant connect on database karibu to karibu, karibu_watch;

\connect karibu
set client_min_messages = warning;
-- karibu_owner owns the database, and by that makes tables in schema public; karibu changes rows in them.
revoke create on schema public from public, karibu;
grant usage on schema public to karibu;
alter default privileges for role karibu_owner in schema public grant select, insert, update, delete on tables to karibu;
alter default privileges for role karibu_owner in schema public grant usage on sequences to karibu;
-- Tables that were made before these defaults: a restored database's, or one that another tool filled.
grant select, insert, update, delete on all tables in schema public to karibu;
grant usage on all sequences in schema public to karibu;
