-- Who signed each image's file, what its policy block says, and what devices say of their trust.

alter table images add column policy blob; -- P1, 328 bytes; null: none
alter table images add column keys blob; -- 3 x 32, zero behind the last
alter table images add column keys_count integer not null default -1; -- -1: not looked at

alter table rollouts add column allow_downgrade integer not null default 0;

alter table devices add column rollback_floor integer not null default 0;
alter table devices add column deploy_keys blob;
alter table devices add column unwatched integer not null default 0;
