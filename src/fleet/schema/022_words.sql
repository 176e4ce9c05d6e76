-- Words that are looked for anywhere in what a device is called and runs are looked for in this
-- index alone, which is a tenth of the table; it has also the order by name.
create index devices_by_words on devices (org, name_key, id, id_text, shown_version, idf_version,
    agent_version);
drop index devices_by_name;
-- What is compared without regard to case.
create index devices_by_slot_text on devices (org, lower(slot), id);
create index devices_by_idf on devices (org, lower(idf_version), id);
create index devices_by_agent on devices (org, lower(agent_version), id);
create index tags_by_text on tags (org, tag_key, device);
drop index tags_by_key;
