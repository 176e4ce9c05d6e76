-- What people call a device and by what they find it (fleet/tags.h), and devices that were retired.
alter table devices add column name text not null default '';
alter table devices add column name_key text not null default ''; -- folded: filter/filter.h
alter table devices add column id_text text not null default ''; -- 12 hex digits; '': not yet
alter table devices add column retired integer not null default 0; -- when; 0: it is not
create index devices_by_name on devices (org, name_key, id);

-- A device has one tag of each key: 'site' of site=berlin, 'beta' of beta. Those under dev. are what
-- the device says of itself.
create table tags (
    org text not null,
    device integer not null references devices (id),
    tag_name text not null, -- the key, folded
    tag_key text not null, -- all of it, folded
    tag text not null, -- as it was given
    primary key (device, tag_name)
);
create index tags_by_key on tags (tag_key, device);
