-- When each device that a rollout selects had an outcome, which is told once; 0: not yet.
alter table rollouts add column finished integer not null default 0;
update rollouts set finished = created where in_progress = 0 and not exists (
    select 1 from device_counts c where c.org = rollouts.org and c.rollout = rollouts.id
    and c.rollout_state = 'queued' and c.count > 0);
create index rollouts_unfinished on rollouts (id) where finished = 0;
