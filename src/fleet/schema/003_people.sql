-- Organisations and who belongs to them. A user has one name and one password on a server; the org of
-- the row in users is the one that manages both. Times are Unix seconds.
create table orgs (
    org text primary key, -- its name, for ever: the ids of its products are made from it
    created integer not null,
    totp_required integer not null default 0
);
insert into orgs (org, created) values ('default', 0);

create table memberships (
    org text not null references orgs (org),
    user_name text not null,
    role text not null,
    created integer not null,
    primary key (org, user_name)
);
create index memberships_by_user on memberships (user_name);
insert into memberships (org, user_name, role, created)
    select org, name, 'admin', created from users;

create unique index users_by_name on users (name);
alter table users add column totp_secret blob; -- null: no second factor
alter table users add column totp_is_on integer not null default 0; -- 0: set up, not proved yet
alter table users add column totp_step integer not null default 0; -- the last that was used

create table recovery_codes (
    org text not null,
    user_name text not null,
    code_sha256 blob not null,
    primary key (org, user_name, code_sha256)
);

-- A session of a person, an API token, or the token of the server's own machine.
alter table tokens add column kind text not null default 'session';
alter table tokens add column name text not null default ''; -- what it is for, or where it began
alter table tokens add column scopes integer not null default 31; -- fleet/access.h
alter table tokens add column product text not null default ''; -- the only one; '': all
alter table tokens add column used integer not null default 0; -- last; written some seconds later
alter table tokens add column proved integer not null default 0; -- when the password was last typed
update tokens set kind = 'machine' where user_name = 'machine';
create index tokens_by_user on tokens (user_name);
