-- What a list says of a device, in the words of fleet/standing.h; written by fleet/listing.c alone.
-- state '': not written yet. Each column that lists are sorted by has an index with the id behind
-- it, for pages continue after a pair of both.
alter table devices add column product_name text not null default '';
alter table devices add column shown_version text not null default ''; -- its release's, if known
alter table devices add column version_key text not null default ''; -- filter/version_key.h
alter table devices add column chip text not null default '';
alter table devices add column state text not null default '';
alter table devices add column reason text not null default '';
alter table devices add column cause text not null default ''; -- of a failure; '': none
alter table devices add column is_retried integer not null default 0; -- cause ended the last try
alter table devices add column rollout integer not null default 0; -- that speaks to it; 0: none
alter table devices add column rollout_state text not null default '';
alter table devices add column presence text not null default '';
alter table devices add column image integer not null default -1; -- it runs; 0: unknown; -1: not said
alter table devices add column deploy_key integer not null default -1; -- its place among the server's

create index devices_by_product on devices (org, product_name, id);
create index devices_by_version on devices (org, version_key, id);
create index devices_by_chip on devices (org, chip, id);
create index devices_by_slot on devices (org, slot, id);
create index devices_by_state on devices (org, state, id);
create index devices_by_reason on devices (org, reason, id);
create index devices_by_cause on devices (org, cause, id);
create index devices_by_rollout on devices (org, rollout, id);
create index devices_by_trial on devices (org, on_trial, id);
create index devices_by_seen on devices (org, last_seen, id);
create index members_by_device on members (device, rollout);
create index pending_by_asked on pending_tokens (org, is_rejected, id);

-- How many devices stand alike. Kept with the rows of devices, so that nobody counts those.
create table device_counts (
    org text not null,
    product_name text not null,
    rollout integer not null,
    rollout_state text not null,
    state text not null,
    reason text not null,
    presence text not null,
    image integer not null,
    deploy_key integer not null,
    count integer not null,
    primary key (org, product_name, rollout, rollout_state, state, reason, presence, image, deploy_key)
);

-- Members of a rollout: on its list, offered it, and by their state. Kept with the rows of members.
alter table rollouts add column members integer not null default 0;
alter table rollouts add column offered integer not null default 0;
alter table rollouts add column succeeded integer not null default 0;
alter table rollouts add column failed integer not null default 0;
alter table rollouts add column in_progress integer not null default 0;

-- Which program, with which deploy keys, has written what lists say of all devices; '': a release or
-- a rollout has changed since; 'count': all is to be counted anew at the next start.
create table sweeps (
    org text primary key,
    stamp text not null
);
