-- What a rollout asks of a device besides its turn (fleet/guards.h), as texts and numbers; and that
-- a person has agreed to the update of one device.
alter table rollouts add column windows text not null default '';
alter table rollouts add column zone text not null default '';
alter table rollouts add column per_site integer not null default 0;
alter table rollouts add column battery_min integer not null default 20;
alter table rollouts add column needs_consent integer not null default 0;
alter table members add column has_consent integer not null default 0;
create index tags_of_guards on tags (device, tag_name, tag_key) where tag_name in
    ('site', 'tz', 'dev.site', 'dev.tz', 'dev.busy', 'dev.battery', 'dev.consent');
