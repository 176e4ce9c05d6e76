-- Whose turn in a rollout is next (fleet/order.h): devices that a person named to come first, and
-- whether there are such. selection: the filter of a rollout that stays open for devices that fit
-- it later; '': it is closed, or for all.
alter table members add column is_first integer not null default 0;
alter table rollouts add column has_first integer not null default 0;
alter table rollouts add column selection text not null default '';
