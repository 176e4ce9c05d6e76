-- What a person, or the brake, made of a rollout: 0 running, 1 paused, 2 halted. By whom ('': the
-- brake) and when, 0: nobody did. The brake's halts are told to the audit log once.
alter table rollouts add column state integer not null default 0;
alter table rollouts add column state_by text not null default '';
alter table rollouts add column state_time integer not null default 0;
alter table rollouts add column is_untold integer not null default 0;
create index rollouts_untold on rollouts (id) where is_untold = 1;
create index members_failed on members (rollout, offer_number) where state = 3;
