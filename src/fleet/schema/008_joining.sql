-- What a claim token gives besides its product, when it ends, and when an operator ended it.
alter table claims add column tags text not null default '';
alter table claims add column expires integer not null default 0;
alter table claims add column revoked integer not null default 0;
create index claims_by_age on claims (org, created, claim_sha256);

-- Devices whose maker has told their token's digest before they ever check in.
create table factory (
    org text not null,
    device_id blob not null,
    token_sha256 blob not null,
    product integer not null references products (id),
    tags text not null default '',
    created integer not null,
    primary key (org, device_id),
    unique (org, token_sha256)
);
