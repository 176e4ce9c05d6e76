-- What a device said about its last outcome in its own words: "text/html, 18 bytes".

alter table devices add column outcome_detail text not null default '';
