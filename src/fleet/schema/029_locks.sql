-- priority of a rollout: -1 low, 0 normal, 1 high, 2 pin (for named devices, above all). held: a person
-- holds a device as it is. wants_undo: a person sends this one device back. A product's locks: a
-- rollout waits for a second person, or for a bench device of each chip that took the release and
-- went back. State 4 of a rollout: it waits for a second person; state_by made it.
alter table rollouts add column priority integer not null default 0;
alter table devices add column held integer not null default 0;
alter table members add column wants_undo integer not null default 0;
alter table products add column needs_approval integer not null default 0;
alter table products add column needs_bench integer not null default 0;
