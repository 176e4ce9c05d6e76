-- How a rollout grows on proof: a soak after the confirmation (seconds), and gates, at which it
-- waits until those offered so far have proven the release (text, see fleet/gates.h). gates_open:
-- how many have been passed; confirmed: when a device confirmed it last; is_skipped: a person let
-- it go on without waiting; is_careful: for few devices, see fleet/gates.h. States: 3 undone.
alter table rollouts add column soak integer not null default 0;
alter table rollouts add column gates text not null default '';
alter table rollouts add column gates_open integer not null default 0;
alter table rollouts add column confirmed integer not null default 0;
alter table rollouts add column is_skipped integer not null default 0;
alter table rollouts add column is_careful integer not null default 0;
alter table rollouts add column soaking integer not null default 0;
alter table rollouts add column undoing integer not null default 0;
alter table rollouts add column undone integer not null default 0;
-- States of members: 5 soaking, 6 undoing, 7 undone. due: when its soak ends, and once it has
-- succeeded, until when a crash counts against the release. came_from: the release that the device
-- ran when it was offered this one; 0: none that is known. is_again: a person lets it try an image
-- again that failed on it.
alter table members add column due integer not null default 0;
alter table members add column came_from integer not null default 0;
alter table members add column is_again integer not null default 0;
