-- What was answered to a request that brought an Idempotency-Key, for a day. The row comes with the
-- change itself; the reply follows, sealed with the caller's own token. Times are Unix seconds.
create table kept_replies (
    org text not null,
    caller blob not null, -- SHA-256 of the token
    idempotency_key text not null,
    request_sha256 blob not null,
    created integer not null,
    status integer not null default 0, -- 0: there is no reply yet, or it was not kept
    reply_size integer not null default 0,
    reply blob,
    primary key (org, caller, idempotency_key)
);
create index kept_replies_by_time on kept_replies (created);
