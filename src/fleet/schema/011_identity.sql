-- Tokens on their way: an operator has asked a device for another one (asked: when), or the device has
-- told the one that it will use next.
create table rotations (
    device integer primary key references devices (id),
    org text not null,
    asked integer not null default 0,
    next_token_sha256 blob -- null: not told yet
);
create unique index rotations_by_token on rotations (next_token_sha256);

-- Devices whose identity seems to be used twice; they are offered nothing until an operator clears it.
create table forks (
    device integer primary key references devices (id),
    org text not null,
    noticed integer not null
);
