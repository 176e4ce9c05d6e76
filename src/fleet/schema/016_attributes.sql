-- CRC-32 of what a device says of itself, whose tags under dev. were written for it: a check-in that
-- says the same writes nothing.
alter table devices add column attributes_crc integer not null default 0;
