-- Strata of rollouts (fleet/strata.h): how many of their devices were offered the release and have
-- confirmed it, and when their failures halted it for them, 0: they did not. value: by kind 0 a
-- chip id, by 1 and 2 a revision, by 3 the release that they came from. The audit log is told of
-- each halt once.
create table strata (
    org text not null,
    rollout integer not null references rollouts (id),
    kind integer not null,
    value integer not null,
    offered integer not null,
    confirmed integer not null default 0,
    halted integer not null default 0,
    is_untold integer not null default 0,
    primary key (rollout, kind, value)
);
create index strata_untold on strata (rollout) where is_untold = 1;
