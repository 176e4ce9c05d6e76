-- When a device's token became its token: old ones are changed where the service is told to. Those that
-- are here were made when they joined, as far as is known.
alter table devices add column token_made integer not null default 0;
update devices set token_made = created;
create index devices_by_token_made on devices (token_made) where retired = 0;
