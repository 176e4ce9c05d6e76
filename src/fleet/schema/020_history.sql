-- Lines of history that are older than the service keeps them.
create index events_by_time on events (time, id);
