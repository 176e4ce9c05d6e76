-- The audit log: one chain of records for the whole service, whatever organisation each belongs to.
-- Only the newest end grows, and only age takes from the oldest, up to a signed checkpoint.
create table audit (
    sequence integer primary key,
    org text not null,
    time integer not null,
    actor text not null,
    address text not null,
    action text not null,
    object text not null,
    before_text text not null,
    after_text text not null,
    before_sha256 blob not null,
    after_sha256 blob not null,
    previous blob not null,
    hash blob not null
);
create index audit_by_org on audit (org, sequence);

-- Places of that chain that the deploy key has signed.
create table audit_checkpoints (
    sequence integer primary key,
    org text not null,
    time integer not null,
    hash blob not null,
    signing_key blob not null,
    signature blob not null
);
