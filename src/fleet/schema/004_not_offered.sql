-- The rollout for which a device's history says last why it is not told to install it; 0: none.

alter table devices add column not_offered_rollout integer not null default 0;

-- A failed image that is offered again; how many lines a device's history ever had.

alter table rollouts add column again integer not null default 0;
alter table devices add column events_total integer not null default 0;
