-- A paused webhook keeps what waits. After a change of the secret deliveries are signed by the former
-- one too until a day is over, so that the other side may change over when it likes.
alter table webhooks add column is_paused integer not null default 0;
alter table webhooks add column former_secret blob; -- null: there is none
alter table webhooks add column former_until integer not null default 0;
