-- A device has confirmed the release once; the members that said so may have gone with old rollouts.
alter table releases add column is_taken integer not null default 0;
