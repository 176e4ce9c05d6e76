-- An API token that was never used says so: its last use was that of its making.
update tokens set used = 0 where kind = 'api' and used = created;
