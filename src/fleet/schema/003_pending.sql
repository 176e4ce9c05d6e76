-- Tokens that ask to join under an id that another token holds; an operator lets one in, or not.

create table pending_tokens (
    id integer primary key autoincrement,
    org text not null,
    device integer not null references devices (id),
    product integer not null references products (id),
    token_sha256 blob not null,
    requested integer not null,
    version text not null,
    claim_sha256 blob, -- it came with
    is_rejected integer not null default 0,
    unique (device, token_sha256)
);
