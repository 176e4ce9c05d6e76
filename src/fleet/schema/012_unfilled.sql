-- Rows of an older schema whose id_text is still to be filled in: each start looks for them, and finds
-- none here without reading all devices.
create index devices_without_id_text on devices (id) where id_text = '';
