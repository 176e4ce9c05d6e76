-- Devices of a rollout by what they make of it, for one state is asked for at a time.
drop index devices_by_rollout;
create index devices_by_rollout_state on devices (org, rollout, rollout_state, id);
