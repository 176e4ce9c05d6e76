-- The rollout for which a device's history says last why it is not told to install it; 0: none.

alter table devices add column not_offered_rollout integer not null default 0;
