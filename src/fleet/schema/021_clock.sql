-- The newest time that was believed (rt/clock_watch.h), Unix seconds; written once an hour.
create table clock_seen (
    org text primary key,
    seen integer not null
);
