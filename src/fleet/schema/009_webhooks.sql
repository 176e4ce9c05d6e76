-- Webhooks: whom the service tells what happens, what waits to be sent, and how the last ones went.
create table webhooks (
    id text primary key, -- 16 hex digits
    org text not null,
    url text not null,
    secret blob not null, -- 32 bytes, by which deliveries are signed: kept as it is, for no digest signs
    events text not null, -- words between spaces: "device.failed", "rollout.*", "*"
    created integer not null
);
create index webhooks_by_org on webhooks (org, created);

create table webhook_outbox (
    id text primary key, -- 16 hex digits
    org text not null,
    webhook text not null references webhooks (id),
    event text not null,
    body text not null,
    created integer not null,
    due integer not null, -- when it is tried next
    tries integer not null default 0,
    state text not null, -- waiting, delivered, given-up
    status integer not null default 0, -- of the last answer; 0: there was none
    note text not null default '' -- what went wrong
);
create index webhook_outbox_by_due on webhook_outbox (state, due);
create index webhook_outbox_by_webhook on webhook_outbox (webhook, state, created);

-- Up to where the audit log and the devices' history went into the outbox.
create table webhook_cursor (
    org text primary key,
    audit integer not null,
    events integer not null
);
