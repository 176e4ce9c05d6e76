-- Which report of the device made a line of its history: the beginning of the report's SHA-256, so that
-- a copy of it that comes late, behind the next one, counts no second time. Null: no report did.
alter table events add column report blob;
